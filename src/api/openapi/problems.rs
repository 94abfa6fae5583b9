//! Which problems each operation can answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Components, Ref, RefOr};

use super::common::{acts, scope};
use crate::api::problem::{PROBLEM_JSON, kind_of};
use crate::domain::error::Problem::{self, *};

/// What a provider can refuse or fail at.
const PROVIDER: &[Problem] = &[
    ProviderRefused,
    ProviderMisconfigured,
    ProviderUnavailable,
    ProviderOutOfCredit,
];
/// What goes wrong with acts on a live call, beyond that.
const LIVE: &[Problem] = &[NotSupported, CallNotActive, CallNotBound];
/// What goes wrong with sends of a code, beyond that.
const SEND: &[Problem] = &[NotSupported, DestinationNotAllowed, RateLimited];

/// Beyond what follows from an operation's parameters and body.
const OF_ITS_OWN: &[(&str, &[&[Problem]])] = &[
    ("placeCall", &[PROVIDER, SEND, &[CallPermissionRequired]]),
    ("getCall", &[PROVIDER, &[CallNotActive, CallNotBound]]),
    (
        "getCallRecording",
        &[PROVIDER, &[NotSupported, RecordingNotAvailable, CallNotBound]],
    ),
    ("hangUpCall", &[PROVIDER, LIVE]),
    ("acceptCall", &[PROVIDER, LIVE]),
    ("rejectCall", &[PROVIDER, LIVE]),
    ("transferCall", &[PROVIDER, LIVE]),
    ("monitorCall", &[PROVIDER, LIVE]),
    ("startVerification", &[PROVIDER, SEND]),
    (
        "checkVerification",
        &[
            &[VerificationClosed, VerificationNotCheckable, RateLimited],
            &[ProviderUnavailable, ProviderMisconfigured],
        ],
    ),
    ("resendVerification", &[PROVIDER, SEND, &[VerificationClosed]]),
    ("cancelVerification", &[&[VerificationClosed]]),
    ("listHistory", &[&[SourceUnavailable, NotSupported, NotAcceptable]]),
    ("summariseHistory", &[&[SourceUnavailable, NotSupported, NotAcceptable]]),
    ("getRecord", &[PROVIDER, &[SourceUnavailable]]),
    (
        "getRecordRecording",
        &[PROVIDER, &[RecordingNotAvailable, SourceUnavailable]],
    ),
    ("listEvents", &[&[InvalidCursor, CursorExpired, NotAcceptable]]),
    ("getEventRecording", &[PROVIDER, &[RecordingNotAvailable]]),
    ("takeWebhook", &[&[StoreUnavailable]]),
    ("takeWebhookOfKind", &[&[StoreUnavailable]]),
    ("getReadiness", &[&[StoreUnavailable]]),
];

/// Adds the answers that tell problems, one for each status.
pub fn add_to(operation: &mut Operation) {
    let mut by_status: BTreeMap<u16, Vec<Problem>> = BTreeMap::new();
    for problem in problems_of(operation) {
        by_status
            .entry(kind_of(problem).status.as_u16())
            .or_default()
            .push(problem);
    }
    for (status, problems) in by_status {
        operation
            .responses
            .responses
            .insert(status.to_string(), RefOr::T(answer(status, &problems)));
    }
}

fn problems_of(operation: &Operation) -> BTreeSet<Problem> {
    let id = operation.operation_id.as_deref().unwrap_or_default();
    let own = OF_ITS_OWN
        .iter()
        .filter(|(name, _)| *name == id)
        .flat_map(|(_, sets)| sets.iter().copied().flatten());
    let mut problems: BTreeSet<Problem> = own.copied().collect();
    problems.extend([Internal, UriTooLong, HeadersTooLarge]);
    let has = |place: fn(&Parameter) -> bool| {
        let parameters = operation.parameters.iter().flatten();
        parameters
            .filter_map(|parameter| match parameter {
                RefOr::T(parameter) => Some(parameter),
                RefOr::Ref(_) => None,
            })
            .any(place)
    };
    if has(|parameter| matches!(parameter.parameter_in, ParameterIn::Path)) {
        problems.insert(NotFound);
    }
    if has(|parameter| parameter.name == "cursor") {
        problems.extend([InvalidCursor, CursorExpired]);
    }
    if operation.request_body.is_some() || acts(operation) {
        problems.extend([InvalidBody, RequestTimeout, BodyTooLarge]);
    }
    if acts(operation) {
        problems.extend([
            UnsupportedMediaType,
            RequestInProgress,
            IdempotencyKeyReused,
            Overloaded,
        ]);
    }
    if !id.starts_with("takeWebhook") {
        problems.insert(InvalidInput);
    }
    if scope(operation).is_some() {
        problems.extend([Unauthenticated, Forbidden, RateLimited, StoreUnavailable, Overloaded]);
        // The issuer's keys cannot be fetched.
        problems.insert(ProviderUnavailable);
    }
    problems
}

fn answer(status: u16, problems: &[Problem]) -> Response {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("`{problem}`: {}.", kind_of(*problem).title))
        .collect();
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(problems.iter().map(|problem| (problem.as_str(), example_of(*problem))));
    let answer = ResponseBuilder::new()
        .description(lines.join("\n\n"))
        .content(PROBLEM_JSON, content.build());
    let text = |description: &str| {
        HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .description(Some(description))
            .build()
    };
    match status {
        401 => answer.header("WWW-Authenticate", text("`Bearer`.")).build(),
        429 => answer
            .header("Retry-After", text("When to try again, in seconds."))
            .header(
                "RateLimit-Policy",
                text("The limit, by its configuration key: `\"name\";q=max;w=seconds`."),
            )
            .header(
                "RateLimit",
                text("How far it is used: `\"name\";r=remaining;t=seconds`."),
            )
            .build(),
        409 | 503 => answer
            .header(
                "Retry-After",
                text("When to try again, in seconds, where that is known."),
            )
            .build(),
        _ => answer.build(),
    }
}

fn example_of(problem: Problem) -> RefOr<Example> {
    RefOr::Ref(Ref::new(format!("#/components/examples/{problem}")))
}

/// One example of every problem, for the operations to refer to.
pub fn add_examples(components: &mut Components) {
    for problem in Problem::ALL {
        let example = ExampleBuilder::new()
            .summary(kind_of(*problem).title)
            .value(Some(example(*problem)));
        components.examples.insert(problem.to_string(), example.build().into());
    }
}

fn example(problem: Problem) -> Value {
    let kind = kind_of(problem);
    json!({
        "type": format!("/problems/{problem}"),
        "title": kind.title,
        "status": kind.status.as_u16(),
        "detail": kind.title.to_owned() + ".",
        "instance": "urn:request:0199a2b0c3d47e5f8a9b0c1d2e3f4a5b",
        "request_id": "0199a2b0c3d47e5f8a9b0c1d2e3f4a5b",
    })
}
