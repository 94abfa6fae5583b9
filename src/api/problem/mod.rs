//! Errors as HTTP: RFC 9457 problem details, rendered in one place.

pub mod pages;
mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::limits;
use crate::domain::account::AccountName;
use crate::domain::error::{Error, FieldError, LimitHit, Problem};
use crate::domain::time::Timestamp;

pub use table::kind_of;

/// The media type of problems.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What an error answer says (RFC 9457). The object concerned stands under its noun, such as `call` or `verification`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Details<'a> {
    /// Which problem it is: the path of its page.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid-input", pattern = "^/problems/[a-z-]+$")]
    kind: String,
    /// The same for every occurrence of the problem.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// A sentence on this occurrence.
    detail: &'a str,
    /// Names this occurrence.
    #[schema(example = "urn:request:0199a2b0c3d47e5f8a9b0c1d2e3f4a5b")]
    instance: String,
    /// The request's id, as in `X-Request-Id`.
    request_id: &'a str,
    /// Every field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<WrongField<'a>>,
    /// The account concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AccountName, required = false)]
    account: Option<&'a AccountName>,
    /// The kind of provider concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    provider: Option<&'a str>,
    /// The provider's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    provider_code: Option<&'a str>,
    /// The provider's own message.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    provider_message: Option<&'a str>,
    /// When to try again, as in `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false)]
    retry_after_seconds: Option<u64>,
    /// The limit that was hit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Limit<'static>, required = false)]
    limit: Option<Limit<'a>>,
    #[serde(flatten)]
    #[schema(ignore)]
    object: BTreeMap<&'static str, &'a Value>,
}

/// One wrong field.
#[derive(Debug, Serialize, ToSchema)]
pub struct WrongField<'a> {
    /// A JSON pointer into the body, or the name of a parameter or header.
    #[schema(example = "/actions/0/text")]
    pointer: &'a str,
    /// What is wrong, in one stable word.
    #[schema(example = "too_long")]
    code: &'static str,
    /// What is wrong, in a sentence.
    detail: &'a str,
}

/// A limit that was hit.
#[derive(Debug, Serialize, ToSchema)]
pub struct Limit<'a> {
    /// Its configuration key.
    #[schema(example = "verification.sends_per_number")]
    name: &'a str,
    /// How many it allows.
    max: u64,
    /// In how many seconds.
    per_seconds: u64,
    /// When it allows again.
    resets_at: Timestamp,
}

impl<'a> Details<'a> {
    fn new(error: &'a Error, request_id: &'a str) -> Self {
        let kind = kind_of(error.problem);
        let context = &*error.context;
        Self {
            kind: format!("/problems/{}", error.problem),
            title: kind.title,
            status: kind.status.as_u16(),
            detail: &error.detail,
            instance: instance(request_id),
            request_id,
            errors: context.fields.iter().map(WrongField::from).collect(),
            account: context.account.as_ref(),
            provider: context.provider.as_deref(),
            provider_code: context.provider_code.as_deref(),
            provider_message: context.provider_message.as_deref(),
            retry_after_seconds: context.retry_after.map(whole_seconds),
            limit: context.limit.as_ref().map(Limit::from),
            object: context.object.iter().map(|(noun, object)| (*noun, object)).collect(),
        }
    }
}

impl<'a> From<&'a FieldError> for WrongField<'a> {
    fn from(field: &'a FieldError) -> Self {
        Self {
            pointer: &field.pointer,
            code: field.code,
            detail: &field.detail,
        }
    }
}

impl<'a> From<&'a LimitHit> for Limit<'a> {
    fn from(limit: &'a LimitHit) -> Self {
        Self {
            name: &limit.name,
            max: limit.max,
            per_seconds: limit.per_seconds,
            resets_at: limit.resets_at,
        }
    }
}

/// The answer that tells `error` to whoever sent the request `request_id`.
pub fn response(error: &Error, request_id: &str) -> HttpResponse {
    let details = Details::new(error, request_id);
    let mut response = HttpResponse::build(kind_of(error.problem).status);
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON)));
    if let Some(seconds) = details.retry_after_seconds {
        response.insert_header((RETRY_AFTER, seconds));
    }
    if let (Some(limit), Some(seconds)) = (&details.limit, details.retry_after_seconds) {
        for field in limits::fields(limit.name, (limit.max, limit.per_seconds), (0, seconds)) {
            response.append_header(field);
        }
    }
    if error.problem == Problem::Unauthenticated {
        response.insert_header((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
    }
    response.body(serde_json::to_vec(&details).unwrap_or_default())
}

/// An error leaves a handler with its status only; the outermost layer, which knows the request's id, gives it its body.
impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        kind_of(self.problem).status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        HttpResponse::new(self.status_code())
    }
}

/// Names the occurrence by its request and not by its path, which may hold the secret of a webhook.
fn instance(request_id: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(request_id.as_bytes()).collect();
    format!("urn:request:{id}")
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
