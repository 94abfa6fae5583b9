//! What Evolux documents of its answers. Pure.

use super::judge::{self, Told};
use super::wire;
use crate::providers::shape::Field::{self, Always, Sometimes};
use crate::providers::shape::{self, Shape, What};
use crate::upstream::Drift;

/// The envelope of an answer but its `data`.
const ENVELOPE: &[Field] = &[
    Always(
        "meta",
        What::Object(&[&[Always("status", What::Number), Always("message", What::Text)]]),
    ),
    Sometimes("errors", What::Any),
];

/// An answer that says no, or says yes and no more.
pub(super) const DONE: Shape = &[ENVELOPE, &[Sometimes("data", What::Any)]];

const PAGINATION: &[Field] = &[
    Always("limit", What::Number),
    Always("items", What::Number),
    Always("total", What::Number),
    Always("next_url", What::Text),
    Sometimes("max_limit", What::Number),
    Sometimes("first_url", What::Text),
    Sometimes("last_url", What::Text),
    Sometimes("current_url", What::Text),
    Sometimes("prev_url", What::Text),
];

const NAMED: &[Field] = &[Always("id", What::Plain), Always("name", What::Text)];

/// A call of a campaign. Older servers tell neither the subscriber's own fields nor a recording; when nobody took the call
/// the answer and the agent may be left out.
const CAMPAIGN_CALL: &[Field] = &[
    Always("id", What::Plain),
    Always("uuid", What::Text),
    Always("start_time", What::Text),
    Always("end_time", What::Text),
    Always("talking_duration", What::Number),
    Always("billable_duration", What::Number),
    Always("hangup_cause", What::Word(wire::is_cause)),
    Always("end_by", What::Word(|word| wire::dialer_ended_by(word).is_some())),
    Always("classification", What::Text),
    Always("outcome", What::Text),
    Always("campaign", What::Object(&[NAMED])),
    Always(
        "subscriber",
        What::Object(&[&[
            Always("external_id", What::Plain),
            Always("number", What::Plain),
            Always("name", What::Text),
        ]]),
    ),
    Always(
        "survey",
        What::Object(&[&[Always("csat", What::Number), Always("nps", What::Number)]]),
    ),
    Always("trunk_name", What::Text),
    Sometimes("answer_time", What::Text),
    Sometimes("agent", What::Object(&[NAMED])),
    Sometimes("custom_fields", What::Any),
    Sometimes("download_audio", What::Link),
];

/// A page of the dialler's report.
pub(super) const DIALER: Shape = &[
    ENVELOPE,
    &[
        Always("data", What::Objects(&[CAMPAIGN_CALL])),
        Always("pagination", What::Object(&[PAGINATION])),
    ],
];

const DIRECTION: What = What::Word(|word| wire::direction(word).is_some());
const ENDED_BY: What = What::Word(|word| wire::queue_ended_by(word, None).is_some());

/// What the report and the answer for one call both promise.
const QUEUE_CALL_ALWAYS: &[Field] = &[
    Always("agent_id", What::Plain),
    Always("date_join", What::Text),
    Always("time_leave", What::Text),
];

/// What only some servers or calls tell.
const QUEUE_CALL_SOMETIMES: &[Field] = &[Sometimes("id", What::Plain), Sometimes("uuid", What::Text)];

/// The fields of a call of a queue or of an agent, each as promised as `$presence` says.
macro_rules! queue_call {
    ($presence:ident) => {
        &[
            $presence("call_id", What::Plain),
            $presence("agent_login", What::Text),
            $presence("agent_name", What::Text),
            $presence("asa", What::Plain),
            $presence("call_duration", What::Number),
            $presence("call_issues", What::Any),
            $presence("call_reason", What::Text),
            $presence("call_type_description", DIRECTION),
            $presence("caller_area", What::Plain),
            $presence("caller_name", What::Text),
            $presence("caller_number", What::Plain),
            $presence("city", What::Text),
            $presence("csat", What::Number),
            $presence("did_number", What::Plain),
            $presence("download_audio", What::Link),
            $presence("end_by_description", ENDED_BY),
            $presence("external_services", What::Any),
            $presence("flag", What::Plain),
            $presence("nps", What::Number),
            $presence("nps_enterprise", What::Plain),
            $presence("protocol_number", What::Plain),
            $presence("queue_id", What::Plain),
            $presence("queue_name", What::Text),
            $presence("queue_slug", What::Text),
            $presence("receicer_name", What::Text),
            $presence("receiver_area", What::Plain),
            $presence("receiver_number", What::Plain),
            $presence("state", What::Text),
            $presence("time_connect", What::Text),
            $presence("time_join", What::Text),
            $presence("trunk_name", What::Text),
            $presence("wait_duration", What::Number),
        ]
    };
}

/// A page of the report of queues and agents, of whose rows little is documented.
pub(super) const QUEUE: Shape = &[
    ENVELOPE,
    &[
        Always(
            "data",
            What::Object(&[&[Always(
                "calls",
                What::Objects(&[QUEUE_CALL_ALWAYS, QUEUE_CALL_SOMETIMES, queue_call!(Sometimes)]),
            )]]),
        ),
        Always("pagination", What::Object(&[PAGINATION])),
    ],
];

/// The answer to a question for one call of a queue or of an agent.
pub(super) const QUEUE_CALL: Shape = &[
    ENVELOPE,
    &[Always(
        "data",
        What::Object(&[QUEUE_CALL_ALWAYS, QUEUE_CALL_SOMETIMES, queue_call!(Always)]),
    )],
];

/// How an answer differs from `good`, or from a refusal if it is one. What is no object is not compared.
pub(super) fn drift(told: &Told<'_>, good: Shape) -> Drift {
    let Some(envelope) = &told.envelope else {
        return Drift::default();
    };
    let is_good = judge::read(told, |_| Some(())).is_ok();
    shape::drift(&envelope.body, if is_good { good } else { DONE })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::upstream::{Answer, DriftKind};

    macro_rules! sample {
        ($name:literal) => {
            include_str!(concat!("../../../tests/fixtures/evolux/", $name, ".json"))
        };
    }

    const SEED: &str = sample!("dialer_seed");

    fn of(body: &str, good: Shape) -> Vec<(DriftKind, String)> {
        let answer = Answer {
            status: 200,
            retry_after: None,
            body: bytes::Bytes::copy_from_slice(body.as_bytes()),
        };
        let drift = drift(&Told::of(&answer), good);
        drift.iter().map(|(kind, field)| (kind, field.to_owned())).collect()
    }

    #[test]
    fn no_documented_answer_differs() {
        for (body, shape) in [
            (SEED, DIALER),
            (sample!("dialer_before_6_77"), DIALER),
            (sample!("queue_report"), QUEUE),
            (sample!("queue_call"), QUEUE_CALL),
            (r#"{"meta":{"status":200,"message":"OK"}}"#, DONE),
            (r#"{"meta":{"status":400,"message":"Missing to param."}}"#, QUEUE),
            ("<html>", QUEUE),
        ] {
            assert_eq!(of(body, shape), [], "{body}");
        }
    }

    #[test]
    fn a_row_that_leaves_out_nearly_everything_is_told_of_once_for_each_field() {
        let sparse = of(sample!("dialer_unanswered"), DIALER);
        let missing: Vec<_> = sparse
            .iter()
            .filter(|(kind, _)| *kind == DriftKind::MissingField)
            .collect();
        assert!(missing.len() > 5, "{sparse:?}");
        let unknown = (DriftKind::UnknownWord, "data.hangup_cause".to_owned());
        assert!(sparse.contains(&unknown), "{sparse:?}");
    }

    #[test]
    fn every_change_of_a_row_is_told() {
        for (from, to, kind, field) in [
            ("\"uuid\"", "\"fila\":1,\"uuid\"", DriftKind::UnknownField, "data.fila"),
            (
                "\"trunk_name\": \"Pontal\",",
                "",
                DriftKind::MissingField,
                "data.trunk_name",
            ),
            (
                "Normal clearing",
                "Novo motivo",
                DriftKind::UnknownWord,
                "data.hangup_cause",
            ),
            ("\"Subscriber\"", "\"Robot\"", DriftKind::UnknownWord, "data.end_by"),
            (
                "\"talking_duration\": 30",
                "\"talking_duration\": \"meia hora\"",
                DriftKind::TypeChanged,
                "data.talking_duration",
            ),
            (
                "\"csat\": null",
                "\"csat\": {}",
                DriftKind::TypeChanged,
                "data.survey.csat",
            ),
            ("\"total\": 2,", "", DriftKind::MissingField, "pagination.total"),
        ] {
            let body = SEED.replace(from, to);
            assert_ne!(body, SEED, "{from}");
            assert_eq!(of(&body, DIALER), [(kind, field.to_owned())], "{from}");
        }
    }
}
