//! When keys were last of use, told from gateway to gateway: a key is needless once none of them needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::current::Current;
use super::gateway::Gateway;
use super::records::encode;
use crate::config::{KeyUses, RingKey};
use crate::domain::error::Error;
use crate::domain::time::Timestamp;
use crate::store::{Expect, Put, keys};
use crate::telemetry::metric;

/// How often it is told.
const EVERY: Duration = Duration::from_secs(5);
/// For how long what was told is thought to be all there is, in seconds.
const KNOWN_SECONDS: i64 = 60;
/// How long a key is remembered that no configuration names any more, from when it or its last token was last of use.
const REMEMBERED: Duration = Duration::from_secs(90 * 86_400);

/// What all gateways together know of one key.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Told {
    used: Option<Timestamp>,
    accepted: Option<Timestamp>,
    rejected: Option<Timestamp>,
    /// Gateways of another version may not tell it.
    #[serde(default)]
    tokens_end: Option<Timestamp>,
}

impl Told {
    /// Takes over what is known here, and tells here what is known elsewhere.
    fn exchange(&mut self, own: &KeyUses) {
        let each = [
            (&mut self.used, &own.used),
            (&mut self.accepted, &own.accepted),
            (&mut self.rejected, &own.rejected),
            (&mut self.tokens_end, &own.tokens_end),
        ];
        for (told, own) in each {
            if let Some(told) = *told {
                own.note(told);
            }
            *told = own.get();
        }
    }

    fn last(&self) -> Option<Timestamp> {
        self.used.max(self.accepted).max(self.rejected).max(self.tokens_end)
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
        let began = self.now();
        self.tell_key_uses(began).await?;
        self.key_uses_known.note(began);
        Ok(())
    }

    /// Whether what other gateways know of the keys was learned within the last minute.
    pub(super) fn knows_key_uses(&self) -> bool {
        let now = self.now();
        let known = self.key_uses_known.get();
        known.is_some_and(|at| at <= now && now < at.plus_seconds(KNOWN_SECONDS))
    }

    async fn tell_key_uses(&self, now: Timestamp) -> Result<(), Error> {
        let key = keys::key_uses();
        let rings = self.config.rings(now);
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
            let oldest = now.plus_seconds(-REMEMBERED.as_secs().cast_signed());
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

    /// Shows in the metrics when each key of each ring was last of use, and no more of those in `shown` that are gone.
    pub(super) fn show_key_uses(&self, shown: &mut Shown) {
        let mut here = Shown::new();
        for (ring, keys) in self.config.rings(self.now()) {
            for key in keys {
                for (name, at) in [
                    (metric::KEY_LAST_ACCEPTED, &key.uses.accepted),
                    (metric::KEY_LAST_REJECTED, &key.uses.rejected),
                ] {
                    let Some(at) = at.get() else { continue };
                    let since_1970 = Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0));
                    let series = (name, ring.clone(), key.id.clone());
                    gauge(&series).set(since_1970.as_secs_f64());
                    here.insert(series);
                }
            }
        }
        // A series cannot be taken away, but nothing is greater or less than this.
        shown.difference(&here).for_each(|gone| gauge(gone).set(f64::NAN));
        *shown = here;
    }
}

/// The series that show a moment: the metric, the ring and the key.
pub(super) type Shown = BTreeSet<(&'static str, String, String)>;

fn gauge((name, ring, key): &(&'static str, String, String)) -> metrics::Gauge {
    metrics::gauge!(*name, &[("ring", ring.clone()), ("key", key.clone())])
}

/// A key by its ring, its id and its value: another value is another key.
fn name(ring: &str, key: &RingKey) -> String {
    format!("{ring} {} {}", key.id, key.fingerprint)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::usecases::tests::bed::{SAY, Scripted, bed, bed_over};

    /// Notes that the one account's key was accepted.
    fn accept(gateway: &Gateway, at: Timestamp) {
        let account = gateway.config.accounts.values().next().unwrap();
        account.keys.iter().next().unwrap().uses.accepted.note(at);
    }

    fn accepted(gateway: &Gateway) -> Option<Timestamp> {
        let account = gateway.config.accounts.values().next().unwrap();
        account.keys.iter().next().unwrap().uses.accepted.get()
    }

    #[tokio::test]
    async fn what_one_gateway_knows_of_a_key_the_others_know() {
        let one = Scripted::new("one", SAY);
        let bed = bed(&[&one], "");
        let other = bed_over(&[&one], "", |_| Arc::clone(&bed.gateway.store)).gateway;
        let (early, late) = (bed.gateway.now(), bed.gateway.now().plus_seconds(60));
        accept(&bed.gateway, late);
        accept(&other, early);
        bed.gateway.exchange_key_uses().await.unwrap();
        other.exchange_key_uses().await.unwrap();
        assert_eq!(accepted(&other), Some(late));
        bed.gateway.exchange_key_uses().await.unwrap();
        assert_eq!(accepted(&bed.gateway), Some(late), "an earlier time changes nothing");
    }

    #[tokio::test]
    async fn a_key_is_remembered_until_its_last_token_is_long_over() {
        let one = Scripted::new("one", SAY);
        let bed = bed(&[&one], "");
        let end = bed.gateway.now().plus_seconds(100 * 86_400);
        let uses = |gateway: &Gateway| Arc::clone(&gateway.config.auth.keys[0].uses);
        uses(&bed.gateway).accepted.note(bed.gateway.now());
        uses(&bed.gateway).tokens_end.note(end);
        bed.clock.advance(Duration::from_secs(91 * 86_400));
        bed.gateway.exchange_key_uses().await.unwrap();
        let other = bed_over(&[&one], "", |_| Arc::clone(&bed.gateway.store)).gateway;
        other.exchange_key_uses().await.unwrap();
        assert_eq!(uses(&other).tokens_end.get(), Some(end));
    }

    #[test]
    fn a_key_that_is_gone_is_shown_as_nothing() {
        let bed = bed(&[&Scripted::new("one", SAY)], "");
        accept(&bed.gateway, bed.gateway.now());
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let page = recorder.handle();
        let gone = (
            metric::KEY_LAST_REJECTED,
            "accounts.gone.keys".to_owned(),
            "1".to_owned(),
        );
        let mut shown = Shown::from([gone]);
        metrics::with_local_recorder(&recorder, || bed.gateway.show_key_uses(&mut shown));
        let page = page.render();
        assert!(
            page.contains("rejected_timestamp_seconds{ring=\"accounts.gone.keys\",key=\"1\"} NaN"),
            "{page}"
        );
        assert!(
            page.contains("accepted_timestamp_seconds{ring=\"accounts.one.keys\",key=\"1\"} "),
            "{page}"
        );
    }
}
