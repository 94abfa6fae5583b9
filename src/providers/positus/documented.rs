//! What Positus documents of its webhooks and answers, and what Meta, whose they are, adds to it. Pure.

use super::judge;
use super::webhooks::{is_of_a_call, values};
use crate::providers::lenient::Object;
use crate::providers::shape::Field::{self, Always, Sometimes};
use crate::providers::shape::{self, Shape, What};
use crate::upstream::{Answer, Drift};

const ERROR: &[Field] = &[
    Sometimes("code", What::Word(judge::is_code)),
    Sometimes("error_subcode", What::Number),
    Sometimes("title", What::Text),
    Sometimes("message", What::Text),
    Sometimes("details", What::Text),
    Sometimes("type", What::Text),
    Sometimes("href", What::Text),
    Sometimes(
        "error_data",
        What::Object(&[&[
            Sometimes("details", What::Text),
            Sometimes("messaging_product", What::Text),
        ]]),
    ),
    Sometimes("fbtrace_id", What::Text),
];

/// A value of a webhook; the calls and statuses in it are compared one by one, because chat messages have statuses too.
const VALUE: Shape = &[&[
    Sometimes("messaging_product", What::Text),
    Sometimes(
        "metadata",
        What::Object(&[&[
            Sometimes("display_phone_number", What::Plain),
            Sometimes("phone_number_id", What::Plain),
        ]]),
    ),
    Sometimes("contacts", What::Any),
    Sometimes("messages", What::Any),
    Sometimes("calls", What::Any),
    Sometimes("statuses", What::Any),
    Sometimes("errors", What::Objects(&[ERROR])),
]];

const SESSION: &[Field] = &[
    Always("sdp_type", What::Word(|word| matches!(word, "offer" | "answer"))),
    Always("sdp", What::Text),
];

const CALL: Shape = &[&[
    Always("id", What::Text),
    Always("to", What::Plain),
    Always("event", What::Word(is_event)),
    // A user without a number has an identifier instead.
    Sometimes("from", What::Plain),
    Sometimes("from_user_id", What::Plain),
    Sometimes("timestamp", What::Number),
    Sometimes(
        "direction",
        What::Word(|word| matches!(word, "USER_INITIATED" | "BUSINESS_INITIATED")),
    ),
    Sometimes(
        "connection",
        What::Object(&[&[Always("webrtc", What::Object(&[&[Always("sdp", What::Text)]]))]]),
    ),
    Sometimes("session", What::Object(&[SESSION])),
    Sometimes("start_time", What::Number),
    Sometimes("end_time", What::Number),
    Sometimes("duration", What::Number),
    Sometimes(
        "status",
        What::Word(|word| matches!(word, "COMPLETED" | "FAILED" | "REJECTED")),
    ),
    Sometimes("errors", What::Objects(&[ERROR])),
    Sometimes("biz_opaque_callback_data", What::Text),
]];

const STATUS: Shape = &[&[
    Always("id", What::Text),
    Always(
        "status",
        What::Word(|word| matches!(word, "RINGING" | "ACCEPTED" | "REJECTED")),
    ),
    Always("timestamp", What::Number),
    Always("recipient_id", What::Plain),
    Sometimes("type", What::Text),
    Sometimes("biz_opaque_callback_data", What::Text),
]];

/// A refusal, in Positus's forms and in Meta's.
const REFUSED: Shape = &[&[
    Sometimes("success", What::Flag),
    Sometimes("message", What::Text),
    Sometimes("error", What::Object(&[ERROR])),
    // A list of errors, or a validator's texts by field.
    Sometimes("errors", What::Any),
    Sometimes("trace", What::Any),
]];

/// The answer to an act on a call.
pub(super) const DONE: Shape = &[&[
    Always("success", What::Flag),
    Sometimes("messaging_product", What::Text),
]];

/// The answer to a call made: Positus's says that it was, Meta's names it.
pub(super) const MADE: Shape = &[&[
    Sometimes("success", What::Flag),
    Sometimes("messaging_product", What::Text),
    Sometimes("calls", What::Objects(&[&[Always("id", What::Text)]])),
    Sometimes("call_id", What::Text),
    Sometimes("id", What::Text),
]];

const LIMIT: &[Field] = &[
    Always("time_period", What::Text),
    Always("max_allowed", What::Number),
    Always("current_usage", What::Number),
    Sometimes("limit_expiration_time", What::Number),
];

const ACTION: &[Field] = &[
    Always("action_name", What::Text),
    Always("can_perform_action", What::Flag),
    Sometimes("limits", What::Objects(&[LIMIT])),
];

const GIVEN: &[Field] = &[
    Always(
        "status",
        What::Word(|word| matches!(word, "no_permission" | "temporary" | "permanent")),
    ),
    Sometimes("expiration_time", What::Number),
    Sometimes("expiration", What::Number),
];

/// The answer to a question for a permission.
pub(super) const PERMISSION: Shape = &[&[
    Always(
        "number",
        What::Object(&[&[
            Always("uuid", What::Text),
            Always("waba_id", What::Plain),
            Always("user_wa_id", What::Plain),
            Always("to", What::Plain),
        ]]),
    ),
    Always(
        "calling",
        What::Object(&[&[
            Always("messaging_product", What::Text),
            Always("permission", What::Object(&[GIVEN])),
            Always("actions", What::Objects(&[ACTION])),
        ]]),
    ),
]];

/// How a webhook with calls differs.
pub(super) fn webhook(body: &[u8]) -> Drift {
    let mut drift = Drift::default();
    let Some(body) = Object::parse(body) else {
        return drift;
    };
    for value in values(&body) {
        shape::compare(value, (VALUE, ""), &mut drift);
        for call in value.objects("calls") {
            shape::compare(call, (CALL, "calls"), &mut drift);
        }
        for status in value.objects("statuses").iter().filter(|status| is_of_a_call(status)) {
            shape::compare(status, (STATUS, "statuses"), &mut drift);
        }
    }
    drift
}

/// How an answer differs from `good`, or from a refusal if it is one. What is no object is not compared.
pub(super) fn drift(answer: &Answer, good: Shape) -> Drift {
    let Some(body) = Object::parse(&answer.body) else {
        return Drift::default();
    };
    shape::drift(
        &body,
        if judge::is_good(answer.status, &body) {
            good
        } else {
            REFUSED
        },
    )
}

/// The first and the last are told; those between are acts of ours.
fn is_event(word: &str) -> bool {
    matches!(word, "connect" | "pre_accept" | "accept" | "reject" | "terminate")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::upstream::DriftKind;

    macro_rules! sample {
        ($name:literal) => {
            include_str!(concat!("../../../tests/fixtures/positus/", $name, ".json"))
        };
    }

    const WEBHOOKS: [&str; 5] = [
        sample!("connect_documented"),
        sample!("terminate_documented"),
        sample!("meta_connect"),
        sample!("meta_terminate_failed"),
        sample!("statuses"),
    ];

    fn differences(drift: &Drift) -> Vec<(DriftKind, String)> {
        drift.iter().map(|(kind, field)| (kind, field.to_owned())).collect()
    }

    fn of(status: u16, body: &str, good: Shape) -> Vec<(DriftKind, String)> {
        let body = bytes::Bytes::copy_from_slice(body.as_bytes());
        let answer = Answer {
            status,
            retry_after: None,
            body,
        };
        differences(&drift(&answer, good))
    }

    #[test]
    fn no_documented_webhook_differs() {
        for body in WEBHOOKS {
            assert_eq!(differences(&webhook(body.as_bytes())), [], "{body}");
        }
    }

    #[test]
    fn no_documented_answer_differs() {
        for body in [sample!("permission_documented"), sample!("permission_limit")] {
            assert_eq!(of(200, body, PERMISSION), [], "{body}");
        }
        assert_eq!(of(200, r#"{"success":true}"#, DONE), []);
        assert_eq!(
            of(
                200,
                r#"{"messaging_product":"whatsapp","calls":[{"id":"wacid.1"}]}"#,
                MADE
            ),
            []
        );
        let refused = r#"{"errors":[{"code":1008,"title":"t","details":"d"}],"message":"m"}"#;
        assert_eq!(of(422, refused, MADE), []);
        assert_eq!(of(502, "<html>", MADE), []);
    }

    #[test]
    fn every_change_of_a_webhook_is_told() {
        let [connect, terminate, meta, failed, statuses] = WEBHOOKS;
        for (body, kind, field) in [
            (
                connect.replace("\"event\"", "\"fila\":1,\"event\""),
                DriftKind::UnknownField,
                "calls.fila",
            ),
            (
                connect.replace("\"answer\"", "\"rollback\""),
                DriftKind::UnknownWord,
                "calls.session.sdp_type",
            ),
            (
                connect.replace("\"event\":\"connect\",", ""),
                DriftKind::MissingField,
                "calls.event",
            ),
            (
                terminate.replace("COMPLETED", "MISSED"),
                DriftKind::UnknownWord,
                "calls.status",
            ),
            (terminate.replace("59", "{}"), DriftKind::TypeChanged, "calls.duration"),
            (
                meta.replace("BUSINESS_INITIATED", "SYSTEM"),
                DriftKind::UnknownWord,
                "calls.direction",
            ),
            (
                meta.replace("\"metadata\"", "\"meta\""),
                DriftKind::UnknownField,
                "meta",
            ),
            (
                failed.replace("138004", "999999"),
                DriftKind::UnknownWord,
                "errors.code",
            ),
            (
                statuses.replace("RINGING", "BUZZING"),
                DriftKind::UnknownWord,
                "statuses.status",
            ),
        ] {
            let expected = [(kind, field.to_owned())];
            assert_eq!(differences(&webhook(body.as_bytes())), expected, "{body}");
        }
        let read = statuses.replace("delivered", "read\",\"pricing\":{},\"conversation\":\"c");
        assert_eq!(differences(&webhook(read.as_bytes())), [], "a chat message's status");
    }
}
