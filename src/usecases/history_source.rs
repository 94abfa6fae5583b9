//! One source of the history: a provider's report, or the journal of what webhooks told.

mod absent;
mod rows;

use super::gateway::Gateway;
use super::history_cursor::{Place, SourceKey};
use super::history_record::matches;
use super::record_id::{self, is_of};
use super::records;
use super::requests::{HistoryQuery, SourceState};
use crate::domain::account::AccountName;
use crate::domain::call::CallKind;
use crate::domain::caller::Caller;
use crate::domain::error::{Error, Failure, Problem};
use crate::domain::history::{Record, Window};
use crate::domain::time::Timestamp;
use crate::providers::port::{Filter, Report};
use crate::providers::registry::Entry;
use crate::store::{Order, Range, keys};

/// How many days a window grows to while nothing is found.
const LONGEST_DAYS: i32 = 32;
/// How many calls of the journal are read per round trip.
const BATCH: usize = 500;

/// A source and how far it is read.
pub(super) struct Source {
    entry: Entry,
    /// The report; none for the journal.
    report: Option<Report>,
    zone: jiff::tz::TimeZone,
    window: Option<Window>,
    below: Option<Place>,
    /// Records read and not taken, the newest last.
    read: Vec<Record>,
    /// Everything from here on is read.
    read_from: Timestamp,
    days: i32,
    failure: Option<Failure>,
    /// How the provider said that the account does not have the report.
    absent: Option<Failure>,
    /// Whether the account is known to have other reports than those that are absent.
    vouched: bool,
    /// How many rows were read, whoever may see them.
    rows: usize,
    /// How many rows of this request could not be read.
    unreadable: usize,
}

impl Source {
    /// The sources of an account: its provider's reports, or the journal where it has none.
    pub(super) fn of(entry: &Entry, gateway: &Gateway) -> Vec<Self> {
        let source = |report| Self {
            entry: entry.clone(),
            report,
            zone: gateway.config.history.time_zone.clone(),
            window: None,
            below: None,
            read: Vec::new(),
            read_from: Timestamp::from_millis(0),
            days: 1,
            failure: None,
            absent: None,
            vouched: false,
            rows: 0,
            unreadable: 0,
        };
        match entry.provider.history() {
            Some(history) => history.reports().iter().map(|report| source(Some(*report))).collect(),
            None => vec![source(None)],
        }
    }

    /// Starts a walk of `window` below a place.
    pub(super) fn start(&mut self, window: Window, below: Option<Place>) {
        let newest = below.as_ref().map_or(window.until, |(at, id)| {
            window
                .until
                .min(Timestamp::from_millis(at.as_millis() + i64::from(!id.is_empty())))
        });
        self.read_from = newest;
        self.window = Some(window);
        self.below = below;
    }

    /// The account.
    pub(super) fn account(&self) -> &AccountName {
        &self.entry.config.name
    }

    /// The account and the report.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.account(), self.report_name())
    }

    fn report_name(&self) -> &'static str {
        self.report.map_or(record_id::JOURNAL_NAME, |report| report.name)
    }

    /// What names it in the identifiers of its records.
    pub(super) fn key(&self) -> SourceKey {
        let code = self.report.map_or(record_id::JOURNAL, |report| report.code);
        (self.account().clone(), code)
    }

    /// Whether calls of one of these kinds are listed; of any, if none is named.
    pub(super) fn lists(&self, kinds: &[CallKind]) -> bool {
        let listed = self.report.map_or(CallKind::ALL, |report| report.kinds);
        kinds.is_empty() || kinds.iter().any(|kind| listed.contains(kind))
    }

    /// Whether the rows have a field for the filter.
    pub(super) fn has(&self, filter: Filter) -> bool {
        self.report.is_some_and(|report| report.filters.contains(&filter))
    }

    /// The place of the next record, if one is read.
    pub(super) fn head(&self) -> Option<Place> {
        self.read.last().map(|record| (record.created_at, record.id.clone()))
    }

    /// Takes the next record.
    pub(super) fn take(&mut self) -> Option<Record> {
        self.read.pop()
    }

    /// Whether what was read is taken and more can be read.
    pub(super) fn is_drained(&self) -> bool {
        self.read.is_empty()
            && self.failure.is_none()
            && self.window.is_some_and(|window| self.read_from > window.since)
    }

    /// Whether what is not read yet may hold a record as new as `at`.
    pub(super) fn may_hold(&self, at: Timestamp) -> bool {
        self.read_from > at
    }

    /// How many rows were read of it for this request.
    pub(super) fn rows_read(&self) -> usize {
        self.rows
    }

    /// Everything from here on is read.
    pub(super) fn read_from(&self) -> Timestamp {
        self.read_from
    }

    /// Whether it failed.
    pub(super) fn failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Where a source that failed is to be gone on with: it was read on only when all that was read of it was taken.
    pub(super) fn reached(&self) -> Place {
        let boundary = (self.read_from, String::new());
        self.below.clone().map_or(boundary.clone(), |below| below.min(boundary))
    }

    /// What a caller is told where a source may not be missing.
    pub(super) fn unavailable(&self) -> Error {
        let mut error = match &self.failure {
            Some(failure) => Error::from_failure(failure, self.account(), self.entry.provider.kind()),
            None => Error::new(Problem::SourceUnavailable, ""),
        };
        error.problem = Problem::SourceUnavailable;
        error.detail = format!("The source {} does not answer.", self.name());
        error
    }

    /// How it did on this page.
    pub(super) fn state(&self, page: &[Record]) -> SourceState {
        let (account, code) = self.key();
        let mine = |record: &&Record| record.account == account && is_of(&record.id, code);
        SourceState {
            account: self.account().clone(),
            report: self.report_name().to_owned(),
            status: if self.failed() { "failed" } else { "ok" }.to_owned(),
            rows: page.iter().filter(mine).count(),
            detail: match &self.failure {
                Some(failure) => Some(failure.outcome().to_string()),
                None if self.unreadable > 0 => Some(format!("{} rows could not be read", self.unreadable)),
                None => None,
            },
        }
    }

    /// Reads the next window back in time; a failing provider is remembered, not returned.
    ///
    /// # Errors
    /// Where our own store fails.
    pub(super) async fn read_on(
        &mut self,
        gateway: &Gateway,
        caller: &Caller,
        query: &HistoryQuery,
    ) -> Result<(), Error> {
        let Some(whole) = self.window else { return Ok(()) };
        let window = Window {
            since: self.start_of_days().max(whole.since),
            until: self.read_from,
        };
        let (found, records) = match self.report {
            None => gateway.journal_records(caller, &self.entry, window, query.raw).await?,
            Some(report) => match self.rows(&report, query, window).await {
                Ok(rows) => {
                    let (found, rows) = (rows.len(), self.readable(&report, rows));
                    let records = gateway.report_records(caller, &self.entry, (report, rows), query.raw);
                    (found, records.await?)
                }
                Err(failure) => {
                    self.failure = Some(failure);
                    return Ok(());
                }
            },
        };
        self.rows += found;
        self.days = if found == 0 {
            (self.days * 2).min(LONGEST_DAYS)
        } else {
            1
        };
        self.read_from = window.since;
        let below = |record: &Record| {
            self.below
                .as_ref()
                .is_none_or(|(at, id)| (record.created_at, &record.id) < (*at, id))
        };
        self.read = records
            .into_iter()
            .filter(|record| window.contains(record.created_at) && below(record) && matches(record, query))
            .collect();
        self.read
            .sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        Ok(())
    }

    /// Midnight, `days` local days before what is read: reports that know only whole days are then read once.
    fn start_of_days(&self) -> Timestamp {
        let last = Timestamp::from_millis(self.read_from.as_millis() - 1)
            .to_jiff()
            .to_zoned(self.zone.clone())
            .date();
        let first = last.checked_sub(jiff::Span::new().days(self.days - 1)).unwrap_or(last);
        first
            .to_zoned(self.zone.clone())
            .map_or(self.read_from, |start| Timestamp::from(start.timestamp()))
    }
}

impl Gateway {
    /// The calls of an account that only webhooks told of; also how many there are, whoever may see them.
    async fn journal_records(
        &self,
        caller: &Caller,
        entry: &Entry,
        window: Window,
        raw: bool,
    ) -> Result<(usize, Vec<Record>), Error> {
        let set = keys::calls_of_account(&entry.config.name);
        let scores = window.since.as_millis()..=window.until.as_millis() - 1;
        let mut after = None;
        let (mut found, mut records) = (0, Vec::new());
        loop {
            let range = Range {
                scores: scores.clone(),
                order: Order::Descending,
                after,
                limit: BATCH,
            };
            let members = self.store.range(&set, range).await?;
            found += members.len();
            let keys: Vec<_> = members.iter().map(|member| keys::call(&member.member)).collect();
            let stored = self.store.get_many(&keys).await?;
            let calls = stored
                .iter()
                .flatten()
                .filter_map(|stored| records::read_call(&stored.value));
            records.extend(self.journal_records_of(caller, entry, calls.collect(), raw).await?);
            match members.last() {
                Some(last) if members.len() == BATCH => after = Some((last.score, last.member.clone())),
                _ => return Ok((found, records)),
            }
        }
    }
}
