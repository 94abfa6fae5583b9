//! When keys were last of use, told from gateway to gateway: a key is needless once none of them needs it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::current::Current;
use super::gateway::Gateway;
use super::records::encode;
use crate::config::{KeyUses, Moment, RingKey};
use crate::domain::error::Error;
use crate::domain::time::Timestamp;
use crate::store::{Expect, Put, keys};
use crate::telemetry::metric;

/// How often it is told.
const EVERY: Duration = Duration::from_secs(5);
/// How long a key is remembered that no configuration names any more.
const REMEMBERED: Duration = Duration::from_secs(90 * 86_400);

/// What all gateways together know of one key.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Told {
    used: Option<Timestamp>,
    accepted: Option<Timestamp>,
    rejected: Option<Timestamp>,
}

impl Told {
    /// Takes over what is known here, and tells here what is known elsewhere.
    fn exchange(&mut self, own: &KeyUses) {
        let each = [
            (&mut self.used, &own.used),
            (&mut self.accepted, &own.accepted),
            (&mut self.rejected, &own.rejected),
        ];
        for (told, own) in each {
            if let Some(told) = *told {
                own.note(told);
            }
            *told = own.get();
        }
    }

    fn last(&self) -> Option<Timestamp> {
        self.used.max(self.accepted).max(self.rejected)
    }
}

impl Current {
    /// Tells the other gateways until told to stop, and then once more.
    pub(super) async fn share_key_uses(&self, stop: CancellationToken) {
        loop {
            let ended = stop.is_cancelled();
            if let Err(error) = self.load().exchange_key_uses().await {
                tracing::warn!(%error, "when keys were last of use could not be told");
            }
            if ended {
                return;
            }
            let _ = tokio::time::timeout(EVERY, stop.cancelled()).await;
        }
    }
}

impl Gateway {
    /// Tells what is known here of the keys, and learns what is known elsewhere.
    pub(super) async fn exchange_key_uses(&self) -> Result<(), Error> {
        let key = keys::key_uses();
        let rings = self.config.rings(self.now());
        loop {
            let stored = self.store.get(&key).await?;
            let (before, expect) = match &stored {
                Some(stored) => (
                    serde_json::from_slice(&stored.value).unwrap_or_default(),
                    Expect::Version(stored.version),
                ),
                None => (BTreeMap::new(), Expect::Absent),
            };
            let mut told: BTreeMap<String, Told> = before.clone();
            for (ring, keys) in &rings {
                for held in keys {
                    told.entry(name(ring, held)).or_default().exchange(&held.uses);
                }
            }
            let oldest = self.now().plus_seconds(-REMEMBERED.as_secs().cast_signed());
            told.retain(|_, told| told.last() > Some(oldest));
            if told == before {
                return Ok(());
            }
            let put = self.store.put(&key, encode(&told)?, Some(REMEMBERED), expect).await?;
            if matches!(put, Put::Stored(_)) {
                return Ok(());
            }
        }
    }

    /// Shows in the metrics when each key of each ring was last of use.
    pub(super) fn show_key_uses(&self) {
        for (ring, keys) in self.config.rings(self.now()) {
            for key in keys {
                let stamp = |name: &'static str, at: &Moment| {
                    if let Some(at) = at.get() {
                        let labels = [("ring", ring.clone()), ("key", key.id.clone())];
                        let since_1970 = Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0));
                        metrics::gauge!(name, &labels).set(since_1970.as_secs_f64());
                    }
                };
                stamp(metric::KEY_LAST_ACCEPTED, &key.uses.accepted);
                stamp(metric::KEY_LAST_REJECTED, &key.uses.rejected);
            }
        }
    }
}

/// A key by its ring, its id and its value: another value is another key.
fn name(ring: &str, key: &RingKey) -> String {
    format!("{ring} {} {}", key.id, key.fingerprint)
}
