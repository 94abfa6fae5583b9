//! The OpenAPI document, made from the handlers and what is true of all of them.

mod common;
mod problems;
mod shapes;

use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, OpenApi as Document};

use super::{accounts, calls, deliveries, events, history, problem, summary, system, verifications, webhooks};
use crate::domain::caller::Scope;

pub use shapes::{
    AnyObject, Audio, EventTypes, Extra, Filtered, IpAddress, Line, Moment, Paged, Ranged, Resuming, Tag, Waiting,
    Windowed,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Switchboard",
        description = "One HTTP API over several telephony providers: calls, one-time codes and call history.\n\n\
            Bodies are JSON in UTF-8 and snake_case; what is not known here is refused, what is not known to us is `null` and never absent. \
            Times are RFC 3339 in UTC with milliseconds. Every answer carries `X-Request-Id` (yours, if you send one of at most 128 visible ASCII \
            characters) and `Server-Timing`. Errors are RFC 9457 problems, and **an error means that nothing was started**: where a provider may \
            have acted, the answer is 202 with the object.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "Calls", description = "Place calls, follow them, act on them."),
        (name = "Verifications", description = "Send one-time codes and check them."),
        (name = "History", description = "Past calls of every account, in one list."),
        (name = "Events", description = "What happened, in order: read from any place, live, or delivered."),
        (name = "Accounts", description = "The provider accounts and how they fare."),
        (name = "Webhooks", description = "News from providers."),
        (name = "System", description = "Health, problems and this document."),
    ),
    paths(
        calls::place,
        calls::list,
        calls::get,
        calls::recording,
        calls::hang_up,
        calls::accept,
        calls::reject,
        calls::transfer,
        calls::monitor,
        verifications::start,
        verifications::list,
        summary::verifications,
        verifications::get,
        verifications::check,
        verifications::resend,
        verifications::cancel,
        history::list,
        summary::history,
        history::get,
        history::recording,
        events::list,
        events::recording,
        deliveries::list,
        deliveries::redeliver,
        accounts::list,
        webhooks::take_of_kind,
        webhooks::take,
        problem::pages::list,
        problem::pages::page,
        system::live,
        system::ready,
        system::document,
    ),
    components(schemas(problem::Details<'static>)),
)]
struct Handlers;

/// The document of this API, OpenAPI 3.1.
pub fn document() -> Document {
    let mut document = Handlers::openapi();
    let components = document.components.get_or_insert_default();
    add_bearer(components);
    problems::add_examples(components);
    common::close_schemas(&mut document);
    for operation in operations(&mut document) {
        common::add_idempotency_key(operation);
        common::name_scope(operation);
        problems::add_to(operation);
    }
    document
}

fn operations(document: &mut Document) -> impl Iterator<Item = &mut Operation> {
    document
        .paths
        .paths
        .values_mut()
        .flat_map(|path| path.get.iter_mut().chain(path.post.iter_mut()))
}

fn add_bearer(components: &mut Components) {
    let scopes: Vec<String> = Scope::ALL.iter().map(|scope| format!("`{scope}`")).collect();
    let description = format!(
        "A JWT with exp, iss, aud, sub and the tenant, signed with a configured key. Its scopes, in one claim: {}.",
        scopes.join(" ")
    );
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(description));
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
}

#[cfg(test)]
mod tests;
