//! Every ring of the configuration, under one roof: for metrics, and for a reload.

use std::sync::Arc;

use super::Config;
use super::auth::AuthKey;
use super::keyring::{Key, KeyRing, fingerprint, within};
use super::uses::KeyUses;
use crate::domain::account::AccountName;
use crate::domain::time::Timestamp;

/// A key of any ring, without its value.
#[derive(Debug, Clone)]
pub struct RingKey {
    /// Its id in the ring.
    pub id: String,
    /// Tells two secrets apart and reveals neither.
    pub fingerprint: String,
    /// Whether it is valid now.
    pub valid: bool,
    /// When it was last of use.
    pub uses: Arc<KeyUses>,
}

impl RingKey {
    fn of(key: &Key, now: Timestamp) -> Self {
        Self {
            id: key.id.clone(),
            fingerprint: key.fingerprint(),
            valid: key.is_valid(now.to_jiff()),
            uses: Arc::clone(&key.uses),
        }
    }

    fn of_tokens(key: &AuthKey, now: Timestamp) -> Self {
        Self {
            id: key.id.clone(),
            fingerprint: fingerprint(&key.verifying),
            valid: within(key.from, key.until, now.to_jiff()),
            uses: Arc::clone(&key.uses),
        }
    }
}

/// What the ring of keys that tokens may be signed with is called.
pub const TOKEN_RING: &str = "auth.keys";
/// What those are called that their issuer publishes.
pub const PUBLISHED_RING: &str = "auth.jwks_url";

/// What the ring of an account's credentials is called.
pub fn ring_of_account(account: &AccountName) -> String {
    format!("accounts.{account}.keys")
}

impl Config {
    /// Every ring by its path, such as `accounts.zenvia-br.keys`, and its keys in order.
    pub fn rings(&self, now: Timestamp) -> Vec<(String, Vec<RingKey>)> {
        let keys = |ring: &KeyRing| ring.iter().map(|key| RingKey::of(key, now)).collect();
        let tokens = self.auth.keys.iter().map(|key| RingKey::of_tokens(key, now));
        let mut rings = vec![
            ("secrets.keys".to_owned(), keys(&self.secrets)),
            (TOKEN_RING.to_owned(), tokens.collect()),
        ];
        if self.auth.jwks_url.is_some() {
            rings.push((PUBLISHED_RING.to_owned(), self.published_keys(now)));
        }
        for (name, account) in &self.accounts {
            rings.push((ring_of_account(name), keys(&account.keys)));
            if let Some(ring) = &account.webhook_keys {
                rings.push((format!("accounts.{name}.webhook_keys"), keys(ring)));
            }
        }
        for (name, subscription) in &self.subscriptions {
            rings.push((format!("subscriptions.{name}.keys"), keys(&subscription.keys)));
        }
        rings
    }

    /// What the issuer of tokens publishes, but for what is passed over since a configured key has its identifier.
    fn published_keys(&self, now: Timestamp) -> Vec<RingKey> {
        let mut keys = self.auth.published.keys(now);
        keys.retain(|key| self.auth.keys.iter().all(|configured| configured.id != key.id));
        keys
    }

    /// Lets every key go on with the uses of the same key in the configuration `before`.
    pub fn carry_over(&mut self, before: &Self) {
        self.secrets.carry_over(&before.secrets);
        self.auth.carry_over(&before.auth);
        for (name, account) in &mut self.accounts {
            let Some(old) = before.accounts.get(name) else { continue };
            account.keys.carry_over(&old.keys);
            if let (Some(ring), Some(old)) = (&mut account.webhook_keys, &old.webhook_keys) {
                ring.carry_over(old);
            }
        }
        for (name, subscription) in &mut self.subscriptions {
            if let Some(old) = before.subscriptions.get(name) {
                subscription.keys.carry_over(&old.keys);
            }
        }
    }
}
