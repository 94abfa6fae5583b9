//! What an answer of Positus means: by its HTTP status and by the code of the error in its body, often Meta's.

use std::ops::RangeInclusive;

use super::wire::Told;
use crate::domain::call::ProviderRef;
use crate::domain::error::FailureKind::{self, Broken, Busy, Refused};
use crate::domain::error::Refusal;
use crate::providers::lenient::Object;
use crate::upstream::{Answer, Rejection};

/// Every known code, of Positus or of Meta, and what it means here. A code that is not here is never guessed.
pub(super) const CODES: &[(RangeInclusive<i64>, FailureKind)] = &[
    (4..=4, Busy),                                         // the application's rate limit
    (10..=10, Refused(Refusal::Credential)),               // the token lacks the permission
    (100..=100, Refused(Refusal::Invalid)),                // a parameter, or the session description
    (190..=190, Refused(Refusal::Credential)),             // the token has expired
    (200..=299, Refused(Refusal::Credential)),             // the token lacks a permission
    (613..=613, Busy),                                     // too many reads of a permission
    (1008..=1008, Refused(Refusal::Invalid)),              // a parameter is missing
    (80007..=80007, Busy),                                 // the business account's rate limit
    (130_429..=130_429, Busy),                             // the number's throughput
    (131_009..=131_009, Refused(Refusal::Invalid)),        // a parameter's value
    (131_026..=131_026, Refused(Refusal::Invalid)),        // the receiver's application is too old
    (131_042..=131_042, Refused(Refusal::Credit)),         // a payment problem
    (131_044..=131_044, Refused(Refusal::Credit)),         // a payment problem of calling
    (138_000..=138_000, Refused(Refusal::Policy)),         // calling is not enabled for the number
    (138_001..=138_001, Refused(Refusal::Invalid)),        // the receiver cannot receive calls
    (138_002..=138_002, Busy),                             // more than 1000 calls at once
    (138_003..=138_003, Refused(Refusal::Human)),          // the receiver is in a call with us already
    (138_004..=138_004, Refused(Refusal::Technical)),      // could not connect
    (138_005..=138_005, Busy),                             // the number's call rate
    (138_006..=138_006, Refused(Refusal::Permission)),     // the receiver has not allowed calls
    (138_007..=138_007, Refused(Refusal::Technical)),      // the session description came too late
    (138_009..=138_009, Refused(Refusal::Policy)),         // too many requests for permission
    (138_012..=138_012, Refused(Refusal::Policy)),         // the receiver's calls of 24 hours are spent
    (138_013..=138_013, Busy),                             // too many reads of a permission, formerly
    (138_017..=138_017, Refused(Refusal::Policy)),         // the permission is permanent already
    (138_018..=138_018, Refused(Refusal::Policy)),         // calling cannot be enabled for the number
    (2_593_090..=2_593_090, Refused(Refusal::Permission)), // the receiver has not allowed calls, as a subcode
];

/// An act is done where the body says so, or where there is nothing to say (204).
pub(super) fn done(answer: &Answer) -> Result<(), Rejection> {
    made(answer).map(|_| ())
}

/// A call is made where the body says so; it need not name the call, which its first webhook does.
pub(super) fn made(answer: &Answer) -> Result<Option<ProviderRef>, Rejection> {
    if answer.status == 204 {
        return Ok(None);
    }
    read(answer, |body| {
        let listed = body.objects("calls").first().and_then(|call| call.string("id"));
        let id = listed.or_else(|| body.string("call_id")).or_else(|| body.string("id"));
        (id.is_some() || body.flag("success") == Some(true)).then(|| id.map(ProviderRef::id))
    })
}

/// Reads `what` out of a good answer.
///
/// # Errors
/// The rejection the answer is, or a broken one where `what` is not in it.
pub(super) fn read<T>(answer: &Answer, what: impl FnOnce(&Object<'_>) -> Option<T>) -> Result<T, Rejection> {
    let body = Object::parse(&answer.body);
    let success = (200..300).contains(&answer.status);
    match body {
        Some(body) if success && !says_no(&body) => what(&body).ok_or_else(Rejection::broken),
        None if success => Err(Rejection::broken()),
        body => Err(rejection(
            answer.status,
            body.map(|body| Told::read(&body)).unwrap_or_default(),
        )),
    }
}

/// Whether an answer says that what was asked for is done.
pub(super) fn is_good(status: u16, body: &Object<'_>) -> bool {
    (200..300).contains(&status) && !says_no(body)
}

/// Whether a code is known.
pub(super) fn is_code(word: &str) -> bool {
    word.parse().is_ok_and(|code: i64| known(code).is_some())
}

fn known(code: i64) -> Option<FailureKind> {
    let code = CODES.iter().find(|(codes, _)| codes.contains(&code));
    code.map(|(_, kind)| *kind)
}

/// A refusal may come with status 200.
fn says_no(body: &Object<'_>) -> bool {
    let errors = || body.object("error").is_some() || !body.objects("errors").is_empty();
    body.flag("success").map_or_else(errors, |success| !success)
}

fn rejection(status: u16, told: Told) -> Rejection {
    let kind = kind(status, &told);
    let rejection = Rejection {
        kind,
        code: told.code.map(|code| code.to_string()),
        message: None,
    };
    match told.message {
        Some(message) => rejection.with_message(message),
        None => rejection,
    }
}

fn kind(status: u16, told: &Told) -> FailureKind {
    let unknown = Refused(Refusal::Unknown);
    match status {
        // Whatever it says, the call may be ringing.
        300..400 | 500.. => Broken,
        _ => told
            .subcode
            .and_then(known)
            .or_else(|| told.code.and_then(known))
            .unwrap_or(match status {
                401 | 403 => Refused(Refusal::Credential),
                402 => Refused(Refusal::Credit),
                404 => Refused(Refusal::NotFound),
                429 => Busy,
                400 | 422 if told.code.is_none() && told.message.is_some() => Refused(Refusal::Invalid),
                _ => unknown,
            }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            retry_after: None,
            body: bytes::Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn judged(status: u16, body: &str) -> FailureKind {
        done(&answer(status, body)).unwrap_err().kind
    }

    #[rstest]
    #[case(4, Busy)]
    #[case(10, Refused(Refusal::Credential))]
    #[case(100, Refused(Refusal::Invalid))]
    #[case(190, Refused(Refusal::Credential))]
    #[case(200, Refused(Refusal::Credential))]
    #[case(299, Refused(Refusal::Credential))]
    #[case(613, Busy)]
    #[case(1008, Refused(Refusal::Invalid))]
    #[case(80007, Busy)]
    #[case(130_429, Busy)]
    #[case(131_009, Refused(Refusal::Invalid))]
    #[case(131_026, Refused(Refusal::Invalid))]
    #[case(131_042, Refused(Refusal::Credit))]
    #[case(131_044, Refused(Refusal::Credit))]
    #[case(138_000, Refused(Refusal::Policy))]
    #[case(138_001, Refused(Refusal::Invalid))]
    #[case(138_002, Busy)]
    #[case(138_003, Refused(Refusal::Human))]
    #[case(138_004, Refused(Refusal::Technical))]
    #[case(138_005, Busy)]
    #[case(138_006, Refused(Refusal::Permission))]
    #[case(138_007, Refused(Refusal::Technical))]
    #[case(138_009, Refused(Refusal::Policy))]
    #[case(138_012, Refused(Refusal::Policy))]
    #[case(138_013, Busy)]
    #[case(138_017, Refused(Refusal::Policy))]
    #[case(138_018, Refused(Refusal::Policy))]
    #[case(138_999, Refused(Refusal::Unknown))]
    fn a_code_has_one_class_in_every_form_of_error(#[case] code: i64, #[case] kind: FailureKind) {
        for body in [
            format!(r#"{{"errors":[{{"code":{code},"title":"t","details":"d"}}],"message":"m"}}"#),
            format!(r#"{{"error":{{"message":"m","type":"OAuthException","code":{code}}}}}"#),
            format!(r#"{{"error":{{"message":"m","code":"{code}"}},"success":false}}"#),
        ] {
            assert_eq!(judged(400, &body), kind, "{body}");
            assert_eq!(judged(200, &body), kind, "{body}");
            assert_eq!(judged(500, &body), Broken, "{body}");
            assert_eq!(done(&answer(400, &body)).unwrap_err().code, Some(code.to_string()));
        }
    }

    #[test]
    fn no_code_has_two_classes() {
        for pair in CODES.windows(2) {
            assert!(pair[0].0.end() < pair[1].0.start(), "{pair:?}");
        }
    }

    #[rstest]
    #[case(401, r#"{"message":"Unauthenticated."}"#, Refused(Refusal::Credential))]
    #[case(403, "<html>no</html>", Refused(Refusal::Credential))]
    #[case(400, r#"{"message":"Invalid parameter"}"#, Refused(Refusal::Invalid))]
    #[case(
        422,
        r#"{"message":"m","errors":{"to":["The to field is required."]}}"#,
        Refused(Refusal::Invalid)
    )]
    #[case(400, "<html>bad</html>", Refused(Refusal::Unknown))]
    #[case(402, r#"{"message":"m"}"#, Refused(Refusal::Credit))]
    #[case(404, r#"{"message":"Not Found"}"#, Refused(Refusal::NotFound))]
    #[case(409, r#"{"message":"m"}"#, Refused(Refusal::Unknown))]
    #[case(429, "", Busy)]
    #[case(200, r#"{"success":false}"#, Refused(Refusal::Unknown))]
    #[case(
        400,
        r#"{"error":{"code":1,"error_subcode":2593090,"message":"m"}}"#,
        Refused(Refusal::Permission)
    )]
    #[case(200, "\u{1}%%% not json", Broken)]
    #[case(200, "", Broken)]
    #[case(200, "{}", Broken)]
    #[case(200, r#"{"message":"queued"}"#, Broken)]
    #[case(302, "", Broken)]
    #[case(502, "<html>502 Bad Gateway</html>", Broken)]
    #[case(503, r#"{"message":"Service Unavailable"}"#, Broken)]
    fn an_answer_without_a_code_goes_by_its_status(#[case] status: u16, #[case] body: &str, #[case] kind: FailureKind) {
        assert_eq!(judged(status, body), kind);
    }

    #[rstest]
    #[case(200, r#"{"success":true}"#, None)]
    #[case(200, r#"{"success":"true","errors":[]}"#, None)]
    #[case(204, "", None)]
    #[case(
        200,
        r#"{"messaging_product":"whatsapp","calls":[{"id":"wacid.A=="}]}"#,
        Some("wacid.A==")
    )]
    #[case(201, r#"{"success":true,"call_id":"wacid.B"}"#, Some("wacid.B"))]
    #[case(200, r#"{"id":"wacid.C"}"#, Some("wacid.C"))]
    fn a_call_made_may_be_named(#[case] status: u16, #[case] body: &str, #[case] id: Option<&str>) {
        assert_eq!(made(&answer(status, body)), Ok(id.map(ProviderRef::id)));
    }
}
