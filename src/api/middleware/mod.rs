//! What surrounds every request: its id, its bounds, its deadline, its note in log and metrics, and the last resort.

mod bounds;
mod load;
mod report;
#[cfg(test)]
mod tests;

use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::ConnectionType;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpResponse};
use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::Instrument;

use super::Api;
use super::edge::Visit;
use super::headers::{self, REQUEST_ID, SERVER_TIMING};
use super::problem;
use crate::domain::error::{Error, Problem};
use crate::spans::Span;
use crate::timing;
use load::{Class, Load};
use report::Report;

/// Answers a request whatever becomes of it, and notes it.
///
/// # Errors
/// None that is not already an answer: a panic leaves no request to tie an answer to, so its problem travels as an error.
pub async fn around<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let visit = Visit::new(headers::request_id(request.headers()));
    request.extensions_mut().insert(Rc::clone(&visit));
    let report = Report::begin(request.method());
    let span = tracing::info_span!("request", request_id = visit.request_id);
    let trace = trace(&request);
    let class = class_of(&request);
    let deadline = deadline(&request, &visit, class);
    let connections = request.app_data::<Data<Api>>().map(|api| api.connections());
    let work = timing::scope(async { (answer((request, class), next, &visit).await, timing::read()) });
    let work = timing::until(deadline, work);
    let (mut answer, timing) = trace.within(work.instrument(span)).await;
    let response = answer
        .as_mut()
        .map_or_else(|response| response, ServiceResponse::response_mut);
    if connections.is_some_and(|connections| connections.is_closed()) {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    let status = response.status();
    sign(response.headers_mut(), &visit, report.server_timing(timing));
    report.trace(&trace, &visit, status);
    report.end(&visit, status, timing);
    answer.map_err(|response| InternalError::from_response("the handler broke off", response).into())
}

/// The span of a request; questions after our health, which come all the time, have none.
fn trace(request: &ServiceRequest) -> Span {
    match request.path() {
        "/metrics" | "/health" | "/health/live" | "/health/ready" => Span::none(),
        _ => Span::server(headers::traceparent(request.headers())),
    }
}

/// Until when the caller waits. A page of history may take longer, as streams may.
fn deadline(request: &ServiceRequest, visit: &Visit, class: Class) -> Option<Instant> {
    if class == Class::Last {
        return None;
    }
    let gateway = visit.gateway(request.app_data::<Data<Api>>()?);
    let time = gateway.config().server.request_timeout;
    Some(Instant::now() + time + headers::wait(request.headers()).unwrap_or_default())
}

fn class_of(request: &ServiceRequest) -> Class {
    let may_wait = headers::wait(request.headers()).is_some();
    Class::of(request.method(), request.path(), may_wait)
}

/// The handler's answer, its error rendered; without the request where the handler panicked.
async fn answer<B: MessageBody + 'static>(
    (request, class): (ServiceRequest, Class),
    next: Next<B>,
    visit: &Visit,
) -> Result<ServiceResponse<BoxBody>, HttpResponse> {
    let begun = match bounds::check(&request) {
        Ok(()) => Load::here().enter(class).await,
        Err(error) => Err(error),
    };
    let _under_way = match begun {
        Ok(under_way) => under_way,
        Err(error) => return Ok(request.into_response(problem::response(&error, &visit.request_id))),
    };
    match AssertUnwindSafe(async { next.call(request).await })
        .catch_unwind()
        .await
    {
        Ok(Ok(response)) => Ok(rendered(response, visit)),
        Ok(Err(error)) => Err(problem_of(&error, visit)),
        Err(_) => {
            tracing::error!("a handler panicked");
            Err(problem::response(&internal(), &visit.request_id))
        }
    }
}

fn rendered<B: MessageBody + 'static>(response: ServiceResponse<B>, visit: &Visit) -> ServiceResponse<BoxBody> {
    let (request, response) = response.into_parts();
    let response = match response.error() {
        Some(error) => problem_of(error, visit),
        None => response.map_into_boxed_body(),
    };
    ServiceResponse::new(request, response)
}

fn problem_of(error: &actix_web::Error, visit: &Visit) -> HttpResponse {
    if let Some(error) = error.as_error::<Error>() {
        return problem::response(error, &visit.request_id);
    }
    tracing::error!(%error, "an error that is none of ours");
    problem::response(&internal(), &visit.request_id)
}

fn internal() -> Error {
    Error::new(Problem::Internal, "The request could not be completed.")
}

/// Answers hold personal data, so nobody on the way keeps them, and nobody guesses what they are.
fn sign(headers: &mut HeaderMap, visit: &Visit, server_timing: String) {
    if let Ok(id) = HeaderValue::from_str(&visit.request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Ok(timing) = HeaderValue::from_str(&server_timing) {
        headers.insert(SERVER_TIMING, timing);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
