use super::*;
use crate::domain::call::{AnsweredBy, CallStatus, Leg, LegSide};
use crate::domain::ids::CallId;
use crate::providers::zenvia::samples::{at, brl, data, hangup, party, rows};

fn read(kind: CallKind, json: &str) -> CallFacts {
    facts(kind, &Object::parse(json.as_bytes()).unwrap()).unwrap()
}

fn leg(side: LegSide) -> Leg {
    Leg {
        side,
        address: None,
        status: None,
        started_at: None,
        answered_at: None,
        talk_seconds: None,
        billed_seconds: None,
        price: None,
        hangup: None,
    }
}

fn outbound(id: &str, kind: CallKind) -> CallFacts {
    CallFacts {
        reference: Some(ProviderRef::id(id)),
        direction: Some(Direction::Outbound),
        kind: Some(kind),
        ..CallFacts::default()
    }
}

#[test]
fn a_call_between_two_extensions() {
    let expected = CallFacts {
        status: Some(CallStatus::Completed),
        from: party("+5510888888888"),
        to: party("ext:4000"),
        tag: Some("minha-tags".into()),
        created_at: at("2018-08-02T13:49:30Z"),
        ringing_at: at("2018-08-02T13:49:29Z"),
        answered_at: at("2018-08-02T13:49:30Z"),
        ended_at: at("2018-08-02T13:49:58Z"),
        talk_seconds: Some(28),
        billed_seconds: Some(70),
        price: brl("0.2"),
        hangup: hangup(None, ["indefinido", "indefinido"]),
        recording: Some(RecordingState::Available),
        legs: vec![
            Leg {
                address: party("ext:4000"),
                status: Some(CallStatus::Completed),
                talk_seconds: Some(10),
                billed_seconds: Some(10),
                price: brl("0.1"),
                hangup: hangup(None, ["indefinido"]),
                ..leg(LegSide::Caller)
            },
            Leg {
                address: party("ext:4001"),
                status: Some(CallStatus::Completed),
                started_at: at("2018-08-02T13:49:29Z"),
                answered_at: at("2018-08-02T13:49:30Z"),
                talk_seconds: Some(28),
                billed_seconds: Some(60),
                price: brl("0.1"),
                hangup: hangup(None, ["indefinido"]),
                ..leg(LegSide::Callee)
            },
        ],
        ..outbound("123", CallKind::Connect)
    };
    assert_eq!(read(CallKind::Connect, &data("call")), expected);
}

#[test]
fn a_row_whose_leg_a_dialled_by_itself() {
    let facts = read(CallKind::Connect, &rows("call-report")[0]);
    assert_eq!(facts.status, Some(CallStatus::Completed));
    assert_eq!(facts.answered_at, at("2018-08-02T13:32:22Z"));
    assert_eq!(facts.ended_at, at("2018-08-02T13:32:30Z"));
    assert_eq!((facts.talk_seconds, facts.billed_seconds), (Some(8), Some(60)));
    assert_eq!(facts.price, brl("0"));
    assert_eq!(facts.legs[0].status, None);
}

#[test]
fn a_call_a_machine_answered_that_talked_longer_than_it_lasted() {
    let facts = read(CallKind::Connect, &data("call-2016"));
    assert_eq!(facts.status, Some(CallStatus::Completed));
    assert_eq!(facts.answered_by, Some(AnsweredBy::Machine));
    assert_eq!(facts.created_at, at("2016-03-31T23:33:13Z"));
    assert_eq!(facts.ringing_at, at("2016-03-31T23:33:27Z"));
    assert_eq!(
        facts.ended_at,
        at("2016-03-31T23:34:14Z"),
        "both legs end in one second"
    );
    assert_eq!(facts.answered_at, None);
    assert_eq!((facts.talk_seconds, facts.billed_seconds), (Some(60), Some(60)));
    assert_eq!(facts.price, brl("0.2"));
    assert_eq!((facts.hangup, facts.recording), (None, None));
}

#[test]
fn a_spoken_text_with_nothing_billed() {
    let expected = CallFacts {
        status: Some(CallStatus::Completed),
        from: party("+5510888888888"),
        to: party("+5510999999999"),
        created_at: at("2019-07-09T13:59:42Z"),
        ringing_at: at("2019-07-09T13:59:43Z"),
        answered_at: at("2019-07-09T14:00:28Z"),
        ended_at: at("2019-07-09T14:00:28Z"),
        talk_seconds: Some(0),
        billed_seconds: Some(0),
        price: brl("0"),
        hangup: hangup(Some(16), ["16. normal"]),
        digits: Some("2".into()),
        recording: Some(RecordingState::None),
        ..outbound("123453", CallKind::Say)
    };
    assert_eq!(read(CallKind::Say, &data("tts")), expected);
}

#[test]
fn a_played_recording_that_tells_no_reason() {
    let expected = CallFacts {
        status: Some(CallStatus::Completed),
        from: party("+5510888888888"),
        to: party("+5510999999999"),
        created_at: at("2016-03-27T12:12:44Z"),
        ringing_at: at("2016-03-27T12:12:49Z"),
        answered_at: at("2016-03-27T12:12:59Z"),
        ended_at: at("2016-03-27T12:13:34Z"),
        talk_seconds: Some(35),
        billed_seconds: Some(60),
        price: brl("0.12"),
        digits: Some("8".into()),
        recording: Some(RecordingState::None),
        ..outbound("432", CallKind::Play)
    };
    assert_eq!(read(CallKind::Play, &data("audio")), expected);
}

#[test]
fn a_busy_number_with_null_figures() {
    let busy = read(CallKind::Play, &rows("audio-report")[1]);
    assert_eq!(busy.status, Some(CallStatus::Busy));
    assert_eq!((busy.talk_seconds, busy.billed_seconds), (None, None));
    assert_eq!((busy.price, busy.answered_at), (brl("0"), None));
    assert_eq!(busy.ended_at, at("2016-03-27T12:12:59Z"));
    assert_eq!(busy.digits, None);
}

#[test]
fn a_flow_with_its_label_and_recording() {
    let facts = read(CallKind::Flow, &data("flow"));
    assert_eq!(facts.status, Some(CallStatus::Completed));
    assert_eq!(facts.tag.as_deref(), Some("clienteX"));
    assert_eq!(facts.recording, Some(RecordingState::Available));
    assert_eq!(facts.hangup, None);
    assert_eq!(rows("flow-report").len(), 2);
}

#[test]
fn rows_of_spoken_texts() {
    let rows = rows("tts-report");
    let statuses: Vec<_> = rows.iter().map(|row| read(CallKind::Say, row).status).collect();
    assert_eq!(statuses, [Some(CallStatus::Completed), Some(CallStatus::Busy)]);
    assert_eq!(read(CallKind::Say, &rows[1]).hangup, hangup(Some(17), ["17. ocupado"]));
}

#[test]
fn a_received_call() {
    let expected = CallFacts {
        reference: Some(ProviderRef::id("21344543")),
        direction: Some(Direction::Inbound),
        kind: Some(CallKind::Did),
        status: Some(CallStatus::NoAnswer),
        from: party("+5510999999999"),
        to: party("+5510999999999"),
        created_at: at("2019-07-10T12:45:49Z"),
        ringing_at: at("2019-07-10T12:45:49Z"),
        ended_at: at("2019-07-10T12:46:07Z"),
        talk_seconds: Some(0),
        billed_seconds: Some(0),
        price: brl("0"),
        recording: Some(RecordingState::Available),
        legs: vec![Leg {
            address: party("ext:2000"),
            ..leg(LegSide::Callee)
        }],
        ..CallFacts::default()
    };
    assert_eq!(read(CallKind::Did, &data("did")), expected);
    let row = read(CallKind::Did, &rows("did-report")[0]);
    assert_eq!((row.status, row.legs), (Some(CallStatus::Busy), vec![]));
    assert_eq!(row.created_at, at("2018-09-27T19:35:15Z"));
}

/// A call of two legs, each given as `status`, total, talked, price and reason.
fn connect_of(general: &str, [a, b]: [(&str, &str); 2]) -> CallFacts {
    let leg = |number: &str, (status, reason): (&str, &str)| {
        format!(
            r#"{{"numero":"{number}","data_inicio":"2020-01-01T12:00:00-03:00","status":{status},"duracao_segundos":20,
                "duracao_falada_segundos":5,"duracao_cobrada_segundos":30,"preco":0.15,"motivo_desconexao":"{reason}"}}"#
        )
    };
    let json = format!(
        r#"{{"id":7,"status_geral":"{general}","ativa":{},"origem":{},"destino":{}}}"#,
        general != "finalizada",
        leg("4000", a),
        leg("11988887777", b),
    );
    read(CallKind::Connect, &json)
}

#[test]
fn leg_b_decides_unless_leg_a_had_a_status_and_did_not_answer() {
    let answered = ("\"atendida\"", "16. normal");
    let busy = ("\"ocupado\"", "17. ocupado");
    let nothing = ("null", "indefinido");
    for (a, b, status) in [
        (answered, answered, Some(CallStatus::Completed)),
        (answered, busy, Some(CallStatus::Busy)),
        (nothing, busy, Some(CallStatus::Busy)),
        (busy, nothing, Some(CallStatus::Busy)),
        (busy, answered, Some(CallStatus::Busy)),
        (("\"preparando\"", "x"), answered, Some(CallStatus::Canceled)),
        (answered, ("\"chamando\"", "x"), Some(CallStatus::NoAnswer)),
        (("\"outra\"", "x"), answered, Some(CallStatus::Completed)),
        (
            answered,
            ("\"ocupado\"", "21. chamada rejeitada"),
            Some(CallStatus::Rejected),
        ),
        (answered, ("null", "29. rejeitado"), Some(CallStatus::Rejected)),
        (
            answered,
            ("\"atendida\"", "21. chamada rejeitada"),
            Some(CallStatus::Completed),
        ),
        (nothing, nothing, None),
        (nothing, ("\"\"", "indefinido"), None),
    ] {
        assert_eq!(connect_of("finalizada", [a, b]).status, status, "{a:?} {b:?}");
    }
}

#[test]
fn a_live_call_tells_no_figure_that_still_grows() {
    let (ringing, answered) = (("\"chamando\"", "indefinido"), ("\"atendida\"", "indefinido"));
    let preparing = ("\"preparando\"", "indefinido");
    for (a, b, status) in [
        (ringing, preparing, CallStatus::Ringing),
        (answered, preparing, CallStatus::Queued),
        (answered, ringing, CallStatus::Ringing),
        (answered, answered, CallStatus::InProgress),
        (answered, ("\"ocupado\"", "17. ocupado"), CallStatus::Busy),
    ] {
        let facts = connect_of("curso", [a, b]);
        assert_eq!(facts.status, Some(status), "{a:?} {b:?}");
        assert_eq!((facts.price, facts.billed_seconds, facts.hangup), (None, None, None));
        assert_eq!(facts.talk_seconds.is_some(), status.is_final());
    }
    let live = connect_of("curso", [answered, answered]);
    assert_eq!(live.answered_at, at("2020-01-01T15:00:15Z"), "told while it lasts");
    assert_eq!(live.ended_at, None);
}

#[test]
fn the_last_known_reason_gives_the_cause() {
    let of = |a, b| connect_of("finalizada", [("\"atendida\"", a), ("\"atendida\"", b)]).hangup;
    assert_eq!(
        of("16. normal", "17. ocupado"),
        hangup(Some(17), ["16. normal", "17. ocupado"])
    );
    assert_eq!(
        of("18. sem resposta", "indefinido"),
        hangup(Some(18), ["18. sem resposta", "indefinido"])
    );
}

#[test]
fn a_torpedo_is_live_until_something_says_it_is_over() {
    let status = |rest: &str| {
        let json = format!(r#"{{"id":1,"status":"atendida","duracao_cobrada_segundos":{rest}}}"#);
        read(CallKind::Say, &json).status.unwrap()
    };
    assert_eq!(
        status(r#"null,"motivo_desconexao":"indefinido""#),
        CallStatus::InProgress
    );
    assert_eq!(status("0"), CallStatus::InProgress);
    assert_eq!(status(r#"0,"motivo_desconexao":"16. normal""#), CallStatus::Completed);
    assert_eq!(status("60"), CallStatus::Completed);
}

#[test]
fn our_identifier_is_taken_out_of_the_label() {
    let id = CallId::generate();
    let json = format!(r#"{{"id":"9","tags":"order-7 {id}","status":"chamando"}}"#);
    let facts = read(CallKind::Flow, &json);
    assert_eq!((facts.echoed, facts.tag.as_deref()), (Some(id), Some("order-7")));
    assert_eq!(facts.status, Some(CallStatus::Ringing));
}

#[test]
fn every_documented_disconnect_reason_is_a_named_cause() {
    let documented = [
        1, 2, 3, 4, 6, 7, 8, 14, 16, 17, 18, 19, 20, 21, 22, 23, 26, 27, 28, 29, 30, 31, 34, 41, 42, 44, 50, 52, 54,
        57, 58, 65, 66, 69, 81, 88, 95, 96, 97, 98, 99, 100, 101, 102, 111, 127,
    ];
    assert_eq!(documented.len(), 46);
    for number in documented {
        let json = format!(r#"{{"id":1,"status":"falha","motivo_desconexao":"{number}. texto"}}"#);
        let hangup = read(CallKind::Play, &json).hangup.unwrap();
        assert_eq!(hangup.q850, Some(number));
        assert!(hangup.cause.is_some(), "{number}");
        assert_eq!(hangup.provider_texts, [format!("{number}. texto")]);
    }
}

#[test]
fn an_object_that_is_no_call_is_nothing() {
    let read = |kind, json: &str| facts(kind, &Object::parse(json.as_bytes()).unwrap());
    assert_eq!(read(CallKind::Connect, r#"{"id":1}"#), None, "no leg");
    assert_eq!(read(CallKind::Say, r#"{"status":"atendida"}"#), None, "no identifier");
    assert_eq!(read(CallKind::Whatsapp, r#"{"id":1}"#), None);
}

#[test]
fn an_unanswered_party_without_a_reason_may_turn_out_to_have_declined() {
    let spoken = |reason| format!(r#"{{"id":1,"status":"ocupado","motivo_desconexao":{reason}}}"#);
    for (reason, status, tentative) in [
        ("null", CallStatus::Busy, true),
        (r#""indefinido""#, CallStatus::Busy, true),
        (r#""17. ocupado""#, CallStatus::Busy, false),
        (r#""21. chamada rejeitada""#, CallStatus::Rejected, false),
    ] {
        let facts = read(CallKind::Say, &spoken(reason));
        assert_eq!((facts.status, facts.tentative), (Some(status), tentative), "{reason}");
    }
    let ended = spoken("null");
    let ended = ended_torpedo(CallKind::Say, &Object::parse(ended.as_bytes()).unwrap()).unwrap();
    assert!(!ended.tentative, "the webhook of its end is the last word");
    let event = r#"{"id":1,"origem":{"status":"atendida","ativo":true},"destino":{"status":"ocupado","ativo":false}}"#;
    let event = call_event(&Object::parse(event.as_bytes()).unwrap()).unwrap();
    assert_eq!((event.status, event.tentative), (Some(CallStatus::Busy), true));
}

#[test]
fn a_call_whose_leg_a_hung_up_before_leg_b_was_begun_is_canceled() {
    let call = |general| {
        format!(r#"{{"id":1,"status_geral":"{general}","origem":{{"status":"atendida"}},"destino":{{"status":null}}}}"#)
    };
    assert_eq!(
        read(CallKind::Connect, &call("finalizada")).status,
        Some(CallStatus::Canceled)
    );
    assert_eq!(read(CallKind::Connect, &call("curso")).status, None);
}
