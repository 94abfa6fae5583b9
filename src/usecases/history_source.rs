//! One source of the history: a provider's report, or the journal of what webhooks told.

mod absent;
pub(super) mod campaigns;
mod journal;
pub(super) mod prefetch;
pub(super) mod reading;
pub(super) mod shelf;
pub(super) mod stretch;

use campaigns::Campaigns;
use reading::Ahead;
use serde::{Deserialize, Serialize};
use shelf::{Chunk, Shelf};
use stretch::Stretch;

use super::gateway::Gateway;
use super::history_cursor::{Place, SourceKey};
use super::record_id;
use super::requests::SourceState;
use crate::domain::account::AccountName;
use crate::domain::call::CallKind;
use crate::domain::error::{Error, Failure, Problem};
use crate::domain::history::{Record, Window};
use crate::domain::time::Timestamp;
use crate::providers::port::{Filter, Report};
use crate::providers::registry::Entry;

/// How many days a window grows to while little is found.
const LONGEST_DAYS: i32 = 32;

/// A source and how far it is read.
pub(super) struct Source {
    entry: Entry,
    /// Whether its account is switched off and was not asked for by name: it keeps its number, and is not walked.
    pub(super) off: bool,
    /// The report; none for the journal.
    report: Option<Report>,
    zone: jiff::tz::TimeZone,
    window: Option<Window>,
    below: Option<Place>,
    /// Records read and not taken.
    pub(super) shelf: Shelf,
    /// Records that came to light above the walk's place.
    pub(super) late: Vec<Record>,
    /// Everything from here on is read.
    frontier: Place,
    days: i32,
    stretch: Option<Stretch>,
    campaigns: Campaigns,
    /// The page that is asked for before it is needed.
    ahead: Ahead,
    /// Whether the report is known to be in another order than newest first.
    pub(super) unordered: bool,
    /// The walk's place when it was last read on.
    given: Option<Place>,
    failure: Option<Failure>,
    /// How the provider said that the account does not have the report.
    absent: Option<Failure>,
    /// Whether the account is known to have other reports than those that are absent.
    vouched: bool,
    /// How many rows were read, whoever may see them.
    rows: usize,
    /// How many records this page has of it.
    pub(super) taken: usize,
    /// How many rows of this request could not be read.
    unreadable: usize,
}

/// How far a source is read, as it is kept between two pages.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    frontier: Place,
    days: i32,
    stretch: Option<Stretch>,
    campaigns: Campaigns,
    vouched: bool,
    pub(super) chunks: Vec<Chunk>,
    pruned: bool,
}

impl Source {
    /// The sources of an account: its provider's reports, or the journal where it has none.
    pub(super) fn of(entry: &Entry, gateway: &Gateway, off: bool) -> Vec<Self> {
        let source = |report| Self {
            entry: entry.clone(),
            off,
            report,
            zone: gateway.config.history.time_zone.clone(),
            window: None,
            below: None,
            shelf: Shelf::default(),
            late: Vec::new(),
            frontier: (Timestamp::from_millis(0), String::new()),
            days: 1,
            stretch: None,
            campaigns: Campaigns::default(),
            ahead: Ahead::default(),
            unordered: false,
            given: None,
            failure: None,
            absent: None,
            vouched: false,
            rows: 0,
            taken: 0,
            unreadable: 0,
        };
        match entry.provider.history() {
            Some(history) => history.reports().iter().map(|report| source(Some(*report))).collect(),
            None => vec![source(None)],
        }
    }

    /// Starts a walk of `window` below a place.
    pub(super) fn start(&mut self, window: Window, below: Option<Place>) {
        let end = (window.until, String::new());
        self.frontier = below.clone().map_or(end.clone(), |below| below.min(end));
        self.window = Some(window);
        self.below = below;
        self.shelf = Shelf::default();
        self.stretch = None;
        self.ahead = Ahead::default();
        self.given = None;
        self.failure = None;
    }

    /// Goes on with a walk as it was [kept](Source::kept).
    pub(super) fn resume(&mut self, window: Window, below: Option<Place>, kept: Kept) {
        self.start(window, below);
        self.frontier = kept.frontier;
        self.days = kept.days;
        self.stretch = kept.stretch;
        self.campaigns = kept.campaigns;
        self.vouched = kept.vouched;
        self.shelf = Shelf::of(kept.chunks, kept.pruned);
    }

    /// Goes on with what was read of it taken away: all of it is read again.
    pub(super) fn restart(&mut self, last: Option<&Place>) {
        if let Some(window) = self.window {
            let below = lowest(self.below.clone(), last.cloned());
            self.start(window, below);
        }
    }

    /// Goes on after a failure from where it was read to, below `below`; from the beginning where what was read told only that
    /// the report is absent.
    pub(super) fn recover(&mut self, below: Option<Place>) {
        if self.absent().is_some() {
            self.restart(below.as_ref());
            return;
        }
        self.below = lowest(self.below.take(), below);
        self.given = None;
        self.failure = None;
    }

    /// How far it is read, its records in these chunks.
    pub(super) fn kept(&self, chunks: Vec<Chunk>) -> Kept {
        Kept {
            frontier: self.frontier.clone(),
            days: self.days,
            stretch: self.stretch.clone(),
            campaigns: self.campaigns.clone(),
            vouched: self.vouched,
            chunks,
            pruned: self.shelf.is_pruned(),
        }
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
    pub(super) fn head(&self) -> Option<&Place> {
        self.shelf.head().filter(|_| self.failure.is_none())
    }

    /// Puts the records of a chunk on the shelf that were not given, be it in this pass of the walk or in one before.
    pub(super) fn open(&mut self, name: &str, records: Vec<Record>, last: Option<&Place>) {
        let below = lowest(self.below.clone(), last.cloned());
        self.shelf.open(name, records, below.as_ref());
    }

    /// Takes the next record.
    pub(super) fn take(&mut self) -> Option<Record> {
        let record = self.shelf.take()?;
        self.taken += 1;
        Some(record)
    }

    /// Whether a record is of it.
    pub(super) fn has_told(&self, record: &Record) -> bool {
        let (account, code) = self.key();
        record.account == account && record_id::is_of(&record.id, code)
    }

    /// Whether it is walked and what is not read yet may hold a record as new as `best`; any record, where there is none.
    pub(super) fn may_hold(&self, best: Option<&Place>) -> bool {
        let more = self.failure.is_none() && self.window.is_some_and(|window| self.frontier.0 > window.since);
        more && (self.holds_back() || best.is_none_or(|best| *best < self.frontier))
    }

    /// How many rows were read of it for this request.
    pub(super) fn rows_read(&self) -> usize {
        self.rows
    }

    /// Everything from here on is read; nothing where that cannot be told.
    pub(super) fn frontier(&self) -> Option<&Place> {
        Some(&self.frontier).filter(|_| !self.holds_back())
    }

    fn holds_back(&self) -> bool {
        self.stretch.as_ref().is_some_and(Stretch::holds_back)
    }

    /// Whether nothing of it may be given before more is read.
    pub(super) fn is_whole(&self) -> bool {
        self.stretch.as_ref().is_some_and(Stretch::is_whole)
    }

    /// Whether it is a report, whose rows come from afar, and how far it is read holds.
    pub(super) fn is_kept(&self) -> bool {
        self.report.is_some() && (self.failure.is_none() || self.absent().is_none())
    }

    /// Whether it is walked on this page.
    pub(super) fn is_walked(&self) -> bool {
        self.window.is_some()
    }

    /// Whether it failed.
    pub(super) fn failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Fails it.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }

    /// Where a source that failed is to be gone on with: it was read on only when all that might be given was taken.
    pub(super) fn reached(&self) -> Option<Place> {
        lowest(self.below.clone(), self.frontier().or(self.given.as_ref()).cloned())
    }

    /// Begins to count what one request reads.
    pub(super) fn begin_request(&mut self) {
        self.rows = 0;
        self.taken = 0;
        self.unreadable = 0;
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
    pub(super) fn state(&self) -> SourceState {
        SourceState {
            account: self.account().clone(),
            report: self.report_name().to_owned(),
            status: if self.failed() { "failed" } else { "ok" }.to_owned(),
            rows: self.taken,
            detail: match &self.failure {
                Some(failure) => Some(failure.outcome().to_string()),
                None if self.unreadable > 0 => Some(format!("{} rows could not be read", self.unreadable)),
                None => None,
            },
            absent: self.absent.is_some(),
        }
    }

    /// Midnight, `days` local days before what is read: reports that know only whole days are then read once.
    fn start_of_days(&self) -> Timestamp {
        let until = until(&self.frontier);
        let last = Timestamp::from_millis(until.as_millis() - 1)
            .to_jiff()
            .to_zoned(self.zone.clone())
            .date();
        let first = last.checked_sub(jiff::Span::new().days(self.days - 1)).unwrap_or(last);
        first
            .to_zoned(self.zone.clone())
            .map_or(until, |start| Timestamp::from(start.timestamp()))
    }
}

/// The first instant after everything that is not read.
fn until((at, id): &Place) -> Timestamp {
    Timestamp::from_millis(at.as_millis() + i64::from(!id.is_empty()))
}

/// The lower of two places.
pub(super) fn lowest(one: Option<Place>, other: Option<Place>) -> Option<Place> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
