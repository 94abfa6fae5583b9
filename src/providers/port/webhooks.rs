//! News that a provider sends by itself.

use serde::{Deserialize, Serialize};

use crate::config::{Key, KeyRing};
use crate::domain::event::EventType;
use crate::domain::facts::CallFacts;
use crate::domain::time::Timestamp;

/// A webhook whose secret was right: only such a one can be parsed.
#[derive(Debug)]
pub struct Authentic<'a> {
    /// The kind named in the URL, where the provider has one URL per kind.
    pub kind: Option<&'a str>,
    /// The body as it came.
    pub body: &'a [u8],
    _proof: Proof,
}

/// Shows that a webhook's secret was right, which is known before its body is read.
#[derive(Debug)]
pub struct Proof(());

impl Proof {
    /// Compares the URL's secret with every valid key of the ring, each in constant time.
    pub fn check(ring: &KeyRing, secret: &str, now: Timestamp) -> Option<Self> {
        use subtle::ConstantTimeEq;
        let matches = |key: &Key| bool::from(key.secret.expose().as_bytes().ct_eq(secret.as_bytes()));
        let right = ring.valid(now.to_jiff()).fold(None, |right, key| {
            let matches = matches(key);
            right.or(matches.then_some(key))
        });
        right?.uses.accepted.note(now);
        Some(Self(()))
    }
}

impl<'a> Authentic<'a> {
    /// The webhook of which `proof` was given.
    pub fn new(proof: Proof, kind: Option<&'a str>, body: &'a [u8]) -> Self {
        Self {
            kind,
            body,
            _proof: proof,
        }
    }
}

/// What a webhook says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// News of a call.
    Call(Box<CallFacts>),
    /// News of something else: a text message, a voicemail, a conference, an extension, the credit.
    Signal(Signal),
}

/// News and where it stands in the webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// What is told.
    pub news: News,
    /// The part of the body that tells it and nothing of another call, byte for byte.
    pub raw: String,
}

/// News that are not of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// The event's type.
    pub kind: EventType,
    /// The provider's identifier of what it is about; the account where it has none.
    pub subject: Option<String>,
    /// When it happened by the provider's clock.
    pub at: Option<Timestamp>,
    /// The fields in our words.
    pub data: serde_json::Value,
    /// Where its audio is: for us to fetch, not to be told.
    pub recording: Option<String>,
}

/// Why a webhook's body is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is not JSON of the shape its kind has.
    #[error("the body is not of its kind")]
    Malformed,
    /// It has nothing about calls: it is another application's.
    #[error("the body is not about calls")]
    NotOurs,
}

/// Sends news by webhook.
pub trait Webhooks: Send + Sync {
    /// The kinds named in its URLs; empty where one URL serves all.
    fn kinds(&self) -> &'static [&'static str];

    /// Where a body that is not about calls is passed on to.
    fn forward_url(&self) -> Option<&url::Url> {
        None
    }

    /// The fields of a body whose text must not be kept: spoken words and links to recordings.
    fn redacted_fields(&self) -> &'static [&'static str];

    /// Reads a webhook. Changes nothing but the count of [drift](super::Provider::drift); never panics.
    ///
    /// # Errors
    /// Where the body is of no use; it is then kept as a dead letter or passed on.
    fn parse(&self, webhook: &Authentic<'_>) -> Result<Vec<Notice>, Unreadable>;
}
