//! Several sources merged into one list, newest first.

mod deadline;
mod later;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::history_cursor::{Aside, Place, SourceKey, Walk};
use super::history_kept::{KeptWalk, Leftovers, written};
use super::history_source::reading::{Reader, too_slow};
use super::history_source::shelf::Shelf;
use super::history_source::{Kept, Source, lowest};
use super::requests::HistoryPage;
use crate::domain::error::{Error, Problem};
use crate::domain::history::{Record, Window};
use crate::domain::time::Timestamp;
use crate::store::StoreError;

pub(super) use deadline::Deadline;

/// How many rows one request reads before it gives a short page.
const MOST_ROWS: usize = 5_000;

/// A walk and its sources.
pub(super) struct Merge {
    pub(super) sources: Vec<Source>,
    pub(super) keys: Vec<SourceKey>,
    pub(super) walk: Walk,
    /// Records that came to light above the walk's place: given in the end.
    pub(super) aside: Shelf,
    /// How far the sources were read that failed on an earlier page.
    suspended: Vec<(usize, Kept)>,
    /// What nobody needs any more once this page is given.
    pub(super) spent: Vec<String>,
}

/// What a merge takes next.
enum Next {
    /// The next record of this source.
    Record(usize),
    /// Nothing more for this request, which has read enough: everything from here on is given.
    After(Option<Place>),
    /// Nothing: every source is at its end.
    None,
}

impl Merge {
    /// Starts the active sources, each as it was kept or from the walk's place.
    pub(super) fn start(&mut self, kept: Option<KeptWalk>) -> Result<(), Error> {
        let KeptWalk {
            mut sources,
            aside,
            spent,
        } = match kept {
            Some(kept) => kept,
            None if self.walk.aside != Aside::None => {
                return Err(Error::new(
                    Problem::CursorExpired,
                    "What was kept of this walk is gone, and a source lists in no order; start again.",
                ));
            }
            None => KeptWalk::default(),
        };
        (self.aside, self.spent) = (Shelf::of(aside, false), spent);
        let window = self.window();
        for (index, place) in &self.walk.active {
            let below = lowest(place.clone(), self.walk.last.clone());
            let source = &mut self.sources[*index];
            source.unordered = self.walk.unordered.contains(index);
            match sources.iter().position(|(kept, _)| kept == index) {
                Some(at) => source.resume(window, below, sources.swap_remove(at).1),
                None => source.start(window, below),
            }
        }
        sources.retain(|(index, _)| self.walk.late.iter().any(|(late, _)| late == index));
        self.suspended = sources;
        Ok(())
    }

    /// Takes records off, newest first, until `limit` or until enough was read for them.
    pub(super) async fn page(
        &mut self,
        reader: Reader<'_>,
        leftovers: &Leftovers,
        (limit, deadline): (usize, Deadline),
    ) -> Result<HistoryPage, Error> {
        for source in &mut self.sources {
            source.begin_request();
        }
        let mut data = Vec::with_capacity(limit);
        let mut exhausted = false;
        while data.len() < limit && !exhausted {
            let next = match self.walk.aside {
                Aside::Giving => Ok(self.newest_aside(leftovers).await?),
                _ => self.newest(reader, leftovers, deadline).await,
            };
            match next {
                Ok(Next::Record(index)) => {
                    let Some(record) = self.take(index) else { break };
                    self.walk.last = Some((record.created_at, record.id.clone()));
                    data.push(record);
                }
                Ok(Next::After(boundary)) => {
                    self.walk.last = lowest(self.walk.last.take(), boundary);
                    break;
                }
                Ok(Next::None) => exhausted = true,
                // What is taken is given; whoever comes for more meets the failure again.
                Err(_) if !data.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        self.set_aside()?;
        let failed = self.retire_failed();
        let sources = self.states();
        let complete = !failed && self.walk.late.is_empty();
        if exhausted {
            self.advance();
        }
        Ok(HistoryPage {
            data,
            next_cursor: None,
            as_of: self.walk.as_of,
            complete,
            sources,
        })
    }

    /// Whether there is nothing more.
    pub(super) fn is_over(&self) -> bool {
        self.walk.active.is_empty() && self.walk.aside != Aside::Giving
    }

    /// Whether a source is read on before so many more records are given, as far as memory knows.
    pub(super) fn reads_on_within(&self, index: usize, count: usize) -> bool {
        let source = &self.sources[index];
        let read_before = |frontier| -> usize {
            // What is not kept is not there for the next page before it is read again.
            let kept = self
                .sources
                .iter()
                .filter(|source| !source.failed() && source.is_kept());
            kept.map(|source| source.shelf.count_from(frontier, count + 1)).sum()
        };
        let is_short = source.frontier().is_none_or(|frontier| read_before(frontier) <= count);
        source.may_hold(None) && is_short
    }

    /// Leaves in the store what was read and not given, and what the page `before` left to be forgotten with the next one.
    ///
    /// # Errors
    /// Where the store fails.
    pub(super) async fn leave(
        &mut self,
        leftovers: &Leftovers,
        (name, before): ([u8; 16], Option<[u8; 16]>),
    ) -> Result<(), StoreError> {
        let mut kept = KeptWalk::default();
        let mut new = Vec::new();
        kept.spent.extend(before.map(written));
        kept.sources.append(&mut self.suspended);
        for (index, _) in self.walk.active.iter().chain(&self.walk.late) {
            let source = &self.sources[*index];
            if source.is_kept() && source.is_walked() {
                let left = source.shelf.left();
                kept.spent.extend(left.spent);
                new.extend(left.new);
                kept.sources.push((*index, source.kept(left.chunks)));
            }
        }
        let aside = self.aside.left();
        kept.spent.extend(aside.spent);
        new.extend(aside.new);
        kept.aside = aside.chunks;
        leftovers.write((&written(name), &kept), &new).await
    }

    fn window(&self) -> Window {
        let Walk {
            since, until, as_of, ..
        } = self.walk;
        Window {
            since,
            until: until.min(Timestamp::from_millis(as_of.as_millis() + 1)),
        }
    }

    fn take(&mut self, index: usize) -> Option<Record> {
        if self.walk.aside != Aside::Giving {
            return self.sources[index].take();
        }
        let record = self.aside.take()?;
        if let Some(source) = self.sources.iter_mut().find(|source| source.has_told(&record)) {
            source.taken += 1;
        }
        Some(record)
    }

    /// What comes next: the newest record of all. Reads on wherever a newer one could still hide.
    async fn newest(&mut self, reader: Reader<'_>, leftovers: &Leftovers, deadline: Deadline) -> Result<Next, Error> {
        loop {
            self.open_chunks(leftovers).await?;
            let heads = self.sources.iter().enumerate();
            let best = heads
                .filter_map(|(index, source)| Some((source.head()?, index)))
                .max_by(|one, other| one.0.cmp(other.0));
            let place = best.map(|(place, _)| place.clone());
            let best = best.map(|(_, index)| index);
            let unread = || self.sources.iter().filter(|source| source.may_hold(place.as_ref()));
            if unread().next().is_none() {
                return Ok(best.map_or(Next::None, Next::Record));
            }
            let boundaries: Option<Vec<_>> = unread().map(Source::frontier).collect();
            let boundary = boundaries.and_then(|boundaries| boundaries.into_iter().max().cloned());
            if self.has_read_enough(deadline) {
                return Ok(Next::After(boundary));
            }
            self.read_on(reader, (place.as_ref(), deadline)).await?;
        }
    }

    fn has_read_enough(&self, deadline: Deadline) -> bool {
        let rows: usize = self.sources.iter().map(Source::rows_read).sum();
        rows >= MOST_ROWS || (rows > 0 && Instant::now() >= deadline.enough)
    }

    /// Reads on in every source that may hold something newer than `best`, all at the same time.
    async fn read_on(&mut self, reader: Reader<'_>, (best, deadline): (Option<&Place>, Deadline)) -> Result<(), Error> {
        let last = self.walk.last.as_ref();
        let unread = self.sources.iter_mut().filter(|source| source.may_hold(best));
        let reads = unread.map(async |source| {
            let read = deadline.met_by(source.read_on(reader, last)).await;
            read.unwrap_or_else(|| {
                source.fail(too_slow());
                Ok(())
            })
        });
        for read in join_all(reads).await {
            read?;
        }
        let judged = deadline.met_by(reader.gateway.fail_disabled(&mut self.sources)).await;
        if judged.is_none() {
            let unjudged = self.sources.iter_mut().filter(|source| source.absent().is_some());
            unjudged.for_each(|source| source.fail(too_slow()));
        }
        let failed = self.sources.iter().find(|source| source.failed());
        if let Some(source) = failed.filter(|_| !reader.query.partial) {
            let error = source.unavailable();
            for source in self.sources.iter_mut().filter(|source| source.failed()) {
                source.recover(last.cloned());
            }
            return Err(error);
        }
        Ok(())
    }

    /// Opens the chunks that may hold the next record. A source of which one is gone is read again.
    async fn open_chunks(&mut self, leftovers: &Leftovers) -> Result<(), Error> {
        loop {
            let wanted: Vec<(usize, String)> = self
                .sources
                .iter()
                .enumerate()
                .flat_map(|(index, source)| {
                    let names = source.shelf.wanted(source.is_whole());
                    names.into_iter().map(move |name| (index, name))
                })
                .collect();
            if wanted.is_empty() {
                return Ok(());
            }
            let names: Vec<_> = wanted.iter().map(|(_, name)| name.clone()).collect();
            let read = leftovers.records(&names).await?;
            let last = self.walk.last.clone();
            for ((index, name), records) in wanted.into_iter().zip(read) {
                let source = &mut self.sources[index];
                match records {
                    Some(records) => source.open(&name, records, last.as_ref()),
                    None => source.restart(last.as_ref()),
                }
            }
        }
    }
}

/// A walk over `sources` at its beginning; see [`Merge::start`].
pub(super) fn begin(window: Window, as_of: Timestamp, sources: Vec<Source>) -> Merge {
    let (left_out, walked): (Vec<_>, Vec<_>) = (0..sources.len()).partition(|index| sources[*index].off);
    Merge {
        keys: sources.iter().map(Source::key).collect(),
        walk: Walk {
            since: window.since,
            until: window.until,
            as_of,
            active: walked.into_iter().map(|index| (index, None)).collect(),
            late: Vec::new(),
            last: None,
            unordered: Vec::new(),
            left_out,
            aside: Aside::None,
            kept: None,
        },
        sources,
        aside: Shelf::default(),
        suspended: Vec::new(),
        spent: Vec::new(),
    }
}
