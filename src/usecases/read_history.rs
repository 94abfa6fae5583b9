//! One list of past calls over every account, newest first.
//!
//! The walk goes back in time. Every source is read window by window, each window whole, because no provider promises an
//! order; rows are dropped by identifier, sorted, and merged. A page begins below the last record of the page before, so a
//! cursor holds no provider's position and any instance can continue it.

use futures_util::future::join_all;

use super::accounts::sees;
use super::follow_call::{allows, named, recording_failed};
use super::gateway::Gateway;
use super::history_cursor::{MAX_LENGTH, Place, SourceKey, Walk};
use super::history_source::Source;
use super::record_id::RecordId;
use super::requests::{HistoryPage, HistoryQuery, Paging};
use crate::domain::caller::Caller;
use crate::domain::error::{Error, Problem};
use crate::domain::history::{Record, Window};
use crate::domain::time::Timestamp;
use crate::providers::port::{Filter, Recording, Target};
use crate::providers::registry::{Entry, kinds};
use crate::seal::plain_name;

/// How many rows one request reads before it gives a short page; what is begun, a day of each source, is finished.
const MOST_ROWS: usize = 5_000;

impl Gateway {
    /// A page of the history; short where much had to be read for little.
    ///
    /// # Errors
    /// `source-unavailable` naming the source, unless a partial answer is asked for; `invalid-cursor`, `cursor-expired`;
    /// `not-supported` for a filter that no chosen source has.
    pub async fn history(&self, caller: &Caller, query: HistoryQuery, paging: Paging) -> Result<HistoryPage, Error> {
        let mut sources = self.sources(caller, &query)?;
        let name = walk_name(&query, &sources);
        let keys: Vec<SourceKey> = sources.iter().map(Source::key).collect();
        let mut walk = self.begin_or_continue(caller, &query, &name, (&paging, &keys))?;
        for (index, place) in &walk.active {
            let below = lowest(place.clone(), walk.last.clone());
            sources[*index].start(
                Window {
                    since: walk.since,
                    until: walk.until.min(after(walk.as_of)),
                },
                below,
            );
        }
        let Merged {
            data,
            exhausted,
            complete,
        } = self
            .merge(caller, &query, (&mut sources, &mut walk), paging.limit)
            .await?;
        let sources = sources.iter().map(|source| source.state(&data)).collect();
        if exhausted {
            walk.active = std::mem::take(&mut walk.late);
            walk.last = None;
        }
        let next_cursor = match walk.active.is_empty() {
            true => None,
            false => Some(self.walk_cursor(caller, &name, (&walk, &keys))?),
        };
        Ok(HistoryPage {
            data,
            next_cursor,
            as_of: walk.as_of,
            complete,
            sources,
        })
    }

    /// One record by its identifier, read from its provider again.
    ///
    /// # Errors
    /// `not-found`, and the provider's failures.
    pub async fn record(&self, caller: &Caller, id: &str, raw: bool) -> Result<Record, Error> {
        let id = RecordId::parse(id).ok_or_else(Error::not_found)?;
        let entry = self
            .accounts
            .get(&id.account)
            .filter(|entry| sees(caller, entry))
            .ok_or_else(Error::not_found)?;
        let record = self.read_record(caller, entry, &id, raw).await?;
        record.ok_or_else(Error::not_found)
    }

    /// Opens the recording of a record's call.
    ///
    /// # Errors
    /// `recording-not-available`, `not-found`, and the provider's failures.
    pub async fn record_recording(&self, caller: &Caller, id: &str, range: Option<String>) -> Result<Recording, Error> {
        let record = self.record(caller, id, false).await?;
        let entry = self.entry(&record.account)?;
        let (Some(recordings), Some(reference)) = (entry.provider.recordings(), &record.provider_ref) else {
            return Err(Error::new(Problem::RecordingNotAvailable, "The call has no recording.")
                .at(&entry.config.name, entry.provider.kind()));
        };
        let target = Target {
            kind: record.kind,
            reference,
        };
        recordings
            .open(target, range.as_deref())
            .await
            .map_err(|failure| recording_failed(&failure, entry))
    }

    /// Takes records off the active sources, newest first, until `limit` or until enough rows were read for them.
    async fn merge(
        &self,
        caller: &Caller,
        query: &HistoryQuery,
        state: (&mut [Source], &mut Walk),
        limit: usize,
    ) -> Result<Merged, Error> {
        let (sources, walk) = state;
        let mut data = Vec::with_capacity(limit);
        let mut exhausted = false;
        while data.len() < limit && !exhausted {
            match self.newest(caller, query, sources).await? {
                Next::Record(index) => {
                    let Some(record) = sources[index].take() else { break };
                    walk.last = Some((record.created_at, record.id.clone()));
                    data.push(record);
                }
                Next::After(boundary) => {
                    walk.last = Some((boundary, String::new()));
                    break;
                }
                Next::None => exhausted = true,
            }
        }
        let failed: Vec<_> = sources
            .iter()
            .enumerate()
            .filter(|(_, source)| source.failed())
            .map(|(index, _)| index)
            .collect();
        for index in &failed {
            walk.late.push((*index, Some(sources[*index].reached())));
            walk.active.retain(|(active, _)| active != index);
        }
        Ok(Merged {
            data,
            exhausted,
            complete: failed.is_empty() && walk.late.is_empty(),
        })
    }

    /// What comes next: the newest record of all. Reads on wherever a newer one could still hide.
    async fn newest(&self, caller: &Caller, query: &HistoryQuery, sources: &mut [Source]) -> Result<Next, Error> {
        loop {
            let best = sources
                .iter()
                .enumerate()
                .filter_map(|(index, source)| source.head().map(|head| (head, index)))
                .max_by(|one, other| one.0.cmp(&other.0));
            let hides = |source: &Source| best.as_ref().is_none_or(|((at, _), _)| source.may_hold(*at));
            let reading: Vec<_> = sources
                .iter()
                .map(|source| source.is_drained() && hides(source))
                .collect();
            if !reading.contains(&true) {
                return Ok(best.map_or(Next::None, |(_, index)| Next::Record(index)));
            }
            if sources.iter().map(Source::rows_read).sum::<usize>() >= MOST_ROWS {
                let unread = sources.iter().zip(&reading).filter(|(_, reading)| **reading);
                return Ok(unread
                    .map(|(source, _)| source.read_from())
                    .max()
                    .map_or(Next::None, Next::After));
            }
            let reads = sources
                .iter_mut()
                .zip(&reading)
                .filter(|(_, reading)| **reading)
                .map(|(source, _)| source.read_on(self, caller, query));
            for read in join_all(reads).await {
                read?;
            }
            Self::fail_disabled(sources).await;
            if let Some(source) = sources.iter().find(|source| source.failed() && !query.partial) {
                return Err(source.unavailable());
            }
        }
    }

    fn begin_or_continue(
        &self,
        caller: &Caller,
        query: &HistoryQuery,
        name: &str,
        place: (&Paging, &[SourceKey]),
    ) -> Result<Walk, Error> {
        let (paging, sources) = place;
        if let Some(cursor) = &paging.cursor {
            return self.open_cursor(caller, (name, cursor), |plain| {
                let walk = Walk::unpack(plain, sources)?;
                Some((walk.as_of, walk))
            });
        }
        let as_of = self.now();
        let window = query.window.meant.unwrap_or_else(|| self.today());
        let active = (0..sources.len()).map(|index| (index, None)).collect();
        Ok(Walk {
            since: window.since,
            until: window.until,
            as_of,
            active,
            late: Vec::new(),
            last: None,
        })
    }

    /// # Errors
    /// `source-unavailable` where sources failed at so many different places that no cursor holds them.
    fn walk_cursor(&self, caller: &Caller, name: &str, walk: (&Walk, &[SourceKey])) -> Result<String, Error> {
        let (walk, sources) = walk;
        let packed = walk
            .pack(sources)
            .ok_or_else(|| Error::new(Problem::Internal, "A place in the history cannot be written."))?;
        let cursor = self.seal_cursor(caller, name, &packed)?;
        if cursor.len() > MAX_LENGTH {
            return Err(Error::new(
                Problem::SourceUnavailable,
                "More sources failed than can be gone back to; ask for this page again.",
            ));
        }
        Ok(cursor)
    }

    fn today(&self) -> Window {
        let zone = &self.config.history.time_zone;
        let today = self.now().to_jiff().to_zoned(zone.clone()).date();
        let midnight = |date: jiff::civil::Date| {
            date.to_zoned(zone.clone())
                .map_or(self.now(), |start| Timestamp::from(start.timestamp()))
        };
        Window {
            since: midnight(today),
            until: today.tomorrow().map_or(self.now(), midnight),
        }
    }

    /// The sources that the caller may see and the query chooses.
    fn sources(&self, caller: &Caller, query: &HistoryQuery) -> Result<Vec<Source>, Error> {
        for account in &query.account {
            self.visible_account(caller, account)?;
        }
        if query.provider.iter().any(|kind| !kinds().any(|known| known == kind)) {
            let known: Vec<_> = kinds().collect();
            return Err(Error::field(
                "provider",
                "invalid",
                format!("must be one of: {}", known.join(", ")),
            ));
        }
        let chosen = self.accounts.iter().filter(|(name, entry)| {
            sees(caller, entry)
                && allows(&query.account, name)
                && allows(&query.provider, &entry.provider.kind().to_owned())
        });
        let sources: Vec<Source> = chosen
            .flat_map(|(_, entry)| Source::of(entry, self))
            .filter(|source| source.lists(&query.kind))
            .collect();
        having_the_filters(sources, query)
    }
}

/// What a merge came to.
struct Merged {
    data: Vec<Record>,
    /// Whether the active sources have no more.
    exhausted: bool,
    /// Whether every source answered.
    complete: bool,
}

/// What a merge takes next.
enum Next {
    /// The next record of this source.
    Record(usize),
    /// Nothing more for this request, which has read enough: everything from here on is given.
    After(Timestamp),
    /// Nothing: every source is at its end.
    None,
}

/// Keeps the sources that have a field for every filter used that only providers know of. The label of a call placed here
/// is known whatever its report tells.
fn having_the_filters(sources: Vec<Source>, query: &HistoryQuery) -> Result<Vec<Source>, Error> {
    let used = [
        (Filter::AgentId, !query.agent_id.is_empty()),
        (Filter::CampaignId, !query.campaign_id.is_empty()),
        (Filter::ExternalId, !query.external_id.is_empty()),
    ];
    let mut kept = sources;
    let some = !kept.is_empty();
    for (filter, _) in used.into_iter().filter(|(_, used)| *used) {
        kept.retain(|source| source.has(filter));
        if kept.is_empty() && some {
            return Err(Error::new(
                Problem::NotSupported,
                format!("Not supported: no chosen source has {filter}."),
            ));
        }
        let mut accounts: Vec<_> = kept.iter().map(Source::account).collect();
        accounts.dedup();
        if query.account.is_empty() && accounts.len() > 1 {
            return Err(Error::field(
                "account",
                "missing",
                format!("is needed with {filter}: several accounts have it"),
            ));
        }
    }
    Ok(kept)
}

/// Names a walk by its query and its sources, so that a cursor continues only the walk it came from.
fn walk_name(query: &HistoryQuery, sources: &[Source]) -> String {
    let names: Vec<_> = sources.iter().map(Source::name).collect();
    plain_name(&[&named(query), &names.join(" ")])
}

/// The first instant after `at`: a window that ends there still holds what happened at it.
fn after(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis() + 1)
}

fn lowest(one: Option<Place>, other: Option<Place>) -> Option<Place> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The account behind a source, for those who need its provider.
pub(super) fn owned(caller: &Caller, entry: &Entry) -> bool {
    caller.reads_all() || entry.config.owned_by(&caller.tenant)
}
