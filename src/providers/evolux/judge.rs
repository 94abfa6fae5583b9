//! What an answer of Evolux means: by its HTTP status and by `meta.status`, whichever is worse.

use super::wire::Envelope;
use crate::domain::error::Refusal;
use crate::upstream::{Answer, Rejection};

/// An answer whose body is read.
pub(super) struct Told<'a> {
    /// The HTTP status.
    status: u16,
    /// The body; none where it is no JSON object.
    pub envelope: Option<Envelope<'a>>,
}

impl<'a> Told<'a> {
    pub fn of(answer: &'a Answer) -> Self {
        Self {
            status: answer.status,
            envelope: Envelope::parse(&answer.body),
        }
    }
}

/// Reads `what` out of a good answer.
///
/// # Errors
/// The rejection the answer is, or a broken one where `what` is not in it: servers have answered 200 over an incomplete body.
pub(super) fn read<T>(told: &Told<'_>, what: impl FnOnce(&Envelope<'_>) -> Option<T>) -> Result<T, Rejection> {
    let envelope = told.envelope.as_ref();
    let status = envelope.and_then(|envelope| envelope.status);
    let status = status.map_or(told.status, |status| status.max(told.status));
    if !(200..300).contains(&status) {
        return Err(rejection(
            status,
            envelope.and_then(|envelope| envelope.message.as_deref()),
        ));
    }
    envelope.and_then(what).ok_or_else(Rejection::broken)
}

/// An act is done where `meta` says so.
pub(super) fn done(told: &Told<'_>) -> Result<(), Rejection> {
    read(told, |envelope| envelope.status.map(|_| ()))
}

/// What a status other than success means. Of 404 without Evolux's envelope nothing is known: the address may be wrong.
pub(super) fn rejection(status: u16, message: Option<&str>) -> Rejection {
    let rejection = match status {
        401 | 403 => Rejection::refused(Refusal::Credential),
        // A missing token is a bad request to Evolux.
        400 if message.is_some_and(|message| message.starts_with("Missing token")) => {
            Rejection::refused(Refusal::Credential)
        }
        402 => Rejection::refused(Refusal::Credit),
        404 if message.is_some() => Rejection::refused(Refusal::NotFound),
        400 | 422 => Rejection::refused(Refusal::Invalid),
        429 => Rejection::busy(),
        404..=499 => Rejection::refused(Refusal::Unknown),
        _ => return Rejection::broken(),
    };
    let rejection = rejection.with_code(status.to_string());
    match message {
        Some(message) => rejection.with_message(message),
        None => rejection,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::error::FailureKind::{self, Broken, Busy, Refused};

    fn judged(status: u16, body: &str) -> Result<(), FailureKind> {
        let answer = Answer {
            status,
            retry_after: None,
            body: bytes::Bytes::copy_from_slice(body.as_bytes()),
        };
        done(&Told::of(&answer)).map_err(|rejection| rejection.kind)
    }

    fn meta(status: u16, message: &str) -> String {
        format!(r#"{{"meta":{{"status":{status},"message":"{message}"}}}}"#)
    }

    #[rstest]
    #[case(200, meta(200, "OK"))]
    #[case(201, meta(200, "Created"))]
    #[case(200, r#"{"meta":{"status":"200"}}"#.to_owned())]
    fn success_needs_both_to_say_so(#[case] status: u16, #[case] body: String) {
        assert_eq!(judged(status, &body), Ok(()));
    }

    #[rstest]
    #[case(400, meta(400, "Missing token."), Refused(Refusal::Credential))]
    #[case(200, meta(400, "Missing token."), Refused(Refusal::Credential))]
    #[case(401, meta(401, "Invalid token."), Refused(Refusal::Credential))]
    #[case(403, "<html>no</html>".to_owned(), Refused(Refusal::Credential))]
    #[case(400, meta(400, "Missing to param."), Refused(Refusal::Invalid))]
    #[case(400, meta(400, "Missing from param."), Refused(Refusal::Invalid))]
    #[case(400, meta(200, "OK"), Refused(Refusal::Invalid))]
    #[case(422, meta(422, "Queue archived not requested"), Refused(Refusal::Invalid))]
    #[case(402, meta(402, "Payment required"), Refused(Refusal::Credit))]
    #[case(404, meta(404, "Not found"), Refused(Refusal::NotFound))]
    #[case(404, "<html>nginx</html>".to_owned(), Refused(Refusal::Unknown))]
    #[case(409, meta(409, "Conflict"), Refused(Refusal::Unknown))]
    #[case(429, String::new(), Busy)]
    #[case(500, meta(500, "Data insertion may break a database constraint"), Broken)]
    #[case(200, meta(503, "x"), Broken)]
    #[case(502, "<html>502</html>".to_owned(), Broken)]
    #[case(302, String::new(), Broken)]
    #[case(200, "\u{1}%%% not json".to_owned(), Broken)]
    #[case(200, String::new(), Broken)]
    #[case(200, "{}".to_owned(), Broken)]
    fn every_other_answer_has_its_class(#[case] status: u16, #[case] body: String, #[case] kind: FailureKind) {
        assert_eq!(judged(status, &body), Err(kind));
    }

    #[test]
    fn a_rejection_carries_the_provider_s_code_and_words() {
        let rejection = rejection(404, Some("Not found"));
        assert_eq!(
            (rejection.code.as_deref(), rejection.message.as_deref()),
            (Some("404"), Some("Not found"))
        );
    }
}
