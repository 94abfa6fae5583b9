//! How the gateway and everything it serves fare, and what of it needs a person.

use serde::Serialize;

use super::accounts::AccountView;
use super::current::Reload;
use super::gateway::Gateway;
use super::token_keys::TokenKey;
use super::unsettled::Unsettled;
use crate::config::Mode;
use crate::domain::error::Error;
use crate::domain::time::Timestamp;
use crate::providers::port::HealthStatus;

/// For how long a webhook may wait to be applied before a person should look, in seconds.
const WAITS_SECONDS: u64 = 60;

/// How everything fares, as this gateway knows.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// What needs a person; nothing where all is well.
    pub needs: Vec<Need>,
    /// Whether requests can be served.
    pub ready: bool,
    /// Why not.
    pub detail: Option<String>,
    /// The settings of the store that can lose acknowledged work.
    pub warnings: Vec<String>,
    /// The version of the gateway.
    pub version: &'static str,
    /// The hash of the configuration in force.
    pub config_sha256: String,
    /// How the last try to take over another configuration ended; nothing if there was none since the start.
    pub last_reload: Option<LastReload>,
    /// What is on its way; nothing while the store is away.
    pub work: Option<Work>,
    /// The accounts by name.
    pub accounts: Vec<AccountView>,
    /// The keys that tokens may be signed with.
    pub token_keys: Vec<TokenKey>,
}

/// How a try to take over a configuration ended.
#[derive(Debug, Clone, Serialize)]
pub struct LastReload {
    /// When it was.
    pub at: Timestamp,
    /// Whether it was taken over.
    pub successful: bool,
    /// What kept it from that.
    pub faults: Vec<String>,
}

/// What is on its way through all gateways over one store.
#[derive(Debug, Clone, Serialize)]
pub struct Work {
    /// Calls whose outcome is not yet known.
    pub unsettled: Unsettled,
    /// Until when everything that webhooks told is applied.
    pub webhooks_applied_until: Timestamp,
    /// The subscriptions by name.
    pub subscriptions: Vec<SubscriptionStatus>,
}

/// How the deliveries of one subscription fare.
#[derive(Debug, Clone, Serialize)]
pub struct SubscriptionStatus {
    /// Its name.
    pub subscription: String,
    /// How many deliveries were given up and are still kept.
    pub dead: usize,
    /// Whether its receiver answered 410, so that nothing is delivered.
    pub ended: bool,
}

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// What kind of thing.
    pub kind: NeedKind,
    /// What it is about: an account, a subscription; empty for the gateway itself.
    pub subject: String,
    /// What is wrong, in a sentence.
    pub detail: String,
}

/// What may need a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NeedKind {
    /// The store cannot be reached or written to.
    StoreAway,
    /// A configuration was not taken over, and nothing has changed.
    ReloadRefused,
    /// No key of `[auth]` is valid, so that no request is taken.
    TokensRefused,
    /// Something of an account keeps failing.
    AccountUnhealthy,
    /// The provider refused a key that is still valid.
    KeyRejected,
    /// An account's credit is below `low_balance`.
    LowBalance,
    /// Deliveries were given up.
    DeliveriesDead,
    /// A receiver wants nothing any more.
    SubscriptionEnded,
    /// Webhooks are taken and not applied.
    WebhooksWait,
    /// Calls are open that should have been settled.
    CallsOverdue,
}

impl Gateway {
    /// How everything fares now; `tokens_refused` says why every token is refused, while that is so.
    ///
    /// # Errors
    /// None for a store that is away, which is what it tells then.
    pub async fn status(&self, last_reload: Option<Reload>, tokens_refused: Option<String>) -> Result<Status, Error> {
        let away = self.ready().await.err();
        let work = match away {
            None => self.work_under_way().await.ok(),
            Some(_) => None,
        };
        let accounts = self.accounts(None).await?;
        let mut needs = Vec::new();
        if let Some(error) = &away {
            needs.push(need(NeedKind::StoreAway, "", &error.detail));
        }
        let refused = last_reload.as_ref().filter(|reload| !reload.faults.is_empty());
        needs.extend(refused.map(|reload| need(NeedKind::ReloadRefused, "", &reload.faults.join("; "))));
        needs.extend(tokens_refused.map(|why| need(NeedKind::TokensRefused, "", &why)));
        for account in &accounts {
            needs.extend(self.needs_of(account));
        }
        needs.extend(work.iter().flat_map(|work| self.needs_of_work(work)));
        Ok(Status {
            needs,
            ready: away.is_none(),
            detail: away.map(|error| error.detail),
            warnings: self.warnings(),
            version: env!("CARGO_PKG_VERSION"),
            config_sha256: self.config.sha256().to_owned(),
            last_reload: last_reload.map(|Reload { at, faults }| LastReload {
                at,
                successful: faults.is_empty(),
                faults,
            }),
            work,
            accounts,
            token_keys: self.token_keys(),
        })
    }

    async fn work_under_way(&self) -> Result<Work, Error> {
        let (ledger, mut subscriptions) = (self.deliveries_kept(), Vec::new());
        for (name, subscription) in &self.config.subscriptions {
            subscriptions.push(SubscriptionStatus {
                subscription: name.clone(),
                dead: ledger.count_dead(name, self.now()).await?,
                ended: ledger.is_ended(name, &subscription.url).await?,
            });
        }
        Ok(Work {
            unsettled: self.unsettled().await?,
            webhooks_applied_until: self.inbox_applied_until().await?,
            subscriptions,
        })
    }

    fn needs_of(&self, account: &AccountView) -> Vec<Need> {
        let (name, mut needs) = (account.account.as_str(), Vec::new());
        let Some(entry) = self.accounts.get(&account.account) else {
            return needs;
        };
        if entry.config.mode == Mode::Off {
            return needs;
        }
        if account.health.status != HealthStatus::Healthy {
            let detail = format!("keeps failing: {}", account.health.failing.join(", "));
            needs.push(need(NeedKind::AccountUnhealthy, name, &detail));
        }
        let refused = account
            .keys
            .iter()
            .filter(|key| key.valid && key.last_rejected > key.last_accepted);
        for key in refused {
            let detail = format!("the provider refuses the key {}", key.id);
            needs.push(need(NeedKind::KeyRejected, name, &detail));
        }
        if let (Some(balance), Some(low)) = (&account.balance, entry.config.low_balance)
            && balance.amount < low
        {
            let detail = format!("{} {} left, less than {low}", balance.amount, balance.currency);
            needs.push(need(NeedKind::LowBalance, name, &detail));
        }
        needs
    }

    fn needs_of_work(&self, work: &Work) -> Vec<Need> {
        let mut needs = Vec::new();
        for one in &work.subscriptions {
            if one.ended {
                let detail = "its receiver answered 410; ask for a redelivery once it listens again";
                needs.push(need(NeedKind::SubscriptionEnded, &one.subscription, detail));
            }
            if one.dead > 0 {
                let detail = format!("{} deliveries were given up", one.dead);
                needs.push(need(NeedKind::DeliveriesDead, &one.subscription, &detail));
            }
        }
        let waited = self.now().seconds_since(work.webhooks_applied_until);
        if waited > WAITS_SECONDS {
            let detail = format!("webhooks have been waiting for {waited} s to be applied");
            needs.push(need(NeedKind::WebhooksWait, "", &detail));
        }
        if work.unsettled.overdue > 0 {
            let detail = format!("{} calls should have been settled by now", work.unsettled.overdue);
            needs.push(need(NeedKind::CallsOverdue, "", &detail));
        }
        needs
    }
}

fn need(kind: NeedKind, subject: &str, detail: &str) -> Need {
    Need {
        kind,
        subject: subject.to_owned(),
        detail: detail.to_owned(),
    }
}
