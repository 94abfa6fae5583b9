//! Which of an account's keys is sent, and what became of each.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use reqwest::header::HeaderValue;

use super::exchange::Credential;
use crate::config::{Key, KeyRing};
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::domain::time::Timestamp;

/// When a key was last of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUsage {
    /// The key's id in its ring.
    pub id: String,
    /// Tells two secrets apart and reveals neither.
    pub fingerprint: String,
    /// When it was last sent.
    pub last_used: Option<Timestamp>,
    /// When the provider last did with it what was asked, or refused for another reason.
    pub last_accepted: Option<Timestamp>,
    /// When the provider last refused it.
    pub last_rejected: Option<Timestamp>,
}

/// An account's keys in ring order.
pub(super) struct Credentials {
    keys: Vec<HeldKey>,
}

/// One key, as it is sent.
pub(super) struct HeldKey {
    key: Key,
    header: Option<HeaderValue>,
    /// Whether the provider refused it and did not accept it since.
    refused: AtomicBool,
    used: Moment,
    accepted: Moment,
    rejected: Moment,
}

impl Credentials {
    pub(super) fn new(ring: &KeyRing, credential: Credential) -> Self {
        let keys = ring.iter().map(|key| HeldKey::new(key, credential));
        Self { keys: keys.collect() }
    }

    /// Returns the keys valid at `now` in the order they are to be tried: ring order, refused ones last.
    pub(super) fn candidates(&self, now: Timestamp) -> Vec<&HeldKey> {
        let valid = |held: &&HeldKey| held.key.is_valid(now.to_jiff());
        let mut keys: Vec<_> = self.keys.iter().filter(valid).collect();
        keys.sort_by_key(|key| key.refused.load(Ordering::Relaxed));
        keys
    }

    pub(super) fn usage(&self) -> Vec<KeyUsage> {
        self.keys.iter().map(HeldKey::usage).collect()
    }
}

impl HeldKey {
    fn new(key: &Key, credential: Credential) -> Self {
        let text = format!("{}{}", credential.prefix, key.secret.expose());
        let header = HeaderValue::try_from(text).ok().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Self {
            key: key.clone(),
            header,
            refused: AtomicBool::new(false),
            used: Moment::default(),
            accepted: Moment::default(),
            rejected: Moment::default(),
        }
    }

    /// The key's id in its ring; safe to log.
    pub(super) fn id(&self) -> &str {
        &self.key.id
    }

    /// Returns the header's value for a request that is sent now; `None` if the secret cannot stand in a header.
    pub(super) fn header(&self, now: Timestamp) -> Option<HeaderValue> {
        self.used.set(now);
        self.header.clone()
    }

    /// Notes what a try with this key says about it.
    ///
    /// A refusal for another reason accepts the key; one of unknown reason, or no clear answer, says nothing.
    pub(super) fn note(&self, failure: Option<&Failure>, now: Timestamp) {
        match failure.map(|failure| failure.kind) {
            Some(FailureKind::Refused(Refusal::Credential)) => {
                self.rejected.set(now);
                self.refused.store(true, Ordering::Relaxed);
            }
            None => self.accept(now),
            Some(FailureKind::Refused(reason)) if !matches!(reason, Refusal::Technical | Refusal::Unknown) => {
                self.accept(now);
            }
            Some(_) => {}
        }
    }

    fn accept(&self, now: Timestamp) {
        self.accepted.set(now);
        self.refused.store(false, Ordering::Relaxed);
    }

    fn usage(&self) -> KeyUsage {
        KeyUsage {
            id: self.key.id.clone(),
            fingerprint: self.key.fingerprint(),
            last_used: self.used.get(),
            last_accepted: self.accepted.get(),
            last_rejected: self.rejected.get(),
        }
    }
}

/// An instant that any thread may move.
struct Moment(AtomicI64);

impl Moment {
    const NEVER: i64 = i64::MIN;

    fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::Relaxed);
    }

    fn get(&self) -> Option<Timestamp> {
        let millis = self.0.load(Ordering::Relaxed);
        (millis != Self::NEVER).then(|| Timestamp::from_millis(millis))
    }
}

impl Default for Moment {
    fn default() -> Self {
        Self(AtomicI64::new(Self::NEVER))
    }
}
