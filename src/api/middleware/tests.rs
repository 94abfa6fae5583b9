#![allow(clippy::unwrap_used, clippy::panic)]

use actix_web::body::to_bytes;
use actix_web::http::StatusCode;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, init_service, try_call_service};
use actix_web::{App, web};
use serde_json::Value;

use super::*;
use crate::api::problem::PROBLEM_JSON;

/// Sends a request through the middleware to handlers that do what their path says.
async fn send(request: TestRequest) -> HttpResponse {
    let app = App::new()
        .wrap(from_fn(around))
        .route("/ok", web::get().to(async || "fine"))
        .route(
            "/wrong",
            web::get().to(async || Err::<String, Error>(Error::new(Problem::RateLimited, "Too many."))),
        )
        .route(
            "/foreign",
            web::get().to(async || Err::<String, _>(actix_web::error::ErrorBadGateway("secret"))),
        )
        .route("/panic", web::get().to(async || -> String { panic!("broken") }));
    let app = init_service(app).await;
    match try_call_service(&app, request.to_request()).await {
        Ok(response) => response.into_parts().1,
        Err(error) => error.error_response(),
    }
}

async fn body(response: HttpResponse) -> Value {
    serde_json::from_slice(&to_bytes(response.into_body()).await.unwrap()).unwrap()
}

fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path)
}

fn header<'a>(response: &'a HttpResponse, name: &str) -> &'a str {
    response.headers().get(name).unwrap().to_str().unwrap()
}

#[actix_web::test]
async fn every_answer_carries_its_request_and_its_time() {
    for path in ["/ok", "/wrong", "/panic", "/nowhere"] {
        let response = send(get(path).insert_header(("x-request-id", "mine-1"))).await;
        assert_eq!(header(&response, "x-request-id"), "mine-1", "{path}");
        let timing = header(&response, "server-timing");
        assert!(
            timing.starts_with("total;dur=") && timing.contains(", upstream;dur=0.00, store;dur=0.00"),
            "{timing}"
        );
        assert_eq!(header(&response, "cache-control"), "no-store");
    }
    let made = send(get("/ok")).await;
    assert_eq!(header(&made, "x-request-id").len(), 32);
}

#[actix_web::test]
async fn an_error_is_told_with_the_request_it_belongs_to() {
    let response = send(get("/wrong").insert_header(("x-request-id", "mine-1"))).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&response, "content-type"), PROBLEM_JSON);
    let body = body(response).await;
    assert_eq!(
        (&body["type"], &body["request_id"]),
        (&"/problems/rate-limited".into(), &"mine-1".into())
    );
}

#[actix_web::test]
async fn a_panic_and_a_foreign_error_become_problems_that_tell_nothing() {
    for path in ["/panic", "/foreign"] {
        let response = send(get(path)).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        let body = body(response).await;
        assert_eq!(body["type"], "/problems/internal");
        assert!(!body.to_string().contains("broken") && !body.to_string().contains("secret"));
    }
}

#[actix_web::test]
async fn a_head_has_its_bounds() {
    let status = async |request: TestRequest| send(request).await.status().as_u16();
    assert_eq!(status(get(&format!("/ok?{}", "a".repeat(8 * 1024 - 4)))).await, 200);
    assert_eq!(status(get(&format!("/ok?{}", "a".repeat(8 * 1024 - 3)))).await, 414);
    assert_eq!(
        status(get("/ok").insert_header(("x-a", "a".repeat(16 * 1024 - 7)))).await,
        200
    );
    assert_eq!(
        status(get("/ok").insert_header(("x-a", "a".repeat(16 * 1024 - 6)))).await,
        431
    );
}

#[actix_web::test]
async fn who_comes_when_too_many_are_under_way_is_told_when_to_come_again() {
    let load = Load::here();
    let under_way: Vec<_> = std::iter::from_fn(|| load.begin(Class::Usual).ok())
        .take(5_000)
        .collect();
    let refused = send(get("/ok")).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&refused, "retry-after"), "1");
    assert_eq!(body(refused).await["type"], "/problems/overloaded");
    let urgent = send(TestRequest::post().uri("/verifications/ver_1/check")).await;
    assert_eq!(
        urgent.status(),
        StatusCode::NOT_FOUND,
        "it is let in, and there is no such route here"
    );
    drop(under_way);
    assert_eq!(send(get("/ok")).await.status(), StatusCode::OK);
}
