//! How a report is read on: page by page, each row once, those that cannot be read counted.

use std::iter;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::stretch::{Checks, Listed, Stretch, second_after};
use super::{LONGEST_DAYS, Source, lowest, until};
use crate::domain::caller::Caller;
use crate::domain::error::{Error, Failure, FailureKind, Problem};
use crate::domain::history::{Row, Window};
use crate::domain::time::Timestamp;
use crate::providers::port::{Report, ReportPage, ReportQuery};
use crate::providers::registry::Entry;
use crate::telemetry::metric;
use crate::usecases::gateway::Gateway;
use crate::usecases::history_cursor::Place;
use crate::usecases::history_record::{matches, place_of};
use crate::usecases::history_source::shelf::CAPACITY;
use crate::usecases::requests::HistoryQuery;

const OPERATION: &str = "GET /history";

/// What a walk is read for.
#[derive(Clone, Copy)]
pub(in crate::usecases) struct Reader<'a> {
    pub(in crate::usecases) gateway: &'a Gateway,
    pub(in crate::usecases) caller: &'a Caller,
    pub(in crate::usecases) query: &'a HistoryQuery,
    /// What is checked of the providers' lists.
    pub(in crate::usecases) checks: Checks,
    /// Whether the page after the one that is read is asked for, and when.
    pub(in crate::usecases) ahead: Option<Ask>,
}

/// When a page is asked for that is not needed yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::usecases) enum Ask {
    AtOnce,
    /// A moment later, so that the answer goes out first: the same core and the same sources have to do with both.
    Later,
}

/// How long a page is asked for later, unless somebody comes for it.
const LATER: Duration = Duration::from_millis(2);

/// A page that is asked for before it is needed.
struct Asked {
    query: (ReportQuery, usize),
    page: AbortOnDropHandle<Result<ReportPage, Failure>>,
    /// While this is there nobody has come for the page.
    _early: Option<oneshot::Sender<()>>,
}

/// The readings of a page that are asked for before it is needed.
#[derive(Default)]
pub(in crate::usecases) struct Ahead(Vec<Asked>);

impl Ahead {
    /// Whether nothing is asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out the reading of this query.
    fn take(&mut self, query: &(ReportQuery, usize)) -> Option<Asked> {
        let index = self.0.iter().position(|asked| asked.query == *query)?;
        Some(self.0.swap_remove(index))
    }
}

impl Source {
    /// Reads what comes next, one page of it; a failing provider is remembered, not returned. `last` is the walk's place.
    ///
    /// # Errors
    /// Where our own store fails; `cursor-expired` where a list that turns out to be in no order was begun in the middle.
    pub(in crate::usecases) async fn read_on(&mut self, reader: Reader<'_>, last: Option<&Place>) -> Result<(), Error> {
        self.given = last.cloned();
        let (Some(whole), Some(report)) = (self.window, self.report) else {
            return self.read_journal(reader, last).await;
        };
        // How far it is read stays as it was until the page is taken: it may fail, and the reading may be broken off.
        let mut stretch = match self.stretch.clone() {
            Some(stretch) => stretch,
            None => self.next_stretch(whole),
        };
        let page = match self.told(reader, &report, &stretch).await {
            Ok(page) => page,
            Err(failure) => {
                self.failure = Some(failure);
                return Ok(());
            }
        };
        self.rows += page.rows.len();
        self.absent = page.absent.clone().or(self.absent.take());
        let too_many = page.total.is_some_and(|total| total > CAPACITY as u64);
        if report.instants && too_many && stretch.halve() {
            self.stretch = Some(stretch);
            return Ok(());
        }
        let taken = self.taken(reader, &mut stretch, page);
        if stretch.is_endless() {
            self.failure = Some(Failure::new(FailureKind::Broken, OPERATION));
            return Ok(());
        }
        let Some(rows) = taken else {
            self.stretch = Some(stretch);
            return Ok(());
        };
        self.ask_ahead(reader, &stretch);
        self.put(reader, (&report, rows), (whole, last), stretch.tells_late())
            .await?;
        self.note_progress(stretch);
        Ok(())
    }

    fn next_stretch(&mut self, whole: Window) -> Stretch {
        self.shelf.begin_again();
        let stretch = self.coming(whole);
        let begun_inside = self.below.as_ref() == Some(&self.frontier);
        if begun_inside { stretch.resumed() } else { stretch }
    }

    /// What is read after what was read.
    pub(super) fn coming(&self, whole: Window) -> Stretch {
        let window = Window {
            since: self.start_of_days().max(whole.since),
            until: second_after(Timestamp::from_millis(until(&self.frontier).as_millis() - 1)),
        };
        Stretch::new(window, self.unordered)
    }

    /// The rows of a page, each with whether it may be late; nothing where the page is to be read again.
    fn taken(&mut self, reader: Reader<'_>, stretch: &mut Stretch, page: ReportPage) -> Option<Vec<(Box<Row>, bool)>> {
        let report = self.report?;
        let count = page.rows.len() + page.unreadable;
        let (mut rows, mut order) = (Vec::new(), Vec::new());
        for row in page.rows {
            if let Some(at) = row.facts.created_at {
                order.push((row.id.clone(), at));
                rows.push(Box::new(row));
            }
        }
        let listed = Listed {
            rows: &order,
            count,
            more: page.more,
            total: page.total,
        };
        let late = stretch.take(&report, listed, reader.checks)?;
        self.pass_over(&report, count - rows.len());
        Some(rows.into_iter().zip(late).collect())
    }

    /// Puts the records of rows on the shelf, or among those that are late.
    async fn put(
        &mut self,
        reader: Reader<'_>,
        (report, rows): (&Report, Vec<(Box<Row>, bool)>),
        (window, last): (Window, Option<&Place>),
        tells_late: bool,
    ) -> Result<(), Error> {
        let below = lowest(self.below.clone(), last.cloned());
        let mut wanted = Vec::new();
        let mut late = std::collections::HashSet::new();
        for (row, may_be_late) in rows {
            let Some(place) = place_of(&self.entry, *report, &row) else {
                self.pass_over(report, 1);
                continue;
            };
            let above = below.as_ref().is_some_and(|below| place >= *below);
            if !window.contains(place.0) || (above && !may_be_late) {
                continue;
            }
            if above && !tells_late {
                return Err(lost());
            }
            if above {
                late.insert(place.1.clone());
            }
            wanted.push((row, place));
        }
        let raw = reader.query.raw;
        let records = reader
            .gateway
            .report_records(reader.caller, &self.entry, wanted, raw)
            .await?;
        for record in records.into_iter().filter(|record| matches(record, reader.query)) {
            if late.contains(&record.id) {
                self.late.push(*record);
            } else {
                self.shelf.put(record);
            }
        }
        Ok(())
    }

    /// Moves on to what is known to be read now.
    fn note_progress(&mut self, mut stretch: Stretch) {
        self.unordered |= stretch.is_disordered() && stretch.is_finished();
        if !stretch.is_whole() && self.shelf.len() >= CAPACITY {
            stretch.read_whole();
        }
        if let Some(read_from) = stretch.read_from() {
            let boundary = (read_from, String::new());
            self.frontier = self.frontier.clone().min(boundary);
        }
        if !stretch.is_finished() {
            self.stretch = Some(stretch);
            return;
        }
        self.stretch = None;
        if let Some(cut) = self.shelf.cut() {
            self.frontier = cut.clone();
        }
        let page = self.report.map_or(0, |report| report.page_size);
        if stretch.listed() * 2 <= page {
            self.days = (self.days * 2).min(LONGEST_DAYS);
        } else if stretch.listed() > page {
            self.days = 1;
        }
    }

    /// Asks for a page, or takes the one that was asked for ahead.
    pub(super) fn fetch(
        &mut self,
        report: &Report,
        asked: (ReportQuery, usize),
    ) -> impl Future<Output = Result<ReportPage, Failure>> + use<> {
        let ahead = self.ahead.take(&asked).map(|Asked { page, .. }| page);
        let (entry, report) = (self.entry.clone(), *report);
        async move {
            if let Some(ahead) = ahead
                && let Ok(Ok(page)) = ahead.await
            {
                return Ok(page);
            }
            // What failed then may be there now.
            read_page(entry, report, asked).await
        }
    }

    /// Asks for what [`Source::told`] will ask for, as far as that is known.
    pub(super) fn ask_ahead(&mut self, reader: Reader<'_>, stretch: &Stretch) {
        let (Some(report), Some(ask), false) = (self.report, reader.ahead, stretch.is_finished()) else {
            return;
        };
        let (window, from) = stretch.ask();
        let (reading, second) = match self.campaigns_to_name(reader, &report, window) {
            Some(campaign_ids) => {
                let query = asked(reader.query, window);
                (ReportQuery { campaign_ids, ..query }, None)
            }
            None => self.campaigns_known(reader).readings(asked(reader.query, window)),
        };
        let asked = iter::once(reading).chain(second).map(|query| {
            let (early, wanted) = oneshot::channel::<()>();
            let reading = read_page(self.entry.clone(), report, (query.clone(), from));
            let reading = async move {
                // Either way its time has come.
                let _ = timeout(LATER, wanted).await;
                reading.await
            };
            Asked {
                query: (query, from),
                page: reader.gateway.start_aside(reading),
                _early: (ask == Ask::Later).then_some(early),
            }
        });
        self.ahead = Ahead(asked.collect());
    }

    fn pass_over(&mut self, report: &Report, rows: usize) {
        if rows == 0 {
            return;
        }
        self.unreadable += rows;
        tracing::warn!(account = %self.account(), report = report.name, rows, "rows of a report cannot be read");
        metrics::counter!(
            metric::PROVIDER_DRIFT,
            "account" => self.account().to_string(), "endpoint" => report.name, "kind" => "unreadable_row"
        )
        .increment(rows as u64);
    }
}

/// Reads a page; the account's [bulkhead](crate::upstream) says how many are read at once.
pub(super) async fn read_page(
    entry: Entry,
    report: Report,
    (query, from): (ReportQuery, usize),
) -> Result<ReportPage, Failure> {
    match entry.provider.history() {
        Some(history) => history.page(report.name, &query, from).await,
        None => Ok(ReportPage::default()),
    }
}

/// What a report is asked for.
pub(super) fn asked(query: &HistoryQuery, window: Window) -> ReportQuery {
    // Where one party has no number, a report of the others' numbers would lack its rows.
    let numbers: Option<Vec<_>> = query.number.iter().map(|party| party.number().cloned()).collect();
    ReportQuery {
        window,
        numbers: numbers.unwrap_or_default(),
        agent_ids: query.agent_id.clone(),
        campaign_ids: query.campaign_id.clone(),
        external_ids: query.external_id.clone(),
        ids_only: false,
    }
}

fn lost() -> Error {
    Error::new(
        Problem::CursorExpired,
        "What was kept of this walk is gone, and a source lists in no order; start again.",
    )
}

/// The failure of a source that does not answer while the request lasts.
pub(in crate::usecases) fn too_slow() -> Failure {
    Failure::new(FailureKind::Interrupted, OPERATION)
}
