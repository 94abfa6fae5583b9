use super::*;
use crate::domain::call::{CallStatus, Direction, Leg, LegSide, ProviderRef, RecordingState};
use crate::providers::zenvia::samples::{at, brl, hangup, party, sample};

fn parse(kind: &str, body: &[u8]) -> Result<News, Unreadable> {
    super::parse(kind, body).map(|(notice, _)| notice.news)
}

fn news(kind: &str, name: &str) -> News {
    parse(kind, sample(name).as_bytes()).unwrap()
}

fn call(kind: &str, name: &str) -> CallFacts {
    match news(kind, name) {
        News::Call(facts) => *facts,
        News::Signal(signal) => panic!("{signal:?}"),
    }
}

fn facts(id: &str, kind: CallKind) -> CallFacts {
    let direction = if kind == CallKind::Did {
        Direction::Inbound
    } else {
        Direction::Outbound
    };
    CallFacts {
        reference: Some(ProviderRef::id(id)),
        direction: Some(direction),
        kind: Some(kind),
        ..CallFacts::default()
    }
}

fn leg(side: LegSide, address: &str) -> Leg {
    Leg {
        side,
        address: party(address),
        status: None,
        started_at: None,
        answered_at: None,
        talk_seconds: None,
        billed_seconds: None,
        price: None,
        hangup: None,
    }
}

#[test]
fn call_event_rings_leg_a() {
    let number = "+55108888888888";
    let expected = CallFacts {
        status: Some(CallStatus::Ringing),
        to: party(number),
        created_at: at("2019-09-06T17:21:33Z"),
        ringing_at: at("2019-09-06T17:21:33Z"),
        recording: Some(RecordingState::None),
        legs: vec![
            Leg {
                status: Some(CallStatus::Ringing),
                started_at: at("2019-09-06T17:21:33Z"),
                ..leg(LegSide::Caller, number)
            },
            leg(LegSide::Callee, number),
        ],
        ..facts("37794869", CallKind::Connect)
    };
    assert_eq!(call("call-event", "call-event"), expected);
}

#[test]
fn call_event_of_2018_rings_leg_b() {
    let expected = CallFacts {
        status: Some(CallStatus::Ringing),
        to: party("ext:4000"),
        tag: Some("MINHA_TAG,CLIENTE_LEGAL".into()),
        created_at: at("2018-06-08T13:20:29Z"),
        ringing_at: at("2018-06-08T13:20:31Z"),
        recording: Some(RecordingState::None),
        legs: vec![
            Leg {
                status: Some(CallStatus::InProgress),
                started_at: at("2018-06-08T13:20:31Z"),
                answered_at: at("2018-06-08T13:20:34Z"),
                ..leg(LegSide::Caller, "ext:4000")
            },
            Leg {
                status: Some(CallStatus::Ringing),
                started_at: at("2018-06-08T13:20:34Z"),
                ..leg(LegSide::Callee, "+489999999999")
            },
        ],
        ..facts("121947", CallKind::Connect)
    };
    assert_eq!(call("call-event", "call-event-2018"), expected);
}

#[test]
fn call_event_of_an_answered_leg_that_is_active_no_more_is_the_end() {
    let ended = sample("call-event-2018").replace("chamando", "atendida").replace(
        "489999999999\",",
        "489999999999\", \"duracao_segundos\": 8, \"duracao_falada_segundos\": 5,",
    );
    let News::Call(facts) = parse("call-event", ended.as_bytes()).unwrap() else {
        panic!()
    };
    assert_eq!(facts.status, Some(CallStatus::Completed));
    assert_eq!(facts.answered_at, at("2018-06-08T13:20:37Z"));
    assert_eq!(facts.ended_at, at("2018-06-08T13:20:42Z"));
    assert_eq!((facts.talk_seconds, facts.price), (Some(5), None));
}

#[test]
fn did_event_in_both_shapes() {
    let expected = CallFacts {
        status: Some(CallStatus::InProgress),
        created_at: at("2019-09-06T17:36:55Z"),
        ringing_at: at("2019-09-06T17:36:55Z"),
        answered_at: at("2019-09-06T17:37:03Z"),
        legs: vec![leg(LegSide::Callee, "ext:9000")],
        ..facts("37806158", CallKind::Did)
    };
    assert_eq!(call("did-event", "did-event"), expected);

    let expected = CallFacts {
        status: Some(CallStatus::InProgress),
        from: party("+554822221111"),
        to: party("+554833332222"),
        created_at: at("2018-06-08T13:20:29Z"),
        ringing_at: at("2018-06-08T13:20:29Z"),
        answered_at: at("2018-06-08T13:20:34Z"),
        recording: Some(RecordingState::None),
        legs: vec![Leg {
            status: Some(CallStatus::InProgress),
            started_at: at("2018-06-08T13:20:34Z"),
            answered_at: at("2018-06-08T13:20:37Z"),
            ..leg(LegSide::Callee, "ext:4000")
        }],
        ..facts("121947", CallKind::Did)
    };
    assert_eq!(call("did-event", "did-event-2018"), expected);
}

#[test]
fn did_event_takes_any_extension() {
    for (ramal, address) in [
        ("9000", Some("ext:9000")),
        ("\"9000\"", Some("ext:9000")),
        ("null", None),
        ("\"\"", None),
    ] {
        let body = format!(r#"{{"id":"1","status":"chamando","ativo":false,"ramal":{ramal}}}"#);
        let News::Call(facts) = parse("did-event", body.as_bytes()).unwrap() else {
            panic!()
        };
        let addresses: Vec<_> = facts.legs.iter().map(|leg| leg.address.clone()).collect();
        assert_eq!(addresses, address.map(party).into_iter().collect::<Vec<_>>(), "{ramal}");
        assert_eq!(facts.status, Some(CallStatus::Ringing));
    }
}

#[test]
fn call_status() {
    let expected = CallFacts {
        status: Some(CallStatus::Ringing),
        to: party("ext:4000"),
        created_at: at("2019-09-06T16:48:19Z"),
        legs: vec![
            Leg {
                status: Some(CallStatus::Ringing),
                ..leg(LegSide::Caller, "ext:4000")
            },
            Leg {
                status: Some(CallStatus::Queued),
                ..leg(LegSide::Callee, "+55108888888888")
            },
        ],
        ..facts("37785949", CallKind::Connect)
    };
    assert_eq!(call("call-status", "call-status"), expected);
}

#[test]
fn tts_end() {
    let expected = CallFacts {
        status: Some(CallStatus::Completed),
        to: party("+55108888888888"),
        created_at: at("2019-09-06T16:34:57Z"),
        ringing_at: at("2019-09-06T16:34:58Z"),
        answered_at: at("2019-09-06T16:35:05Z"),
        ended_at: at("2019-09-06T16:35:15Z"),
        talk_seconds: Some(10),
        billed_seconds: Some(60),
        price: brl("0.35"),
        hangup: hangup(Some(16), ["16. normal"]),
        ..facts("37784550", CallKind::Say)
    };
    assert_eq!(call("tts-end", "tts-end"), expected);
}

/// The legs of the two documented ends: an extension that dialled by itself, and the party it called.
fn ended_legs(callee: Leg) -> Vec<Leg> {
    let caller = Leg {
        talk_seconds: Some(0),
        billed_seconds: Some(0),
        price: brl("0"),
        hangup: hangup(None, ["indefinido"]),
        ..leg(LegSide::Caller, "ext:9998")
    };
    vec![caller, callee]
}

#[test]
fn call_end() {
    let expected = CallFacts {
        status: Some(CallStatus::Completed),
        to: party("ext:9998"),
        created_at: at("2019-09-06T14:19:11Z"),
        ringing_at: at("2019-09-06T14:19:11Z"),
        answered_at: at("2019-09-06T14:19:21Z"),
        ended_at: at("2019-09-06T14:19:35Z"),
        talk_seconds: Some(14),
        billed_seconds: Some(60),
        price: brl("0.35"),
        hangup: hangup(Some(16), ["indefinido", "16. normal"]),
        recording: Some(RecordingState::Available),
        legs: ended_legs(Leg {
            status: Some(CallStatus::Completed),
            started_at: at("2019-09-06T14:19:11Z"),
            answered_at: at("2019-09-06T14:19:21Z"),
            talk_seconds: Some(14),
            billed_seconds: Some(60),
            price: brl("0.35"),
            hangup: hangup(Some(16), ["16. normal"]),
            ..leg(LegSide::Callee, "+55108888888888")
        }),
        ..facts("37721262", CallKind::Connect)
    };
    assert_eq!(call("call-end", "call-end"), expected);
}

#[test]
fn did_end_of_two_legs() {
    let expected = CallFacts {
        status: Some(CallStatus::Busy),
        from: party("ext:9998"),
        to: party("+55108888888888"),
        created_at: at("2019-09-06T14:18:20Z"),
        ringing_at: at("2019-09-06T14:18:19Z"),
        ended_at: at("2019-09-06T14:18:50Z"),
        talk_seconds: Some(0),
        billed_seconds: Some(0),
        price: brl("0"),
        hangup: hangup(None, ["indefinido", "indefinido"]),
        recording: Some(RecordingState::Available),
        legs: ended_legs(Leg {
            status: Some(CallStatus::Busy),
            started_at: at("2019-09-06T14:18:19Z"),
            talk_seconds: Some(0),
            billed_seconds: Some(0),
            price: brl("0"),
            hangup: hangup(None, ["indefinido"]),
            ..leg(LegSide::Callee, "+55108888888888")
        }),
        ..facts("37721125", CallKind::Did)
    };
    assert_eq!(call("did-end", "did-end"), expected);
}

#[test]
fn did_end_flat() {
    let expected = CallFacts {
        status: Some(CallStatus::Completed),
        from: party("+554822221111"),
        to: party("+554833332222"),
        created_at: at("2019-09-06T14:18:40Z"),
        ringing_at: at("2019-09-06T14:18:40Z"),
        answered_at: at("2019-09-06T14:18:46Z"),
        ended_at: at("2019-09-06T14:19:11Z"),
        talk_seconds: Some(25),
        billed_seconds: Some(60),
        price: brl("0.06"),
        recording: Some(RecordingState::Available),
        ..facts("37721130", CallKind::Did)
    };
    assert_eq!(call("did-end", "did-end-flat"), expected);
}

#[test]
fn flow_end() {
    let expected = CallFacts {
        status: Some(CallStatus::Completed),
        to: party("+55108888888888"),
        tag: Some("clienteX".into()),
        created_at: at("2019-09-06T19:38:50Z"),
        ringing_at: at("2019-09-06T19:38:55Z"),
        answered_at: at("2019-09-06T19:39:04Z"),
        ended_at: at("2019-09-06T19:39:46Z"),
        talk_seconds: Some(42),
        billed_seconds: Some(60),
        price: brl("0.38"),
        hangup: hangup(Some(16), ["16. normal"]),
        recording: Some(RecordingState::None),
        ..facts("37850704", CallKind::Flow)
    };
    assert_eq!(call("flow-end", "flow-end"), expected);
}

#[test]
fn audio_end() {
    let expected = CallFacts {
        status: Some(CallStatus::Completed),
        to: party("+55108888888888"),
        created_at: at("2019-09-06T16:44:52Z"),
        ringing_at: at("2019-09-06T16:44:52Z"),
        answered_at: at("2019-09-06T16:45:11Z"),
        ended_at: at("2019-09-06T16:45:36Z"),
        talk_seconds: Some(25),
        billed_seconds: Some(60),
        price: brl("0.35"),
        hangup: hangup(Some(16), ["16. normal"]),
        recording: Some(RecordingState::None),
        ..facts("37785542", CallKind::Play)
    };
    assert_eq!(call("audio-end", "audio-end"), expected);
}

#[test]
fn every_kind_refuses_what_is_not_of_its_shape() {
    for kind in KINDS {
        for body in ["", "{", "null", "[]", "\"x\"", "{}", r#"{"id":null}"#] {
            assert_eq!(
                parse(kind, body.as_bytes()),
                Err(Unreadable::Malformed),
                "{kind} {body}"
            );
        }
    }
    assert_eq!(
        parse("call-end", sample("tts-end").as_bytes()),
        Err(Unreadable::Malformed),
        "no leg"
    );
    assert_eq!(
        parse("other", sample("call-end").as_bytes()),
        Err(Unreadable::Malformed)
    );
}

#[test]
fn a_byte_order_mark_and_foreign_bytes_are_no_reason_to_lose_a_call() {
    let mut body = b"\xEF\xBB\xBF".to_vec();
    body.extend(sample("tts-end").as_bytes());
    assert_eq!(parse("tts-end", &body), parse("tts-end", sample("tts-end").as_bytes()));
    let latin1 = b"{\"id\":1,\"status\":\"atendida\",\"mensagem\":\"Ol\xE1\"}";
    assert!(parse("tts-end", latin1).is_ok());
}
