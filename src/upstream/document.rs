//! Small documents that others publish: fetched from public addresses over TLS, without a credential.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CACHE_CONTROL, HeaderMap};
use url::Url;

use super::guard::{Guard, NotAllowed, system_lookup};
use super::wire::{self, Connecting, causes};
use crate::config::Outbound as Exceptions;

/// How long an exchange may take, its answer included.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest document, in bytes.
const LARGEST: usize = 256 * 1024;

/// What was published at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The document itself.
    pub body: Bytes,
    /// How long it may be kept, where its publisher says so; zero where it must not be.
    pub max_age: Option<Duration>,
}

/// Why a document could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Its address is none that may be asked.
    #[error(
        "the address is not public, or it is and the URL says http; [outbound] allow_private lists what else may be \
         asked"
    )]
    AddressNotAllowed,
    /// There is no connection.
    #[error("no connection: {0}")]
    NotConnected(String),
    /// It took too long.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    /// The answer broke off, or was no HTTP.
    #[error("a broken answer: {0}")]
    Broken(String),
    /// The answer has another status than 200; redirects are not followed.
    #[error("status {0}")]
    Status(u16),
    /// There is more than is read.
    #[error("an answer larger than {} KiB", LARGEST / 1024)]
    TooLarge,
}

/// Fetches the document at `url`, over a connection of its own, within 5 s.
///
/// Public addresses are asked over TLS only: whoever can alter the answer on its way decides what it says. Those among
/// the exceptions may be asked without. Proxies of the environment are not used.
///
/// # Errors
/// Says why there is no document.
pub async fn fetch(url: &Url, exceptions: Exceptions) -> Result<Document, FetchError> {
    fetch_through(Guard::new(exceptions, system_lookup()), url).await
}

pub(super) async fn fetch_through(guard: Guard, url: &Url) -> Result<Document, FetchError> {
    let guard = if url.scheme() == "https" {
        guard
    } else {
        guard.exceptions_only()
    };
    guard
        .check_literal(url)
        .map_err(|NotAllowed| FetchError::AddressNotAllowed)?;
    let fetched = tokio::time::timeout(TIMEOUT, get(guard, url.clone()));
    fetched.await.unwrap_or(Err(FetchError::Timeout))
}

#[expect(
    clippy::disallowed_methods,
    reason = "an address of the configuration gets a request without a credential"
)]
async fn get(guard: Guard, url: Url) -> Result<Document, FetchError> {
    let connecting = Connecting {
        timeout: TIMEOUT,
        fresh: true,
    };
    let client = wire::build(connecting, |builder| builder.dns_resolver(guard.clone())).map_err(failed)?;
    let mut response = client.get(url).send().await.map_err(failed)?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(FetchError::Status(status));
    }
    let max_age = max_age(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Document {
        body: body.into(),
        max_age,
    })
}

fn failed(error: reqwest::Error) -> FetchError {
    if causes(&error).any(|cause| cause.is::<NotAllowed>()) {
        FetchError::AddressNotAllowed
    } else if error.is_connect() || error.is_builder() {
        FetchError::NotConnected(wire::describe(error))
    } else {
        FetchError::Broken(wire::describe(error))
    }
}

/// RFC 9111 §5.2.2.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let directives: Vec<_> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    if directives
        .iter()
        .any(|directive| matches!(directive.as_str(), "no-store" | "no-cache"))
    {
        return Some(Duration::ZERO);
    }
    let seconds = directives
        .iter()
        .find_map(|directive| directive.strip_prefix("max-age=")?.trim_matches('"').parse().ok());
    seconds.map(Duration::from_secs)
}
