//! The only door to the network: one guarded HTTP client for every exchange with a provider, one for addresses given by
//! others.
//!
//! What a request's fate allows is decided here, once: a request that was surely not sent may be sent again, one that may
//! have been acted on never is unless it is [`Exchange::repeatable`].

mod breaker;
mod budget;
mod bulkhead;
mod client;
mod condition;
mod credentials;
mod document;
mod download;
mod drift;
mod exchange;
mod guard;
mod link;
mod local;
mod outbound;
mod pace;
mod reading;
mod tally;
mod ways;
mod wire;

pub use client::{Settings, Upstream};
pub use condition::{Health, HealthStatus, Obstacle};
pub use credentials::KeyUsage;
pub use document::{Document, FetchError, fetch};
pub use download::{Download, DownloadError};
pub use drift::{Drift, DriftCount, DriftKind};
pub use reqwest::Method;

pub use exchange::{Answer, Body, Credential, Exchange, Rejection, Streamed, Urgency};
pub use link::{Found, Link};
pub use local::{Local, NoAnswer};
pub use outbound::{Letter, Outbound, OutboundError, Reply};
pub use ways::Ways;

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods
)]
mod tests;
