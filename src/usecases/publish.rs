//! Publishing: what a record says happened is put into the log, in order, and then taken out of the record.
//!
//! A record keeps its events until they are in the log, so that a change and its events never part. Whoever finds
//! events in a record may publish them: a repeat is the same event.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::gateway::Gateway;
use super::records::encode;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::spans::Span;
use crate::store::{Expect, Key, Set, Version, keys};
use crate::telemetry::metric;

/// How many records wait to be published before their writers have to.
const QUEUE: usize = 1024;
/// How many records are published together.
const TOGETHER: usize = 128;
/// How many of the last events are remembered as published.
const REMEMBERED: usize = 4096;

/// A record with events that may not be in the log.
pub(super) struct Unpublished {
    pub(super) key: Key,
    pub(super) keep: Duration,
    /// The version that has the events.
    pub(super) version: Version,
    /// The record without them.
    pub(super) told: Bytes,
    /// Where a closed object is listed as open, until its last event is in the log.
    pub(super) watched: Option<(Set, String)>,
    /// Where the trace of the change goes on.
    pub(super) trace: Option<String>,
    /// Oldest first.
    pub(super) events: Vec<Event>,
}

/// The way from those who change records to the one task that publishes.
pub(super) struct Publisher {
    sender: mpsc::Sender<Unpublished>,
    waiting: Mutex<mpsc::Receiver<Unpublished>>,
}

impl Publisher {
    pub(super) fn new() -> Self {
        let (sender, waiting) = mpsc::channel(QUEUE);
        Self {
            sender,
            waiting: Mutex::new(waiting),
        }
    }

    /// Queues a record; waits while too many do.
    pub(super) async fn send(&self, record: Unpublished) {
        // The receiver lives as long as the sender.
        let _ = self.sender.send(record).await;
    }

    /// Loses what waits, as a process that dies does.
    #[cfg(test)]
    pub(super) async fn forget(&self) {
        let mut waiting = self.waiting.lock().await;
        while waiting.try_recv().is_ok() {}
    }
}

impl Gateway {
    /// Publishes what changes bring until told to stop, and then what still waits.
    pub(super) async fn publish(&self, stop: CancellationToken) {
        let mut waiting = self.publisher.waiting.lock().await;
        let (mut batch, mut recent) = (Vec::new(), Recent::default());
        loop {
            let received = tokio::select! {
                biased;
                received = waiting.recv_many(&mut batch, TOGETHER) => received,
                () = stop.cancelled() => 0,
            };
            if received == 0 {
                return;
            }
            self.publish_batch(std::mem::take(&mut batch), &mut recent).await;
        }
    }

    async fn publish_batch(&self, batch: Vec<Unpublished>, recent: &mut Recent) {
        let mut records: HashMap<Key, Unpublished> = HashMap::new();
        for record in batch {
            // The later version of a record has the earlier one's events too, unless those were taken out meanwhile.
            match records.remove(&record.key) {
                Some(earlier) => records.insert(record.key.clone(), earlier.followed_by(record)),
                None => records.insert(record.key.clone(), record),
            };
        }
        let published = join_all(records.values().map(|record| self.publish_record(record, recent))).await;
        for (record, published) in records.values().zip(published) {
            match published {
                Ok(()) => recent.remember(&record.events),
                // The record still has them: they are found there later.
                Err(error) => tracing::warn!(%error, key = %record.key, "events could not be published"),
            }
        }
    }

    async fn publish_record(&self, record: &Unpublished, recent: &Recent) -> Result<(), Error> {
        for event in record.events.iter().filter(|event| !recent.has(event.id)) {
            let span = Span::producer(event.kind.as_str(), record.trace.as_deref());
            span.set("switchboard.subject", || event.subject.clone());
            span.set("switchboard.event", || event.id.to_string());
            self.append_event(event).await?;
        }
        let cleared = Expect::Version(record.version);
        self.store
            .put(&record.key, record.told.clone(), Some(record.keep), cleared)
            .await?;
        if let Some((set, id)) = &record.watched {
            self.store.unindex(set, id).await?;
        }
        Ok(())
    }

    /// Puts events into the log, in their order.
    ///
    /// # Errors
    /// `store-unavailable`; any of them may be in the log all the same.
    pub(super) async fn append_events(&self, events: &[Event]) -> Result<(), Error> {
        if events.is_empty() {
            return Ok(());
        }
        let entries: Vec<Bytes> = events.iter().map(encode).collect::<Result<_, _>>()?;
        self.store.append_all(&keys::events(), entries).await?;
        events.iter().for_each(count);
        Ok(())
    }

    /// Puts an event into the log.
    ///
    /// # Errors
    /// `store-unavailable`; it may be in the log all the same.
    pub(super) async fn append_event(&self, event: &Event) -> Result<(), Error> {
        self.store.append(&keys::events(), encode(event)?).await?;
        count(event);
        Ok(())
    }
}

fn count(event: &Event) {
    metrics::counter!(metric::EVENTS, "type" => event.kind.as_str()).increment(1);
}

impl Unpublished {
    fn followed_by(self, later: Self) -> Self {
        let known: HashSet<EventId> = later.events.iter().map(|event| event.id).collect();
        let mut events = self.events;
        events.retain(|event| !known.contains(&event.id));
        events.extend(later.events);
        Self { events, ..later }
    }
}

/// The last events that this process published, which a record may still hold.
#[derive(Default)]
struct Recent {
    known: HashSet<EventId>,
    oldest_first: VecDeque<EventId>,
}

impl Recent {
    fn has(&self, id: EventId) -> bool {
        self.known.contains(&id)
    }

    fn remember(&mut self, events: &[Event]) {
        for event in events {
            if self.known.insert(event.id) {
                self.oldest_first.push_back(event.id);
            }
        }
        while self.oldest_first.len() > REMEMBERED {
            if let Some(oldest) = self.oldest_first.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}
