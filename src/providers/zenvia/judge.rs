//! Reads Zenvia's envelope: what came of a request, and why not.

use super::wire::{Object, Value, body_text};
use crate::domain::call::ProviderRef;
use crate::domain::error::{FailureKind, Refusal};
use crate::upstream::{Answer, Rejection};

/// What each documented `motivo` but 0 (success) means here.
pub const REASONS: &[(i64, FailureKind)] = &[
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

/// Reads a `motivo` that is documented.
pub fn reason(told: &str) -> Option<i64> {
    let told = told.parse().ok()?;
    (told == 0 || REASONS.iter().any(|(known, _)| *known == told)).then_some(told)
}

/// Says that the act was done; what else the answer holds is not needed.
pub fn done(answer: &Answer) -> Result<(), Rejection> {
    with_data(answer, |_| Some(()))
}

/// Reads the identifier of what was made. Without one it may have been made all the same.
pub fn created(answer: &Answer) -> Result<ProviderRef, Rejection> {
    object(answer, |data| data.string("id").map(ProviderRef::id))
}

/// Reads `dados` as an object with `read`; an answer it cannot use is broken.
pub fn object<T>(answer: &Answer, read: impl FnOnce(&Object<'_>) -> Option<T>) -> Result<T, Rejection> {
    with_data(answer, |data| read(Object::of(data?)?))
}

/// Reads `dados`, which may be `null` or absent, with `read`; an answer it cannot use is broken.
pub fn with_data<T>(answer: &Answer, read: impl FnOnce(Option<&Value<'_>>) -> Option<T>) -> Result<T, Rejection> {
    let text = body_text(&answer.body);
    let envelope = Object::parse(text.as_bytes());
    if !(200..300).contains(&answer.status) {
        return Err(rejection(answer.status, envelope.as_ref()));
    }
    let envelope = envelope.ok_or_else(Rejection::broken)?;
    match envelope.flag("sucesso") {
        Some(true) => read(envelope.get("dados")).ok_or_else(Rejection::broken),
        Some(false) => Err(rejection(answer.status, Some(&envelope))),
        None => Err(Rejection::broken()),
    }
}

/// Reads an answer that is not success.
pub fn rejected(answer: &Answer) -> Rejection {
    let text = body_text(&answer.body);
    rejection(answer.status, Object::parse(text.as_bytes()).as_ref())
}

fn rejection(status: u16, envelope: Option<&Object<'_>>) -> Rejection {
    let reason = envelope.and_then(|envelope| envelope.integer("motivo"));
    let reason = reason.filter(|reason| *reason != 0);
    let mut rejection = Rejection {
        kind: kind(status, reason),
        ..Rejection::broken()
    };
    if let Some(reason) = reason {
        rejection = rejection.with_code(reason.to_string());
    }
    match envelope.and_then(|envelope| envelope.string("mensagem")) {
        Some(message) => rejection.with_message(message),
        None => rejection,
    }
}

fn kind(status: u16, reason: Option<i64>) -> FailureKind {
    let known = REASONS
        .iter()
        .find(|(known, _)| Some(*known) == reason)
        .map(|(_, kind)| *kind);
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

/// Reads an answer in every way that this provider's answers are read.
pub fn in_every_way(answer: &Answer) {
    use crate::domain::call::CallKind;

    for kind in CallKind::ALL {
        let _ = object(answer, |data| super::normalize::facts(*kind, data));
    }
    for resource in super::resource::RESOURCES {
        let _ = with_data(answer, |data| super::history::read_page(resource, data));
    }
    let _ = (
        created(answer),
        done(answer),
        rejected(answer),
        super::codes::verdict(answer),
    );
    let _ = object(answer, |data| data.money("saldo"));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            retry_after: None,
            body: body.to_owned().into(),
        }
    }

    fn refusal(status: u16, reason: i64) -> FailureKind {
        let body = format!(r#"{{"status":{status},"sucesso":false,"motivo":{reason},"mensagem":"x","dados":null}}"#);
        let rejection = done(&answer(status, &body)).unwrap_err();
        assert_eq!(rejection.code, (reason != 0).then(|| reason.to_string()));
        rejection.kind
    }

    #[test]
    fn every_documented_reason_has_its_class_whatever_the_status_of_the_refusal() {
        let documented = [8, 9, 10, 11, 20, 30, 40, 50, 60, 70, 80, 90, 100];
        assert_eq!(
            REASONS.iter().map(|(reason, _)| *reason).collect::<Vec<_>>(),
            documented
        );
        for (reason, kind) in REASONS {
            for status in [200, 400, 403, 404, 405, 409] {
                assert_eq!(refusal(status, *reason), *kind, "{status} {reason}");
            }
        }
    }

    #[test]
    fn documented_pairs_of_status_and_reason() {
        let refused = FailureKind::Refused;
        for (status, reason, kind) in [
            (403, 40, refused(Refusal::Credential)),
            (403, 8, refused(Refusal::Policy)),
            (402, 9, refused(Refusal::Credit)),
            (405, 10, refused(Refusal::Invalid)),
            (405, 11, refused(Refusal::Invalid)),
            (404, 10, refused(Refusal::Invalid)),
            (404, 60, refused(Refusal::NotFound)),
            (404, 70, refused(Refusal::NoRecording)),
            (404, 80, refused(Refusal::NotActive)),
            (409, 20, refused(Refusal::Invalid)),
            (501, 30, refused(Refusal::Policy)),
            (400, 100, refused(Refusal::Invalid)),
            (500, 50, FailureKind::Broken),
        ] {
            assert_eq!(refusal(status, reason), kind, "{status} {reason}");
        }
    }

    #[test]
    fn a_status_speaks_where_no_known_reason_does() {
        let refused = FailureKind::Refused;
        for reason in [0, 77] {
            for (status, kind) in [
                (200, refused(Refusal::Unknown)),
                (302, FailureKind::Broken),
                (400, refused(Refusal::Invalid)),
                (401, refused(Refusal::Credential)),
                (402, refused(Refusal::Credit)),
                (403, refused(Refusal::Unknown)),
                (404, refused(Refusal::Unknown)),
                (405, refused(Refusal::Invalid)),
                (429, FailureKind::Busy),
                (500, FailureKind::Broken),
                (501, FailureKind::Broken),
                (502, FailureKind::Broken),
            ] {
                assert_eq!(refusal(status, reason), kind, "{status} {reason}");
            }
        }
        assert_eq!(refusal(429, 8), FailureKind::Busy);
        assert_eq!(refusal(503, 9), FailureKind::Broken);
        assert_eq!(rejected(&answer(429, "")).kind, FailureKind::Busy);
        assert_eq!(rejected(&answer(502, "<html>")).kind, FailureKind::Broken);
    }

    #[test]
    fn a_success_without_what_was_asked_for_is_broken() {
        let id = |body| created(&answer(200, body)).map_err(|rejection| rejection.kind);
        assert_eq!(
            id(r#"{"sucesso":true,"motivo":0,"dados":{"id":12345}}"#),
            Ok(ProviderRef::id("12345"))
        );
        assert_eq!(
            id(r#"{"sucesso":true,"motivo":0,"dados":{"id":"12345"}}"#),
            Ok(ProviderRef::id("12345"))
        );
        for body in [
            "",
            "<html>",
            "{}",
            "[]",
            r#"{"sucesso":true}"#,
            r#"{"sucesso":true,"dados":null}"#,
            r#"{"sucesso":true,"dados":{"id":null}}"#,
            r#"{"sucesso":true,"dados":{"id":[1,2]}}"#,
            r#"{"dados":{"id":1}}"#,
        ] {
            assert_eq!(id(body), Err(FailureKind::Broken), "{body}");
        }
        for body in [r#"{"sucesso":true,"dados":null}"#, r#"{"sucesso":true}"#] {
            assert_eq!(done(&answer(200, body)), Ok(()), "an act needs no data: {body}");
        }
    }

    #[test]
    fn a_message_keeps_no_number() {
        let body = r#"{"sucesso":false,"motivo":11,"mensagem":"numero_destino +5511988887777 inválido"}"#;
        let message = rejected(&answer(405, body)).message.unwrap();
        assert!(
            message.starts_with("numero_destino") && !message.contains("8888"),
            "{message}"
        );
    }
}
