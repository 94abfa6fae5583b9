//! Positus: WhatsApp calls of one number, whose every step is told by webhook and by nothing else.

mod calls;
mod config;
mod consent;
mod inbound;
mod judge;
mod webhooks;
mod wire;

use url::Url;

use config::Settings;
pub use config::{BASE_URL, CREDENTIAL};

use super::port::{Calls, Consent, Control, Inbound, Provider, Target, Webhooks};
use crate::config::{Account, Faults};
use crate::domain::account::AccountName;
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::upstream::{Exchange, KeyUsage, Upstream};

/// One account at Positus: one WhatsApp number.
pub struct Positus {
    account: AccountName,
    settings: Settings,
    upstream: Upstream,
}

impl Positus {
    /// Makes the provider of an account; `upstream` sends [`CREDENTIAL`] to [`BASE_URL`] or the account's own address.
    ///
    /// # Errors
    /// Every fault in the account's settings.
    pub fn new(account: &Account, upstream: Upstream) -> Result<Self, Faults> {
        Ok(Self {
            account: account.name.clone(),
            settings: Settings::read(account)?,
            upstream,
        })
    }

    /// Where webhook bodies that are not about calls are to go.
    pub fn forward_url(&self) -> Option<&Url> {
        self.settings.forward_url.as_ref()
    }

    /// The path of one of the number's calling endpoints.
    fn path(&self, action: &str) -> String {
        format!(
            "/whatsapp/numbers/{}/calls/{action}",
            self.settings.number_id
        )
    }

    async fn act(&self, exchange: Exchange) -> Result<(), Failure> {
        self.upstream.exchange(exchange, judge::done).await
    }
}

impl Provider for Positus {
    fn account(&self) -> &AccountName {
        &self.account
    }

    fn kind(&self) -> &'static str {
        "positus"
    }

    fn key_usage(&self) -> Vec<KeyUsage> {
        self.upstream.key_usage()
    }

    fn calls(&self) -> Option<&dyn Calls> {
        Some(self)
    }

    fn control(&self) -> Option<&dyn Control> {
        Some(self)
    }

    fn inbound(&self) -> Option<&dyn Inbound> {
        Some(self)
    }

    fn consent(&self) -> Option<&dyn Consent> {
        Some(self)
    }

    fn webhooks(&self) -> Option<&dyn Webhooks> {
        Some(self)
    }
}

/// The identifier an act on a call needs.
fn call_id<'a>(call: Target<'a>, operation: &'static str) -> Result<&'a str, Failure> {
    let unknown = || Failure::new(FailureKind::Refused(Refusal::NotFound), operation);
    call.reference.id.as_deref().ok_or_else(unknown)
}
