//! The feed of events: page by page from any place, and live.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::follow_call::recording_failed;
use super::gateway::Gateway;
use super::requests::{EventPage, EventQuery};
use crate::domain::caller::Caller;
use crate::domain::error::{Error, Problem};
use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::providers::port::Recording;
use crate::store::{Position, keys};

/// How many entries of the log are read at once.
const BATCH: usize = 500;
/// How many entries one request looks at before it gives a short page.
const MOST_SEEN: usize = 5_000;
/// How many entries are looked through for the place of an event: as many as a gateway may have to catch up with.
const MOST_SEARCHED: usize = 500_000;
/// How many entries are looked through at once.
const SEARCHED: usize = 2_000;
/// How far the clocks of the gateways and of the store may be apart, in milliseconds: usually, and at most.
const SKEWS_MS: [u64; 2] = [100, 10_000];
/// How many events a follower may be behind before it has to read the log again.
const BEHIND: usize = 1024;
/// How long the end of the log is waited for before it is asked again.
const LOOK: Duration = Duration::from_secs(5);
/// How long nothing is asked of a store that failed.
const PAUSE: Duration = Duration::from_millis(500);

/// An event at its place in the log.
#[derive(Debug, Clone)]
pub struct Logged {
    position: Position,
    /// The event.
    pub event: Event,
    /// The event as CloudEvents write it.
    pub json: Bytes,
}

/// An event that a page came by.
struct Looked {
    position: Position,
    id: EventId,
    /// Whether it is in the page.
    given: bool,
}

/// The end of the log, read once for all who follow it.
pub(super) struct Tail {
    sender: broadcast::Sender<Arc<Logged>>,
    /// Whether everything that comes into the log is sent from now on.
    running: watch::Sender<bool>,
    /// Told of everybody who begins to listen.
    joined: Notify,
    closed: CancellationToken,
}

impl Tail {
    pub(super) fn new() -> Self {
        Self {
            sender: broadcast::channel(BEHIND).0,
            running: watch::Sender::new(false),
            joined: Notify::new(),
            closed: CancellationToken::new(),
        }
    }

    fn is_heard(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Whoever listens from now on gets everything that the log gets, once `running` says so.
    fn listen(&self) -> broadcast::Receiver<Arc<Logged>> {
        let receiver = self.sender.subscribe();
        self.joined.notify_one();
        receiver
    }

    /// Stops sending while nobody listens; says whether it did.
    async fn rest(&self) -> bool {
        if self.is_heard() {
            return false;
        }
        self.running.send_replace(false);
        // Whoever came just before may have seen it running, and counts on it.
        if self.is_heard() {
            self.running.send_replace(true);
            return false;
        }
        while !self.is_heard() {
            self.joined.notified().await;
        }
        true
    }
}

/// Reads the log from its place on, for ever; see [`Gateway::follow_events`].
pub struct Follower {
    gateway: Arc<Gateway>,
    caller: Arc<Caller>,
    query: EventQuery,
    position: Position,
    /// Read from the log and not given yet.
    backlog: VecDeque<Arc<Logged>>,
    /// Whether the log was read to its end, so that what follows comes from the tail.
    caught_up: bool,
    live: broadcast::Receiver<Arc<Logged>>,
}

impl Gateway {
    /// A page of the events that the caller may know, in the order of the log. `next_cursor` is the last event looked at.
    ///
    /// # Errors
    /// `invalid-cursor` for an event that never was, `cursor-expired` for one that is no longer kept.
    pub async fn events(&self, caller: &Caller, query: &EventQuery, limit: usize) -> Result<EventPage, Error> {
        let mut position = match query.after {
            Some(id) => self.place_of(id).await?,
            None => Position::START,
        };
        let mut looked_at: Vec<Looked> = Vec::new();
        let (mut data, mut seen) = (Vec::new(), 0);
        while data.len() < limit && seen < MOST_SEEN {
            let entries = self.logged(position).await?;
            let count = entries.len();
            for entry in entries {
                (position, seen) = (entry.position, seen + 1);
                let looked = Looked {
                    position,
                    id: entry.event.id,
                    given: query.wants(caller, &entry.event),
                };
                if looked.given && data.len() + 1 == limit && self.is_repeat(&looked).await? {
                    continue;
                }
                if looked.given {
                    data.push(entry.event);
                }
                looked_at.push(looked);
                if data.len() == limit {
                    break;
                }
            }
            if count < BATCH {
                break;
            }
        }
        // A page ends with an event that has not come before: who goes on from a repeat would be led back by it.
        while data.len() < limit
            && let Some(last) = looked_at.last()
            && self.is_repeat(last).await?
        {
            data.truncate(data.len() - usize::from(last.given));
            looked_at.pop();
        }
        let last = looked_at.last().map(|last| last.id).or(query.after);
        Ok(EventPage {
            data,
            next_cursor: last.unwrap_or(EventId::BEFORE_ALL),
        })
    }

    /// Whether the log has the event at an earlier place, where who goes on from it begins.
    async fn is_repeat(&self, looked: &Looked) -> Result<bool, Error> {
        let first = self.find_event(looked.id).await?;
        Ok(first.is_some_and(|(first, _)| first < looked.position))
    }

    /// Follows the log from the event `query.after` on, else from now on, across instances, until the gateway stops.
    ///
    /// # Errors
    /// As [`Gateway::events`].
    pub async fn follow_events(self: Arc<Self>, caller: Arc<Caller>, query: EventQuery) -> Result<Follower, Error> {
        let live = self.tail.listen();
        let position = match query.after {
            Some(id) => self.place_of(id).await?,
            None => self.store.end(&keys::events()).await?,
        };
        Ok(Follower {
            gateway: self,
            caller,
            query,
            position,
            backlog: VecDeque::new(),
            caught_up: false,
            live,
        })
    }

    /// Reads the end of the log for all who follow it, until told to stop.
    pub(super) async fn tail_events(&self, stop: CancellationToken) {
        let mut position = None;
        while !stop.is_cancelled() {
            let turned = tokio::select! {
                turned = self.tail_once(&mut position) => turned,
                () = stop.cancelled() => break,
            };
            if let Err(error) = turned {
                tracing::warn!(%error, "the end of the log cannot be read");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Ends every live feed, and all waiting for news of calls, so that a gateway that stops is not held up by those who
    /// listen.
    pub fn close_feeds(&self) {
        self.tail.closed.cancel();
    }

    /// Whether nobody is to be held back for news any more.
    pub(super) fn is_stopping(&self) -> bool {
        self.tail.closed.is_cancelled()
    }

    /// Sends what follows `position`; without one, sends everything from the end of the log on.
    ///
    /// # Errors
    /// `store-unavailable`; `position` is then where the next turn goes on, and none after a rest.
    pub(super) async fn tail_once(&self, position: &mut Option<Position>) -> Result<(), Error> {
        let log = keys::events();
        if self.tail.rest().await {
            *position = None;
        }
        let Some(after) = *position else {
            *position = Some(self.store.end(&log).await?);
            self.tail.running.send_replace(true);
            return Ok(());
        };
        let entries = self.logged(after).await?;
        if entries.is_empty() {
            self.store.wait(&log, after, LOOK).await?;
        }
        for entry in entries {
            *position = Some(entry.position);
            // Nobody may be listening.
            let _ = self.tail.sender.send(Arc::new(entry));
        }
        Ok(())
    }

    async fn logged(&self, after: Position) -> Result<Vec<Logged>, Error> {
        let entries = self.store.read(&keys::events(), after, BATCH).await?;
        let logged = entries.into_iter().map(|(position, json)| {
            let event = serde_json::from_slice(&json).map_err(|_| unreadable(position))?;
            Ok(Logged { position, event, json })
        });
        logged.collect()
    }

    async fn place_of(&self, id: EventId) -> Result<Position, Error> {
        if id == EventId::BEFORE_ALL {
            return Ok(Position::START);
        }
        let kept = u64::try_from(self.config.retention.events.as_millis()).unwrap_or(u64::MAX);
        let now = u64::try_from(self.now().as_millis()).unwrap_or_default();
        if id.made_at_ms() < now.saturating_sub(kept) {
            return Err(Error::new(
                Problem::CursorExpired,
                "The event is no longer kept, nor all that followed it.",
            ));
        }
        if let Some((position, _)) = self.find_event(id).await? {
            return Ok(position);
        }
        // Whoever stopped at an event that was erased goes on from where it stood.
        let erased = self.store.get(&keys::erased_event(id)).await?;
        let text = erased
            .as_ref()
            .and_then(|stored| std::str::from_utf8(&stored.value).ok());
        text.and_then(|text| text.parse().ok())
            .ok_or_else(|| Error::new(Problem::InvalidCursor, "There is no such event."))
    }

    /// Finds an event in the log: of repeats the first, so that whoever goes on from there misses nothing that came between.
    ///
    /// Its identifier tells when it was made; it was put into the log after that, and usually at once.
    pub(super) async fn find_event(&self, id: EventId) -> Result<Option<(Position, Bytes)>, Error> {
        for skew in SKEWS_MS {
            let mut position = Position::new(id.made_at_ms().saturating_sub(skew), 0);
            for _ in 0..MOST_SEARCHED / SEARCHED {
                let entries = self.store.read(&keys::events(), position, SEARCHED).await?;
                let (count, last) = (entries.len(), entries.last().map(|(position, _)| *position));
                let found = entries.into_iter().find(|(_, json)| Event::has_id(json, id));
                if found.is_some() {
                    return Ok(found);
                }
                match last {
                    Some(last) if count == SEARCHED => position = last,
                    _ => break,
                }
            }
        }
        Ok(None)
    }

    /// The identifiers of the events in the log since a Unix millisecond.
    pub(super) async fn events_since(&self, ms: u64) -> Result<HashSet<EventId>, Error> {
        let mut position = Position::new(ms.saturating_sub(SKEWS_MS[1]), 0);
        let mut known = HashSet::new();
        loop {
            let entries = self.logged(position).await?;
            known.extend(entries.iter().map(|entry| entry.event.id));
            match entries.last() {
                Some(last) if entries.len() == BATCH => position = last.position,
                _ => return Ok(known),
            }
        }
    }

    /// Opens the audio of an event, such as a voicemail's.
    ///
    /// # Errors
    /// `not-found`, `recording-not-available`, and the provider's failures.
    pub async fn event_recording(
        &self,
        caller: &Caller,
        id: EventId,
        range: Option<String>,
    ) -> Result<Recording, Error> {
        let found = self.find_event(id).await?;
        let event = found
            .and_then(|(_, json)| serde_json::from_slice::<Event>(&json).ok())
            .filter(|event| caller.reads(&event.tenant))
            .ok_or_else(Error::not_found)?;
        let none = || Error::new(Problem::RecordingNotAvailable, "The event has no recording.");
        let account = event.account().ok_or_else(none)?;
        let entry = self.entry(&account)?;
        let link = self.store.get(&keys::recording_of_event(id)).await?.ok_or_else(none)?;
        let (Some(recordings), Ok(link)) = (entry.provider.recordings(), std::str::from_utf8(&link.value)) else {
            return Err(none());
        };
        recordings
            .open_link(link, range.as_deref())
            .await
            .map_err(|failure| recording_failed(&failure, entry))
    }
}

impl Follower {
    /// The next event that the caller may know; waits for it. `None` when the gateway stops.
    ///
    /// # Errors
    /// `store-unavailable`; going on from the last event then loses none.
    pub async fn next(&mut self) -> Result<Option<Arc<Logged>>, Error> {
        loop {
            let Some(entry) = self.next_entry().await? else {
                return Ok(None);
            };
            self.position = entry.position;
            if self.query.wants(&self.caller, &entry.event) {
                return Ok(Some(entry));
            }
        }
    }

    async fn next_entry(&mut self) -> Result<Option<Arc<Logged>>, Error> {
        let closed = self.gateway.tail.closed.clone();
        loop {
            if closed.is_cancelled() {
                return Ok(None);
            }
            if let Some(entry) = self.backlog.pop_front() {
                return Ok(Some(entry));
            }
            if !self.caught_up {
                let mut running = self.gateway.tail.running.subscribe();
                let sent_from_now_on = *running.borrow_and_update();
                let entries = self.gateway.logged(self.position).await?;
                self.caught_up = entries.is_empty() && sent_from_now_on;
                if entries.is_empty() && !sent_from_now_on {
                    tokio::select! {
                        _ = running.changed() => {}
                        () = closed.cancelled() => return Ok(None),
                    }
                }
                self.backlog.extend(entries.into_iter().map(Arc::new));
                continue;
            }
            let received = tokio::select! {
                received = self.live.recv() => received,
                () = closed.cancelled() => return Ok(None),
            };
            match received {
                Ok(entry) if entry.position > self.position => return Ok(Some(entry)),
                // Read from the log already.
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => self.caught_up = false,
                Err(RecvError::Closed) => return Ok(None),
            }
        }
    }
}

fn unreadable(position: Position) -> Error {
    tracing::error!(%position, "an event in the log cannot be read");
    Error::new(Problem::Internal, "An event in the log cannot be read.")
}
