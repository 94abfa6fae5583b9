//! Rows of the queue report, and one call alone.

use super::*;
use crate::domain::call::{CallKind, CallStatus, Direction, Leg, LegSide, RecordingState};
use crate::domain::facts::CallFacts;
use crate::domain::hangup::{Hangup, HangupBy};
use crate::domain::history::Survey;

#[test]
fn the_queue_report_reads_whole_in_either_form_of_its_times() {
    let page = page(QUEUE, queue_row);
    assert_eq!((page.more, page.total), (true, Some(120)));
    let rows = rows(QUEUE, queue_row);
    assert_eq!(rows[0], agent_call());
    assert_eq!(rows[1], abandoned_call());
    let live = &rows[2].facts;
    assert_eq!(
        (live.status, live.answered_at),
        (Some(CallStatus::InProgress), at("2024-08-01T15:02:10Z"))
    );
    assert_eq!((live.ended_at, &live.hangup), (None, &None));
}

/// A call an agent placed, over midnight.
fn agent_call() -> Row {
    Row {
        id: "9001".into(),
        facts: CallFacts {
            reference: reference("9001", Some("9d2c0b8a-3827-11ec-8190-5f7aar43ds2")),
            direction: Some(Direction::Outbound),
            kind: Some(CallKind::Queue),
            status: Some(CallStatus::Completed),
            from: phone("ext:3012"),
            to: phone("+5584999010101"),
            created_at: at("2024-08-01T23:59:40Z"),
            answered_at: at("2024-08-01T23:59:55Z"),
            ended_at: at("2024-08-02T00:01:05Z"),
            talk_seconds: Some(70),
            hangup: Some(Hangup {
                by: Some(HangupBy::Agent),
                provider_texts: vec!["Agent Hangup".into()],
                ..Hangup::default()
            }),
            recording: Some(RecordingState::Available),
            legs: legs(phone("agent:john.snow"), phone("+5584999010101")),
            ..CallFacts::default()
        },
        agent: name("149", "João Neves"),
        queue: name("12", "Suporte"),
        survey: Some(Survey {
            csat: None,
            nps: Some(9),
        }),
        ..Row::default()
    }
}

/// A caller who left the queue before anyone took the call.
fn abandoned_call() -> Row {
    Row {
        id: "9002".into(),
        facts: CallFacts {
            reference: reference("9002", None),
            direction: Some(Direction::Inbound),
            kind: Some(CallKind::Queue),
            status: Some(CallStatus::NoAnswer),
            from: phone("+5584999999999"),
            to: phone("+558433330000"),
            created_at: at("2024-08-01T15:00:00Z"),
            ended_at: at("2024-08-01T15:00:48Z"),
            talk_seconds: Some(0),
            hangup: Some(Hangup {
                by: Some(HangupBy::Caller),
                provider_texts: vec!["Desligado pelo cliente".into()],
                ..Hangup::default()
            }),
            recording: Some(RecordingState::None),
            ..CallFacts::default()
        },
        queue: name("12", "Suporte"),
        survey: Some(Survey { csat: None, nps: None }),
        ..Row::default()
    }
}

fn legs(caller: Option<Address>, callee: Option<Address>) -> Vec<Leg> {
    let leg = |side, address| Leg {
        side,
        address,
        status: None,
        started_at: None,
        answered_at: None,
        talk_seconds: None,
        billed_seconds: None,
        price: None,
        hangup: None,
    };
    vec![leg(LegSide::Caller, caller), leg(LegSide::Callee, callee)]
}

#[test]
fn one_queue_call_reads_whole() {
    let row = Envelope::parse(QUEUE_CALL.as_bytes()).unwrap().row(queue_row).unwrap();
    let expected = Row {
        id: "77001".into(),
        facts: CallFacts {
            reference: reference("77001", None),
            direction: Some(Direction::Inbound),
            kind: Some(CallKind::Queue),
            status: Some(CallStatus::Completed),
            from: phone("+5584999999999"),
            to: phone("+558433330000"),
            created_at: at("2024-08-01T15:00:00Z"),
            answered_at: at("2024-08-01T15:20:00Z"),
            ended_at: at("2024-08-01T17:00:00Z"),
            talk_seconds: Some(6000),
            hangup: Some(Hangup {
                by: Some(HangupBy::Agent),
                provider_texts: vec!["Agent Hangup".into()],
                ..Hangup::default()
            }),
            recording: Some(RecordingState::Available),
            legs: legs(phone("+5584999999999"), phone("agent:john.snow")),
            ..CallFacts::default()
        },
        agent: name("149", "John Snow"),
        queue: name("12", "Suporte"),
        survey: Some(Survey {
            csat: Some(2),
            nps: None,
        }),
        classification: Some("Segunda via".into()),
        trunk: Some("Pontal".into()),
        ..Row::default()
    };
    assert_eq!(
        Row {
            raw: String::new(),
            ..row
        },
        expected
    );
}
