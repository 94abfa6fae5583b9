//! What is kept of deliveries: a record of each, and the lists that find it.
//!
//! A record is written before the lists it belongs to, and who finds a list and a record at odds mends the list. So
//! whatever stops in between, a delivery that is due stays due.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::try_join;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::Url;

use super::records::{decode, encode};
use crate::config::Retention;
use crate::domain::delivery::{Delivery, DeliveryStatus};
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::domain::time::Timestamp;
use crate::seal::plain_name;
use crate::store::{Expect, Key, Order, Position, Put, Range, Scored, SharedStore, Version, keys};

/// How many members are read at once where all are counted.
const PAGE: usize = 1_000;
/// Where counting ends.
const MOST_COUNTED: usize = 100_000;
/// How long a delivery that is asked for again takes at most from its first mark to its record.
const ASKED_FOR: Duration = Duration::from_secs(2);
/// How often a delivery is asked for again when others change it at the same time.
const TRIES: usize = 5;

/// What is kept of one delivery.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// The delivery, as callers see it.
    pub delivery: Delivery,
    /// The body of each try; gone once it is delivered, when the log has it as long as it is of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Box<RawValue>>,
    /// Where the event stands in the log.
    place: (u64, u64),
}

impl Record {
    /// The delivery of an event that stands in the log at `position`, before its first try.
    pub fn new(subscription: &str, event: &Event, (position, body): (Position, Box<RawValue>)) -> Self {
        Self {
            delivery: Delivery {
                subscription: subscription.to_owned(),
                event_id: event.id,
                kind: event.kind,
                subject: event.subject.clone(),
                status: DeliveryStatus::Pending,
                attempts: 0,
                created_at: Timestamp::from_millis(i64::try_from(position.ms()).unwrap_or(i64::MAX)),
                last_attempt_at: None,
                last_status: None,
                last_error: None,
                next_at: None,
            },
            body: Some(body),
            place: (position.ms(), position.seq()),
        }
    }

    fn name(&self) -> String {
        name(self.delivery.event_id, &self.delivery.subscription)
    }

    fn position(&self) -> Position {
        Position::new(self.place.0, self.place.1)
    }
}

/// A record as it was last read.
#[derive(Debug, Clone)]
pub struct Held {
    /// The record.
    pub record: Record,
    /// The version that is replaced when it is written back.
    pub version: Version,
}

/// The deliveries of every subscription.
#[derive(Clone)]
pub struct DeliveryLedger {
    store: SharedStore,
    events: Duration,
    dead: Duration,
}

impl DeliveryLedger {
    pub(super) fn new(store: SharedStore, retention: &Retention) -> Self {
        Self {
            store,
            events: retention.events,
            dead: retention.dead,
        }
    }

    /// Reads the deliveries of these names; nothing where there is none, or none that can be read.
    ///
    /// # Errors
    /// `store-unavailable`, as everywhere here.
    pub async fn read(&self, names: &[String]) -> Result<Vec<Option<Held>>, Error> {
        let keys: Vec<Key> = names.iter().map(keys::delivery).collect();
        let found = self.store.get_many(&keys).await?;
        let held = found.into_iter().map(|stored| {
            let stored = stored?;
            let record = decode(&stored).ok()?;
            let version = stored.version;
            Some(Held { record, version })
        });
        Ok(held.collect())
    }

    /// Writes a record and puts it where it belongs. If somebody else wrote it since it was read, theirs stands.
    ///
    /// # Errors
    /// `store-unavailable`: it may be written, and is then put where it belongs by whoever finds it.
    pub async fn write(&self, record: &Record, since: Option<Version>, now: Timestamp) -> Result<(), Error> {
        match (self.put(record, since, now).await?, since) {
            (Put::Stored(_), Some(_)) => self.schedule(record, now).await,
            (Put::Stored(_), None) => self.enlist(record, now).await,
            // The other may not live to do it.
            (Put::Conflict(Some(theirs)), None) => self.enlist(&decode(&theirs)?, now).await,
            (Put::Conflict(_), _) => Ok(()),
        }
    }

    /// Notes that the receiver at `url` wants no more, until it is asked to go on or another one takes its place.
    ///
    /// # Errors
    /// As [`DeliveryLedger::read`].
    pub async fn end(&self, subscription: &str, url: &Url) -> Result<(), Error> {
        let key = keys::ended_subscription(subscription);
        self.store.put(&key, end_mark(url).into(), None, Expect::Any).await?;
        Ok(())
    }

    /// Whether the receiver at `url` wants no more.
    ///
    /// # Errors
    /// As [`DeliveryLedger::read`].
    pub async fn is_ended(&self, subscription: &str, url: &Url) -> Result<bool, Error> {
        let mark = self.store.get(&keys::ended_subscription(subscription)).await?;
        Ok(mark.is_some_and(|mark| mark.value == end_mark(url)))
    }

    /// Lets a subscription go on, whoever ended it.
    pub(super) async fn go_on(&self, subscription: &str) -> Result<(), Error> {
        let key = keys::ended_subscription(subscription);
        self.store.remove(&key, Expect::Any).await?;
        Ok(())
    }

    async fn put(&self, record: &Record, since: Option<Version>, now: Timestamp) -> Result<Put, Error> {
        let key = keys::delivery(record.name());
        let expect = since.map_or(Expect::Absent, Expect::Version);
        let keep = Some(self.lifetime(&record.delivery, now));
        Ok(self.store.put(&key, encode(record)?, keep, expect).await?)
    }

    /// Puts a new record into every list that it belongs to.
    ///
    /// # Errors
    /// As [`DeliveryLedger::read`].
    pub async fn enlist(&self, record: &Record, now: Timestamp) -> Result<(), Error> {
        let delivery = &record.delivery;
        let (set, name) = (keys::deliveries_of(&delivery.subscription), record.name());
        let keep_from = Some(ago(now, self.events.max(self.dead)));
        let listed = self
            .store
            .index(&set, delivery.created_at.as_millis(), &name, keep_from);
        if delivery.status == DeliveryStatus::Delivered {
            listed.await?;
            return Ok(());
        }
        let listed = async { Ok(listed.await?) };
        try_join(listed, self.schedule(record, now)).await?;
        Ok(())
    }

    /// Puts a record among those that are due, or the dead, or takes it out of the former.
    ///
    /// # Errors
    /// As [`DeliveryLedger::read`].
    pub async fn schedule(&self, record: &Record, now: Timestamp) -> Result<(), Error> {
        let (delivery, name) = (&record.delivery, record.name());
        let due = keys::deliveries_due(&delivery.subscription);
        if let (DeliveryStatus::Pending, Some(next_at)) = (delivery.status, delivery.next_at) {
            self.store.index(&due, next_at.as_millis(), &name, None).await?;
            return Ok(());
        }
        if delivery.status == DeliveryStatus::Dead {
            let dead = keys::deliveries_dead(&delivery.subscription);
            let died = delivery.last_attempt_at.unwrap_or(now).as_millis();
            let keep_from = Some(ago(now, self.dead));
            self.store.index(&dead, died, &name, keep_from).await?;
        }
        self.forget_due(&delivery.subscription, &name).await
    }

    /// Takes a name out of those that are due.
    ///
    /// # Errors
    /// As [`DeliveryLedger::read`].
    pub async fn forget_due(&self, subscription: &str, name: &str) -> Result<(), Error> {
        Ok(self.store.unindex(&keys::deliveries_due(subscription), name).await?)
    }

    /// The names of at most `limit` deliveries that are due at `now`, those that have waited longest first.
    ///
    /// # Errors
    /// As [`DeliveryLedger::read`].
    pub async fn due(&self, subscription: &str, now: Timestamp, limit: usize) -> Result<Vec<String>, Error> {
        let due = Range {
            scores: 0..=now.as_millis(),
            order: Order::Ascending,
            after: None,
            limit,
        };
        let members = self.store.range(&keys::deliveries_due(subscription), due).await?;
        Ok(members.into_iter().map(|member| member.member).collect())
    }

    /// How many deliveries of a subscription were given up and are still kept; 100,000 where there are more.
    ///
    /// # Errors
    /// As [`DeliveryLedger::read`].
    pub async fn count_dead(&self, subscription: &str, now: Timestamp) -> Result<usize, Error> {
        let (set, from) = (keys::deliveries_dead(subscription), ago(now, self.dead));
        let (mut count, mut after) = (0, None);
        while count < MOST_COUNTED {
            let page = Range {
                scores: from..=LAST,
                order: Order::Ascending,
                after: after.take(),
                limit: PAGE,
            };
            let members = self.store.range(&set, page).await?;
            count += members.len();
            match members.into_iter().next_back() {
                Some(Scored { score, member }) if count.is_multiple_of(PAGE) => after = Some((score, member)),
                _ => break,
            }
        }
        Ok(count)
    }

    /// Lets a delivery begin again; says whether it does, which it cannot when its event is no longer kept.
    ///
    /// # Errors
    /// As [`DeliveryLedger::read`].
    pub(super) async fn start_again(&self, mut held: Held, now: Timestamp) -> Result<bool, Error> {
        let name = held.record.name();
        let subscription = held.record.delivery.subscription.clone();
        let due = keys::deliveries_due(&subscription);
        for _ in 0..TRIES {
            if held.record.body.is_none() {
                held.record.body = self.logged(&held.record).await?;
            }
            if held.record.body.is_none() {
                return Ok(false);
            }
            // Listed first, for a while later: a record that is to be tried is never in no list, should this end here.
            let soon = now.as_millis().saturating_add_unsigned(ASKED_FOR.as_secs() * 1000);
            self.store.index(&due, soon, &name, None).await?;
            held.record.delivery.start_again(now);
            match self.put(&held.record, Some(held.version), now).await? {
                Put::Stored(_) => {
                    let dead = keys::deliveries_dead(&subscription);
                    self.store.unindex(&dead, &name).await?;
                    self.schedule(&held.record, now).await?;
                    return Ok(true);
                }
                Put::Conflict(Some(theirs)) => {
                    held.record = decode(&theirs)?;
                    held.version = theirs.version;
                }
                Put::Conflict(None) => return Ok(false),
            }
        }
        // Whoever changes it all the time is about to try it.
        Ok(true)
    }

    /// The event of a delivery, as the log has it.
    async fn logged(&self, record: &Record) -> Result<Option<Box<RawValue>>, Error> {
        let position = record.position();
        let entries = self.store.read(&keys::events(), position.before(), 1).await?;
        let entry = entries.into_iter().find(|(found, _)| *found == position);
        Ok(entry.and_then(|(_, bytes)| body(&bytes)))
    }

    /// Until it is delivered or dead a record stays: the time to its next try, and long enough for one that is late.
    fn lifetime(&self, delivery: &Delivery, now: Timestamp) -> Duration {
        match delivery.status {
            DeliveryStatus::Delivered => self.events,
            DeliveryStatus::Dead => self.dead,
            DeliveryStatus::Pending => {
                let wait = delivery.next_at.map_or(0, |next| next.seconds_since(now));
                self.dead + Duration::from_secs(wait)
            }
        }
    }
}

/// After every score.
const LAST: i64 = 1 << 52;

/// The name of a delivery.
pub fn name(event: EventId, subscription: &str) -> String {
    format!("{event}:{subscription}")
}

/// An entry of the log as the body of a delivery, byte for byte.
pub fn body(entry: &Bytes) -> Option<Box<RawValue>> {
    serde_json::from_slice(entry).ok()
}

/// What is noted of a receiver that ended its subscription.
fn end_mark(url: &Url) -> String {
    plain_name(&[url.as_str()])
}

fn ago(now: Timestamp, time: Duration) -> i64 {
    now.as_millis()
        .saturating_sub_unsigned(time.as_secs().saturating_mul(1000))
        .max(0)
}
