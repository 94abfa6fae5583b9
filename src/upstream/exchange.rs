//! One exchange with a provider, as an adapter describes it.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::domain::error::{Failure, FailureKind, Refusal};

/// A request to a provider.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The operation's name in failures, metrics and attempts, such as `POST /tts`; holds no identifier.
    pub operation: &'static str,
    /// The method.
    pub method: reqwest::Method,
    /// The path below the account's base URL, `/` first.
    pub path: String,
    /// Query parameters in order; a key may come several times.
    pub query: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
    /// Whether sending it twice is the same as once: reads only.
    pub repeatable: bool,
    /// A `Range` header to pass on.
    pub range: Option<String>,
}

/// A request's body.
#[derive(Debug, Clone)]
pub enum Body {
    /// None.
    Empty,
    /// JSON text.
    Json(String),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(&'static str, String)>),
    /// `multipart/form-data` of plain fields.
    Multipart(Vec<(&'static str, String)>),
}

impl Exchange {
    /// A read, which may be sent again.
    pub fn get(operation: &'static str, path: impl Into<String>) -> Self {
        Self {
            operation,
            method: reqwest::Method::GET,
            path: path.into(),
            query: Vec::new(),
            body: Body::Empty,
            repeatable: true,
            range: None,
        }
    }

    /// An act, which is sent once.
    pub fn post(operation: &'static str, path: impl Into<String>, body: Body) -> Self {
        Self { method: reqwest::Method::POST, body, repeatable: false, ..Self::get(operation, path) }
    }

    /// The same exchange with one more query parameter.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }
}

/// Where and how an account's credential is sent.
#[derive(Debug, Clone, Copy)]
pub struct Credential {
    /// The header's name in lower case.
    pub header: &'static str,
    /// What stands before the secret in it, such as `Bearer `.
    pub prefix: &'static str,
}

/// A complete answer of a provider.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header in seconds, or as a date turned into the time from now.
    pub retry_after: Option<Duration>,
    /// The body, at most the client's limit.
    pub body: Bytes,
}

/// An adapter's reading of an answer that is not success. Whatever reads as none of these is [`Rejection::broken`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// How it failed.
    pub kind: FailureKind,
    /// The provider's code.
    pub code: Option<String>,
    /// The provider's message, numbers and codes taken out.
    pub message: Option<String>,
}

impl Rejection {
    /// The provider said no and did nothing.
    pub fn refused(refusal: Refusal) -> Self {
        Self { kind: FailureKind::Refused(refusal), code: None, message: None }
    }

    /// The provider was too busy and did nothing.
    pub fn busy() -> Self {
        Self { kind: FailureKind::Busy, code: None, message: None }
    }

    /// The answer does not tell what happened.
    pub fn broken() -> Self {
        Self { kind: FailureKind::Broken, code: None, message: None }
    }

    /// The same rejection with the provider's code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The same rejection with the provider's message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }
}

/// An answer whose body is still on its way.
pub struct Streamed {
    /// The HTTP status, 200 or 206.
    pub status: u16,
    /// The media type.
    pub content_type: Option<String>,
    /// The length, where told.
    pub content_length: Option<u64>,
    /// The `Content-Range`.
    pub content_range: Option<String>,
    /// The body.
    pub body: BoxStream<'static, Result<Bytes, Failure>>,
}
