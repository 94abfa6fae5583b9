//! Webhooks: authenticated, understood, made durable, acknowledged.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use url::Url;

use super::gateway::Gateway;
use super::raw::Raw;
use super::records::encode;
use super::redact::redact;
use crate::config::Mode;
use crate::domain::account::AccountName;
use crate::domain::error::{Error, Problem};
use crate::domain::time::Timestamp;
use crate::providers::port::{Authentic, News, Notice, Proof, Unreadable, Webhooks};
use crate::providers::registry::Entry;
use crate::spans;
use crate::store::keys;

/// A webhook as it waits to be applied.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Taken {
    pub(super) account: AccountName,
    /// The kind named in its URL.
    pub(super) kind: Option<String>,
    pub(super) at: Timestamp,
    pub(super) content: Content,
    /// Where the trace of the request that brought it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trace: Option<String>,
}

/// What a webhook turned out to be.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Content {
    News(Vec<Said>),
    /// Nobody can read it; kept as it came, but for what providers were told to speak.
    Unreadable(String),
}

/// One thing that a webhook says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) news: News,
    /// Its own words, where they are about a call.
    pub(super) raw: Option<Raw>,
}

impl Said {
    fn of(notice: Notice, redacted: &[&str]) -> Self {
        let raw = match notice.news {
            News::Call(_) => Raw::of(&notice.raw, redacted),
            News::Signal(_) => None,
        };
        Self { news: notice.news, raw }
    }
}

/// Passes on what is another application's.
#[async_trait]
pub trait PassOn: Send + Sync + 'static {
    /// Posts a body as it came, once; says whether its receiver took it.
    async fn pass_on(&self, url: &Url, body: Bytes, now: Timestamp) -> bool;
}

/// A webhook that was sent to the right address, before its body is read.
pub struct Expected<'a> {
    entry: &'a Entry,
    webhooks: &'a dyn Webhooks,
    /// The kind named in its URL.
    kind: Option<&'static str>,
    proof: Proof,
}

impl Gateway {
    /// The webhook that is sent to this address, so that the bodies of strangers need not be read.
    ///
    /// # Errors
    /// `not-found` for a wrong secret, account or kind, all alike.
    pub fn expect_webhook(&self, account: &str, kind: Option<&str>, secret: &str) -> Result<Expected<'_>, Error> {
        let name: AccountName = account.parse().map_err(|_| Error::not_found())?;
        let entry = self
            .accounts
            .get(&name)
            .filter(|entry| entry.config.mode != Mode::Off)
            .ok_or_else(Error::not_found)?;
        let (Some(webhooks), Some(ring)) = (entry.provider.webhooks(), &entry.config.webhook_keys) else {
            return Err(Error::not_found());
        };
        let proof = Proof::check(ring, secret, self.now()).ok_or_else(Error::not_found)?;
        let kinds = webhooks.kinds();
        let known = |kind: &str| kinds.iter().copied().find(|known| *known == kind);
        let kind = match kind {
            Some(kind) => Some(known(kind).ok_or_else(Error::not_found)?),
            None if kinds.is_empty() => None,
            None => return Err(Error::not_found()),
        };
        Ok(Expected {
            entry,
            webhooks,
            kind,
            proof,
        })
    }

    /// Takes a webhook; what it says is durable when this returns.
    ///
    /// A body that cannot be read is kept as a dead letter and taken all the same: sending it again would not help.
    ///
    /// # Errors
    /// `store-unavailable`; `overloaded` where a body of another application could not be passed on.
    pub async fn take_webhook(&self, expected: Expected<'_>, body: Bytes) -> Result<(), Error> {
        let now = self.now();
        let Expected {
            entry,
            webhooks,
            kind,
            proof,
        } = expected;
        let name = &entry.config.name;
        let (content, outcome) = match webhooks.parse(&Authentic::new(proof, kind, &body)) {
            Ok(notices) => {
                let redacted = webhooks.redacted_fields();
                let said = notices.into_iter().map(|notice| Said::of(notice, redacted));
                (Some(Content::News(said.collect())), "taken")
            }
            Err(Unreadable::NotOurs) => {
                self.pass_on(webhooks.forward_url(), body).await?;
                (None, "not_ours")
            }
            Err(Unreadable::Malformed) => {
                let body = redact(&String::from_utf8_lossy(&body), webhooks.redacted_fields());
                (Some(Content::Unreadable(body)), "unreadable")
            }
        };
        if let Some(content) = content {
            let taken = Taken {
                account: name.clone(),
                kind: kind.map(str::to_owned),
                at: now,
                content,
                trace: spans::here(),
            };
            self.store.append(&keys::inbox(), encode(&taken)?).await?;
        }
        self.received.note(name, (kind.unwrap_or("all"), outcome), now);
        Ok(())
    }

    /// A body that is not passed on is not taken, so that the provider sends it again: nothing of it is kept here.
    async fn pass_on(&self, url: Option<&Url>, body: Bytes) -> Result<(), Error> {
        let (Some(url), Some(way)) = (url, &self.pass_on) else {
            return Ok(());
        };
        if way.pass_on(url, body, self.now()).await {
            return Ok(());
        }
        Err(
            Error::new(Problem::Overloaded, "The body could not be passed on; send it again.")
                .retry_after(Duration::from_secs(5)),
        )
    }
}
