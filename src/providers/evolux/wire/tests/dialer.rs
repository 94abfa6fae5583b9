//! Rows of the dialler's report.

use std::collections::BTreeMap;

use super::*;
use crate::domain::call::{CallKind, CallStatus, Direction, RecordingState};
use crate::domain::facts::CallFacts;
use crate::domain::hangup::{Hangup, HangupBy};
use crate::domain::history::{Subscriber, Survey};

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
            hangup: cleared(HangupBy::Callee, &["Cancelada pelo originador", "Normal clearing"]),
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
        survey: Some(Survey { csat: None, nps: None }),
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
    assert_eq!(rows[1].facts.hangup.as_ref().unwrap().by, Some(HangupBy::Provider));
}
