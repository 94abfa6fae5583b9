//! Plain requests and replies, free of the HTTP library's bodies.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use hyper::{HeaderMap, Method, StatusCode};

/// One request, read to its end.
#[derive(Clone)]
pub struct Request {
    /// The HTTP method.
    pub method: Method,
    /// The path, as sent, without the query.
    pub path: String,
    /// The query, decoded, in order; a key may occur more than once.
    pub query: Vec<(String, String)>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty when none was sent.
    pub body: Bytes,
}

impl fmt::Debug for Request {
    /// Leaves out headers, query and body: they hold tokens, codes and numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Request {
    /// The first value of a query parameter.
    pub fn query(&self, key: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// A header as text; `None` when absent or not printable ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The path's parts without empty ones, so that `/a/b`, `/a/b/` and `//a/b` are one route.
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|part| !part.is_empty()).collect()
    }

    /// The body as JSON; `None` when it is not JSON.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// How the bytes of a reply reach the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// All at once.
    Whole,
    /// The head and this many bytes of the body, then the connection closes.
    Truncated(usize),
    /// One byte of the body per interval.
    Slow(Duration),
    /// Nothing: the connection closes with no byte answered.
    Dropped,
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// Headers besides `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// How it is sent.
    pub delivery: Delivery,
}

impl Reply {
    /// A reply with a body of the given content type. An impossible status becomes 500.
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
            delivery: Delivery::Whole,
        }
    }

    /// A reply whose body is JSON text.
    pub fn json(status: u16, text: impl Into<Bytes>) -> Self {
        Self::new(status, "application/json", text)
    }

    /// No reply at all: the connection closes.
    pub fn dropped() -> Self {
        Self {
            delivery: Delivery::Dropped,
            ..Self::json(500, "")
        }
    }

    /// The same reply with one more header.
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same reply, sent another way.
    pub fn delivered(self, delivery: Delivery) -> Self {
        Self { delivery, ..self }
    }
}
