//! Voz: speaks texts to phones, and tells by webhook what became of them.

mod calls;
mod webhooks;
mod wire;

use switchboard::config::{Account, Faults};
use switchboard::domain::account::AccountName;
use switchboard::providers::port::{Calls, KeyUsage, Provider, Webhooks};
use switchboard::upstream::{self, Credential, Upstream, Ways};

const BASE_URL: &str = "https://api.voz.example";
const CREDENTIAL: Credential = Credential {
    header: "authorization",
    prefix: "Bearer ",
};

/// One account at Voz.
pub struct Voz {
    account: AccountName,
    upstream: Upstream,
}

impl Voz {
    /// Makes the provider of an account; connects nowhere.
    ///
    /// # Errors
    /// Every fault in the account's settings.
    pub fn new(account: &Account, ways: impl Into<Ways>) -> Result<Self, Faults> {
        let usual = || BASE_URL.parse().ok();
        // No setting of its own: whatever else the account says is a fault.
        let base_url = account.settings.read(|_| account.base_url.clone().or_else(usual))?;
        let base_url = base_url.ok_or_else(|| Faults(Vec::new()))?;
        let way = upstream::Settings::of(account, base_url, CREDENTIAL);
        Ok(Self {
            account: account.name.clone(),
            upstream: Upstream::new(way, ways),
        })
    }
}

impl Provider for Voz {
    fn account(&self) -> &AccountName {
        &self.account
    }

    fn kind(&self) -> &'static str {
        "voz"
    }

    fn key_usage(&self) -> Vec<KeyUsage> {
        self.upstream.key_usage()
    }

    fn calls(&self) -> Option<&dyn Calls> {
        Some(self)
    }

    fn webhooks(&self) -> Option<&dyn Webhooks> {
        Some(self)
    }
}
