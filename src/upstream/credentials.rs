//! Which of an account's keys is sent, and what became of each.

use std::sync::atomic::{AtomicBool, Ordering};

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
    /// Whether it is the one that is sent now.
    pub preferred: bool,
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

    pub(super) fn usage(&self, now: Timestamp) -> Vec<KeyUsage> {
        let preferred = self.candidates(now).first().map(|held| held.id().to_owned());
        let usage = |held: &HeldKey| held.usage(preferred.as_deref() == Some(held.id()));
        self.keys.iter().map(usage).collect()
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
        }
    }

    /// The key's id in its ring; safe to log.
    pub(super) fn id(&self) -> &str {
        &self.key.id
    }

    /// Returns the header's value for a request that is sent now; `None` if the secret cannot stand in a header.
    pub(super) fn header(&self, now: Timestamp) -> Option<HeaderValue> {
        self.key.uses.used.note(now);
        self.header.clone()
    }

    /// Notes what a try with this key says about it.
    ///
    /// A refusal for another reason accepts the key; one of unknown reason, or no clear answer, says nothing.
    pub(super) fn note(&self, failure: Option<&Failure>, now: Timestamp) {
        match failure.map(|failure| failure.kind) {
            Some(FailureKind::Refused(Refusal::Credential)) => {
                self.key.uses.rejected.note(now);
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
        self.key.uses.accepted.note(now);
        self.refused.store(false, Ordering::Relaxed);
    }

    fn usage(&self, preferred: bool) -> KeyUsage {
        KeyUsage {
            id: self.key.id.clone(),
            fingerprint: self.key.fingerprint(),
            preferred,
            last_used: self.key.uses.used.get(),
            last_accepted: self.key.uses.accepted.get(),
            last_rejected: self.key.uses.rejected.get(),
        }
    }
}
