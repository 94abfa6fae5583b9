//! Webhooks applied: in the order they were taken, each subject's by itself, by one instance at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::try_join_all;
use serde::Serialize;
use serde_json::value::to_raw_value;
use tokio_util::sync::CancellationToken;

use super::gateway::Gateway;
use super::raw::Raw;
use super::records::{self, Change, encode};
use super::take_webhook::{Content, Taken};
use crate::domain::account::AccountName;
use crate::domain::binding;
use crate::domain::call::{Call, CallKind, Direction, SettledBy};
use crate::domain::error::{Error, Problem};
use crate::domain::event::{Event, EventType};
use crate::domain::facts::CallFacts;
use crate::domain::fold::fold;
use crate::domain::ids::{CallId, EventId};
use crate::domain::time::Timestamp;
use crate::providers::port::{News, Signal};
use crate::providers::registry::Entry;
use crate::seal::short_digest;
use crate::store::{Expect, Order, Position, Put, Range, Stored, keys};

/// How long a look at an empty inbox lasts.
const LOOK: Duration = Duration::from_secs(1);
/// How many webhooks are applied between two notes of the place.
const BATCH: usize = 256;
/// The name of the inbox's one reader.
const READER: &str = "inbox";

/// One thing that a webhook tells.
struct Message {
    /// The event that it makes if it is not of a call: the same however often it is applied.
    id: EventId,
    account: AccountName,
    at: Timestamp,
    told: Told,
}

enum Told {
    Call(Box<CallFacts>, Option<Raw>),
    Signal(Signal),
    Unreadable { kind: Option<String>, body: String },
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
                loop {
                    self.apply_batch().await?;
                }
            };
            work.boxed()
        };
        self.lead(READER, &stop, work).await;
    }

    async fn apply_batch(&self) -> Result<(), Error> {
        let after = self.inbox_position().await?;
        let batch = self.store.read(&keys::inbox(), after, BATCH).await?;
        let Some((last, _)) = batch.last() else {
            self.store.wait(&keys::inbox(), after, LOOK).await?;
            return Ok(());
        };
        let last = *last;
        let subjects = by_subject(batch);
        try_join_all(subjects.into_iter().map(|messages| self.apply_in_order(messages))).await?;
        self.store
            .put(&keys::position(READER), last.to_string().into(), None, Expect::Any)
            .await?;
        Ok(())
    }

    async fn inbox_position(&self) -> Result<Position, Error> {
        let stored = self.store.get(&keys::position(READER)).await?;
        let text = stored
            .as_ref()
            .and_then(|stored| std::str::from_utf8(&stored.value).ok());
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(Position::START))
    }

    /// Applies what is told of one subject. What can never be applied is passed over: it must not hold up all that came
    /// after it.
    async fn apply_in_order(&self, messages: Vec<Message>) -> Result<(), Error> {
        for message in messages {
            let Err(error) = self.apply(message).await else {
                continue;
            };
            let passes = error.context.retry_after.is_some();
            if passes {
                return Err(error);
            }
            tracing::error!(%error, "a webhook cannot be applied");
        }
        Ok(())
    }

    async fn apply(&self, message: Message) -> Result<(), Error> {
        let Some(entry) = self.accounts.get(&message.account) else {
            return Ok(());
        };
        match message.told {
            Told::Call(facts, raw) => {
                let call = self.apply_call(entry, *facts, message.at).await?;
                match call.zip(raw) {
                    Some((call, raw)) => self.keep_raw(call, raw, message.at).await,
                    None => Ok(()),
                }
            }
            Told::Signal(signal) => self.apply_signal(entry, (message.id, message.at), signal).await,
            Told::Unreadable { kind, body } => {
                let letter = DeadLetter {
                    account: &message.account,
                    kind: kind.as_deref(),
                    at: message.at,
                    body: &body,
                };
                self.store.append(&keys::dead_letters(), encode(&letter)?).await?;
                self.append_event(&unreadable_event(entry, message.id, &letter)?).await
            }
        }
    }

    async fn apply_signal(
        &self,
        entry: &Entry,
        (id, taken_at): (EventId, Timestamp),
        mut signal: Signal,
    ) -> Result<(), Error> {
        if let Some(link) = signal.recording.take() {
            let keep = Some(self.config.retention.events);
            self.store
                .put(&keys::recording_of_event(id), link.into(), keep, Expect::Any)
                .await?;
            signal.data["recording_url"] = format!("/events/{id}/recording").into();
        }
        self.append_event(&signal_event(entry, (id, taken_at), signal)?).await
    }

    /// Folds what a webhook says into the call it is about: the one known by the provider's identifier, else the one it is
    /// tied to, else a new one of the account's owner. Gives the call's name.
    async fn apply_call(&self, entry: &Entry, facts: CallFacts, at: Timestamp) -> Result<Option<CallId>, Error> {
        let Some(provider_id) = facts.reference.as_ref().and_then(|known| known.id.clone()) else {
            return Ok(None);
        };
        let account = &entry.config.name;
        let id = match self.known_call(account, &provider_id).await? {
            Some(id) => id,
            None => match self.tie(entry, &facts).await? {
                Some(call) => {
                    self.bind(&call, &provider_id).await?;
                    call.id
                }
                None => match self.new_call(entry, &facts, &provider_id, at).await? {
                    (id, true) => return Ok(Some(id)),
                    (id, false) => id,
                },
            },
        };
        self.change_call(id, |call| {
            let before = call.clone();
            fold(call, facts.clone(), SettledBy::Webhook, at);
            Ok(if *call == before {
                Change::Keep(())
            } else {
                Change::Write(())
            })
        })
        .await?;
        Ok(Some(id))
    }

    /// The call of ours that a provider's identifier means.
    pub(super) async fn known_call(&self, account: &AccountName, provider_id: &str) -> Result<Option<CallId>, Error> {
        let stored = self.store.get(&keys::call_by_reference(account, provider_id)).await?;
        match stored.as_ref().and_then(read_id) {
            Some(id) => Ok(self.load_call(id).await?.map(|call| call.id)),
            None => Ok(None),
        }
    }

    async fn tie(&self, entry: &Entry, facts: &CallFacts) -> Result<Option<Call>, Error> {
        let account = &entry.config.name;
        if let Some(id) = facts.echoed {
            let call = self.load_call(id).await?;
            return Ok(call.filter(|call| call.account.as_ref() == Some(account)));
        }
        let Some(set) = facts.to.as_ref().and_then(|to| self.awaiting(account, to)) else {
            return Ok(None);
        };
        let newest = Range {
            scores: 0..=i64::from(u32::MAX) * 1000,
            order: Order::Descending,
            after: None,
            limit: BATCH,
        };
        let members = self.store.range(&set, newest).await?;
        let keys: Vec<_> = members.iter().map(|member| keys::call(&member.member)).collect();
        let stored = self.store.get_many(&keys).await?;
        let waiting: Vec<Call> = stored
            .iter()
            .flatten()
            .filter_map(|stored| records::read(&stored.value))
            .collect();
        Ok(binding::choose(facts, &waiting).cloned())
    }

    /// Makes a call of the account's owner out of the first news of it; gives its name, and whether it was not there yet.
    ///
    /// Its name is given first and once, so that of several who take the same news, and of those who die on the way, all
    /// make the same call.
    async fn new_call(
        &self,
        entry: &Entry,
        facts: &CallFacts,
        provider_id: &str,
        at: Timestamp,
    ) -> Result<(CallId, bool), Error> {
        let direction = facts.direction.unwrap_or(Direction::Outbound);
        let kind = facts.kind.unwrap_or(CallKind::Connect);
        let created_at = facts.created_at.unwrap_or(at);
        let id = self.first_named(&entry.config.name, provider_id).await?;
        let mut call = Call::new(id, entry.config.owner.clone(), direction, kind, created_at);
        call.provider = Some(entry.provider.kind().to_owned());
        call.account = Some(entry.config.name.clone());
        call.provider_ref.clone_from(&facts.reference);
        fold(&mut call, facts.clone(), SettledBy::Webhook, at);
        self.enlist(&call).await?;
        Ok((id, self.create(call).await?.is_ok()))
    }

    /// The one identifier that a provider's name of an unknown call is given.
    async fn first_named(&self, account: &AccountName, provider_id: &str) -> Result<CallId, Error> {
        let (key, id) = (keys::call_by_reference(account, provider_id), CallId::generate());
        let keep = Some(self.config.retention.calls);
        Ok(
            match self
                .store
                .put(&key, id.to_string().into(), keep, Expect::Absent)
                .await?
            {
                Put::Stored(_) => id,
                Put::Conflict(first) => first.as_ref().and_then(read_id).unwrap_or(id),
            },
        )
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
        told,
    };
    told.into_iter().enumerate().map(message).collect()
}

impl Message {
    fn subject(&self) -> String {
        let named = match &self.told {
            Told::Call(facts, _) => facts.reference.as_ref().and_then(|known| known.id.as_deref()),
            Told::Signal(signal) => signal.subject.as_deref(),
            Told::Unreadable { .. } => None,
        };
        format!("{} {}", self.account, named.unwrap_or_default())
    }
}

/// The event of what is not about a call; it is the account owner's.
fn owners_event(entry: &Entry, id: EventId, kind: EventType, data: &impl Serialize) -> Result<Event, Error> {
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

fn read_id(stored: &Stored) -> Option<CallId> {
    std::str::from_utf8(&stored.value).ok()?.parse().ok()
}
