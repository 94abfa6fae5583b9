//! Webhooks applied: in the order they were taken, each subject's by itself, by one instance at a time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{join_all, try_join_all};
use serde::Serialize;
use serde_json::value::to_raw_value;
use tokio_util::sync::CancellationToken;

use super::bind::provider_id;
use super::gateway::Gateway;
use super::raw::Raw;
use super::records::encode;
use super::take_webhook::{Content, Taken};
use crate::domain::account::AccountName;
use crate::domain::call::SettledBy;
use crate::domain::error::{Error, Problem};
use crate::domain::event::{Event, EventType};
use crate::domain::facts::CallFacts;
use crate::domain::ids::{CallId, EventId};
use crate::domain::time::Timestamp;
use crate::providers::port::{News, Signal};
use crate::providers::registry::Entry;
use crate::seal::short_digest;
use crate::spans;
use crate::store::{Expect, Position, keys};

/// How long a look at an empty inbox lasts.
const LOOK: Duration = Duration::from_secs(1);
/// How many webhooks are applied between two notes of the place.
const BATCH: usize = 128;
/// From how many webhooks at once on the reader lets more gather, for a while that nobody notices: what a look at the store
/// costs is then shared by many.
const BUSY: usize = 16;
const GATHERING: Duration = Duration::from_millis(2);
/// The name of the inbox's one reader.
const READER: &str = "inbox";

/// One thing that a webhook tells.
struct Message {
    /// The event that it makes if it is not of a call: the same however often it is applied.
    id: EventId,
    account: AccountName,
    at: Timestamp,
    trace: Option<String>,
    told: Told,
}

enum Told {
    Call(Box<CallFacts>, Option<Raw>),
    Signal(Signal),
    Unreadable { kind: Option<String>, body: String },
}

/// What is told of one subject, in order.
struct Subject {
    /// The call it is, if it is one.
    call: Option<CallId>,
    messages: Vec<Message>,
}

/// A webhook nobody could read, kept as it came.
#[derive(Debug, Serialize)]
struct DeadLetter<'a> {
    account: &'a AccountName,
    kind: Option<&'a str>,
    at: Timestamp,
    body: &'a str,
}

impl Gateway {
    /// Applies webhooks in the order they were taken until told to stop; of several instances one does.
    pub async fn follow_inbox(self: Arc<Self>, stop: CancellationToken) {
        let work = || {
            let work = async {
                let mut place = self.inbox_position().await?;
                // Whoever led before may have died before it noted how far it had come.
                let mut told = self.told_since(place).await?;
                loop {
                    let (until, count) = self.apply_batch(place, &told).await?;
                    place = until;
                    told.clear();
                    if (BUSY..BATCH).contains(&count) {
                        tokio::time::sleep(GATHERING).await;
                    }
                }
            };
            work.boxed()
        };
        self.lead(READER, &stop, work).await;
    }

    /// The events in the log since the first webhook after `position` was taken.
    async fn told_since(&self, position: Position) -> Result<HashSet<EventId>, Error> {
        let waiting = self.store.read(&keys::inbox(), position, 1).await?;
        match waiting.first() {
            Some((first, _)) => self.events_since(first.ms()).await,
            None => Ok(HashSet::new()),
        }
    }

    /// Applies what waits after a place, or waits for something; tells the place it came to, and past how many webhooks.
    pub(super) async fn apply_batch(
        &self,
        after: Position,
        told: &HashSet<EventId>,
    ) -> Result<(Position, usize), Error> {
        let batch = self.store.read(&keys::inbox(), after, BATCH).await?;
        let Some((last, _)) = batch.last() else {
            self.store.wait(&keys::inbox(), after, LOOK).await?;
            // A store that lost its last moments may number on from before them.
            return Ok((after.min(self.inbox_position().await?), 0));
        };
        let (last, count) = (*last, batch.len());
        let subjects = self.with_their_calls(by_subject(batch)).await?;
        let applied = subjects.into_iter().map(|subject| self.apply_in_order(subject, told));
        let events = try_join_all(applied).await?.concat();
        self.append_events(&events).await?;
        self.store
            .put(&keys::position(READER), last.to_string().into(), None, Expect::Any)
            .await?;
        Ok((last, count))
    }

    /// Up to where webhooks are applied.
    pub(super) async fn inbox_position(&self) -> Result<Position, Error> {
        let stored = self.store.get(&keys::position(READER)).await?;
        let text = stored
            .as_ref()
            .and_then(|stored| std::str::from_utf8(&stored.value).ok());
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(Position::START))
    }

    /// Until when everything that was taken is applied.
    pub(super) async fn inbox_applied_until(&self) -> Result<Timestamp, Error> {
        let position = self.inbox_position().await?;
        let waiting = self.store.read(&keys::inbox(), position, 1).await?;
        let before = |(first, _): &(Position, Bytes)| i64::try_from(first.ms()).unwrap_or(i64::MAX) - 1;
        Ok(waiting
            .first()
            .map_or(self.now(), |first| Timestamp::from_millis(before(first))))
    }

    /// Finds the call of each subject. Calls whose names are not known yet are tied one after the other, in the order
    /// their news came, which is all that tells two calls to one party apart.
    async fn with_their_calls(&self, subjects: Vec<Vec<Message>>) -> Result<Vec<Subject>, Error> {
        let known = join_all(subjects.iter().map(|messages| self.known_subject(messages))).await;
        let mut found = Vec::with_capacity(subjects.len());
        for (messages, known) in subjects.into_iter().zip(known) {
            let call = match (known, messages.first()) {
                (Ok(None), Some(first)) => self.tied(first).await,
                (known, _) => known,
            };
            if let Some(call) = passed_over(call)? {
                found.push(Subject { call, messages });
            }
        }
        Ok(found)
    }

    async fn known_subject(&self, messages: &[Message]) -> Result<Option<CallId>, Error> {
        match messages.first().and_then(|first| Some((first, first.call_name()?))) {
            Some((first, name)) => self.known_call(&first.account, name).await,
            None => Ok(None),
        }
    }

    /// The call of ours that news of an unknown name is about, else a new one of the account's owner.
    async fn tied(&self, news: &Message) -> Result<Option<CallId>, Error> {
        let (Some(entry), Told::Call(facts, _)) = (self.accounts.get(&news.account), &news.told) else {
            return Ok(None);
        };
        if news.call_name().is_none() {
            return Ok(None);
        }
        match self.bind(entry, facts).await? {
            Some(id) => Ok(Some(id)),
            None => self.new_call(entry, facts, news.at).await.map(Some),
        }
    }

    /// Applies what is told of one subject; returns the events that are not a call's, which its record would keep.
    async fn apply_in_order(&self, subject: Subject, told: &HashSet<EventId>) -> Result<Vec<Event>, Error> {
        let mut events = Vec::new();
        for message in subject
            .messages
            .into_iter()
            .filter(|message| !told.contains(&message.id))
        {
            let trace = message.trace.clone();
            let applied = spans::continued(trace.as_deref(), self.apply(subject.call, message)).await;
            events.extend(passed_over(applied)?.flatten());
        }
        Ok(events)
    }

    async fn apply(&self, call: Option<CallId>, message: Message) -> Result<Option<Event>, Error> {
        let Some(entry) = self.accounts.get(&message.account) else {
            return Ok(None);
        };
        match message.told {
            Told::Call(facts, raw) => {
                let Some(id) = call else { return Ok(None) };
                // Boxed, as it is many times larger than what most webhooks need, and moved with them.
                Box::pin(self.learn(id, *facts, SettledBy::Webhook, message.at)).await?;
                if let Some(raw) = raw {
                    self.keep_raw(id, raw, message.at).await?;
                }
                Ok(None)
            }
            Told::Signal(signal) => self
                .apply_signal(entry, (message.id, message.at), signal)
                .await
                .map(Some),
            Told::Unreadable { kind, body } => {
                let letter = DeadLetter {
                    account: &message.account,
                    kind: kind.as_deref(),
                    at: message.at,
                    body: &body,
                };
                self.store.append(&keys::dead_letters(), encode(&letter)?).await?;
                unreadable_event(entry, message.id, &letter).map(Some)
            }
        }
    }

    async fn apply_signal(
        &self,
        entry: &Entry,
        (id, taken_at): (EventId, Timestamp),
        mut signal: Signal,
    ) -> Result<Event, Error> {
        if let Some(link) = signal.recording.take() {
            let keep = Some(self.config.retention.events);
            self.store
                .put(&keys::recording_of_event(id), link.into(), keep, Expect::Any)
                .await?;
            signal.data["recording_url"] = format!("/events/{id}/recording").into();
        }
        signal_event(entry, (id, taken_at), signal)
    }
}

/// The messages of each subject, in their order. Subjects do not wait for each other.
fn by_subject(batch: Vec<(Position, Bytes)>) -> Vec<Vec<Message>> {
    let mut subjects: Vec<Vec<Message>> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (position, bytes) in batch {
        for message in messages(position, &bytes) {
            let place = *known.entry(message.subject()).or_insert(subjects.len());
            match subjects.get_mut(place) {
                Some(subject) => subject.push(message),
                None => subjects.push(vec![message]),
            }
        }
    }
    subjects
}

fn messages(position: Position, bytes: &[u8]) -> Vec<Message> {
    let Taken {
        account,
        kind,
        at,
        content,
        trace,
    } = match serde_json::from_slice(bytes) {
        Ok(taken) => taken,
        Err(error) => {
            tracing::error!(%error, "a webhook in the inbox cannot be read");
            return Vec::new();
        }
    };
    let told: Vec<Told> = match content {
        Content::Unreadable(body) => vec![Told::Unreadable { kind, body }],
        Content::News(news) => news
            .into_iter()
            .map(|said| match said.news {
                News::Call(facts) => Told::Call(facts, said.raw),
                News::Signal(signal) => Told::Signal(signal),
            })
            .collect(),
    };
    let message = |(index, told): (usize, Told)| Message {
        id: EventId::of(
            position.ms(),
            short_digest(&[READER, &position.to_string(), &index.to_string()]),
        ),
        account: account.clone(),
        at,
        trace: trace.clone(),
        told,
    };
    told.into_iter().enumerate().map(message).collect()
}

/// What can never be applied is passed over: it must not hold up all that came after it.
fn passed_over<T>(applied: Result<T, Error>) -> Result<Option<T>, Error> {
    match applied {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.context.retry_after.is_some() => Err(error),
        Err(error) => {
            tracing::error!(%error, "a webhook cannot be applied");
            Ok(None)
        }
    }
}

impl Message {
    /// The provider's name of the call that it is about.
    fn call_name(&self) -> Option<&str> {
        match &self.told {
            Told::Call(facts, _) => provider_id(facts.reference.as_ref()),
            Told::Signal(_) | Told::Unreadable { .. } => None,
        }
    }

    fn subject(&self) -> String {
        let named = match &self.told {
            Told::Call(..) => self.call_name(),
            Told::Signal(signal) => signal.subject.as_deref(),
            Told::Unreadable { .. } => None,
        };
        format!("{} {}", self.account, named.unwrap_or_default())
    }
}

/// The event of what is not about a call; it is the account owner's.
pub(super) fn owners_event(entry: &Entry, id: EventId, kind: EventType, data: &impl Serialize) -> Result<Event, Error> {
    let account = &entry.config.name;
    let data = to_raw_value(data).map_err(|_| Error::new(Problem::Internal, "An event cannot be written."))?;
    Ok(Event {
        id,
        kind,
        source: Event::source_of(Some(account.as_str())),
        subject: account.to_string(),
        tenant: entry.config.owner.clone(),
        time: Timestamp::from_millis(0),
        data,
    })
}

fn signal_event(entry: &Entry, (id, taken_at): (EventId, Timestamp), signal: Signal) -> Result<Event, Error> {
    let event = owners_event(entry, id, signal.kind, &signal.data)?;
    Ok(Event {
        subject: signal.subject.unwrap_or(event.subject),
        time: signal.at.unwrap_or(taken_at),
        ..event
    })
}

fn unreadable_event(entry: &Entry, id: EventId, letter: &DeadLetter<'_>) -> Result<Event, Error> {
    let data = serde_json::json!({ "account": letter.account, "kind": letter.kind, "bytes": letter.body.len() });
    Ok(Event {
        time: letter.at,
        ..owners_event(entry, id, EventType::WebhookUnreadable, &data)?
    })
}
