//! A call of a queue or of an agent, as the queue report lists it and as it is told alone.

use jiff::civil::Date;

use super::{cause, moment, named, time_of};
use crate::domain::address::Address;
use crate::domain::call::{CallKind, CallStatus, Direction, Leg, LegSide, ProviderRef, RecordingState};
use crate::domain::facts::CallFacts;
use crate::domain::hangup::HangupBy;
use crate::domain::history::{Row, Survey};
use crate::domain::time::Timestamp;
use crate::providers::lenient::{Object, Value};

/// Reads a call; nothing where it is no object or has no identifier.
pub(in crate::providers::evolux) fn row(raw: &Value<'_>) -> Option<Row> {
    let row = Object::of(raw)?;
    let id = row
        .string("call_id")
        .or_else(|| row.string("id"))
        .or_else(|| row.string("uuid"))?;
    Some(Row {
        facts: facts(row, &id),
        id,
        agent: named(row.string("agent_id"), row.string("agent_name")),
        queue: named(row.string("queue_id"), row.string("queue_name")),
        survey: (row.has("csat") || row.has("nps")).then(|| Survey {
            csat: row.integer("csat"),
            nps: row.integer("nps"),
        }),
        classification: row.string("call_reason"),
        trunk: row.string("trunk_name"),
        raw: raw.get().to_owned(),
        ..Row::default()
    })
}

fn facts(row: &Object<'_>, id: &str) -> CallFacts {
    let direction = row.text("call_type_description").and_then(direction);
    let times = Times::read(row);
    let ended_by = row
        .text("end_by_description")
        .and_then(|text| ended_by(text, direction));
    let causes = row.texts("end_by_description");
    let caller = address(row, &["caller_number"]);
    let receiver = address(row, &["receiver_number", "did_number"]);
    CallFacts {
        reference: Some(ProviderRef {
            id: Some(id.to_owned()),
            uuid: row.string("uuid"),
        }),
        direction,
        kind: Some(CallKind::Queue),
        status: Some(times.status(&causes, ended_by)),
        legs: legs(row, direction, &caller, &receiver),
        from: caller,
        to: receiver,
        created_at: times.joined,
        answered_at: times.connected,
        ended_at: times.left,
        talk_seconds: times.talked,
        hangup: cause::hangup(causes, ended_by),
        recording: row.has("download_audio").then(|| match row.text("download_audio") {
            Some(_) => RecordingState::Available,
            None => RecordingState::None,
        }),
        ..CallFacts::default()
    }
}

/// When a call joined its queue, was taken, and left. Servers write whole moments, or times of the day in `date_join`.
struct Times {
    joined: Option<Timestamp>,
    connected: Option<Timestamp>,
    left: Option<Timestamp>,
    talked: Option<u64>,
}

impl Times {
    fn read(row: &Object<'_>) -> Self {
        let date = row.text("date_join");
        let day = date.and_then(|text| text.get(..10)?.parse::<Date>().ok());
        let at = |key, earlier: Option<Timestamp>| {
            let text = row.text(key)?;
            let same_day = || time_of(day, text);
            // A time of the day that is before what it follows is of the next day.
            let following = |at: Timestamp| {
                if earlier.is_some_and(|earlier| at < earlier) {
                    at.plus_seconds(86_400)
                } else {
                    at
                }
            };
            moment(text).or_else(|| same_day().map(following))
        };
        let joined = at("time_join", None).or_else(|| moment(date?));
        let connected = at("time_connect", joined);
        let left = at("time_leave", connected.or(joined));
        Self {
            joined,
            connected,
            left,
            talked: row.seconds("call_duration"),
        }
    }

    /// A call without an end is still going on: the report lists it from its beginning.
    fn status(&self, causes: &[String], by: Option<HangupBy>) -> CallStatus {
        let answered = self.connected.is_some() || self.talked.is_some_and(|seconds| seconds > 0);
        match (self.left.is_some() || !causes.is_empty(), answered) {
            (true, true) => CallStatus::Completed,
            (false, true) => CallStatus::InProgress,
            (false, false) => CallStatus::Ringing,
            (true, false) => match (cause::unanswered(causes), by) {
                (CallStatus::Failed, Some(HangupBy::Agent)) => CallStatus::Canceled,
                (CallStatus::Failed, Some(HangupBy::Caller | HangupBy::Callee)) => CallStatus::NoAnswer,
                (status, _) => status,
            },
        }
    }
}

/// Reads the word for which way a call went.
pub(in crate::providers::evolux) fn direction(text: &str) -> Option<Direction> {
    Some(match cause::fold(text).as_str() {
        "in" | "inbound" | "incoming" | "entrada" => Direction::Inbound,
        "out" | "outbound" | "outgoing" | "saida" => Direction::Outbound,
        _ => return None,
    })
}

/// The report names the person outside "caller" or "customer", whoever called whom.
pub(in crate::providers::evolux) fn ended_by(text: &str, direction: Option<Direction>) -> Option<HangupBy> {
    let text = cause::fold(text);
    let any = |words: &[&str]| text.split(' ').any(|word| words.contains(&word));
    if any(&["agent", "agente", "atendente", "operador"]) {
        Some(HangupBy::Agent)
    } else if any(&["caller", "customer", "cliente", "chamador", "assinante"]) {
        Some(if direction == Some(Direction::Outbound) {
            HangupBy::Callee
        } else {
            HangupBy::Caller
        })
    } else if any(&["system", "sistema", "timeout"]) {
        Some(HangupBy::Provider)
    } else {
        None
    }
}

/// The agent is rung first in a call that goes out, and last in one that comes in.
fn legs(
    row: &Object<'_>,
    direction: Option<Direction>,
    caller: &Option<Address>,
    receiver: &Option<Address>,
) -> Vec<Leg> {
    let Some(agent) = row.string("agent_login").map(Address::Agent) else {
        return Vec::new();
    };
    match direction {
        Some(Direction::Outbound) => vec![
            leg(LegSide::Caller, Some(agent)),
            leg(LegSide::Callee, receiver.clone()),
        ],
        Some(Direction::Inbound) => vec![leg(LegSide::Caller, caller.clone()), leg(LegSide::Callee, Some(agent))],
        None => Vec::new(),
    }
}

fn leg(side: LegSide, address: Option<Address>) -> Leg {
    Leg {
        side,
        address,
        status: None,
        started_at: None,
        answered_at: None,
        talk_seconds: None,
        billed_seconds: None,
        price: None,
        hangup: None,
    }
}

fn address(row: &Object<'_>, keys: &[&str]) -> Option<Address> {
    keys.iter().find_map(|key| Address::from_provider(row.text(key)?))
}
