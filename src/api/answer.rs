//! Answers in the shapes that every resource shares.

use actix_web::HttpResponse;
use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, LINK, LOCATION};
use serde::Serialize;
use serde_json::value::to_raw_value;
use url::form_urlencoded;

use super::edge::Edge;
use super::headers::IDEMPOTENT_REPLAYED;
use crate::domain::error::{Error, Problem};
use crate::usecases::Recording;
use crate::usecases::requests::{Accepted, Outcome};

/// The outcome of an act that makes or sends: 201 with the object's path, 202 where the provider's answer was lost.
///
/// # Errors
/// `internal` where the object cannot be written, which no object is known to do.
pub fn made<T: Serialize>(accepted: &Accepted<T>, path: String) -> Result<Outcome, Error> {
    let status = if accepted.certain {
        StatusCode::CREATED
    } else {
        StatusCode::ACCEPTED
    };
    let outcome = outcome(status, &accepted.object)?;
    Ok(Outcome {
        location: Some(path),
        ..outcome
    })
}

/// The outcome of an act on an object that exists.
///
/// # Errors
/// As [`made`].
pub fn outcome(status: StatusCode, object: &impl Serialize) -> Result<Outcome, Error> {
    let body = to_raw_value(object).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written");
        Error::new(Problem::Internal, "The answer cannot be written.")
    })?;
    Ok(Outcome {
        status: status.as_u16(),
        body,
        location: None,
    })
}

/// The answer that tells an outcome.
pub fn tell(outcome: Outcome) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::from_u16(outcome.status).unwrap_or(StatusCode::OK));
    if let Some(path) = outcome.location {
        response.insert_header((LOCATION, path));
    }
    response
        .content_type("application/json")
        .body(String::from(Box::<str>::from(outcome.body)))
}

/// The answer that tells an outcome again.
pub fn tell_again(outcome: Outcome) -> HttpResponse {
    let mut response = tell(outcome);
    response
        .headers_mut()
        .insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    response
}

/// A page of a list, with a link to the next one.
pub fn page(edge: &Edge, next_cursor: Option<&str>, body: &impl Serialize) -> HttpResponse {
    linked(edge, next_cursor.map(|cursor| ("cursor", cursor)), body)
}

/// A page of a log, with a link to what follows the place `after`.
pub fn page_after(edge: &Edge, after: &str, body: &impl Serialize) -> HttpResponse {
    linked(edge, Some(("after", after)), body)
}

fn linked(edge: &Edge, next: Option<(&str, &str)>, body: &impl Serialize) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        let link = next_link(edge.request().path(), edge.request().query_string(), next);
        response.insert_header((LINK, link));
    }
    response.json(body)
}

fn next_link(path: &str, query: &str, (name, place): (&str, &str)) -> String {
    let kept = form_urlencoded::parse(query.as_bytes()).filter(|(given, _)| given != name);
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair(name, place)
        .finish();
    format!("<{path}?{query}>; rel=\"next\"")
}

/// A recording as it comes from the provider. If it breaks off, so does the answer.
pub fn recording(recording: Recording) -> HttpResponse {
    let status = StatusCode::from_u16(recording.status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    response.insert_header((ACCEPT_RANGES, "bytes"));
    if let Some(range) = recording.content_range {
        response.insert_header((CONTENT_RANGE, range));
    }
    if status == StatusCode::RANGE_NOT_SATISFIABLE {
        return response.finish();
    }
    response.insert_header((CONTENT_TYPE, recording.content_type));
    match recording.content_length {
        Some(length) => response.body(SizedStream::new(length, recording.body)),
        None => response.streaming(recording.body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_asked_for_with_the_same_parameters() {
        let link = next_link(
            "/calls",
            "number=%2B5511988887777&cursor=old&status=busy&status=failed",
            ("cursor", "n+w"),
        );
        let query = "number=%2B5511988887777&status=busy&status=failed&cursor=n%2Bw";
        assert_eq!(link, format!("</calls?{query}>; rel=\"next\""));
    }
}
