//! The keys that the issuer of tokens publishes, as far as they are shown: what they are called, and when they were of use.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::keyring::fingerprint;
use super::rings::RingKey;
use super::secret::Secret;
use super::uses::KeyUses;
use crate::domain::time::Timestamp;

/// The keys at `jwks_url`, as last fetched. It goes on from one configuration to the next while the URL is the same.
#[derive(Debug, Default)]
pub struct PublishedKeys(Mutex<Publication>);

#[derive(Debug, Default)]
struct Publication {
    keys: Vec<RingKey>,
    /// Until when the keys count.
    until: Option<Timestamp>,
}

impl PublishedKeys {
    fn lock(&self) -> MutexGuard<'_, Publication> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what was fetched, which counts `until` then: the identifier and the public part of each key. A key that
    /// was there before goes on with its uses.
    pub fn publish<'k>(&self, keys: impl Iterator<Item = (&'k str, &'k str)>, until: Option<Timestamp>) {
        let mut publication = self.lock();
        let known = std::mem::take(&mut publication.keys);
        let key = |(id, public): (&str, &str)| {
            let fingerprint = fingerprint(&Secret::new(public));
            let same = known.iter().find(|key| key.id == id && key.fingerprint == fingerprint);
            RingKey {
                id: id.to_owned(),
                uses: same.map_or_else(Arc::default, |key| Arc::clone(&key.uses)),
                fingerprint,
                valid: true,
            }
        };
        publication.keys = keys.map(key).collect();
        publication.until = until;
    }

    /// When the key was last of use, to be noted where it is used; of one that is not published nobody asks.
    pub fn uses(&self, id: &str, public: &str) -> Arc<KeyUses> {
        let fingerprint = fingerprint(&Secret::new(public));
        let publication = self.lock();
        let mut keys = publication.keys.iter();
        let found = keys.find(|key| key.id == id && key.fingerprint == fingerprint);
        found.map_or_else(Arc::default, |key| Arc::clone(&key.uses))
    }

    /// The keys in the order of their set.
    pub(super) fn keys(&self, now: Timestamp) -> Vec<RingKey> {
        let publication = self.lock();
        let valid = publication.until.is_some_and(|until| now < until);
        let key = |key: &RingKey| RingKey { valid, ..key.clone() };
        publication.keys.iter().map(key).collect()
    }
}
