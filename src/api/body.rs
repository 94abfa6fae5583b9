//! Bodies of requests: their type, their size and their time.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::domain::error::{Error, Problem};

/// How long a body may take, whatever is configured for the whole request: a slow sender must not hold a connection.
const LONGEST: Duration = Duration::from_secs(8);

/// How much of a body is taken, and how long that may last.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most bytes.
    pub bytes: usize,
    /// The longest time from the first read to the last; at most 8 s count.
    pub time: Duration,
}

/// Reads a whole body.
///
/// # Errors
/// `body-too-large` as soon as the announced or the received length is over the bound, `request-timeout` when the time is
/// up, `invalid-body` when the connection ends in the middle.
pub async fn read(request: &HttpRequest, payload: Payload, bounds: Bounds) -> Result<Bytes, Error> {
    if announced(request).is_some_and(|length| length > bounds.bytes) {
        return Err(too_large(bounds));
    }
    let time = bounds.time.min(LONGEST);
    tokio::time::timeout(time, collect(payload, bounds)).await.unwrap_or_else(|_| {
        Err(Error::new(Problem::RequestTimeout, "The body did not arrive in time."))
    })
}

/// Refuses a body that is not announced as plain JSON in UTF-8.
///
/// # Errors
/// `unsupported-media-type`.
pub fn require_json(request: &HttpRequest) -> Result<(), Error> {
    let coded = header(request, &CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"));
    if header(request, &CONTENT_TYPE).is_some_and(is_json) && !coded {
        return Ok(());
    }
    Err(Error::new(Problem::UnsupportedMediaType, "The body must be sent as application/json, in UTF-8 and not compressed."))
}

async fn collect(mut payload: Payload, bounds: Bounds) -> Result<Bytes, Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Error::new(Problem::InvalidBody, "The body ended before it was complete."))?;
        if body.len() + chunk.len() > bounds.bytes {
            return Err(too_large(bounds));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn announced(request: &HttpRequest) -> Option<usize> {
    header(request, &CONTENT_LENGTH)?.parse().ok()
}

fn header<'a>(request: &'a HttpRequest, name: &actix_web::http::header::HeaderName) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// JSON has no charset but UTF-8, so no other may be named.
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let charset = |part: &str| part.to_ascii_lowercase().strip_prefix("charset=").map(|name| name.trim_matches('"') == "utf-8");
    essence && parts.filter_map(charset).all(|utf8| utf8)
}

fn too_large(bounds: Bounds) -> Error {
    Error::new(Problem::BodyTooLarge, format!("The body has more than {} bytes.", bounds.bytes))
}

