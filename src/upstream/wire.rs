//! What goes over the wire: HTTP clients, requests, and what a transport error tells of a request's fate.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Client, ClientBuilder, Method, redirect, tls};
use url::Url;
use url::form_urlencoded;
use uuid::Uuid;

use super::exchange::{Body, Exchange};
use crate::domain::error::{Failure, FailureKind};

/// Some providers answer a refused credential with a page or a redirect to a log-in unless JSON comes first.
const JSON_FIRST: HeaderValue = HeaderValue::from_static("application/json, */*;q=0.5");

/// Shorter than providers keep a connection open, so that a request rarely meets one that is closing.
const IDLE_CONNECTION: Duration = Duration::from_secs(4);

/// What a client is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Connecting {
    /// The longest a connection may take to be made: name, TCP and TLS.
    pub(super) timeout: Duration,
    /// Whether every request gets a new connection.
    pub(super) fresh: bool,
}

thread_local! {
    /// A connection lives on the thread that uses it.
    static CLIENTS: RefCell<HashMap<Connecting, Client>> = RefCell::default();
}

/// Returns this thread's client for such connections, made at its first use.
///
/// # Errors
/// Fails if TLS cannot be set up; the next call tries again.
pub(super) fn client(connecting: Connecting) -> reqwest::Result<Client> {
    CLIENTS.with_borrow_mut(|clients| {
        if let Some(client) = clients.get(&connecting) {
            return Ok(client.clone());
        }
        let client = build(connecting, |builder| builder)?;
        clients.insert(connecting, client.clone());
        Ok(client)
    })
}

/// Makes a client for such connections, with `more` of its own.
///
/// Without certificates of the system a client can still be made, one that trusts nobody: HTTP works, TLS fails.
///
/// # Errors
/// Fails if TLS cannot be set up.
pub(super) fn build(connecting: Connecting, more: impl Fn(ClientBuilder) -> ClientBuilder) -> reqwest::Result<Client> {
    more(builder(connecting)).build().or_else(|error| {
        tracing::error!(
            error = describe(error),
            "no certificates of the system: TLS will fail; install ca-certificates"
        );
        more(builder(connecting)).tls_certs_only([]).build()
    })
}

fn builder(connecting: Connecting) -> ClientBuilder {
    let idle = if connecting.fresh { 0 } else { usize::MAX };
    Client::builder()
        .user_agent(concat!("switchboard/", env!("CARGO_PKG_VERSION")))
        .default_headers(HeaderMap::from_iter([(ACCEPT, JSON_FIRST)]))
        .no_proxy()
        .redirect(redirect::Policy::none())
        .tls_version_min(tls::Version::TLS_1_2)
        .connect_timeout(connecting.timeout)
        .pool_idle_timeout(IDLE_CONNECTION)
        .pool_max_idle_per_host(idle)
}

/// An exchange made ready to be sent, several times if need be.
pub(super) struct Outgoing {
    method: Method,
    url: Url,
    content_type: Option<HeaderValue>,
    body: Bytes,
    range: Option<String>,
}

impl Outgoing {
    pub(super) fn new(base_url: &Url, exchange: Exchange) -> Self {
        let (content_type, body) = encode(exchange.body);
        Self {
            method: exchange.method,
            url: address(base_url, &exchange.path, &exchange.query),
            content_type,
            body,
            range: exchange.range,
        }
    }

    /// Sends the request with a credential and waits for the head of the answer.
    ///
    /// # Errors
    /// Returns what went wrong on the way; [`Fault::of`] tells what that means.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that sends a request to a provider"
    )]
    pub(super) async fn send(
        &self,
        client: &Client,
        credential: (&'static str, HeaderValue),
    ) -> reqwest::Result<reqwest::Response> {
        let (name, value) = credential;
        let mut request = client
            .request(self.method.clone(), self.url.clone())
            .header(name, value);
        if let Some(content_type) = &self.content_type {
            request = request.header(CONTENT_TYPE, content_type.clone());
        }
        if self.body.is_empty() && [Method::POST, Method::PUT].contains(&self.method) {
            // hyper leaves it out, and some servers then answer 411.
            request = request.header(CONTENT_LENGTH, 0);
        }
        if let Some(range) = &self.range {
            request = request.header(RANGE, range);
        }
        request.body(self.body.clone()).send().await
    }
}

fn address(base_url: &Url, path: &str, query: &[(&'static str, String)]) -> Url {
    let mut url = base_url.clone();
    url.set_path(&format!("{}{path}", base_url.path().trim_end_matches('/')));
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

fn encode(body: Body) -> (Option<HeaderValue>, Bytes) {
    match body {
        Body::Empty => (None, Bytes::new()),
        Body::Json(text) => (Some(HeaderValue::from_static("application/json")), text.into()),
        Body::Form(fields) => {
            let text = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields)
                .finish();
            let media_type = HeaderValue::from_static("application/x-www-form-urlencoded");
            (Some(media_type), text.into())
        }
        Body::Multipart(fields) => {
            // No field can hold a boundary that is made after it.
            let boundary = Uuid::now_v7().simple().to_string();
            let media_type = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"));
            (media_type.ok(), multipart(&boundary, fields).into())
        }
    }
}

fn multipart(boundary: &str, fields: Vec<(&'static str, String)>) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        text.extend([&head, &value, "\r\n"]);
    }
    text + "--" + boundary + "--\r\n"
}

/// A failure, and its cause for the log.
pub(super) struct Fault {
    pub(super) failure: Failure,
    /// Free of secrets, numbers and codes.
    pub(super) cause: String,
}

impl Fault {
    pub(super) fn new(kind: FailureKind, operation: &'static str, cause: impl Into<String>) -> Self {
        Self {
            failure: Failure::new(kind, operation),
            cause: cause.into(),
        }
    }

    /// Tells what became of a request that went wrong on its way.
    pub(super) fn of(error: reqwest::Error, operation: &'static str) -> Self {
        Self::new(fate(&error), operation, describe(error))
    }
}

/// Only what fails before there is a connection was surely not sent; of a request on a connection that broke, some
/// may have been read.
fn fate(error: &reqwest::Error) -> FailureKind {
    if error.is_builder() || error.is_connect() {
        FailureKind::NotSent
    } else if error.is_body() || error.is_decode() || is_not_http(error) {
        FailureKind::Broken
    } else {
        FailureKind::Interrupted
    }
}

fn is_not_http(error: &reqwest::Error) -> bool {
    let is_parse = |cause: &(dyn Error + 'static)| cause.downcast_ref().is_some_and(hyper::Error::is_parse);
    causes(error).any(is_parse)
}

/// Writes the error and its causes in one line, without the address, which holds numbers and codes.
pub(super) fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let texts: Vec<_> = causes(&error).map(ToString::to_string).collect();
    texts.join(": ")
}

pub(super) fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| cause.source())
}
