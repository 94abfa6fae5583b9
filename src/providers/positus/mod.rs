//! Positus: WhatsApp calls of one number, whose every step is told by webhook and by nothing else.

mod calls;
mod config;
mod consent;
mod documented;
mod inbound;
mod judge;
mod probe;
mod webhooks;
mod wire;

use config::{CREDENTIAL, Settings};

use super::port::{
    Calls, Consent, Control, DriftCount, Health, Inbound, KeyUsage, Obstacle, Probe, Provider, Target, Webhooks,
};
use crate::config::{Account, Faults};
use crate::domain::account::AccountName;
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::providers::shape::Shape;
use crate::upstream::{self, Answer, Exchange, Rejection, Upstream, Urgency, Ways};

/// For the fuzzer: reads an answer with this body in every way.
pub(crate) fn fuzz_answer(body: &[u8]) {
    for status in [200, 400, 500] {
        let answer = Answer {
            status,
            retry_after: None,
            body: body.to_vec().into(),
        };
        let _ = (judge::done(&answer), judge::made(&answer));
        let _ = judge::read(&answer, consent::permission);
    }
}

/// One account at Positus: one WhatsApp number.
pub struct Positus {
    account: AccountName,
    settings: Settings,
    upstream: Upstream,
}

impl Positus {
    /// Makes the provider of an account; connects nowhere.
    ///
    /// # Errors
    /// Every fault in the account's settings.
    pub fn new(account: &Account, ways: impl Into<Ways>) -> Result<Self, Faults> {
        let settings = Settings::read(account)?;
        let way = upstream::Settings::of(account, settings.base_url.clone(), CREDENTIAL);
        Ok(Self {
            account: account.name.clone(),
            settings,
            upstream: Upstream::new(way, ways),
        })
    }

    /// The path of one of the number's calling endpoints.
    fn path(&self, action: &str) -> String {
        format!("/whatsapp/numbers/{}/calls/{action}", self.settings.number_id)
    }

    async fn act(&self, exchange: Exchange) -> Result<(), Failure> {
        self.exchange(exchange, documented::DONE, judge::done).await
    }

    /// Sends a request whose answer is documented.
    async fn exchange<T: Send>(
        &self,
        exchange: Exchange,
        answer: Shape,
        judge: impl Fn(&Answer) -> Result<T, Rejection> + Send + Sync,
    ) -> Result<T, Failure> {
        let operation = exchange.operation;
        let judge = |told: &Answer| {
            self.upstream.note_drift(operation, &documented::drift(told, answer));
            judge(told)
        };
        self.upstream.exchange(exchange, judge).await
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

    fn health(&self) -> Health {
        self.upstream.health()
    }

    fn obstacle(&self, operation: &str) -> Option<Obstacle> {
        self.upstream.obstacle(operation, Urgency::Usual)
    }

    fn drift(&self) -> Vec<DriftCount> {
        self.upstream.drift()
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

    fn probe(&self) -> Option<&dyn Probe> {
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
