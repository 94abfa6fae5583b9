//! Requests to addresses that somebody gave us: to public ones only, never with a credential of ours.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response};
use url::Url;

use super::guard::{Guard, NotAllowed, system_lookup};
use super::reading::retry_after;
use super::wire::{self, Connecting, causes};
use crate::config::Outbound as Exceptions;
use crate::domain::delivery::DeliveryError;
use crate::domain::time::Timestamp;

/// How long an exchange may take, its answer included.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How much of an answer is waited for, in bytes; what follows is left unread.
const LONGEST_ANSWER: usize = 16 * 1024;

/// A body to post to somebody.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Where to.
    pub url: Url,
    /// Its type.
    pub content_type: &'static str,
    /// More headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

/// What the receiver said. Its body is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// The status; redirects are not followed.
    pub status: u16,
    /// The `Retry-After` header, a date turned into the time from now; a day at most.
    pub retry_after: Option<Duration>,
}

/// The guarded way to addresses given by others.
///
/// An address that is neither public nor among the exceptions gets no packet, whether it stands in the URL or is what a
/// name means at the moment of connecting. Proxies of the environment are not used.
pub struct Outbound {
    client: Client,
    guard: Guard,
    timeout: Duration,
}

impl Outbound {
    /// Makes a way with these exceptions; connects nowhere.
    ///
    /// # Errors
    /// Fails if TLS cannot be set up.
    pub fn new(exceptions: Exceptions) -> Result<Self, OutboundError> {
        Self::with(Guard::new(exceptions, system_lookup()), TIMEOUT)
    }

    pub(super) fn with(guard: Guard, timeout: Duration) -> Result<Self, OutboundError> {
        let connecting = Connecting {
            timeout: CONNECT.min(timeout),
            fresh: false,
        };
        let client = wire::build(connecting, |builder| builder.dns_resolver(guard.clone()))
            .map_err(|error| OutboundError(wire::describe(error)))?;
        Ok(Self { client, guard, timeout })
    }

    /// Posts a letter once, and waits at most 15 s for the answer.
    ///
    /// # Errors
    /// Says why there is no complete answer; the receiver may have taken the letter all the same.
    pub async fn post(&self, letter: Letter, now: Timestamp) -> Result<Reply, DeliveryError> {
        self.guard
            .check_literal(&letter.url)
            .map_err(|NotAllowed| DeliveryError::AddressNotAllowed)?;
        let sent = tokio::time::timeout(self.timeout, self.send(letter, now));
        match sent.await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(reason(&error)),
            Err(_) => Err(DeliveryError::Timeout),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that sends a request to an address given by somebody"
    )]
    async fn send(&self, letter: Letter, now: Timestamp) -> reqwest::Result<Reply> {
        let mut request = self
            .client
            .post(letter.url)
            .header(CONTENT_TYPE, letter.content_type)
            .body(letter.body);
        for (name, value) in letter.headers {
            request = request.header(name, value);
        }
        let response = request.send().await?;
        let reply = Reply {
            status: response.status().as_u16(),
            retry_after: retry_after(response.headers(), now),
        };
        hear_out(response).await?;
        Ok(reply)
    }
}

/// Why there is no way out.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client could be made: {0}")]
pub struct OutboundError(String);

/// Reads an answer to its end, or to the bound: half of one is none.
async fn hear_out(mut response: Response) -> reqwest::Result<()> {
    let mut heard = 0;
    while let Some(chunk) = response.chunk().await? {
        heard += chunk.len();
        if heard > LONGEST_ANSWER {
            break;
        }
    }
    Ok(())
}

fn reason(error: &reqwest::Error) -> DeliveryError {
    let refused = |cause: &(dyn Error + 'static)| cause.is::<NotAllowed>();
    if causes(error).any(refused) {
        DeliveryError::AddressNotAllowed
    } else if error.is_connect() || error.is_builder() {
        DeliveryError::NotConnected
    } else {
        DeliveryError::BrokenAnswer
    }
}
