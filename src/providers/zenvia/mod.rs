//! Zenvia Voice (formerly TotalVoice): calls of two legs, torpedoes of one, codes, reports, fourteen webhooks.

mod balance;
mod calls;
mod codes;
mod config;
mod control;
mod documented;
mod history;
mod judge;
mod lookup;
mod normalize;
mod recordings;
mod resource;
#[cfg(test)]
mod samples;
mod signals;
mod voices;
mod webhooks;
mod wire;

use crate::config::{Account, Faults};
use crate::domain::account::AccountName;
use crate::domain::call::ProviderRef;
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::providers::port;
use crate::providers::shape::Shape;
use crate::upstream::{
    self, Answer, Credential, DriftCount, Exchange, Health, KeyUsage, Obstacle, Rejection, Upstream, Ways,
};

pub use voices::VOICES;

/// For the fuzzer: reads an answer with this body in every way.
pub(crate) fn fuzz_answer(body: &[u8]) {
    for status in [200, 400, 500] {
        judge::in_every_way(&Answer {
            status,
            retry_after: None,
            body: body.to_vec().into(),
        });
    }
}

/// How an account's token is sent.
const CREDENTIAL: Credential = Credential {
    header: "access-token",
    prefix: "",
};

/// The fields with spoken words and links to recordings.
const REDACTED: &[&str] = &["mensagem", "url_gravacao", "url_audio"];

/// An account at Zenvia.
pub struct Zenvia {
    account: AccountName,
    upstream: Upstream,
    settings: config::Settings,
}

impl Zenvia {
    /// Makes the provider of an account; connects nowhere.
    ///
    /// # Errors
    /// Returns every fault of the account's own settings.
    pub fn new(account: &Account, ways: impl Into<Ways>) -> Result<Self, Faults> {
        let settings = config::Settings::read(account)?;
        let way = upstream::Settings::of(account, settings.base_url.clone(), CREDENTIAL);
        Ok(Self {
            account: account.name.clone(),
            upstream: Upstream::new(way, ways),
            settings,
        })
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

impl port::Provider for Zenvia {
    fn account(&self) -> &AccountName {
        &self.account
    }

    fn kind(&self) -> &'static str {
        "zenvia"
    }

    fn key_usage(&self) -> Vec<KeyUsage> {
        self.upstream.key_usage()
    }

    fn health(&self) -> Health {
        self.upstream.health()
    }

    fn obstacle(&self, operation: &str) -> Option<Obstacle> {
        self.upstream.obstacle(operation, codes::urgency(operation))
    }

    fn drift(&self) -> Vec<DriftCount> {
        self.upstream.drift()
    }

    fn calls(&self) -> Option<&dyn port::Calls> {
        Some(self)
    }

    fn control(&self) -> Option<&dyn port::Control> {
        Some(self)
    }

    fn lookup(&self) -> Option<&dyn port::Lookup> {
        Some(self)
    }

    fn recordings(&self) -> Option<&dyn port::Recordings> {
        Some(self)
    }

    fn codes(&self) -> Option<&dyn port::Codes> {
        Some(self)
    }

    fn history(&self) -> Option<&dyn port::History> {
        Some(self)
    }

    fn webhooks(&self) -> Option<&dyn port::Webhooks> {
        Some(self)
    }

    fn probe(&self) -> Option<&dyn port::Probe> {
        Some(self)
    }

    fn balance(&self) -> Option<&dyn port::Balance> {
        Some(self)
    }
}

/// The path of an operation such as `GET /tts/{id}`.
fn path(operation: &'static str) -> &'static str {
    operation.split_once(' ').map_or(operation, |(_, path)| path)
}

/// The path of an operation on the object `reference` names. Theirs are numbers: anything else names nothing they know.
fn path_to(operation: &'static str, reference: &ProviderRef) -> Result<String, Failure> {
    let plain = |id: &&str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
    let id = reference.id.as_deref().filter(plain);
    let id = id.ok_or_else(|| Failure::new(FailureKind::Refused(Refusal::NotFound), operation))?;
    Ok(path(operation).replace("{id}", id))
}

/// A refusal of ours, made before anything is sent, because `why`.
fn unsupported(operation: &'static str, why: &str) -> Failure {
    let failure = Failure::new(FailureKind::Refused(Refusal::Unsupported), operation);
    Failure {
        message: Some(why.to_owned()),
        ..failure
    }
}
