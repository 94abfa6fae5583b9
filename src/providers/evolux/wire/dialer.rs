//! A row of the dialler's report: one call of a campaign to one subscriber.

use std::collections::BTreeMap;

use super::{cause, moment, named};
use crate::domain::address::Address;
use crate::domain::call::{CallKind, CallStatus, Direction, ProviderRef, RecordingState};
use crate::domain::facts::CallFacts;
use crate::domain::hangup::HangupBy;
use crate::domain::history::{Named, Row, Subscriber, Survey};
use crate::domain::time::Timestamp;
use crate::providers::lenient::{Object, Value};

/// Reads a row; nothing where it is no object or has no identifier.
pub(in crate::providers::evolux) fn row(raw: &Value<'_>) -> Option<Row> {
    let row = Object::of(raw)?;
    let id = row.string("id")?;
    Some(Row {
        facts: facts(row, &id),
        id,
        agent: named_under(row, "agent"),
        campaign: named_under(row, "campaign"),
        subscriber: row.object("subscriber").map(|told| Subscriber {
            external_id: told.string("external_id"),
            number: told.text("number").and_then(Address::from_provider),
            name: told.string("name"),
        }),
        custom_fields: row.object("custom_fields").map(|fields| custom_fields(fields)),
        survey: row.object("survey").map(|told| Survey {
            csat: told.integer("csat"),
            nps: told.integer("nps"),
        }),
        classification: row.string("classification"),
        outcome: row.string("outcome"),
        trunk: row.string("trunk_name"),
        raw: raw.get().to_owned(),
        ..Row::default()
    })
}

fn facts(row: &Object<'_>, id: &str) -> CallFacts {
    let at = |key| row.text(key).and_then(moment);
    let answered_at: Option<Timestamp> = at("answer_time");
    let talk_seconds = row.seconds("talking_duration");
    // Newer servers write the cause twice, in Portuguese and in English.
    let causes = row.texts("hangup_cause");
    let status = if answered_at.is_some() || talk_seconds.is_some_and(|seconds| seconds > 0) {
        CallStatus::Completed
    } else {
        cause::unanswered(&causes)
    };
    CallFacts {
        reference: Some(ProviderRef {
            id: Some(id.to_owned()),
            uuid: row.string("uuid"),
        }),
        direction: Some(Direction::Outbound),
        kind: Some(CallKind::Campaign),
        status: Some(status),
        to: row
            .object("subscriber")
            .and_then(|told| Address::from_provider(told.text("number")?)),
        created_at: at("start_time").or(answered_at).or_else(|| at("end_time")),
        answered_at,
        ended_at: at("end_time"),
        talk_seconds,
        billed_seconds: row.seconds("billable_duration"),
        hangup: cause::hangup(causes, row.text("end_by").and_then(ended_by)),
        recording: row.has("download_audio").then(|| match row.text("download_audio") {
            Some(_) => RecordingState::Available,
            None => RecordingState::None,
        }),
        ..CallFacts::default()
    }
}

/// The subscriber is the party the campaign called.
pub(in crate::providers::evolux) fn ended_by(text: &str) -> Option<HangupBy> {
    Some(match cause::fold(text).as_str() {
        "subscriber" | "assinante" => HangupBy::Callee,
        "agent" | "agente" | "atendente" => HangupBy::Agent,
        "system" | "sistema" => HangupBy::Provider,
        _ => return None,
    })
}

fn named_under(row: &Object<'_>, key: &str) -> Option<Named> {
    let told = row.object(key)?;
    named(told.string("id"), told.string("name"))
}

fn custom_fields(fields: &Object<'_>) -> BTreeMap<String, String> {
    let value = |value: &Value<'_>| value.text().unwrap_or_default().to_owned();
    fields
        .entries()
        .map(|(key, told)| (key.to_owned(), value(told)))
        .collect()
}
