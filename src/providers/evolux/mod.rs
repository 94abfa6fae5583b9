//! Evolux: a call centre whose campaigns, queues and agents call, and which sends no news of it: all is read from reports.

mod calls;
mod config;
mod control;
mod documented;
mod history;
mod judge;
mod lookup;
mod probe;
mod recordings;
mod wire;

use config::{CREDENTIAL, Settings};
use judge::Told;

use super::port::{
    Calls, Control, DriftCount, Health, History, KeyUsage, Lookup, Obstacle, Probe, Provider, Recordings,
};
use super::shape::Shape;
use crate::config::{Account, Faults};
use crate::domain::account::AccountName;
use crate::domain::address::Address;
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::upstream::{self, Answer, Exchange, Rejection, Upstream, Urgency, Ways};

/// For the fuzzer: reads an answer with this body in every way.
pub(crate) fn fuzz_answer(body: &[u8]) {
    for status in [200, 404, 500] {
        let answer = Answer {
            status,
            retry_after: None,
            body: body.to_vec().into(),
        };
        let told = judge::Told::of(&answer);
        for row in [wire::queue_row as wire::ReadRow, wire::dialer_row] {
            let _ = judge::read(&told, |envelope| envelope.page(row));
            let _ = judge::read(&told, |envelope| envelope.row(row));
        }
        let _ = judge::done(&told);
    }
}

/// For the measurement: how many rows a page of the report of queues has that can be read.
pub(crate) fn rows_of(body: &[u8]) -> usize {
    let answer = Answer {
        status: 200,
        retry_after: None,
        body: body.to_vec().into(),
    };
    let page = judge::read(&judge::Told::of(&answer), |envelope| envelope.page(wire::queue_row));
    page.map_or(0, |page| page.rows.len())
}

/// One account at Evolux: a tenant's server.
pub struct Evolux {
    account: AccountName,
    settings: Settings,
    upstream: Upstream,
}

impl Evolux {
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

    /// Sends a request whose answer is documented.
    async fn exchange<T: Send>(
        &self,
        exchange: Exchange,
        answer: Shape,
        judge: impl Fn(&Told<'_>) -> Result<T, Rejection> + Send + Sync,
    ) -> Result<T, Failure> {
        let operation = exchange.operation;
        let judge = |given: &Answer| {
            let told = Told::of(given);
            self.upstream.note_drift(operation, &documented::drift(&told, answer));
            judge(&told)
        };
        self.upstream.exchange(exchange, judge).await
    }
}

impl Provider for Evolux {
    fn account(&self) -> &AccountName {
        &self.account
    }

    fn kind(&self) -> &'static str {
        "evolux"
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

    fn lookup(&self) -> Option<&dyn Lookup> {
        Some(self)
    }

    fn recordings(&self) -> Option<&dyn Recordings> {
        Some(self)
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }

    fn history(&self) -> Option<&dyn History> {
        Some(self)
    }
}

/// A party as Evolux dials it: a Brazilian number from its area code on, or an extension.
fn dialled(party: &Address, operation: &'static str) -> Result<String, Failure> {
    let digits = match party {
        Address::Phone(number) => number.brazilian(),
        Address::Extension(extension) => Some(extension.as_str()),
        Address::Agent(_) | Address::Whatsapp(_) | Address::Other(_) => None,
    };
    digits
        .map(str::to_owned)
        .ok_or_else(|| refused(Refusal::Unsupported, operation, "only Brazilian numbers and extensions"))
}

/// An identifier as part of a path; what could lead elsewhere names nothing.
fn segment<'a>(id: Option<&'a str>, operation: &'static str) -> Result<&'a str, Failure> {
    let plain = |id: &&str| {
        !id.is_empty()
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    id.filter(plain)
        .ok_or_else(|| refused(Refusal::NotFound, operation, "the call has no such identifier"))
}

/// A refusal before anything was sent.
fn refused(refusal: Refusal, operation: &'static str, message: &str) -> Failure {
    Failure {
        message: Some(message.to_owned()),
        ..Failure::new(FailureKind::Refused(refusal), operation)
    }
}
