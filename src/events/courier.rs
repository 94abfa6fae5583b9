//! What is done for one subscription: each event of its log tried once, in no order, and what failed tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use metrics::{SharedString, counter};
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::sign;
use crate::config::Subscription;
use crate::domain::caller::EVERY_TENANT;
use crate::domain::delivery::{DeliveryError, DeliveryStatus, Tried};
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::time::Timestamp;
use crate::store::{Expect, Position, SharedStore, Version, keys};
use crate::telemetry::metric;
use crate::upstream::{Letter, Outbound, Reply};
use crate::usecases::Gateway;
use crate::usecases::delivery_ledger::{DeliveryLedger, Held, Record, body, name};

/// How many events are read together.
const BATCH: usize = 100;
/// How many of them are on their way to one receiver at the same time; as many again are tried anew.
const AT_ONCE: usize = 16;
/// How far before its start a new subscription begins, in milliseconds: neither clocks that differ nor a start that is cut
/// short may hide an event from it.
const HEAD_START_MS: u64 = 60_000;

/// A way to post letters.
#[async_trait]
pub(super) trait Post: Send + Sync + 'static {
    /// Posts a letter once.
    async fn post(&self, letter: Letter, now: Timestamp) -> Result<Reply, DeliveryError>;
}

#[async_trait]
impl Post for Outbound {
    async fn post(&self, letter: Letter, now: Timestamp) -> Result<Reply, DeliveryError> {
        Self::post(self, letter, now).await
    }
}

/// What every courier works with.
#[derive(Clone)]
pub(super) struct Means {
    pub(super) gateway: Arc<Gateway>,
    pub(super) store: SharedStore,
    pub(super) post: Arc<dyn Post>,
    /// Once cancelled, nothing more is posted.
    pub(super) stop: CancellationToken,
}

/// Brings events to one subscription.
///
/// It keeps nothing that is not in the store but what it is doing: it may be dropped at any point, and the next one goes
/// on. An event may then be posted twice, as the same event.
pub(super) struct Courier {
    means: Means,
    ledger: DeliveryLedger,
    name: String,
    label: SharedString,
    subscription: Subscription,
    /// Whether the receiver ended it after this batch was read.
    ended: AtomicBool,
}

/// An event of the log that the subscription asks for.
struct Entry {
    position: Position,
    event: Event,
    body: Box<RawValue>,
}

impl Courier {
    /// Makes the courier of a subscription, if it is configured.
    pub(super) fn new(means: Means, name: &str) -> Option<Self> {
        let subscription = means.gateway.config().subscriptions.get(name)?.clone();
        Some(Self {
            ledger: means.gateway.deliveries_kept(),
            name: name.to_owned(),
            label: SharedString::from(name.to_owned()),
            subscription,
            ended: AtomicBool::new(false),
            means,
        })
    }

    /// How far the log was delivered. A new subscription begins now.
    pub(super) async fn place(&self) -> Result<Position, Error> {
        let (key, store) = (keys::position(self.reader()), &self.means.store);
        if let Some(stored) = store.get(&key).await? {
            let text = std::str::from_utf8(&stored.value).ok();
            if let Some(place) = text.and_then(|text| text.parse().ok()) {
                return Ok(place);
            }
        }
        let now = u64::try_from(self.now().as_millis()).unwrap_or(0);
        let place = Position::new(now.saturating_sub(HEAD_START_MS), 0);
        self.note_place(place).await?;
        Ok(place)
    }

    async fn note_place(&self, place: Position) -> Result<(), Error> {
        let key = keys::position(self.reader());
        self.means
            .store
            .put(&key, place.to_string().into(), None, Expect::Any)
            .await?;
        Ok(())
    }

    /// Tries the next events after `place` for the first time, and returns how far that got; nothing where the
    /// subscription was ended by its receiver.
    pub(super) async fn try_new(&self, place: Position) -> Result<Option<Position>, Error> {
        if self.is_ended().await? {
            return Ok(None);
        }
        let batch = self.means.store.read(&keys::events(), place, BATCH).await?;
        let Some(&(last, _)) = batch.last() else {
            return Ok(Some(place));
        };
        let full = batch.len() == BATCH;
        let wanted: Vec<Entry> = batch.into_iter().filter_map(|entry| self.wanted(entry)).collect();
        let none_wanted = wanted.is_empty();
        let names: Vec<_> = wanted.iter().map(|entry| name(entry.event.id, &self.name)).collect();
        let known = self.ledger.read(&names).await?;
        let positions: Vec<_> = wanted.iter().map(|entry| entry.position).collect();
        let tries = stream::iter(wanted.into_iter().zip(known))
            .map(|(entry, known)| self.first_try(entry, known))
            .buffered(AT_ONCE);
        let done: Vec<bool> = tries.try_collect().await?;
        let undone = positions.into_iter().zip(done).find(|(_, done)| !done);
        let reached = undone.map_or(last, |(position, _)| position.before().max(place));
        // Of events that nobody here asks for, the place is noted now and then only.
        if full || !none_wanted {
            self.note_place(reached).await?;
        }
        Ok(Some(reached))
    }

    /// Tries what is due again, and returns how many deliveries that were.
    pub(super) async fn try_again(&self) -> Result<usize, Error> {
        if self.is_ended().await? {
            return Ok(0);
        }
        let due = self.ledger.due(&self.name, self.now(), BATCH).await?;
        let held = self.ledger.read(&due).await?;
        let count = due.len();
        let tries = stream::iter(due.into_iter().zip(held))
            .map(|(name, held)| self.next_try(name, held))
            .buffer_unordered(AT_ONCE);
        tries.try_collect::<()>().await?;
        Ok(count)
    }

    /// How many deliveries of the subscription were given up.
    pub(super) async fn count_dead(&self) -> Result<usize, Error> {
        self.ledger.count_dead(&self.name, self.now()).await
    }

    fn wanted(&self, (position, entry): (Position, Bytes)) -> Option<Entry> {
        let read = serde_json::from_slice::<Event>(&entry).ok().zip(body(&entry));
        let Some((event, body)) = read else {
            tracing::error!(%position, "an event in the log cannot be read");
            return None;
        };
        let theirs = &self.subscription.tenant;
        let may_know = [theirs.as_str(), event.tenant.as_str()].contains(&EVERY_TENANT) || *theirs == event.tenant;
        let asked_for = self.subscription.types.iter().any(|types| types.matches(event.kind));
        (may_know && asked_for).then_some(Entry { position, event, body })
    }

    /// Tries an event that no one tried, and says whether it has been tried now.
    async fn first_try(&self, entry: Entry, known: Option<Held>) -> Result<bool, Error> {
        if let Some(held) = known {
            // Whoever tried it may not have come to put it where it belongs.
            self.ledger.enlist(&held.record, self.now()).await?;
            return Ok(true);
        }
        if self.is_stopped() {
            return Ok(false);
        }
        let record = Record::new(&self.name, &entry.event, (entry.position, entry.body.clone()));
        self.attempt((record, None), entry.body).await?;
        Ok(true)
    }

    async fn next_try(&self, name: String, held: Option<Held>) -> Result<(), Error> {
        let Some(Held { record, version }) = held else {
            return self.ledger.forget_due(&self.name, &name).await;
        };
        let (delivery, now) = (&record.delivery, self.now());
        let due = delivery.status == DeliveryStatus::Pending && delivery.next_at.is_none_or(|next| next <= now);
        match record.body.clone() {
            // The list and the record parted when somebody died between the two.
            _ if !due => self.ledger.schedule(&record, now).await,
            None => self.ledger.forget_due(&self.name, &name).await,
            Some(_) if self.is_stopped() => Ok(()),
            Some(body) => self.attempt((record, Some(version)), body).await,
        }
    }

    async fn attempt(&self, (mut record, since): (Record, Option<Version>), body: Box<RawValue>) -> Result<(), Error> {
        let tried = self.post(&record, body).await;
        let now = self.now();
        if tried.ends_the_subscription() {
            self.end().await?;
        }
        record.delivery.note(tried, now, random());
        let outcome = match record.delivery.status {
            DeliveryStatus::Delivered => {
                record.body = None;
                "delivered"
            }
            DeliveryStatus::Pending => "failed",
            DeliveryStatus::Dead => "dead",
        };
        self.ledger.write(&record, since, now).await?;
        counter!(metric::DELIVERIES, "subscription" => self.label.clone(), "outcome" => outcome).increment(1);
        if let Some(error) = tried.error {
            let (event, attempts) = (record.delivery.event_id, record.delivery.attempts);
            let status = tried.status;
            tracing::info!(subscription = self.name, %event, attempts, %error, status, outcome, "a delivery failed");
        }
        Ok(())
    }

    async fn post(&self, record: &Record, body: Box<RawValue>) -> Tried {
        let (now, body) = (self.now(), Bytes::from(String::from(Box::<str>::from(body))));
        let keys = self.subscription.signing_keys(now);
        let Some(headers) = sign::headers(keys, record.delivery.event_id, now, &body) else {
            return Tried::failed(DeliveryError::NoKey);
        };
        let letter = Letter {
            url: self.subscription.url.clone(),
            content_type: "application/cloudevents+json",
            headers,
            body,
        };
        let answer = self.means.post.post(letter, now).await;
        let status = answer.as_ref().ok().map(|reply| reply.status);
        self.subscription.note(status, now);
        match answer {
            Ok(Reply { status, retry_after }) => Tried {
                status: Some(status),
                error: (!(200..300).contains(&status)).then_some(DeliveryError::Status),
                retry_after,
            },
            Err(error) => Tried::failed(error),
        }
    }

    /// Notes that the receiver wants no more, until it is asked to go on or is another one.
    async fn end(&self) -> Result<(), Error> {
        self.ledger.end(&self.name, &self.subscription.url).await?;
        if !self.ended.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                subscription = self.name,
                "the receiver answered 410: nothing is delivered until a redelivery is asked for or its URL changes"
            );
        }
        Ok(())
    }

    async fn is_ended(&self) -> Result<bool, Error> {
        // Looked at first: an end that is noted while the store is asked must not be taken back.
        let noted = self.ended.load(Ordering::Relaxed);
        let ended = self.ledger.is_ended(&self.name, &self.subscription.url).await?;
        if noted && !ended {
            self.ended.store(false, Ordering::Relaxed);
        }
        Ok(ended)
    }

    fn is_stopped(&self) -> bool {
        self.means.stop.is_cancelled() || self.ended.load(Ordering::Relaxed)
    }

    fn reader(&self) -> String {
        format!("subscription/{}", self.name)
    }

    fn now(&self) -> Timestamp {
        self.means.gateway.now()
    }
}

/// A number that receivers cannot tell.
fn random() -> u8 {
    let mut random = [0];
    // Without a random byte the wait is the shortest.
    let _ = aws_lc_rs::rand::fill(&mut random);
    random[0]
}
