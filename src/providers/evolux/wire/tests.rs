#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::address::Address;
use crate::domain::call::{
    CallKind, CallStatus, Direction, Leg, LegSide, ProviderRef, RecordingState,
};
use crate::domain::facts::CallFacts;
use crate::domain::hangup::{Hangup, HangupBy};
use crate::domain::history::{Subscriber, Survey};
use crate::domain::phone::Region;

const SEED: &str = include_str!("../../../../tests/fixtures/evolux/dialer_seed.json");
const BEFORE_6_77: &str = include_str!("../../../../tests/fixtures/evolux/dialer_before_6_77.json");
const UNANSWERED: &str = include_str!("../../../../tests/fixtures/evolux/dialer_unanswered.json");
const QUEUE: &str = include_str!("../../../../tests/fixtures/evolux/queue_report.json");
const QUEUE_CALL: &str = include_str!("../../../../tests/fixtures/evolux/queue_call.json");

fn page(json: &str, read: ReadRow) -> ReportPage {
    Envelope::parse(json.as_bytes())
        .unwrap()
        .page(read)
        .unwrap()
}

/// The rows without `raw`, which has a test of its own.
fn rows(json: &str, read: ReadRow) -> Vec<Row> {
    let rows = page(json, read).rows.into_iter();
    rows.map(|row| Row {
        raw: String::new(),
        ..row
    })
    .collect()
}

fn at(text: &str) -> Option<Timestamp> {
    Some(Timestamp::parse(text).unwrap())
}

fn phone(text: &str) -> Option<Address> {
    Some(Address::parse(text, Region::BR).unwrap())
}

fn name(id: &str, name: &str) -> Option<Named> {
    Some(Named {
        id: Some(id.into()),
        name: Some(name.into()),
    })
}

fn reference(id: &str, uuid: Option<&str>) -> Option<ProviderRef> {
    Some(ProviderRef {
        id: Some(id.into()),
        uuid: uuid.map(Into::into),
    })
}

fn cleared(by: HangupBy, texts: &[&str]) -> Option<Hangup> {
    Some(Hangup {
        cause: Some("normal_clearing".into()),
        q850: Some(16),
        by: Some(by),
        provider_texts: texts.iter().map(|text| (*text).into()).collect(),
    })
}

#[test]
fn the_documented_page_reads_whole() {
    let page = page(SEED, dialer_row);
    assert_eq!((page.more, page.total), (false, Some(2)));
    let first = Row {
        id: "48582566".into(),
        facts: CallFacts {
            reference: reference("48582566", Some("0e4bccbe-3827-11ec-8190-5f7aar43ds2")),
            direction: Some(Direction::Outbound),
            kind: Some(CallKind::Campaign),
            status: Some(CallStatus::Completed),
            to: Address::from_provider("8488888888"),
            created_at: at("2021-10-28T19:41:33Z"),
            answered_at: at("2021-10-28T19:42:00Z"),
            ended_at: at("2021-10-28T19:42:30Z"),
            talk_seconds: Some(30),
            billed_seconds: Some(41),
            hangup: cleared(
                HangupBy::Callee,
                &["Cancelada pelo originador", "Normal clearing"],
            ),
            recording: Some(RecordingState::Available),
            ..CallFacts::default()
        },
        agent: name("149", "Atendente Evolux"),
        campaign: name("376", "Campanha de Teste Evolux"),
        subscriber: Some(Subscriber {
            external_id: Some("19191919".into()),
            number: Address::from_provider("8488888888"),
            name: Some("Ronaldinho".into()),
        }),
        custom_fields: Some(BTreeMap::from([
            ("type".into(), "VIP".into()),
            ("site".into(), "www.evolux.net.br".into()),
            ("obs".into(), "Analista de Professional S".into()),
        ])),
        survey: Some(Survey {
            csat: None,
            nps: None,
        }),
        trunk: Some("Pontal".into()),
        ..Row::default()
    };
    let rows = rows(SEED, dialer_row);
    assert_eq!(rows[0], first);
    assert_eq!(
        rows[1].facts.hangup,
        cleared(HangupBy::Agent, &["Desligamento normal", "Normal clearing"])
    );
    assert_eq!(rows[1].facts.billed_seconds, Some(24));
}

#[test]
fn a_row_is_kept_byte_for_byte_with_its_repeated_key() {
    let page = page(SEED, dialer_row);
    for row in &page.rows {
        assert!(SEED.contains(&row.raw));
        assert_eq!(row.raw.matches("\"hangup_cause\"").count(), 2);
    }
}

#[test]
fn an_older_server_s_row_reads_whole() {
    let page = page(BEFORE_6_77, dialer_row);
    assert_eq!((page.more, page.total), (true, Some(51)));
    let expected = Row {
        id: "31337001".into(),
        facts: CallFacts {
            reference: reference("31337001", None),
            direction: Some(Direction::Outbound),
            kind: Some(CallKind::Campaign),
            status: Some(CallStatus::Completed),
            created_at: at("2020-01-11T23:00:00Z"),
            answered_at: at("2020-01-11T23:00:12.250Z"),
            ended_at: at("2020-01-11T22:59:40Z"),
            talk_seconds: Some(388),
            billed_seconds: Some(400),
            hangup: cleared(HangupBy::Agent, &["NORMAL_CLEARING"]),
            ..CallFacts::default()
        },
        agent: name("31", "Ana"),
        campaign: name("12", "Renovação"),
        subscriber: Some(Subscriber {
            external_id: Some("A-77".into()),
            number: None,
            name: Some("Maria".into()),
        }),
        survey: Some(Survey {
            csat: None,
            nps: Some(10),
        }),
        classification: Some("Classificacao".into()),
        outcome: Some("Não Interessado".into()),
        trunk: Some("Pontal".into()),
        ..Row::default()
    };
    assert_eq!(rows(BEFORE_6_77, dialer_row), [expected]);
}

#[test]
fn failed_dials_end_by_their_cause_and_blanks_of_every_kind_are_nothing() {
    let rows = rows(UNANSWERED, dialer_row);
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.facts.status.unwrap(),
                row.facts.hangup.as_ref().unwrap().q850,
                row.facts.answered_at,
            )
        })
        .collect();
    let expected = [
        (CallStatus::Busy, Some(17), None),
        (CallStatus::NoAnswer, Some(19), None),
        (CallStatus::Rejected, Some(21), None),
        (CallStatus::Canceled, Some(16), None),
        (CallStatus::Failed, None, None),
    ];
    assert_eq!(told, expected);
    let blank = Row {
        id: "1".into(),
        facts: CallFacts {
            reference: reference("1", Some("a")),
            direction: Some(Direction::Outbound),
            kind: Some(CallKind::Campaign),
            status: Some(CallStatus::Busy),
            to: phone("+5584990000001"),
            created_at: at("2024-08-01T12:00:00Z"),
            ended_at: at("2024-08-01T12:00:20Z"),
            talk_seconds: Some(0),
            billed_seconds: Some(0),
            hangup: Some(Hangup::from_q850(
                Some(17),
                vec!["Usuário ocupado".into(), "User busy".into()],
            )),
            recording: Some(RecordingState::None),
            ..CallFacts::default()
        },
        campaign: name("376", "C"),
        subscriber: Some(Subscriber {
            external_id: None,
            number: phone("+5584990000001"),
            name: None,
        }),
        custom_fields: Some(BTreeMap::new()),
        ..Row::default()
    };
    assert_eq!(rows[0], blank);
    assert_eq!(rows[1].custom_fields, None);
    assert_eq!(
        rows[1].facts.hangup.as_ref().unwrap().by,
        Some(HangupBy::Provider)
    );
}

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
        survey: Some(Survey {
            csat: None,
            nps: None,
        }),
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
    let row = Envelope::parse(QUEUE_CALL.as_bytes())
        .unwrap()
        .row(queue_row)
        .unwrap();
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

#[test]
fn another_page_follows_until_one_is_empty_or_the_last() {
    let read = |json: &str| {
        Envelope::parse(json.as_bytes())
            .unwrap()
            .page(dialer_row)
            .map(|page| (page.rows.len(), page.more))
    };
    assert_eq!(
        read(r#"{"data":[{"id":1}]}"#),
        Some((1, true)),
        "nothing said: ask again"
    );
    assert_eq!(
        read(r#"{"data":[{"id":1}],"pagination":{}}"#),
        Some((1, true))
    );
    assert_eq!(
        read(r#"{"data":[{"id":1}],"pagination":{"next_url":null}}"#),
        Some((1, false))
    );
    assert_eq!(
        read(r#"{"data":[{"id":1}],"pagination":{"next_url":"http://x/"}}"#),
        Some((1, true))
    );
    assert_eq!(
        read(r#"{"data":[],"pagination":{"next_url":"http://x/"}}"#),
        Some((0, false))
    );
    assert_eq!(
        read(r#"{"pagination":{"total":0}}"#),
        Some((0, false)),
        "an empty page may lack its list"
    );
}

#[test]
fn a_page_that_would_lose_rows_is_no_page() {
    for json in [
        r#"{"meta":{"status":200}}"#,
        r#"{"data":null,"pagination":{"total":7}}"#,
        r#"{"data":{"other":[]}}"#,
        r#"{"data":[{"id":1},{"name":"no id"}]}"#,
        r#"{"data":[{"id":1},7]}"#,
    ] {
        assert!(
            Envelope::parse(json.as_bytes())
                .unwrap()
                .page(dialer_row)
                .is_none(),
            "{json}"
        );
    }
}

#[test]
fn moments_come_with_every_offset_and_without() {
    for text in [
        "2021-10-28T19:41:33+00:00",
        "2021-10-28T19:41:33+00",
        "2021-10-28T19:41:33Z",
        "2021-10-28T19:41:33.000000Z",
        "2021-10-28 19:41:33",
        "2021-10-28T16:41:33-03:00",
    ] {
        assert_eq!(moment(text), at("2021-10-28T19:41:33Z"), "{text}");
    }
    for text in ["", "-", "yesterday", "12:00:00", "2021-10-28T25:00:00Z"] {
        assert_eq!(moment(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        read_all(&body);
    }

    #[test]
    fn no_altered_answer_makes_it_panic(
        which in 0_usize..5, place in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..12), cut in 0_usize..40,
    ) {
        let mut body = [SEED, BEFORE_6_77, UNANSWERED, QUEUE, QUEUE_CALL][which].as_bytes().to_vec();
        let start = place.index(body.len());
        let end = body.len().min(start + cut);
        body.splice(start..end, with);
        read_all(&body);
    }
}

fn read_all(body: &[u8]) {
    if let Some(envelope) = Envelope::parse(body) {
        for read in [dialer_row, queue_row] {
            let _ = envelope.page(read);
            let _ = envelope.row(read);
        }
    }
}
