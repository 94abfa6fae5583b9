//! Webhooks: authenticated, understood, made durable, acknowledged; then applied in order.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::gateway::Gateway;
use super::records::{Change, encode};
use crate::config::Mode;
use crate::domain::account::AccountName;
use crate::domain::binding;
use crate::domain::call::{Call, CallKind, Direction, SettledBy};
use crate::domain::error::Error;
use crate::domain::facts::CallFacts;
use crate::domain::fold::fold;
use crate::domain::ids::CallId;
use crate::domain::time::Timestamp;
use crate::providers::port::{Authentic, News, Unreadable};
use crate::providers::registry::Entry;
use crate::store::{Expect, Order, Position, Put, Range, StoreError, Stored, keys};

/// How long one instance applies the inbox before it must say so again; after its death another takes over.
const LEASE: Duration = Duration::from_secs(4);
/// How long a look at an empty inbox lasts.
const LOOK: Duration = Duration::from_secs(1);
/// How many webhooks are applied between two notes of the place.
const BATCH: usize = 100;
/// The name of the inbox's one reader.
const READER: &str = "inbox";

/// A webhook as it waits to be applied.
#[derive(Debug, Serialize, Deserialize)]
struct Taken {
    account: AccountName,
    at: Timestamp,
    news: Vec<News>,
}

/// A webhook nobody could read, kept as it came.
#[derive(Debug, Serialize)]
struct DeadLetter<'a> {
    account: &'a AccountName,
    kind: Option<&'a str>,
    at: Timestamp,
    body: String,
}

impl Gateway {
    /// Takes a webhook; what it says is durable when this returns.
    ///
    /// A body that cannot be read is kept as a dead letter and taken all the same: sending it again would not help.
    ///
    /// # Errors
    /// `not-found` for a wrong secret, account or kind, all alike; `store-unavailable`.
    pub async fn take_webhook(
        &self,
        account: &str,
        kind: Option<&str>,
        secret: &str,
        body: Bytes,
    ) -> Result<(), Error> {
        let now = self.now();
        let name: AccountName = account.parse().map_err(|_| Error::not_found())?;
        let entry = self
            .accounts
            .get(&name)
            .filter(|entry| entry.config.mode != Mode::Off)
            .ok_or_else(Error::not_found)?;
        let (Some(webhooks), Some(ring)) = (entry.provider.webhooks(), &entry.config.webhook_keys) else {
            return Err(Error::not_found());
        };
        let authentic = Authentic::check(ring, secret, kind, &body, now).ok_or_else(Error::not_found)?;
        let kinds = webhooks.kinds();
        if kind.map_or(!kinds.is_empty(), |kind| !kinds.contains(&kind)) {
            return Err(Error::not_found());
        }
        let outcome = match webhooks.parse(&authentic) {
            Ok(news) => {
                self.store
                    .append(
                        &keys::inbox(),
                        encode(&Taken {
                            account: name.clone(),
                            at: now,
                            news,
                        })?,
                    )
                    .await?;
                "taken"
            }
            Err(Unreadable::NotOurs) => "not_ours",
            Err(Unreadable::Malformed) => {
                let body = String::from_utf8_lossy(&body).into_owned();
                let letter = encode(&DeadLetter {
                    account: &name,
                    kind,
                    at: now,
                    body,
                })?;
                self.store.append(&keys::dead_letters(), letter).await?;
                "unreadable"
            }
        };
        metrics::counter!("switchboard_webhooks_total", "account" => name.to_string(), "outcome" => outcome)
            .increment(1);
        let stamp = metrics::gauge!(
            "switchboard_webhook_last_received_timestamp_seconds",
            "account" => name.to_string(),
            "kind" => kind.unwrap_or("all").to_owned()
        );
        #[allow(clippy::cast_precision_loss)]
        stamp.set(now.as_millis() as f64 / 1000.0);
        Ok(())
    }

    /// Applies webhooks in the order they were taken until told to stop; of several instances one does.
    pub async fn follow_inbox(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let turn = async {
                if !self.hold_lease(READER, LEASE).await? {
                    tokio::time::sleep(LOOK).await;
                    return Ok(());
                }
                self.apply_batch().await
            };
            let turned = tokio::select! {
                turned = turn => turned,
                () = stop.cancelled() => break,
            };
            if let Err(error) = turned {
                tracing::warn!(%error, "the inbox could not be followed");
                tokio::time::sleep(LOOK).await;
            }
        }
        if let Err(error) = self.release_lease(READER).await {
            tracing::warn!(%error, "the inbox's next reader waits until the lease runs out");
        }
    }

    async fn apply_batch(&self) -> Result<(), Error> {
        let after = self.inbox_position().await?;
        let batch = self.store.read(&keys::inbox(), after, BATCH).await?;
        let Some((last, _)) = batch.last() else {
            self.store.wait(&keys::inbox(), after, LOOK).await?;
            return Ok(());
        };
        let last = *last;
        for (_, bytes) in &batch {
            match serde_json::from_slice::<Taken>(bytes) {
                Ok(taken) => self.apply_or_give_up(taken).await?,
                Err(error) => tracing::error!(%error, "a webhook in the inbox cannot be read"),
            }
        }
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

    /// Holds a lease for this instance, newly or still; says whether it does.
    pub(super) async fn hold_lease(&self, name: &str, length: Duration) -> Result<bool, StoreError> {
        let key = keys::lease(name);
        let owner = Bytes::from(self.instance.clone());
        match self
            .store
            .put(&key, owner.clone(), Some(length), Expect::Absent)
            .await?
        {
            Put::Stored(_) => Ok(true),
            Put::Conflict(Some(held)) if held.value == owner => {
                let renewed = self
                    .store
                    .put(&key, owner, Some(length), Expect::Version(held.version))
                    .await?;
                Ok(matches!(renewed, Put::Stored(_)))
            }
            Put::Conflict(_) => Ok(false),
        }
    }

    /// Gives a lease back, if this instance holds it.
    async fn release_lease(&self, name: &str) -> Result<(), StoreError> {
        let key = keys::lease(name);
        let held = self.store.get(&key).await?;
        if let Some(held) = held.filter(|held| held.value == self.instance) {
            self.store.remove(&key, Expect::Version(held.version)).await?;
        }
        Ok(())
    }

    /// Applies a webhook. What can never be applied is passed over: it must not hold up all that came after it.
    async fn apply_or_give_up(&self, taken: Taken) -> Result<(), Error> {
        let Err(error) = self.apply(taken).await else {
            return Ok(());
        };
        let passes = error.context.retry_after.is_some();
        if passes {
            return Err(error);
        }
        tracing::error!(%error, "a webhook cannot be applied");
        Ok(())
    }

    async fn apply(&self, taken: Taken) -> Result<(), Error> {
        let Some(entry) = self.accounts.get(&taken.account) else {
            return Ok(());
        };
        for news in taken.news {
            if let News::Call(facts) = news {
                self.apply_call(entry, *facts, taken.at).await?;
            }
        }
        Ok(())
    }

    /// Folds what a webhook says into the call it is about: the one known by the provider's identifier, else the one it is
    /// tied to, else a new one of the account's owner.
    async fn apply_call(&self, entry: &Entry, facts: CallFacts, at: Timestamp) -> Result<(), Error> {
        let Some(provider_id) = facts.reference.as_ref().and_then(|known| known.id.clone()) else {
            return Ok(());
        };
        let account = &entry.config.name;
        let id = match self.known_call(account, &provider_id).await? {
            Some(id) => id,
            None => match self.tie(entry, &facts).await? {
                Some(call) => {
                    self.bind(&call, &provider_id).await?;
                    call.id
                }
                None => self.new_call(entry, &facts, &provider_id, at).await?,
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
        Ok(())
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
            .filter_map(|stored| serde_json::from_slice(&stored.value).ok())
            .collect();
        Ok(binding::choose(facts, &waiting).cloned())
    }

    /// Makes a call of the account's owner.
    ///
    /// Its name is given first and once, so that of several who take the same news, and of those who die on the way, all
    /// make the same call.
    async fn new_call(
        &self,
        entry: &Entry,
        facts: &CallFacts,
        provider_id: &str,
        at: Timestamp,
    ) -> Result<CallId, Error> {
        let direction = facts.direction.unwrap_or(Direction::Outbound);
        let kind = facts.kind.unwrap_or(CallKind::Connect);
        let created_at = facts.created_at.unwrap_or(at);
        let id = self.first_named(&entry.config.name, provider_id).await?;
        let mut call = Call::new(id, entry.config.owner.clone(), direction, kind, created_at);
        call.provider = Some(entry.provider.kind().to_owned());
        call.account = Some(entry.config.name.clone());
        call.provider_ref.clone_from(&facts.reference);
        self.enlist(&call).await?;
        self.create_call(&call).await?;
        Ok(id)
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

fn read_id(stored: &Stored) -> Option<CallId> {
    std::str::from_utf8(&stored.value).ok()?.parse().ok()
}
