#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use actix_web::body::MessageBody;
use actix_web::http::header::HeaderMap;
use serde_json::{Value, json};

use super::*;

fn told(error: &Error) -> (HeaderMap, Value) {
    let response = response(error, "req-1");
    let headers = response.headers().clone();
    let body = response.into_body().try_into_bytes().unwrap();
    (headers, serde_json::from_slice(&body).unwrap())
}

#[test]
fn a_problem_has_its_page_its_status_and_its_request() {
    let (headers, body) = told(&Error::not_found());
    assert_eq!(headers.get(CONTENT_TYPE).unwrap(), PROBLEM_JSON);
    let expected = json!({
        "type": "/problems/not-found",
        "title": "Not found",
        "status": 404,
        "detail": "There is no such object.",
        "instance": "urn:request:req-1",
        "request_id": "req-1",
    });
    assert_eq!(body, expected, "and nothing else");
}

#[test]
fn everything_known_is_told() {
    let mut error = Error::field("/to", "invalid", "is not a phone number")
        .at(&"zenvia-br".parse().unwrap(), "zenvia")
        .retry_after(Duration::from_millis(1_200))
        .about("verification", json!({"id": "ver_1", "status": "pending"}));
    error.context.provider_code = Some("40".into());
    error.context.provider_message = Some("Acesso negado".into());
    error.context.limit = Some(LimitHit {
        name: "limits.x".into(),
        max: 5,
        per_seconds: 600,
        resets_at: Timestamp::from_seconds(0),
    });
    let (headers, body) = told(&error);
    assert_eq!(headers.get(RETRY_AFTER).unwrap(), "2", "rounded up");
    assert_eq!(body["retry_after_seconds"], 2);
    assert_eq!(
        body["errors"],
        json!([{"pointer": "/to", "code": "invalid", "detail": "is not a phone number"}])
    );
    assert_eq!(
        (&body["account"], &body["provider"]),
        (&json!("zenvia-br"), &json!("zenvia"))
    );
    assert_eq!(
        (&body["provider_code"], &body["provider_message"]),
        (&json!("40"), &json!("Acesso negado"))
    );
    let limit = json!({"name": "limits.x", "max": 5, "per_seconds": 600, "resets_at": "1970-01-01T00:00:00.000Z"});
    assert_eq!(body["limit"], limit);
    assert_eq!(body["verification"], json!({"id": "ver_1", "status": "pending"}));
}

#[test]
fn whoever_has_no_token_is_told_which_kind_to_bring() {
    let (headers, _) = told(&Error::new(Problem::Unauthenticated, "No token."));
    assert_eq!(headers.get(WWW_AUTHENTICATE).unwrap(), "Bearer");
    let (headers, _) = told(&Error::new(Problem::Forbidden, "No scope."));
    assert!(!headers.contains_key(WWW_AUTHENTICATE));
}

#[test]
fn an_instance_is_a_uri_whatever_the_request_id() {
    assert_eq!(instance("a\"<%>"), "urn:request:a%22%3C%25%3E");
}

/// The list as `docs/problems.md` holds it.
fn page() -> String {
    let mut page = String::from(
        "# Problems\n\nEvery error answer is `application/problem+json` (RFC 9457), and its `type` is one of these: a closed list. \
         A gateway serves it at `/problems`.\nMade from the code: `UPDATE=1 cargo nextest run problem` adopts a change.\n",
    );
    for problem in Problem::ALL {
        let kind = kind_of(*problem);
        let (title, status, text) = (kind.title, kind.status, kind.text);
        page.push_str(&format!("\n## {problem}\n\n**{title}.** {status}.\n\n{text}\n"));
    }
    page
}

#[test]
fn the_committed_page_of_problems_is_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/problems.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, page()).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == page(), "{path} is stale: adopt it with UPDATE=1");
}
