//! The contract of a provider: narrow roles, each present or absent.
//!
//! A role that is absent is not supported; limits inside a role are data, so that an argument an account cannot honour is
//! refused before the provider is asked. Adapters translate and hold no lock, clock, store or retry.

mod calls;
mod codes;
mod history;
mod recordings;
mod webhooks;

use async_trait::async_trait;

pub use calls::{Calls, Consent, Control, Inbound, Lookup, MonitorMode, Offer, Permission, Target};
pub use codes::{Code, Codes, NewCode};
pub use history::{Filter, History, Report, ReportPage, ReportQuery};
pub use recordings::{Recording, Recordings};
pub use webhooks::{Authentic, News, Notice, Proof, Signal, Unreadable, Webhooks};

use crate::domain::account::AccountName;
use crate::domain::error::Failure;
use crate::domain::money::Money;
pub use crate::upstream::{DriftCount, DriftKind, Health, HealthStatus, KeyUsage, Obstacle, Ways};

/// One configured account at a provider and the roles it plays.
pub trait Provider: Send + Sync {
    /// The account's name in the configuration.
    fn account(&self) -> &AccountName;

    /// The kind of provider, as callers see it.
    fn kind(&self) -> &'static str;

    /// How the account's credentials fared, in the order of its ring.
    fn key_usage(&self) -> Vec<KeyUsage>;

    /// How the account fares.
    fn health(&self) -> Health {
        Health::default()
    }

    /// What keeps the account from being asked for one of its operations now, such as `POST /tts`.
    fn obstacle(&self, operation: &str) -> Option<Obstacle> {
        let _ = operation;
        None
    }

    /// How often its messages differed from their documentation; nothing where it has none to compare them with.
    fn drift(&self) -> Vec<DriftCount> {
        Vec::new()
    }

    /// Places calls.
    fn calls(&self) -> Option<&dyn Calls> {
        None
    }

    /// Acts on live calls.
    fn control(&self) -> Option<&dyn Control> {
        None
    }

    /// Tells a call's state when asked.
    fn lookup(&self) -> Option<&dyn Lookup> {
        None
    }

    /// Gives recordings.
    fn recordings(&self) -> Option<&dyn Recordings> {
        None
    }

    /// Takes or declines incoming calls.
    fn inbound(&self) -> Option<&dyn Inbound> {
        None
    }

    /// Tells whether a user may be called now.
    fn consent(&self) -> Option<&dyn Consent> {
        None
    }

    /// Makes, sends and checks codes.
    fn codes(&self) -> Option<&dyn Codes> {
        None
    }

    /// Lists past calls.
    fn history(&self) -> Option<&dyn History> {
        None
    }

    /// Sends news by webhook.
    fn webhooks(&self) -> Option<&dyn Webhooks> {
        None
    }

    /// Shows whether a key is taken.
    fn probe(&self) -> Option<&dyn Probe> {
        None
    }

    /// Tells the account's credit.
    fn balance(&self) -> Option<&dyn Balance> {
        None
    }
}

/// Shows whether a key is taken.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Makes one read that changes nothing and costs nothing.
    ///
    /// # Errors
    /// As every exchange; a key that is not taken is a refused credential.
    async fn probe(&self) -> Result<(), Failure>;
}

/// Tells the account's credit.
#[async_trait]
pub trait Balance: Send + Sync {
    /// The credit left.
    ///
    /// # Errors
    /// As every exchange.
    async fn balance(&self) -> Result<Money, Failure>;
}
