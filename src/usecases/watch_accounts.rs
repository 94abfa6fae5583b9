//! Watching how the accounts fare: metrics, and an event for each change.
//!
//! Every instance judges by its own exchanges. What was told stands in the store, so that of several who notice the same
//! one tells it. Whoever finds an account unhealthy renews that there, so that what was told by an instance that died is
//! taken back by one for which the account works.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::current::Current;
use super::follow_inbox::owners_event;
use super::gateway::Gateway;
use super::key_uses::Shown;
use super::records::encode;
use crate::domain::account::AccountName;
use crate::domain::error::Error;
use crate::domain::event::{Event, EventType};
use crate::domain::ids::EventId;
use crate::domain::time::Timestamp;
use crate::providers::port::{Health, HealthStatus, KeyUsage};
use crate::providers::registry::Entry;
use crate::store::{Expect, Put, keys};
use crate::telemetry::metric;

/// How often the accounts are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// How often what is known is compared with what was told though it did not change, in seconds.
const COMPARED: u64 = 30;
/// After how long nobody is thought to find an account unhealthy any more, in seconds.
const UNRENEWED: u64 = 3 * COMPARED;

/// What this instance knows of an account.
#[derive(Debug, Clone, Default, PartialEq)]
struct Known {
    /// Nothing, until it did or failed something.
    healthy: Option<bool>,
    /// Whether each key that was used was refused when it was last told.
    refused: BTreeMap<String, bool>,
    /// The key that is sent, once the provider took it.
    sent: Option<Sent>,
}

/// A key, told from others of the same id by its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sent {
    id: String,
    fingerprint: String,
}

impl Known {
    fn of(health: &Health, keys: &[KeyUsage]) -> Self {
        let healthy = match health.status {
            HealthStatus::Healthy => health.last_success.map(|_| true),
            HealthStatus::Unhealthy | HealthStatus::Probing => Some(false),
        };
        let refused = keys.iter().filter_map(|key| {
            let told = key.last_accepted.is_some() || key.last_rejected.is_some();
            told.then(|| (key.id.clone(), key.last_rejected > key.last_accepted))
        });
        let taken = |key: &&KeyUsage| key.preferred && key.last_accepted > key.last_rejected;
        let sent = keys.iter().find(taken).map(|key| Sent {
            id: key.id.clone(),
            fingerprint: key.fingerprint.clone(),
        });
        Self {
            healthy,
            refused: refused.collect(),
            sent,
        }
    }

    /// What of it is compared with what was `told` where nothing changed here.
    ///
    /// That the account fails still counts. That it works counts only if it did since, and only where nobody finds it
    /// unhealthy any more: else two instances of different opinions would tell theirs in turns.
    fn unchanged(&self, told: &Told, last_success: Option<Timestamp>, now: Timestamp) -> Self {
        let abandoned = told.at.is_none_or(|at| now.seconds_since(at) > UNRENEWED);
        let counts = |healthy: &bool| !healthy || (abandoned && last_success > told.at);
        Self {
            healthy: self.healthy.filter(counts),
            refused: BTreeMap::new(),
            sent: None,
        }
    }
}

/// What was told of an account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Told {
    unhealthy: bool,
    /// When somebody last found it unhealthy.
    #[serde(default)]
    at: Option<Timestamp>,
    refused: BTreeSet<String>,
    /// The key that was last told to be sent.
    #[serde(default)]
    sent: Option<Sent>,
}

impl Told {
    /// Takes what is known now, and says what of it is news.
    fn learn(&mut self, known: &Known, now: Timestamp) -> Vec<News> {
        let mut news = Vec::new();
        if known.healthy == Some(false) {
            self.at = Some(now);
        }
        if let Some(unhealthy) = known.healthy.map(|healthy| !healthy)
            && unhealthy != self.unhealthy
        {
            self.unhealthy = unhealthy;
            news.push(News::Health);
        }
        for (key, refused) in &known.refused {
            if *refused && self.refused.insert(key.clone()) {
                news.push(News::Refused(key.clone()));
            } else if !refused {
                self.refused.remove(key);
            }
        }
        if let Some(sent) = &known.sent
            && self.sent.as_ref() != Some(sent)
        {
            let before = self.sent.replace(sent.clone());
            // The first key of all took over from none.
            news.extend(before.map(|before| News::Rotated {
                before: before.id,
                now: sent.clone(),
            }));
        }
        news
    }
}

#[derive(Debug, PartialEq)]
enum News {
    Health,
    Refused(String),
    Rotated { before: String, now: Sent },
}

/// What is seen of an account.
#[derive(Clone, Copy)]
struct Seen<'a> {
    health: &'a Health,
    keys: &'a [KeyUsage],
    known: &'a Known,
    /// Whether it is known otherwise than before.
    changed: bool,
}

/// What was seen before, and what could not be told yet.
#[derive(Default)]
pub(super) struct Watch {
    /// With the time when it was compared with what was told.
    known: HashMap<AccountName, (Known, Timestamp)>,
    untold: Vec<Event>,
    /// The keys that the metrics show.
    keys: Shown,
}

impl Current {
    /// Watches the accounts until told to stop.
    pub(super) async fn watch_accounts(&self, stop: CancellationToken) {
        let mut watch = Watch::default();
        while !stop.is_cancelled() {
            self.load().look_at_accounts(&mut watch).await;
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

impl Gateway {
    /// Looks at every account once.
    pub(super) async fn look_at_accounts(&self, watch: &mut Watch) {
        self.show_key_uses(&mut watch.keys);
        watch.known.retain(|name, _| {
            let kept = self.accounts.get(name).is_some();
            if !kept {
                // As nothing can be said of it any more.
                metrics::gauge!(metric::ACCOUNT_HEALTHY, "account" => name.to_string()).set(f64::NAN);
            }
            kept
        });
        for (name, entry) in self.accounts.iter() {
            let (health, keys) = (entry.provider.health(), entry.provider.key_usage());
            show(entry, &health);
            let (known, now) = (Known::of(&health, &keys), self.now());
            let before = watch.known.get(name).filter(|(before, _)| *before == known);
            let changed = before.is_none();
            if before.is_some_and(|(_, compared)| now.seconds_since(*compared) < COMPARED) {
                continue;
            }
            let seen = Seen {
                health: &health,
                keys: &keys,
                known: &known,
                changed,
            };
            match self.tell(entry, seen).await {
                Ok(events) => {
                    watch.untold.extend(events);
                    watch.known.insert(name.clone(), (known, now));
                }
                Err(error) => tracing::warn!(%error, account = %name, "how an account fares could not be told"),
            }
        }
        while let Some(event) = watch.untold.first() {
            if let Err(error) = self.append_event(event).await {
                tracing::warn!(%error, "how an account fares could not be told yet");
                return;
            }
            watch.untold.remove(0);
        }
    }

    /// Notes what is known as told; the events are those that nobody else has noted.
    async fn tell(&self, entry: &Entry, seen: Seen<'_>) -> Result<Vec<Event>, Error> {
        let now = self.now();
        let key = keys::account_told(&entry.config.name);
        loop {
            let stored = self.store.get(&key).await?;
            let (mut told, expect) = match &stored {
                Some(stored) => (
                    serde_json::from_slice(&stored.value).unwrap_or_default(),
                    Expect::Version(stored.version),
                ),
                None => (Told::default(), Expect::Absent),
            };
            let before = told.clone();
            let news = match seen.changed {
                true => told.learn(seen.known, now),
                false => told.learn(&seen.known.unchanged(&told, seen.health.last_success, now), now),
            };
            if told == before {
                return Ok(Vec::new());
            }
            if let Put::Stored(_) = self.store.put(&key, encode(&told)?, None, expect).await? {
                return news.iter().map(|news| self.event_of(entry, news, seen)).collect();
            }
        }
    }

    fn event_of(&self, entry: &Entry, news: &News, seen: Seen<'_>) -> Result<Event, Error> {
        let Seen { health, keys, .. } = seen;
        let account = &entry.config.name;
        let (kind, data): (_, Value) = match news {
            News::Health => {
                let data = json!({
                    "account": account,
                    "status": health.status,
                    "failing": health.failing,
                    "error_ratio": health.error_ratio,
                    "last_success": health.last_success,
                });
                match health.status {
                    HealthStatus::Healthy => (EventType::AccountHealthy, data),
                    HealthStatus::Unhealthy | HealthStatus::Probing => (EventType::AccountUnhealthy, data),
                }
            }
            News::Refused(id) => {
                let fingerprint = keys.iter().find(|key| key.id == *id).map(|key| &key.fingerprint);
                let data = json!({ "account": account, "key": id, "fingerprint": fingerprint });
                (EventType::AccountKeyRejected, data)
            }
            News::Rotated { before, now } => {
                let data = json!({
                    "account": account,
                    "key": now.id,
                    "fingerprint": now.fingerprint,
                    "previous_key": before,
                });
                (EventType::AccountKeyRotated, data)
            }
        };
        tracing::warn!(%account, event = kind.as_str(), failing = ?health.failing, "an account fares differently");
        Ok(Event {
            time: self.now(),
            ..owners_event(entry, EventId::generate(), kind, &data)?
        })
    }
}

/// Shows how an account fares in the metrics.
fn show(entry: &Entry, health: &Health) {
    let account = entry.config.name.to_string();
    let healthy = f64::from(u8::from(health.status == HealthStatus::Healthy));
    metrics::gauge!(metric::ACCOUNT_HEALTHY, "account" => account).set(healthy);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(healthy: Option<bool>, refused: &[(&str, bool)]) -> Known {
        Known {
            healthy,
            refused: refused
                .iter()
                .map(|(id, refused)| ((*id).to_owned(), *refused))
                .collect(),
            sent: None,
        }
    }

    #[test]
    fn each_change_is_news_once() {
        let mut told = Told::default();
        for (known, news) in [
            (known(None, &[]), vec![]),
            (known(Some(true), &[("a", false)]), vec![]),
            (
                known(Some(false), &[("a", true)]),
                vec![News::Health, News::Refused("a".into())],
            ),
            (known(Some(false), &[("a", true)]), vec![]),
            (known(None, &[]), vec![]),
            (known(Some(true), &[("a", false)]), vec![News::Health]),
            (known(Some(true), &[("a", true)]), vec![News::Refused("a".into())]),
        ] {
            assert_eq!(told.learn(&known, Timestamp::from_millis(0)), news, "{known:?}");
        }
    }

    #[test]
    fn a_key_that_takes_over_is_news_once_and_the_first_of_all_is_none() {
        let sent = |id: &str, fingerprint: &str| Sent {
            id: id.into(),
            fingerprint: fingerprint.into(),
        };
        let mut told = Told::default();
        for (key, before) in [
            (None, None),
            (Some(sent("a", "1")), None),
            (Some(sent("a", "1")), None),
            (None, None),
            (Some(sent("b", "2")), Some("a")),
            (Some(sent("b", "2")), None),
            (Some(sent("b", "3")), Some("b")),
        ] {
            let known = Known {
                sent: key.clone(),
                ..Known::default()
            };
            let news = before.zip(key).map(|(before, now)| News::Rotated {
                before: before.to_owned(),
                now,
            });
            let news: Vec<_> = news.into_iter().collect();
            assert_eq!(told.learn(&known, Timestamp::from_millis(0)), news);
        }
    }
}
