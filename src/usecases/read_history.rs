//! One list of past calls over every account, newest first.
//!
//! A cursor holds the walk's place and nothing of a provider's, so any instance continues it, whatever became of the store.
//! What was read beyond the end of a page waits [in the store](super::history_kept), so that each page of a report is read
//! about once. How a report is read without passing over rows is said in [`super::history_source::stretch`].

use std::sync::Arc;

use tokio::sync::watch;

use super::accounts::sees;
use super::follow_call::{allows, named, recording_failed};
use super::gateway::Gateway;
use super::history_cursor::{Aside, MAX_LENGTH, SourceKey, Walk};
use super::history_kept::{Leftovers, new_name};
use super::history_merge::{Deadline, Merge, begin};
use super::history_source::Source;
use super::history_source::reading::Reader;
use super::record_id::RecordId;
use super::requests::{HistoryPage, HistoryQuery, Paging};
use crate::config::Mode;
use crate::domain::caller::Caller;
use crate::domain::error::{Error, Problem};
use crate::domain::history::{Record, Window};
use crate::domain::time::Timestamp;
use crate::providers::port::{Filter, Recording, Target};
use crate::providers::registry::{Entry, kinds};
use crate::seal::short_digest;

impl Gateway {
    /// A page of the history; short where much had to be read for little.
    ///
    /// # Errors
    /// `source-unavailable` naming the source, unless a partial answer is asked for; `invalid-cursor`, `cursor-expired`;
    /// `not-supported` for a filter that no chosen source has.
    pub async fn history(&self, caller: &Caller, query: HistoryQuery, paging: Paging) -> Result<HistoryPage, Error> {
        let deadline = Deadline::within(self.config.server.request_timeout);
        let (mut merge, leftovers) = self.open_walk(caller, &query, paging.cursor.as_deref()).await?;
        let reader = Reader {
            gateway: self,
            caller,
            query: &query,
            checks: self.history_checks,
            ahead: None,
        };
        let mut page = merge.page(reader, &leftovers, (paging.limit, deadline)).await?;
        if merge.is_over() {
            let spent = merge.spent;
            let work = async move { leftovers.forget(&spent).await };
            self.start_aside(work).detach();
            return Ok(page);
        }
        let name = new_name();
        let before = merge.walk.kept.replace(name);
        page.next_cursor = Some(self.walk_cursor(caller, &leftovers.walk, &merge)?);
        if merge.walk.aside != Aside::None {
            // What came to light too late cannot be read again.
            merge.leave(&leftovers, (name, before)).await?;
        }
        self.prefetch(reader, &mut merge, paging.limit);
        self.leave_behind(merge, leftovers, (name, before)).await;
        Ok(page)
    }

    /// Leaves in the store what was read and not given, while the caller reads the page: what is lost on the way is read again.
    async fn leave_behind(&self, mut merge: Merge, leftovers: Leftovers, names: ([u8; 16], Option<[u8; 16]>)) {
        let (writing, written) = watch::channel(());
        let prefetched = Arc::clone(&self.prefetched);
        let work = async move {
            prefetched.tidy();
            if merge.walk.aside == Aside::None
                && let Err(error) = merge.leave(&leftovers, names).await
            {
                tracing::warn!(%error, "what a walk has read could not be kept and is read again");
            }
            let spent = std::mem::take(&mut merge.spent);
            drop(merge);
            drop(writing);
            // Nobody waits for what is only taken away.
            leftovers.forget(&spent).await;
        };
        self.start_aside(work).detach();
        self.leaving.leave(names.0, written).await;
    }

    /// Asks for the pages that the next page of a walk needs, while its caller reads this one.
    fn prefetch(&self, reader: Reader<'_>, merge: &mut Merge, limit: usize) {
        let Some(kept) = merge.walk.kept else { return };
        for (index, _) in &merge.walk.active {
            let is_read_on = merge.reads_on_within(*index, limit);
            let source = &mut merge.sources[*index];
            if is_read_on {
                source.read_ahead(reader);
            }
            if let Some(page) = source.give_up_ahead() {
                self.prefetched.put((kept, *index), page);
            }
        }
    }

    /// A walk over the sources that the caller may see and the query chooses, and its name.
    pub(super) async fn open_walk(
        &self,
        caller: &Caller,
        query: &HistoryQuery,
        cursor: Option<&str>,
    ) -> Result<(Merge, Leftovers), Error> {
        let mut sources = self.sources(caller, query)?;
        if cursor.is_none() {
            check_filters(&sources, query)?;
        }
        sources.retain(|source| own_filters(query).all(|filter| source.has(filter)));
        let name = named(query);
        let window = query.window.meant.unwrap_or_else(|| self.today());
        let mut merge = begin(window, self.now(), sources);
        let leftovers = self.leftovers(caller, &name);
        let mut kept = None;
        if let Some(cursor) = cursor {
            merge.walk = self.open_walk_cursor(caller, (&name, cursor), &merge.keys)?;
            merge.leave_out_switched_off();
            if let Some(left) = merge.walk.kept {
                self.leaving.written(left).await;
                kept = leftovers.walk(left).await?;
            }
        }
        merge.start(kept)?;
        if let Some(left) = merge.walk.kept {
            for (index, _) in &merge.walk.active {
                merge.sources[*index].take_up(self.prefetched.take((left, *index)));
            }
        }
        Ok((merge, leftovers))
    }

    /// The walk that a cursor goes on with.
    fn open_walk_cursor(&self, caller: &Caller, cursor: (&str, &str), sources: &[SourceKey]) -> Result<Walk, Error> {
        let walk = self.open_cursor(caller, cursor, |plain| {
            let (numbered, plain) = plain.split_first_chunk()?;
            if *numbered != numbering(sources) {
                return Some((self.now(), None));
            }
            let walk = Walk::unpack(plain, sources)?;
            Some((walk.as_of, Some(walk)))
        })?;
        walk.ok_or_else(|| {
            Error::new(
                Problem::CursorExpired,
                "An account was added or taken away since this walk began; start again.",
            )
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

    /// # Errors
    /// `source-unavailable` where sources failed at so many different places that no cursor holds them.
    pub(super) fn walk_cursor(&self, caller: &Caller, name: &str, merge: &Merge) -> Result<String, Error> {
        let packed = merge
            .walk
            .pack(&merge.keys)
            .ok_or_else(|| Error::new(Problem::Internal, "A place in the history cannot be written."))?;
        let cursor = self.seal_cursor(caller, name, &[&numbering(&merge.keys)[..], &packed].concat())?;
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

    /// The sources that the caller may see and the query chooses, those included that are switched off: the numbers of the
    /// others in a cursor do not change with a mode.
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
        let sources = chosen.flat_map(|(name, entry)| {
            // What is switched off is missed by nobody who does not ask for it.
            let off = entry.config.mode == Mode::Off && !query.account.contains(name);
            Source::of(entry, self, off)
        });
        Ok(sources.filter(|source| source.lists(&query.kind)).collect())
    }
}

/// The filters used that only providers know of. The label of a call placed here is known whatever its report tells.
fn own_filters(query: &HistoryQuery) -> impl Iterator<Item = Filter> {
    let used = [
        (Filter::AgentId, !query.agent_id.is_empty()),
        (Filter::CampaignId, !query.campaign_id.is_empty()),
        (Filter::ExternalId, !query.external_id.is_empty()),
    ];
    used.into_iter().filter(|(_, used)| *used).map(|(filter, _)| filter)
}

/// Refuses a filter that only providers know of where no source has a field for it, or several accounts do.
fn check_filters(sources: &[Source], query: &HistoryQuery) -> Result<(), Error> {
    let mut having: Vec<_> = sources.iter().filter(|source| !source.off).collect();
    let some = !having.is_empty();
    for filter in own_filters(query) {
        having.retain(|source| source.has(filter));
        if having.is_empty() && some {
            return Err(Error::new(
                Problem::NotSupported,
                format!("Not supported: no chosen source has {filter}."),
            ));
        }
        let mut accounts: Vec<_> = having.iter().map(|source| source.account()).collect();
        accounts.dedup();
        if query.account.is_empty() && accounts.len() > 1 {
            return Err(Error::field(
                "account",
                "missing",
                format!("is needed with {filter}: several accounts have it"),
            ));
        }
    }
    Ok(())
}

/// Names the sources that the numbers in a cursor stand for: it can be read only while they are the same.
fn numbering(sources: &[SourceKey]) -> [u8; 8] {
    let names: Vec<_> = sources
        .iter()
        .map(|(account, report)| format!("{account} {report}"))
        .collect();
    let parts: Vec<_> = names.iter().map(String::as_str).collect();
    let mut numbering = [0; 8];
    numbering.copy_from_slice(&short_digest(&parts)[..8]);
    numbering
}

/// The account behind a source, for those who need its provider.
pub(super) fn owned(caller: &Caller, entry: &Entry) -> bool {
    caller.reads_all() || entry.config.owned_by(&caller.tenant)
}
