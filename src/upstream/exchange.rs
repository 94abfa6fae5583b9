//! One exchange with a provider, as an adapter describes it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::telemetry::mask_digits;

/// Where a provider's message is cut, in characters: some answer with whole pages.
const LONGEST_MESSAGE: usize = 300;

/// A request to a provider.
///
/// `Debug` shows neither path, query nor body: numbers, codes and identifiers travel in all three.
#[derive(Clone)]
pub struct Exchange {
    /// The operation's name in failures, metrics and attempts, such as `POST /tts`; holds no identifier.
    pub operation: &'static str,
    /// The method.
    pub method: reqwest::Method,
    /// The path below the account's base URL, `/` first; identifiers in it are percent-encoded.
    pub path: String,
    /// Query parameters in order; a key may come several times.
    pub query: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
    /// Whether sending it twice is the same as once: reads only.
    pub repeatable: bool,
    /// Whether it goes over a connection of its own.
    ///
    /// A provider may close an idle connection while we write to it, and then nobody knows whether the request
    /// was read. A new connection costs a round trip and rules that out.
    pub fresh: bool,
    /// A `Range` header to pass on.
    pub range: Option<String>,
    /// Who goes first where places are scarce.
    pub urgency: Urgency,
    /// Whether its provider limits it by itself, so that being asked too often concerns nothing else.
    pub limited_apart: bool,
}

/// Who goes first where an account has few places left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody waits to log in: codes sent and checked.
    First,
    /// Anything else.
    Usual,
    /// What may wait: reading history.
    Last,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("operation", &self.operation)
            .field("repeatable", &self.repeatable)
            .field("fresh", &self.fresh)
            .finish_non_exhaustive()
    }
}

/// A request's body.
#[derive(Clone)]
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
            fresh: false,
            range: None,
            urgency: Urgency::Usual,
            limited_apart: false,
        }
    }

    /// An act, which is sent once.
    pub fn post(operation: &'static str, path: impl Into<String>, body: Body) -> Self {
        Self {
            method: reqwest::Method::POST,
            body,
            repeatable: false,
            ..Self::get(operation, path)
        }
    }

    /// The same exchange over a connection of its own: for acts whose fate must be known, such as placing a call.
    #[must_use]
    pub fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// The same exchange, ahead of the others or after them.
    #[must_use]
    pub fn urgency(mut self, urgency: Urgency) -> Self {
        self.urgency = urgency;
        self
    }

    /// The same exchange, which its provider limits by itself.
    #[must_use]
    pub fn limited_apart(mut self) -> Self {
        self.limited_apart = true;
        self
    }

    /// Which operation is left alone when the provider is too busy for this; nothing where all of them are.
    ///
    /// History is read much and may wait, so nobody who waits for a code is held up by its limits.
    pub(super) fn pauses(&self) -> Option<&'static str> {
        (self.limited_apart || self.urgency == Urgency::Last).then_some(self.operation)
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
///
/// `Debug` shows the body's length only: providers repeat numbers and codes.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status; redirects are answers too, and are not followed.
    pub status: u16,
    /// The `Retry-After` header, a date turned into the time from now; a day at most.
    pub retry_after: Option<Duration>,
    /// The body, 1 MiB at most.
    pub body: Bytes,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// An adapter's reading of an answer that is not success. Whatever reads as none of these is [`Rejection::broken`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// How it failed.
    pub kind: FailureKind,
    /// The provider's code.
    pub code: Option<String>,
    /// The provider's message as [`Rejection::with_message`] cuts it.
    pub message: Option<String>,
}

impl Rejection {
    /// The provider said no and did nothing.
    pub fn refused(refusal: Refusal) -> Self {
        Self::of(FailureKind::Refused(refusal))
    }

    /// The provider was too busy and did nothing.
    pub fn busy() -> Self {
        Self::of(FailureKind::Busy)
    }

    /// The answer does not tell what happened.
    pub fn broken() -> Self {
        Self::of(FailureKind::Broken)
    }

    /// The same rejection with the provider's code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The same rejection with the provider's message, its numbers and codes masked and its length limited.
    #[must_use]
    pub fn with_message(mut self, message: impl AsRef<str>) -> Self {
        let message = mask_digits(message.as_ref().trim());
        self.message = Some(message.chars().take(LONGEST_MESSAGE).collect());
        self
    }

    fn of(kind: FailureKind) -> Self {
        Self {
            kind,
            code: None,
            message: None,
        }
    }

    /// The failure that this reading of `answer` means.
    pub(super) fn into_failure(self, operation: &'static str, answer: &Answer) -> Failure {
        Failure {
            kind: self.kind,
            operation,
            code: self.code,
            message: self.message,
            retry_after: answer.retry_after,
            withheld: None,
        }
    }
}

/// An answer whose body is still on its way.
pub struct Streamed {
    /// The HTTP status: 200, 206, or 416 for a range behind the end.
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
