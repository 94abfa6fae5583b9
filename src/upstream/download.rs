//! What a gateway gives to commands that are its callers.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use reqwest::{Client, RequestBuilder, Response, Version};
use serde::Deserialize;
use tokio::time::timeout;
use url::Url;

use super::reading::retry_after;
use super::wire::{self, Connecting};
use crate::domain::time::Timestamp;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest silence; longer than the gateway's own, so that the gateway says first what is wrong.
const IDLE: Duration = Duration::from_secs(150);
/// How much of a refusal is read, in bytes.
const LONGEST_REFUSAL: usize = 64 * 1024;

/// Why something could not be had whole.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct DownloadError {
    /// A sentence without its full stop.
    what: String,
    /// Whether it may go better another time.
    pub passes: bool,
    /// When to try again at the earliest, if told.
    pub retry_after: Option<Duration>,
}

impl DownloadError {
    fn lasting(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            passes: false,
            retry_after: None,
        }
    }

    fn away(error: reqwest::Error) -> Self {
        Self {
            passes: !error.is_builder(),
            ..Self::lasting(wire::describe(error))
        }
    }
}

/// The way to one gateway, with one token, which goes nowhere else: redirects are not followed.
pub struct Download {
    client: Client,
    base: Url,
    authorization: HeaderValue,
}

impl Download {
    /// Makes the way; connects nowhere.
    ///
    /// # Errors
    /// Where the token does not fit in a header or TLS cannot be set up.
    pub fn new(base: Url, token: &str) -> Result<Self, DownloadError> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| DownloadError::lasting("the token has characters that no token has"))?;
        authorization.set_sensitive(true);
        let connecting = Connecting {
            timeout: CONNECT,
            fresh: false,
        };
        let client = wire::build(connecting, |builder| builder).map_err(DownloadError::away)?;
        Ok(Self {
            client,
            base,
            authorization,
        })
    }

    /// Asks for a stream, and waits until it begins. The stream ends with an error where it does not come whole.
    ///
    /// # Errors
    /// Where the gateway is away, or refuses.
    pub async fn open(
        &self,
        path: &str,
        query: &[(&str, &str)],
        now: Timestamp,
    ) -> Result<BoxStream<'static, Result<Bytes, DownloadError>>, DownloadError> {
        self.ask(self.request(path, query).header(ACCEPT, "*/*"), now).await
    }

    /// Follows the feed of events from the one after `last`, or from now on, and waits until it begins. Whatever ends the
    /// stream, it may be followed again.
    ///
    /// # Errors
    /// As [`Download::open`].
    pub async fn follow(
        &self,
        query: &[(&str, &str)],
        last: Option<&str>,
        now: Timestamp,
    ) -> Result<BoxStream<'static, Result<Bytes, DownloadError>>, DownloadError> {
        let request = self.request("/events", query).header(ACCEPT, "text/event-stream");
        let request = last
            .into_iter()
            .fold(request, |request, last| request.header("last-event-id", last));
        self.ask(request, now).await
    }

    fn request(&self, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        url.query_pairs_mut().clear().extend_pairs(query);
        self.client.get(url).header(AUTHORIZATION, self.authorization.clone())
    }

    #[expect(clippy::disallowed_methods, reason = "the gateway is asked as its callers ask it")]
    async fn ask(
        &self,
        request: RequestBuilder,
        now: Timestamp,
    ) -> Result<BoxStream<'static, Result<Bytes, DownloadError>>, DownloadError> {
        let response = timeout(IDLE, request.send()).await.map_err(|_| silence())?;
        let response = response.map_err(DownloadError::away)?;
        if response.status() != 200 {
            return Err(refusal(response, now).await);
        }
        if !has_an_end(&response) {
            return Err(DownloadError::lasting(
                "something on the way gives the answer without telling where it ends, so nobody could tell an end from an interruption; ask the gateway itself, or have the proxy speak HTTP/1.1",
            ));
        }
        Ok(chunks(response))
    }
}

/// Whether an interruption can be told from the end.
fn has_an_end(response: &Response) -> bool {
    let headers = response.headers();
    response.version() >= Version::HTTP_11
        && (headers.contains_key(TRANSFER_ENCODING) || headers.contains_key(CONTENT_LENGTH))
}

fn chunks(response: Response) -> BoxStream<'static, Result<Bytes, DownloadError>> {
    let next = |mut response: Response| async move {
        match timeout(IDLE, response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk.map(|chunk| (chunk, response))),
            Ok(Err(error)) => Err(DownloadError::away(error)),
            Err(_) => Err(silence()),
        }
    };
    stream::try_unfold(response, next).boxed()
}

fn silence() -> DownloadError {
    DownloadError {
        passes: true,
        ..DownloadError::lasting("the gateway is silent")
    }
}

/// What the gateway's problem says.
async fn refusal(mut response: Response, now: Timestamp) -> DownloadError {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Details {
        detail: String,
        errors: Vec<Wrong>,
    }
    #[derive(Deserialize)]
    struct Wrong {
        pointer: String,
        detail: String,
    }
    let status = response.status();
    let retry_after = retry_after(response.headers(), now);
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_REFUSAL {
            break;
        }
    }
    let details: Details = serde_json::from_slice(&body).unwrap_or_default();
    let wrong = details
        .errors
        .iter()
        .map(|wrong| format!("; {} {}", wrong.pointer, wrong.detail));
    DownloadError {
        what: format!(
            "the gateway answers {status}: {}{}",
            details.detail,
            wrong.collect::<String>()
        ),
        passes: status.is_server_error() || [408, 425, 429].contains(&status.as_u16()),
        retry_after,
    }
}
