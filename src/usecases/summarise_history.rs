//! The history summed up. Closed days come from what is kept of them, the rest from the rows, through the walk that lists
//! them: the sums are those of the list.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::follow_call::{allows, allows_known};
use super::gateway::Gateway;
use super::read_history::owned;
use super::record_id::{self, RecordId};
use super::requests::{AskedWindow, HistoryQuery, SourceState, Summary, SummaryQuery};
use crate::domain::account::AccountName;
use crate::domain::caller::Caller;
use crate::domain::error::Error;
use crate::domain::history::{Named, Record, Window};
use crate::domain::summary::{Figures, Tally, Traits};
use crate::domain::time::Timestamp;

/// How many records are asked for at once.
const PAGE: usize = 500;
/// How many rows an answer has at most.
const MOST_ROWS: usize = 10_000;
/// How many closed days are summed up at once.
const DAYS_AT_ONCE: usize = 4;

impl Gateway {
    /// The records that the caller may see, summed up.
    ///
    /// # Errors
    /// As [`Gateway::history`]; `invalid-input` where there would be too many rows.
    pub async fn summary(self: &Arc<Self>, caller: &Caller, query: SummaryQuery) -> Result<Summary, Error> {
        let as_of = self.now();
        let SummaryQuery {
            window,
            records: query,
            group_by,
        } = query;
        let nothing = Window {
            until: window.since,
            ..window
        };
        // A walk of nothing reads nothing: it judges the query and names its sources.
        let named = self
            .each_record(caller, within(&query, nothing), &mut |_, _| Ok(()))
            .await?;
        let mut sum = Sum {
            tally: Tally::new(group_by),
            sources: named.sources,
            complete: true,
        };
        let covered = self.sum_closed_days(caller, (&query, window), &mut sum).await?;
        for rest in without(window, &covered) {
            let walked = self
                .each_record(caller, within(&query, rest), &mut |report, record| {
                    if record.created_at > as_of {
                        return Ok(());
                    }
                    let traits = Traits::of(record, report, &self.config.history.time_zone);
                    sum.add(&traits, &Figures::of(record))
                })
                .await?;
            sum.note(walked);
        }
        Ok(Summary {
            data: sum.tally.into_rows(),
            as_of,
            complete: sum.complete,
            sources: sum.sources,
        })
    }

    /// Adds the closed days of the window; says which.
    async fn sum_closed_days(
        self: &Arc<Self>,
        caller: &Caller,
        (query, window): (&HistoryQuery, Window),
        sum: &mut Sum,
    ) -> Result<Vec<Window>, Error> {
        if !is_of_traits(query) {
            return Ok(Vec::new());
        }
        let mut accounts: Vec<_> = sum.sources.iter().map(|source| source.account.clone()).collect();
        accounts.dedup();
        let days = days(window, &self.config.history.time_zone);
        let closed: Vec<_> = days.into_iter().filter(|(_, day)| self.is_closed(*day)).collect();
        let rollups = closed.into_iter().map(|(date, day)| {
            let accounts = &accounts;
            async move { Ok::<_, Error>((day, self.day_of(accounts, date, day).await?)) }
        });
        let mut rollups = stream::iter(rollups).buffered(DAYS_AT_ONCE);
        let mut covered = Vec::new();
        while let Some((day, cells)) = rollups.try_next().await? {
            let Some(cells) = cells else { continue };
            covered.push(day);
            for (traits, figures) in &cells {
                if self.shows(caller, traits) && chooses(query, traits) {
                    sum.add(traits, figures)?;
                }
            }
        }
        Ok(covered)
    }

    /// Whether the caller may see calls of these traits.
    fn shows(&self, caller: &Caller, traits: &Traits) -> bool {
        let entry = self.accounts.get(&traits.account);
        entry.is_some_and(|entry| owned(caller, entry)) || caller.reads(&traits.tenant)
    }

    /// Hands every record of a query to `take` together with the report that listed it.
    ///
    /// Where a partial answer is asked for, it ends when the sources that failed fail again.
    ///
    /// # Errors
    /// As [`Gateway::history`], and those of `take`.
    pub(super) async fn each_record(
        self: &Arc<Self>,
        caller: &Caller,
        query: HistoryQuery,
        take: &mut (dyn FnMut(&str, &Record) -> Result<(), Error> + Send),
    ) -> Result<Walked, Error> {
        let mut walk = self.walk_history(caller, query).await?;
        let mut unreadable: Vec<SourceState> = Vec::new();
        let mut walked = Walked {
            complete: true,
            sources: Vec::new(),
        };
        while let Some(page) = walk.next(PAGE).await? {
            for record in &page.data {
                take(self.report_of(record), record)?;
            }
            let told = page.sources.iter().filter(|source| !source.failed());
            unreadable.extend(told.filter(|source| source.detail.is_some()).cloned());
            let stuck = page.data.is_empty() && page.sources.iter().any(SourceState::fails);
            (walked.complete, walked.sources) = (page.complete, page.sources);
            if stuck {
                break;
            }
        }
        for source in walked.sources.iter_mut().filter(|source| source.detail.is_none()) {
            let known = unreadable.iter().find(|known| is_same(known, source));
            source.detail = known.and_then(|known| known.detail.clone());
        }
        Ok(walked)
    }

    /// The name of the report that listed a record.
    fn report_of(&self, record: &Record) -> &'static str {
        let code = RecordId::parse(&record.id).map_or(record_id::JOURNAL, |id| id.report);
        let history = self
            .accounts
            .get(&record.account)
            .and_then(|entry| entry.provider.history());
        let report = history.and_then(|history| history.reports().iter().find(|report| report.code == code));
        report.map_or(record_id::JOURNAL_NAME, |report| report.name)
    }
}

/// How a walk to its end went.
pub(super) struct Walked {
    /// Whether every source answered.
    pub(super) complete: bool,
    /// How each did.
    pub(super) sources: Vec<SourceState>,
}

/// What is summed up so far.
struct Sum {
    tally: Tally,
    sources: Vec<SourceState>,
    complete: bool,
}

impl Sum {
    /// Adds calls of one of the sources; those of others are not asked for.
    fn add(&mut self, traits: &Traits, figures: &Figures) -> Result<(), Error> {
        let listed = |source: &&mut SourceState| source.account == traits.account && source.report == traits.report;
        let Some(source) = self.sources.iter_mut().find(listed) else {
            return Ok(());
        };
        source.rows += usize::try_from(figures.calls).unwrap_or(usize::MAX);
        self.tally.add(traits, figures);
        if self.tally.len() > MOST_ROWS {
            let told = format!("makes more than {MOST_ROWS} rows; group by less, or sum up less");
            return Err(Error::field("group_by", "too_large", told));
        }
        Ok(())
    }

    /// Notes how the sources did in one more walk.
    fn note(&mut self, walked: Walked) {
        self.complete &= walked.complete;
        for source in &mut self.sources {
            let Some(told) = walked.sources.iter().find(|told| is_same(told, source)) else {
                continue;
            };
            if !source.failed() {
                source.status.clone_from(&told.status);
                source.detail = told.detail.clone().or(source.detail.take());
            }
        }
    }
}

fn is_same(one: &SourceState, other: &SourceState) -> bool {
    one.account == other.account && one.report == other.report
}

/// The same query of another window.
pub(super) fn within(query: &HistoryQuery, window: Window) -> HistoryQuery {
    HistoryQuery {
        window: AskedWindow {
            meant: Some(window),
            ..AskedWindow::default()
        },
        ..query.clone()
    }
}

/// Whether the traits of a call tell whether the query chooses it.
fn is_of_traits(query: &HistoryQuery) -> bool {
    let parties = [&query.number, &query.from, &query.to];
    let names = [&query.external_id, &query.provider_ref];
    parties.iter().all(|filter| filter.is_empty()) && names.iter().all(|filter| filter.is_empty())
}

/// Whether such a query chooses calls of these traits, of the sources it chooses.
fn chooses(query: &HistoryQuery, traits: &Traits) -> bool {
    let id = |named: &Option<Named>| named.as_ref().and_then(|named| named.id.clone());
    allows(&query.kind, &traits.kind)
        && allows(&query.direction, &traits.direction)
        && allows(&query.status, &traits.status)
        && query.answered.is_none_or(|answered| answered == traits.answered)
        && allows_known(&query.agent_id, id(&traits.agent).as_ref())
        && allows_known(&query.campaign_id, id(&traits.campaign).as_ref())
        && allows_known(&query.tag, traits.tag.as_ref())
}

/// The local days that lie whole in the window, ascending.
fn days(window: Window, zone: &TimeZone) -> Vec<(Date, Window)> {
    let midnight = |date: Date| {
        let start = date.to_zoned(zone.clone()).ok()?;
        Some(Timestamp::from(start.timestamp()))
    };
    let first = window.since.to_jiff().to_zoned(zone.clone()).date();
    let days = std::iter::successors(Some(first), |date| date.tomorrow().ok()).map_while(|date| {
        let (since, until) = (midnight(date)?, midnight(date.tomorrow().ok()?)?);
        (until <= window.until).then_some((date, Window { since, until }))
    });
    days.filter(|(_, day)| day.since >= window.since).collect()
}

/// What is left of a window without some of its days, which ascend.
fn without(window: Window, days: &[Window]) -> Vec<Window> {
    let mut rest = Vec::new();
    let mut since = window.since;
    for day in days {
        rest.push(Window {
            since,
            until: day.since,
        });
        since = day.until;
    }
    rest.push(Window {
        since,
        until: window.until,
    });
    rest.retain(|window| window.since < window.until);
    rest
}

/// The accounts of a query's sources, as its own filter.
pub(super) fn of_accounts(accounts: Vec<AccountName>) -> HistoryQuery {
    HistoryQuery {
        account: accounts,
        partial: true,
        ..HistoryQuery::default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn days_are_whole_and_of_the_zone() {
        let zone = TimeZone::get("America/Sao_Paulo").unwrap();
        let whole = |since: &str, until: &str| {
            let window = Window {
                since: at(since),
                until: at(until),
            };
            let days = days(window, &zone);
            let rest = without(window, &days.iter().map(|(_, day)| *day).collect::<Vec<_>>());
            let length = |window: &Window| window.until.seconds_since(window.since) / 3600;
            (
                days.iter().map(|(date, _)| date.to_string()).collect::<Vec<_>>(),
                days.iter().map(|(_, day)| length(day)).collect::<Vec<_>>(),
                rest.iter().map(length).collect::<Vec<_>>(),
            )
        };
        let (dates, hours, rest) = whole("2018-11-03T03:00:00Z", "2018-11-05T05:00:00Z");
        assert_eq!(dates, ["2018-11-03", "2018-11-04"], "clocks went forward at midnight");
        assert_eq!((hours, rest), (vec![24, 23], vec![3]));
        let (dates, hours, rest) = whole("2018-02-17T01:00:00Z", "2018-02-18T03:00:00Z");
        assert_eq!(dates, ["2018-02-17"], "clocks went back at midnight");
        assert_eq!((hours, rest), (vec![25], vec![1]));
        assert!(whole("2026-11-20T03:00:00.001Z", "2026-11-21T03:00:00Z").0.is_empty());
        assert!(whole("2026-11-20T03:00:00Z", "2026-11-21T02:59:59.999Z").0.is_empty());
    }
}
