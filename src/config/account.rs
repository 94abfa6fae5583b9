//! `[accounts.NAME]`: the accounts held at providers.

use std::collections::BTreeMap;
use std::time::Duration;

use rust_decimal::Decimal;
use url::Url;

use super::context::Context;
use super::format::{AMOUNT, HOST, HTTP_URL, TEXT};
use super::keyring::KeyRing;
use super::reader::{Reader, Settings};
use crate::domain::account::AccountName;

/// What an account has where its table is silent; `config/default.toml` shows the same values.
const DEFAULTS: &str = r#"
    mode = "on"
    users = ["*"]
    concurrent = 64
    per_second = 50
    timeout_ms = 5000
    breaker = { error_ratio = 0.5, min_requests = 20, window_seconds = 30, open_seconds = 15 }
"#;

/// Everyone, where a tenant is named.
const EVERYONE: &str = "*";

/// One account held at a provider.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name in the API, metrics and webhook URLs.
    pub name: AccountName,
    /// The kind of provider, such as `zenvia`; not checked here.
    pub provider: String,
    /// What it is used for at present.
    pub mode: Mode,
    /// The tenant who sees all of it; `*`: every tenant.
    pub owner: String,
    /// The tenants who may act through it; `*`: every tenant.
    pub users: Vec<String>,
    /// Where the provider's API is; `None`: where that kind of provider usually is.
    pub base_url: Option<Url>,
    /// Credentials at the provider; never empty.
    pub keys: KeyRing,
    /// Secrets in the webhook URLs registered at the provider; never empty.
    pub webhook_keys: Option<KeyRing>,
    /// The most requests under way at once.
    pub concurrent: u32,
    /// The most requests started in one second.
    pub per_second: u32,
    /// The time one try may take.
    pub timeout: Duration,
    /// When requests stop being sent for a while.
    pub breaker: Breaker,
    /// The balance, in the account's currency, below which an event is raised.
    pub low_balance: Option<Decimal>,
    /// Hosts, in lower case, that recordings may be fetched from, besides the provider's own.
    pub recording_hosts: Vec<String>,
    /// The keys that only this kind of provider knows.
    pub settings: Settings,
}

/// What an account is used for at present.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Everything.
    #[default]
    On,
    /// Everything but new calls and sends.
    Drain,
    /// Nothing.
    Off,
}

/// When requests to an account stop being sent for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breaker {
    /// The share of failures that opens it.
    pub error_ratio: f64,
    /// Not before this many requests within the window.
    pub min_requests: u32,
    /// The time over which requests are counted.
    pub window: Duration,
    /// How long it stays open before a probe.
    pub open: Duration,
}

impl Account {
    /// Tells whether `tenant` sees all of this account.
    pub fn owned_by(&self, tenant: &str) -> bool {
        self.owner == EVERYONE || self.owner == tenant
    }

    /// Tells whether `tenant` may act through this account.
    pub fn serves(&self, tenant: &str) -> bool {
        let named = |user: &String| user == EVERYONE || user == tenant;
        self.owned_by(tenant) || self.users.iter().any(named)
    }

    /// Acts are begun with half of the account's time left, or not at all: a request must have more than that.
    pub(super) fn check_time(&self, request: Duration, context: &Context) {
        // Nothing stands in for a time with a fault of its own.
        if request.is_zero() || request * 2 > self.timeout {
            return;
        }
        let other = format!("accounts.{}.timeout_ms", self.name);
        context.note(
            "server.request_timeout_ms".to_owned(),
            &format!("is no more than half of {other}, so no call or code could go through that account"),
            &format!("raise it above half of {other}, or lower that"),
        );
    }

    pub(super) fn read_all(root: &mut Reader<'_>) -> BTreeMap<AccountName, Self> {
        let sections = root.named_sections("accounts").into_iter();
        let accounts = sections.filter_map(|(name, section)| Self::read(section, &name));
        accounts.map(|account| (account.name.clone(), account)).collect()
    }

    fn read(section: Reader<'_>, name: &str) -> Option<Self> {
        let mut reader = section.with_defaults(DEFAULTS.parse().unwrap_or_default());
        let name = reader.name(name);
        let modes = [("on", Mode::On), ("drain", Mode::Drain), ("off", Mode::Off)];
        Some(Self {
            provider: reader.text("provider"),
            mode: reader.choice("mode", &modes).unwrap_or_default(),
            owner: reader.text("owner"),
            users: reader.list("users", &TEXT),
            base_url: reader.optional("base_url", &HTTP_URL),
            keys: reader.ring("keys"),
            webhook_keys: reader.optional_ring("webhook_keys"),
            concurrent: reader.integer("concurrent", 1..=100_000),
            per_second: reader.integer("per_second", 1..=100_000),
            timeout: reader.milliseconds("timeout_ms", 1..=600_000),
            breaker: Breaker::read(reader.section("breaker")),
            low_balance: reader.optional("low_balance", &AMOUNT),
            recording_hosts: reader.list("recording_hosts", &HOST),
            settings: reader.settings(),
            // Last, so that an account without a proper name is read to its end.
            name: name?,
        })
    }
}

impl Breaker {
    fn read(mut reader: Reader<'_>) -> Self {
        Self {
            error_ratio: reader.ratio("error_ratio"),
            min_requests: reader.integer("min_requests", 1..=100_000),
            window: reader.seconds("window_seconds", 1..=3600),
            open: reader.seconds("open_seconds", 1..=3600),
        }
    }
}

impl Reader<'_> {
    /// Checks the name of the section being read.
    pub(super) fn name(&self, name: &str) -> Option<AccountName> {
        let parsed = name.parse().ok();
        if parsed.is_none() {
            let remedy = "use 1 to 40 lower-case letters, digits and hyphens";
            self.fault_here("is not a name", remedy);
        }
        parsed
    }
}
