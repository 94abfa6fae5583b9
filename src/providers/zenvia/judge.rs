//! Reads Zenvia's envelope: what came of a request, and why not.

use serde_json::value::RawValue;

use super::wire::{Object, body_text};
use crate::domain::call::ProviderRef;
use crate::domain::error::{FailureKind, Refusal};
use crate::upstream::{Answer, Rejection};

/// What each documented `motivo` but 0 (success) means here.
pub const REASONS: &[(u64, FailureKind)] = &[
    (8, FailureKind::Refused(Refusal::Policy)), // the account lacks the permission or is disabled
    (9, FailureKind::Refused(Refusal::Credit)), // no balance
    (10, FailureKind::Refused(Refusal::Invalid)), // a parameter is missing
    (11, FailureKind::Refused(Refusal::Invalid)), // a parameter is wrong
    (20, FailureKind::Refused(Refusal::Invalid)), // a duplicate
    (30, FailureKind::Refused(Refusal::Policy)), // not implemented
    (40, FailureKind::Refused(Refusal::Credential)), // the token is not accepted
    (50, FailureKind::Broken),                  // internal error: it may have acted
    (60, FailureKind::Refused(Refusal::NotFound)), // no such object
    (70, FailureKind::Refused(Refusal::NoRecording)), // recording was not asked for
    (80, FailureKind::Refused(Refusal::NotActive)), // the call is over
    (90, FailureKind::Refused(Refusal::Technical)), // no such path
    (100, FailureKind::Refused(Refusal::Invalid)), // the request is not understood
];

/// Says that the act was done; what else the answer holds is not needed.
pub fn done(answer: &Answer) -> Result<(), Rejection> {
    with_data(answer, |_| Some(()))
}

/// Reads the identifier of what was made. Without one it may have been made all the same.
pub fn created(answer: &Answer) -> Result<ProviderRef, Rejection> {
    object(answer, |data| data.text("id").map(ProviderRef::id))
}

/// Reads `dados` as an object with `read`; an answer it cannot use is broken.
pub fn object<T>(
    answer: &Answer,
    read: impl FnOnce(&Object<'_>) -> Option<T>,
) -> Result<T, Rejection> {
    with_data(answer, |data| read(&Object::parse(data?.get())?))
}

/// Reads `dados`, which may be `null` or absent, with `read`; an answer it cannot use is broken.
pub fn with_data<T>(
    answer: &Answer,
    read: impl FnOnce(Option<&RawValue>) -> Option<T>,
) -> Result<T, Rejection> {
    let text = body_text(&answer.body);
    let envelope = Object::parse(&text);
    if !(200..300).contains(&answer.status) {
        return Err(rejection(answer.status, envelope.as_ref()));
    }
    let envelope = envelope.ok_or_else(Rejection::broken)?;
    match envelope.flag("sucesso") {
        Some(true) => read(envelope.raw("dados")).ok_or_else(Rejection::broken),
        Some(false) => Err(rejection(answer.status, Some(&envelope))),
        None => Err(Rejection::broken()),
    }
}

/// Reads an answer that is not success.
pub fn rejected(answer: &Answer) -> Rejection {
    let text = body_text(&answer.body);
    rejection(answer.status, Object::parse(&text).as_ref())
}

fn rejection(status: u16, envelope: Option<&Object<'_>>) -> Rejection {
    let reason = envelope.and_then(|envelope| envelope.count("motivo"));
    let reason = reason.filter(|reason| *reason != 0);
    let mut rejection = Rejection { kind: kind(status, reason), ..Rejection::broken() };
    if let Some(reason) = reason {
        rejection = rejection.with_code(reason.to_string());
    }
    match envelope.and_then(|envelope| envelope.text("mensagem")) {
        Some(message) => rejection.with_message(message),
        None => rejection,
    }
}

fn kind(status: u16, reason: Option<u64>) -> FailureKind {
    let known = REASONS.iter().find(|(known, _)| Some(*known) == reason).map(|(_, kind)| *kind);
    match status {
        429 => FailureKind::Busy,
        // "Not implemented" is said before anything is done; any other 5xx tells nothing.
        501 if reason == Some(30) => FailureKind::Refused(Refusal::Policy),
        500.. => FailureKind::Broken,
        200..300 | 400..500 => known.unwrap_or(FailureKind::Refused(match status {
            400 | 405 => Refusal::Invalid,
            401 => Refusal::Credential,
            402 => Refusal::Credit,
            _ => Refusal::Unknown,
        })),
        _ => FailureKind::Broken,
    }
}
