//! Objects in the store: read, and changed by compare-and-set, together with the events that tell of the change.

use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::gateway::Gateway;
use super::publish::Unpublished;
use crate::domain::call::Call;
use crate::domain::call_file::CallFile;
use crate::domain::error::{Error, Problem};
use crate::domain::event::{self, Event, EventType, Happened};
use crate::domain::ids::{CallId, EventId, VerificationId};
use crate::domain::time::Timestamp;
use crate::domain::verification::{Ledger, VerificationStatus};
use crate::spans;
use crate::store::{Expect, Key, Put, Set, Stored, Version, keys};
use crate::telemetry::metric;

/// How often a change is tried again when others change the same object; each try is one round trip.
const TRIES: usize = 200;

/// Bytes that hold most objects without growing.
const USUAL_SIZE: usize = 4096;

/// An object as it was last read or written.
pub(super) struct Held<O> {
    pub(super) object: O,
    /// Events of the object that may not be in the log yet, oldest first.
    pub(super) outbox: Vec<Event>,
    pub(super) version: Version,
}

/// What stands under an object's key: a change and its events are one write, so neither is ever without the other.
#[derive(Deserialize)]
struct Record<O> {
    object: O,
    #[serde(default)]
    outbox: Vec<Event>,
}

#[derive(Serialize)]
struct RecordRef<'a, O> {
    object: &'a O,
    #[serde(skip_serializing_if = "<[Event]>::is_empty")]
    outbox: &'a [Event],
}

/// What a change decided.
pub(super) enum Change<T> {
    /// Write the object back.
    Write(T),
    /// Leave it as it is.
    Keep(T),
}

/// An object whose changes are told of.
pub(super) trait Told: Serialize + DeserializeOwned + Clone {
    /// The set of those that are looked at until they are closed.
    fn open_set() -> Set;

    /// Its key, and how long it is kept.
    fn place(&self, gateway: &Gateway) -> (Key, Duration);

    /// What a change means to those who follow the object.
    fn happened(before: Option<&Self>, after: &Self) -> Vec<Happened>;

    /// The identifier, the tenant and the account, as its events name them.
    fn named(&self) -> (String, &str, Option<&str>);

    /// What callers see of it.
    fn shown(&self) -> serde_json::Result<Box<RawValue>>;

    /// Where its trace goes on, if it has one.
    fn trace(&self) -> Option<&str> {
        None
    }

    /// Whether nothing more will happen to it by itself.
    fn is_closed(&self) -> bool;

    /// How its provider names it, and the request that made it.
    fn origin(&self) -> (Option<&str>, Option<&str>);

    /// Whether the object neither begins nor ends with what happened to it.
    fn is_on_the_way(_before: Option<&Self>, _kind: EventType) -> bool {
        false
    }

    /// Counts a change that was written.
    fn count(_before: Option<&Self>, _after: &Self) {}
}

impl Told for CallFile {
    fn open_set() -> Set {
        keys::open_calls()
    }

    fn place(&self, gateway: &Gateway) -> (Key, Duration) {
        (keys::call(self.call.id), gateway.config.retention.calls)
    }

    fn happened(before: Option<&Self>, after: &Self) -> Vec<Happened> {
        event::of_call(before.map(|file| &file.call), &after.call)
    }

    fn named(&self) -> (String, &str, Option<&str>) {
        let call = &self.call;
        let account = call.account.as_ref().map(|account| account.as_str());
        (call.id.to_string(), &call.tenant, account)
    }

    fn shown(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&self.call)
    }

    fn trace(&self) -> Option<&str> {
        self.trace.as_deref()
    }

    fn is_closed(&self) -> bool {
        self.is_closed()
    }

    fn origin(&self) -> (Option<&str>, Option<&str>) {
        let reference = self.call.provider_ref.as_ref();
        (
            reference.and_then(|reference| reference.id.as_deref()),
            self.call.request_id.as_deref(),
        )
    }

    fn is_on_the_way(before: Option<&Self>, kind: EventType) -> bool {
        use EventType::{CallAnswered, CallRecording, CallRinging, CallSession};
        let has_begun = before.is_some_and(|file| !event::is_untold(&file.call));
        has_begun && matches!(kind, CallRinging | CallAnswered | CallSession | CallRecording)
    }
}

impl Told for Ledger {
    fn open_set() -> Set {
        keys::open_verifications()
    }

    fn place(&self, gateway: &Gateway) -> (Key, Duration) {
        let key = keys::verification(self.verification.id);
        (key, gateway.config.retention.verifications)
    }

    fn happened(before: Option<&Self>, after: &Self) -> Vec<Happened> {
        event::of_verification(before.map(|ledger| &ledger.verification), &after.verification)
    }

    fn named(&self) -> (String, &str, Option<&str>) {
        let verification = &self.verification;
        let account = verification.routing.as_ref().map(|routing| routing.account.as_str());
        (verification.id.to_string(), &verification.tenant, account)
    }

    fn shown(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&self.verification)
    }

    fn is_closed(&self) -> bool {
        self.verification.status != VerificationStatus::Pending
    }

    fn origin(&self) -> (Option<&str>, Option<&str>) {
        let last = self.verification.sends.last();
        let reference = last.and_then(|send| send.provider_ref.as_ref());
        (
            reference.and_then(|reference| reference.id.as_deref()),
            self.verification.request_id.as_deref(),
        )
    }

    fn count(before: Option<&Self>, after: &Self) {
        let status = after.verification.status;
        if before.is_none_or(|before| before.verification.status != status) {
            metrics::counter!(metric::VERIFICATIONS, "status" => status.as_str()).increment(1);
        }
    }
}

pub(super) fn encode(object: &impl Serialize) -> Result<Bytes, Error> {
    let mut text = Vec::with_capacity(USUAL_SIZE);
    serde_json::to_writer(&mut text, object).map_err(|_| corrupt())?;
    Ok(text.into())
}

pub(super) fn decode<T: DeserializeOwned>(stored: &Stored) -> Result<T, Error> {
    serde_json::from_slice(&stored.value).map_err(|_| corrupt())
}

/// The object that stands under its key as `value`; none for a key that is only fenced off.
pub(super) fn read<O: DeserializeOwned>(value: &[u8]) -> Option<O> {
    serde_json::from_slice::<Record<O>>(value)
        .ok()
        .map(|record| record.object)
}

/// The call that stands under its key as `value`, as callers see it.
pub(super) fn read_call(value: &[u8]) -> Option<Call> {
    read_call_file(value).map(|file| file.call)
}

/// The same with what is known besides.
pub(super) fn read_call_file(value: &[u8]) -> Option<CallFile> {
    read(value)
}

pub(super) fn corrupt() -> Error {
    tracing::error!("an object in the store cannot be read");
    Error::new(Problem::Internal, "An object in the store cannot be read.")
}

impl Gateway {
    pub(super) async fn load_call(&self, id: CallId) -> Result<Option<Call>, Error> {
        Ok(self.hold_call(id).await?.map(|held| held.object.call))
    }

    pub(super) async fn hold_call(&self, id: CallId) -> Result<Option<Held<CallFile>>, Error> {
        self.hold(&keys::call(id)).await
    }

    pub(super) async fn hold_ledger(&self, id: VerificationId) -> Result<Option<Held<Ledger>>, Error> {
        self.hold(&keys::verification(id)).await
    }

    pub(super) async fn hold<O: DeserializeOwned>(&self, key: &Key) -> Result<Option<Held<O>>, Error> {
        match self.store.get(key).await? {
            Some(stored) if !stored.value.is_empty() => held(&stored).map(Some),
            _ => Ok(None),
        }
    }

    /// Writes an object unless it is there.
    pub(super) async fn create<O: Told>(&self, object: O) -> Result<Result<Held<O>, Option<Stored>>, Error> {
        let outbox = self.events_of(None, &object)?;
        let (key, keep) = object.place(self);
        let value = encode(&RecordRef {
            object: &object,
            outbox: &outbox,
        })?;
        match self.store.put(&key, value, Some(keep), Expect::Absent).await? {
            Put::Stored(version) => {
                O::count(None, &object);
                log(None, &object, &outbox);
                let held = Held {
                    object,
                    outbox,
                    version,
                };
                self.announce(&held).await?;
                Ok(Ok(held))
            }
            Put::Conflict(found) => Ok(Err(found)),
        }
    }

    pub(super) async fn change_call<T>(
        &self,
        id: CallId,
        mut change: impl FnMut(&mut Call) -> Result<Change<T>, Error>,
    ) -> Result<(Call, T), Error> {
        let current: Held<CallFile> = existing(self.store.get(&keys::call(id)).await?)?;
        let (held, done) = self.change(current, |file| change(&mut file.call)).await?;
        Ok((held.object.call, done))
    }

    /// Applies `change` to an object, as it is known and then as it is found, until no one else changed it meanwhile.
    pub(super) async fn change<O: Told, T>(
        &self,
        mut current: Held<O>,
        mut change: impl FnMut(&mut O) -> Result<Change<T>, Error>,
    ) -> Result<(Held<O>, T), Error> {
        let (key, keep) = current.object.place(self);
        for _ in 0..TRIES {
            let before = current.object.clone();
            let done = match change(&mut current.object)? {
                Change::Keep(done) => return Ok((current, done)),
                Change::Write(done) => done,
            };
            let news = self.events_of(Some(&before), &current.object)?;
            let (told, known) = (!news.is_empty(), current.outbox.len());
            current.outbox.extend(news);
            let value = encode(&RecordRef {
                object: &current.object,
                outbox: &current.outbox,
            })?;
            match self
                .store
                .put(&key, value, Some(keep), Expect::Version(current.version))
                .await?
            {
                Put::Stored(version) => {
                    O::count(Some(&before), &current.object);
                    log(Some(&before), &current.object, &current.outbox[known..]);
                    current.version = version;
                    if told {
                        self.announce(&current).await?;
                    }
                    return Ok((current, done));
                }
                Put::Conflict(found) => current = existing(found)?,
            }
        }
        Err(
            Error::new(Problem::Overloaded, "Too many changes of one object at once.")
                .retry_after(Duration::from_secs(1)),
        )
    }

    /// Hands the events of an object over to be published; if this process dies before they are, its record still has them.
    async fn announce<O: Told>(&self, held: &Held<O>) -> Result<(), Error> {
        if held.outbox.is_empty() {
            return Ok(());
        }
        self.hand_over(held, held.outbox.clone()).await
    }

    /// Hands over what was left behind in a record, except what came into the log all the same.
    pub(super) async fn announce_again<O: Told>(&self, held: &Held<O>) -> Result<(), Error> {
        let mut missing = Vec::new();
        for event in &held.outbox {
            if self.find_event(event.id).await?.is_none() {
                missing.push(event.clone());
            }
        }
        self.hand_over(held, missing).await
    }

    async fn hand_over<O: Told>(&self, held: &Held<O>, events: Vec<Event>) -> Result<(), Error> {
        let (key, keep) = held.object.place(self);
        let (subject, ..) = held.object.named();
        let told = RecordRef {
            object: &held.object,
            outbox: &[],
        };
        self.publisher
            .send(Unpublished {
                key,
                keep,
                version: held.version,
                told: encode(&told)?,
                watched: held.object.is_closed().then(|| (O::open_set(), subject)),
                trace: spans::here().or_else(|| held.object.trace().map(str::to_owned)),
                events,
            })
            .await;
        Ok(())
    }

    fn events_of<O: Told>(&self, before: Option<&O>, after: &O) -> Result<Vec<Event>, Error> {
        let happened = O::happened(before, after);
        if happened.is_empty() {
            return Ok(Vec::new());
        }
        let (now, data) = (self.now(), after.shown().map_err(|_| corrupt())?);
        let (subject, tenant, account) = after.named();
        let event = |(kind, at): (_, Option<Timestamp>)| Event {
            id: EventId::at(u64::try_from(now.as_millis()).unwrap_or_default()),
            kind,
            source: Event::source_of(account),
            subject: subject.clone(),
            tenant: tenant.to_owned(),
            time: at.unwrap_or(now),
            data: data.clone(),
        };
        Ok(happened.into_iter().map(event).collect())
    }
}

/// Tells of an object's beginning and its end, by every name that provider, webhooks and events give it. What happens in
/// between is in the log of events.
fn log<O: Told>(before: Option<&O>, object: &O, news: &[Event]) {
    for event in news.iter().filter(|event| !O::is_on_the_way(before, event.kind)) {
        let (provider_ref, made_by) = object.origin();
        let (subject, _, account) = object.named();
        let (event, kind) = (event.id, event.kind.as_str());
        tracing::info!(%event, kind, subject, account, provider_ref, made_by, "happened");
    }
}

fn existing<O: DeserializeOwned>(stored: Option<Stored>) -> Result<Held<O>, Error> {
    match stored {
        Some(stored) if !stored.value.is_empty() => held(&stored),
        _ => Err(Error::not_found()),
    }
}

fn held<O: DeserializeOwned>(stored: &Stored) -> Result<Held<O>, Error> {
    let Record { object, outbox } = decode(stored)?;
    Ok(Held {
        object,
        outbox,
        version: stored.version,
    })
}
