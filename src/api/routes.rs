//! Paths and their methods.

use std::sync::Arc;

use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::ServiceConfig;
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, guard, web};

use super::edge::Edge;
use super::{
    accounts, calls, deliveries, events, history, management, problem, summary, system, verifications, webhooks,
};
use crate::domain::error::{Error, Problem};

/// Every path of the API; any other is `not-found`.
///
/// They are tried in this order, and each that holds a parameter costs a regular expression: the hottest come first.
pub fn routes(app: &mut ServiceConfig) {
    At::path("/webhooks/{account}/{kind}/{secret}")
        .post(webhooks::take_of_kind)
        .add_to(app);
    At::path("/webhooks/{account}/{secret}")
        .post(webhooks::take)
        .add_to(app);
    At::path("/verifications")
        .get(verifications::list)
        .post(verifications::start)
        .add_to(app);
    At::path("/verifications/summary")
        .get(summary::verifications)
        .add_to(app);
    At::path("/verifications/{id}").get(verifications::get).add_to(app);
    At::path("/verifications/{id}/check")
        .post(verifications::check)
        .add_to(app);
    At::path("/verifications/{id}/resend")
        .post(verifications::resend)
        .add_to(app);
    At::path("/verifications/{id}/cancel")
        .post(verifications::cancel)
        .add_to(app);
    At::path("/calls").get(calls::list).post(calls::place).add_to(app);
    At::path("/calls/{id}").get(calls::get).add_to(app);
    At::path("/calls/{id}/recording").get(calls::recording).add_to(app);
    At::path("/calls/{id}/hangup").post(calls::hang_up).add_to(app);
    At::path("/calls/{id}/accept").post(calls::accept).add_to(app);
    At::path("/calls/{id}/reject").post(calls::reject).add_to(app);
    At::path("/calls/{id}/transfer").post(calls::transfer).add_to(app);
    At::path("/calls/{id}/monitor").post(calls::monitor).add_to(app);
    At::path("/history").get(history::list).add_to(app);
    At::path("/history/summary").get(summary::history).add_to(app);
    At::path("/history/{id}").get(history::get).add_to(app);
    At::path("/history/{id}/recording").get(history::recording).add_to(app);
    At::path("/events").get(events::list).add_to(app);
    At::path("/events/{id}/recording").get(events::recording).add_to(app);
    At::path("/deliveries").get(deliveries::list).add_to(app);
    At::path("/deliveries/redeliver")
        .post(deliveries::redeliver)
        .add_to(app);
    At::path("/accounts").get(accounts::list).add_to(app);
    At::path("/problems").get(problem::pages::list).add_to(app);
    At::path("/problems/{slug}").get(problem::pages::page).add_to(app);
    At::path("/openapi.json").get(system::document).add_to(app);
    At::path("/swagger-ui").get(system::swagger_redirect).add_to(app);
    At::path("/swagger-ui/{file:.*}").get(system::swagger).add_to(app);
    health(app);
    app.default_service(web::to(not_found));
}

/// Every path of the management listener, none of which asks for a token.
pub fn management_routes(app: &mut ServiceConfig) {
    At::path("/metrics").get(system::metrics).add_to(app);
    At::path("/health").get(system::health).add_to(app);
    At::path("/accounts").get(accounts::list_all).add_to(app);
    At::path("/status").get(management::status).add_to(app);
    At::path("/erase").post(management::erase).add_to(app);
    At::path("/trace/{id}").get(management::trace).add_to(app);
    health(app);
    app.default_service(web::to(not_found));
}

fn health(app: &mut ServiceConfig) {
    At::path("/health/live").get(system::live).add_to(app);
    At::path("/health/ready").get(system::ready).add_to(app);
}

/// A path with the methods it takes; any other method is 405 with `Allow`.
struct At {
    resource: Resource,
    allow: Vec<&'static str>,
}

impl At {
    fn path(path: &str) -> Self {
        Self {
            resource: web::resource(path),
            allow: Vec::new(),
        }
    }

    /// A `HEAD` is a `GET` whose body is not sent.
    fn get<F, Args>(mut self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.allow.extend(["GET", "HEAD"]);
        let route = web::route()
            .guard(guard::Any(guard::Get()).or(guard::Head()))
            .to(handler);
        Self {
            resource: self.resource.route(route),
            ..self
        }
    }

    fn post<F, Args>(mut self, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.allow.push("POST");
        Self {
            resource: self.resource.route(web::post().to(handler)),
            ..self
        }
    }

    fn add_to(self, app: &mut ServiceConfig) {
        let allow: Arc<str> = self.allow.join(", ").into();
        let refuse = move |edge: Edge| std::future::ready(method_not_allowed(&edge, &allow));
        app.service(self.resource.default_service(web::to(refuse)));
    }
}

fn method_not_allowed(edge: &Edge, allow: &str) -> HttpResponse {
    let detail = format!("This address takes {allow}.");
    let mut response = problem::response(&Error::new(Problem::MethodNotAllowed, detail), edge.request_id());
    if let Ok(allow) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

async fn not_found() -> Result<HttpResponse, Error> {
    Err(Error::not_found())
}
