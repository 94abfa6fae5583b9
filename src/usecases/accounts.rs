//! What is configured, and how it fares.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;

use super::gateway::Gateway;
use super::read_history::owned;
use crate::config::Mode;
use crate::domain::account::AccountName;
use crate::domain::call::CallKind;
use crate::domain::caller::Caller;
use crate::domain::error::Error;
use crate::domain::money::Money;
use crate::domain::place::Capability;
use crate::domain::time::Timestamp;
use crate::domain::verification::Channel;
use crate::providers::port::{Codes, DriftCount, DriftKind, Health, HealthStatus, KeyUsage, Offer, Provider};
use crate::providers::registry::Entry;

/// One account as its users see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AccountView {
    /// Its name.
    pub account: AccountName,
    /// The kind of provider.
    #[schema(example = "zenvia")]
    pub provider: String,
    /// `on`, `drain` (no new calls or sends) or `off`.
    #[schema(example = "on")]
    pub mode: String,
    /// What it can do.
    pub capabilities: Capabilities,
    /// What it may do at once and per second.
    pub limits: AccountLimits,
    /// The credit left, up to a minute old, where the provider tells; null to those who do not own the account.
    pub balance: Option<Money>,
    /// How it fares, as far as this gateway knows from its own requests.
    pub health: HealthView,
    /// Its credentials, the preferred one first; never their values. Empty to those who do not own the account.
    pub keys: Vec<KeyView>,
    /// How often its provider's messages differed from the documentation since this gateway started, where they did.
    pub drift: Vec<DriftView>,
    /// When this gateway last took a webhook of each kind since it started. Empty to those who do not own the account.
    pub last_webhooks: Vec<LastWebhook>,
}

/// How an account fares.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HealthView {
    /// `healthy`; `unhealthy`: something keeps failing and is not sent for a while; `probing`: the next request shows
    /// whether it works again.
    pub status: HealthStatus,
    /// What keeps failing: the provider's operations, or `connect`.
    #[schema(example = json!(["POST /tts"]))]
    pub failing: Vec<&'static str>,
    /// The share of requests that failed of late, from 0 to 1; null where there were none.
    pub error_ratio: Option<f64>,
    /// When the provider last did what was asked.
    pub last_success: Option<Timestamp>,
}

/// When a webhook of one kind was last taken.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LastWebhook {
    /// The kind; `all` where one URL serves all.
    #[schema(example = "call-end")]
    pub kind: String,
    /// When.
    pub at: Timestamp,
}

/// How often messages of one endpoint differed in one way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DriftView {
    /// The provider's operation, or the kind of webhook.
    #[schema(example = "tts-end")]
    pub endpoint: String,
    /// How.
    pub kind: DriftKind,
    /// How often.
    pub count: u64,
}

/// How old a credit may be before it is asked for again, in seconds.
const BALANCE_SECONDS: i64 = 60;

/// What providers told of their accounts' credit, and when.
#[derive(Default)]
pub(super) struct Balances(Mutex<HashMap<AccountName, (Timestamp, Option<Money>)>>);

impl Balances {
    fn lock(&self) -> MutexGuard<'_, HashMap<AccountName, (Timestamp, Option<Money>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an account can do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Capabilities {
    /// The operations that place calls, each with the options it takes.
    pub calls: Vec<CallCapability>,
    /// What can be done to live calls, by kind.
    pub control: Vec<ControlCapability>,
    /// How codes can be sent.
    pub verification: Vec<Channel>,
    /// The reports its history is read from.
    pub history: Vec<String>,
    /// Whether recordings can be fetched.
    pub recordings: bool,
    /// Whether incoming calls can be accepted or rejected.
    pub inbound: bool,
    /// The kinds of webhook it takes; `all` where one URL serves all.
    pub webhooks: Vec<String>,
}

/// An operation that places calls.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CallCapability {
    /// The operation.
    pub operation: Capability,
    /// The options it takes.
    pub options: Vec<Capability>,
}

/// What can be done to live calls of one kind.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ControlCapability {
    /// The kind of call.
    pub kind: CallKind,
    /// What can be done.
    pub operations: Vec<Capability>,
}

/// What an account may do at once and per second.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AccountLimits {
    /// Requests at once.
    pub concurrent: u32,
    /// Requests per second.
    pub per_second: u32,
}

/// A credential, without its value.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeyView {
    /// Its identifier in the configuration.
    pub id: String,
    /// Tells two values apart and reveals neither.
    pub fingerprint: String,
    /// Whether it is valid now.
    pub valid: bool,
    /// When it was last sent.
    pub last_used: Option<Timestamp>,
    /// When the provider last took it.
    pub last_accepted: Option<Timestamp>,
    /// When the provider last refused it.
    pub last_rejected: Option<Timestamp>,
    /// Whether the gateways do without it: another key comes first, the provider took another one since any gateway last
    /// sent this one, and that was ten minutes ago or more, or never. Gateways tell each other by the store every five
    /// seconds; false while the store has not told for a minute. What a gateway that cannot reach the store sent is not
    /// known.
    pub safe_to_revoke: bool,
}

/// How long a key must not have been sent to be thought needless, in seconds.
const UNUSED_SECONDS: i64 = 600;

impl Gateway {
    /// The accounts the caller may use, all of them without a caller.
    ///
    /// # Errors
    /// None today; kept for sources that can fail.
    pub async fn accounts(&self, caller: Option<&Caller>) -> Result<Vec<AccountView>, Error> {
        let visible = self
            .accounts
            .iter()
            .filter(|(_, entry)| caller.is_none_or(|caller| sees(caller, entry)));
        let views = visible.map(|(_, entry)| self.view(entry, caller.is_none_or(|caller| owned(caller, entry))));
        Ok(futures_util::future::join_all(views).await)
    }

    /// The account, if the caller may see it.
    pub(super) fn visible_account(&self, caller: &Caller, account: &AccountName) -> Result<&Entry, Error> {
        self.accounts
            .get(account)
            .filter(|entry| sees(caller, entry))
            .ok_or_else(|| Error::field("account", "unknown", "names no account you may see"))
    }

    async fn view(&self, entry: &Entry, owned: bool) -> AccountView {
        let balance = match owned && entry.config.mode != Mode::Off {
            true => self.balance(entry).await,
            false => None,
        };
        AccountView {
            account: entry.config.name.clone(),
            provider: entry.provider.kind().to_owned(),
            mode: match entry.config.mode {
                Mode::On => "on",
                Mode::Drain => "drain",
                Mode::Off => "off",
            }
            .to_owned(),
            capabilities: capabilities(entry.provider.as_ref()),
            limits: AccountLimits {
                concurrent: entry.config.concurrent,
                per_second: entry.config.per_second,
            },
            balance,
            keys: if owned { self.keys(entry) } else { Vec::new() },
            drift: drift(entry.provider.as_ref()),
            health: entry.provider.health().into(),
            last_webhooks: match owned {
                true => self.received.last(&entry.config.name),
                false => Vec::new(),
            },
        }
    }

    /// The account's credit as told within the last minute, else as told now; one that cannot be told is not asked for
    /// again at once either.
    pub(super) async fn balance(&self, entry: &Entry) -> Option<Money> {
        let source = entry.provider.balance()?;
        let (name, now) = (&entry.config.name, self.now());
        let known = self.balances.lock().get(name).cloned();
        if let Some((_, balance)) = known.filter(|(at, _)| now < at.plus_seconds(BALANCE_SECONDS)) {
            return balance;
        }
        let balance = source.balance().await.ok();
        self.balances.lock().insert(name.clone(), (now, balance.clone()));
        balance
    }

    fn keys(&self, entry: &Entry) -> Vec<KeyView> {
        let now = self.now();
        let usage = entry.provider.key_usage();
        let valid: Vec<&str> = entry
            .config
            .keys
            .valid(now.to_jiff())
            .map(|key| key.id.as_str())
            .collect();
        let known = self.knows_key_uses();
        let needless: Vec<bool> = usage
            .iter()
            .map(|key| known && is_needless(key, &usage, (&valid, now)))
            .collect();
        let view = |(key, safe_to_revoke): (KeyUsage, bool)| KeyView {
            safe_to_revoke,
            valid: valid.contains(&key.id.as_str()),
            id: key.id,
            fingerprint: key.fingerprint,
            last_used: key.last_used,
            last_accepted: key.last_accepted,
            last_rejected: key.last_rejected,
        };
        usage.into_iter().zip(needless).map(view).collect()
    }
}

/// Whether a key can be revoked as far as is known here; `valid` are the keys valid `now`, the first one first.
fn is_needless(key: &KeyUsage, ring: &[KeyUsage], (valid, now): (&[&str], Timestamp)) -> bool {
    let comes_first = valid.first() == Some(&key.id.as_str());
    let unused = key.last_used.is_none_or(|at| at.plus_seconds(UNUSED_SECONDS) <= now);
    let replaced = |other: &KeyUsage| {
        other.id != key.id && valid.contains(&other.id.as_str()) && other.last_accepted > key.last_used
    };
    !comes_first && unused && ring.iter().any(replaced)
}

impl From<Health> for HealthView {
    fn from(health: Health) -> Self {
        Self {
            status: health.status,
            failing: health.failing,
            error_ratio: health.error_ratio,
            last_success: health.last_success,
        }
    }
}

fn drift(provider: &dyn Provider) -> Vec<DriftView> {
    let view = |told: DriftCount| DriftView {
        endpoint: told.endpoint.to_owned(),
        kind: told.kind,
        count: told.count,
    };
    provider.drift().into_iter().map(view).collect()
}

/// Whether the caller may see an account at all.
pub(super) fn sees(caller: &Caller, entry: &Entry) -> bool {
    caller.reads_all() || entry.config.serves(&caller.tenant)
}

/// What a provider can do, read from the roles it plays.
pub fn capabilities(provider: &dyn Provider) -> Capabilities {
    let offers = provider.calls().map(|calls| calls.offers()).unwrap_or_default();
    let call = |offer: &Offer| CallCapability {
        operation: offer.operation,
        options: offer.options.to_vec(),
    };
    let control = CallKind::ALL.iter().filter_map(|kind| {
        let operations = provider.control()?.controls(*kind).to_vec();
        (!operations.is_empty()).then_some(ControlCapability {
            kind: *kind,
            operations,
        })
    });
    Capabilities {
        calls: offers.iter().map(call).collect(),
        control: control.collect(),
        verification: provider.codes().map(Codes::channels).unwrap_or_default().to_vec(),
        history: provider.history().map_or(Vec::new(), |history| {
            history.reports().iter().map(|report| report.name.to_owned()).collect()
        }),
        recordings: provider.recordings().is_some(),
        inbound: provider.inbound().is_some(),
        webhooks: provider
            .webhooks()
            .map_or(Vec::new(), |webhooks| match webhooks.kinds() {
                [] => vec!["all".to_owned()],
                kinds => kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    /// A key that was last sent, and accepted, so many seconds ago.
    fn key(id: &str, used: Option<i64>, accepted: Option<i64>) -> KeyUsage {
        let ago = |seconds: i64| Timestamp::from_seconds(NOW - seconds);
        KeyUsage {
            id: id.to_owned(),
            fingerprint: String::new(),
            preferred: false,
            last_used: used.map(ago),
            last_accepted: accepted.map(ago),
            last_rejected: None,
        }
    }

    #[test]
    fn a_key_is_needless_once_another_was_accepted_and_it_was_not_sent_for_ten_minutes() {
        let new = key("new", Some(1), Some(1));
        for (old, needless) in [
            (key("old", Some(600), Some(600)), true),
            (key("old", None, None), true),
            (key("old", Some(599), Some(599)), false),
        ] {
            let ring = [new.clone(), old.clone()];
            let now = Timestamp::from_seconds(NOW);
            assert_eq!(is_needless(&old, &ring, (&["new", "old"], now)), needless);
            assert!(
                !is_needless(&new, &ring, (&["new", "old"], now)),
                "the first one is used"
            );
            assert!(!is_needless(&old, &ring, (&["old", "new"], now)), "now it is the first");
            assert!(!is_needless(&old, &ring, (&["old"], now)), "the other is not valid");
        }
        let unproven = [key("new", None, None), key("old", Some(700), Some(700))];
        let now = Timestamp::from_seconds(NOW);
        assert!(!is_needless(&unproven[1], &unproven, (&["new", "old"], now)));
    }
}
