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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use actix_web::FromRequest;
    use actix_web::test::TestRequest;

    use super::*;

    async fn read_with(request: TestRequest, bytes: usize) -> Result<Bytes, Error> {
        let (request, mut payload) = request.to_http_parts();
        let payload = Payload::from_request(&request, &mut payload).await.unwrap();
        read(&request, payload, Bounds { bytes, time: Duration::from_secs(60) }).await
    }

    #[actix_web::test]
    async fn a_body_is_read_up_to_its_bound() {
        assert_eq!(read_with(TestRequest::post().set_payload("12345"), 5).await.unwrap(), "12345");
        let error = read_with(TestRequest::post().set_payload("123456"), 5).await.unwrap_err();
        assert_eq!(error.problem, Problem::BodyTooLarge);
    }

    #[actix_web::test]
    async fn an_announced_length_over_the_bound_is_refused_before_anything_is_read() {
        let request = TestRequest::post().insert_header((CONTENT_LENGTH, "6"));
        assert_eq!(read_with(request, 5).await.unwrap_err().problem, Problem::BodyTooLarge);
    }

    #[actix_web::test]
    async fn a_body_that_never_comes_is_given_up() {
        tokio::time::pause();
        let stream = futures_util::stream::pending::<Result<Bytes, actix_web::error::PayloadError>>();
        let mut payload: actix_web::dev::Payload = actix_web::dev::Payload::Stream { payload: Box::pin(stream) };
        let request = TestRequest::post().to_http_request();
        let payload = Payload::from_request(&request, &mut payload).await.unwrap();
        let bounds = Bounds { bytes: 5, time: Duration::from_secs(60) };
        assert_eq!(read(&request, payload, bounds).await.unwrap_err().problem, Problem::RequestTimeout);
    }

    #[test]
    fn only_plain_json_is_taken() {
        let request = |content_type: &str, coding: &str| {
            TestRequest::post()
                .insert_header((CONTENT_TYPE, content_type))
                .insert_header((CONTENT_ENCODING, coding))
                .to_http_request()
        };
        for taken in ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=\"UTF-8\""] {
            assert!(require_json(&request(taken, "identity")).is_ok(), "{taken}");
        }
        for refused in ["text/plain", "application/json; charset=latin1", "application/jsonp", "application/x-www-form-urlencoded", ""] {
            assert!(require_json(&request(refused, "identity")).is_err(), "{refused}");
        }
        assert!(require_json(&request("application/json", "gzip")).is_err());
        assert!(require_json(&TestRequest::post().to_http_request()).is_err());
    }
}
