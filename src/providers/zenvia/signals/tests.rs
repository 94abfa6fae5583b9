use serde_json::{Value, json};

use super::*;
use crate::providers::zenvia::samples::{at, sample};

fn object(json: &str) -> Object<'_> {
    Object::parse(json.as_bytes()).unwrap()
}

fn of(kind: &'static str, subject: Option<&str>, at: Option<Timestamp>, data: Value) -> Option<Signal> {
    Some(Signal {
        kind: kind.parse().unwrap(),
        subject: subject.map(str::to_owned),
        at,
        data,
        recording: None,
    })
}

#[test]
fn extension_event_in_both_shapes() {
    let data = json!({
        "extension": "ext:9000",
        "from": null,
        "status": "completed",
        "provider_status": "atendida",
        "active": false,
        "tag": null,
        "created_at": "2019-09-06T17:36:55.000Z",
        "answered_at": "2019-09-06T17:37:03.000Z",
        "ended_at": "2019-09-06T17:37:13.000Z",
        "duration_seconds": 18,
        "talk_seconds": 10,
        "hangup": { "cause": null, "q850": null, "by": null, "provider_texts": ["indefinido"] },
    });
    let expected = of("extension.status", Some("37806158"), at("2019-09-06T17:37:13Z"), data);
    assert_eq!(extension(&object(sample("extension-event"))), expected);

    let data = json!({
        "extension": "ext:4000",
        "from": "+554899999999",
        "status": "in_progress",
        "provider_status": "atendida",
        "active": true,
        "tag": "MINHA_TAG,CLIENTE_LEGAL",
        "created_at": "2018-06-08T13:20:31.000Z",
        "answered_at": "2018-06-08T13:20:34.000Z",
        "ended_at": null,
        "duration_seconds": 9,
        "talk_seconds": 6,
        "hangup": null,
    });
    let expected = of("extension.status", Some("121947"), at("2018-06-08T13:20:40Z"), data);
    assert_eq!(extension(&object(sample("extension-event-2018"))), expected);
}

#[test]
fn conference_event() {
    let data = json!({
        "conference_id": "42874",
        "call_id": "37823279",
        "party": "+55108888888888",
        "provider_event": "Entrou",
        "recorded": false,
        "created_at": "2019-09-06T18:48:05.000Z",
    });
    let expected = of("conference.joined", Some("42874"), at("2019-09-06T18:48:05Z"), data);
    assert_eq!(conference(&object(sample("conference-event"))), expected);
    for (word, kind) in [("Saiu", "conference.left"), ("Silenciou", "conference.changed")] {
        let body = sample("conference-event").replace("Entrou", word);
        let signal = conference(&object(&body)).unwrap();
        assert_eq!(
            (signal.kind.as_str(), &signal.data["provider_event"]),
            (kind, &json!(word))
        );
    }
}

#[test]
fn a_sms_status() {
    let data = json!({
        "sms_id": "37787430",
        "to": "+55108888888888",
        "text": "Olá ZenAPI",
        "status": "delivered",
        "provider_status": "entregue",
        "price": { "amount": "0.09", "currency": "BRL" },
        "reply_expected": false,
        "replies": [],
        "created_at": "2019-09-06T17:00:38.000Z",
        "status_at": "2019-09-06T17:01:13.000Z",
    });
    let expected = of("sms.status", Some("37787430"), at("2019-09-06T17:01:13Z"), data);
    assert_eq!(sms_status(&object(sample("sms-status"))), expected);
}

#[test]
fn every_documented_sms_word() {
    for (word, status) in [
        ("enviada", json!("sent")),
        ("erro", json!("failed")),
        ("entregue", json!("delivered")),
        ("aguardando", json!("queued")),
        ("em análise", json!("under_review")),
        ("bloqueado", json!("blocked")),
        ("outro", json!(null)),
    ] {
        let reply = r#"{"id":1,"sms_id":2,"resposta":"SIM","data_resposta":"2019-09-06T14:02:00-03:00"}"#;
        let body = format!(r#"{{"id":2,"status":"{word}","respostas":[{reply}, 7]}}"#);
        let signal = sms_status(&object(&body)).unwrap();
        assert_eq!(
            (&signal.data["status"], &signal.data["provider_status"]),
            (&status, &json!(word))
        );
        let replies =
            json!([{ "reply_id": "1", "sms_id": "2", "text": "SIM", "received_at": "2019-09-06T17:02:00.000Z" }]);
        assert_eq!(signal.data["replies"], replies);
    }
}

#[test]
fn sms_reply_in_daylight_saving() {
    let data = json!({
        "reply_id": "16347",
        "sms_id": "133830",
        "text": "SIM",
        "received_at": "2016-10-17T20:02:20.000Z",
    });
    let expected = of("sms.reply", Some("133830"), at("2016-10-17T20:02:20Z"), data);
    assert_eq!(sms_reply(&object(sample("sms-reply"))), expected);
    let naive = sample("sms-reply").replace("-02:00", "");
    assert_eq!(
        sms_reply(&object(&naive)),
        expected,
        "a local stamp of that day is the same instant"
    );
}

#[test]
fn a_balance() {
    let data = json!({ "balance": { "amount": "56.8616", "currency": "BRL" } });
    assert_eq!(
        balance(&object(sample("balance"))),
        signal(EventType::AccountBalanceLow, None, None, data)
    );
}

#[test]
fn a_voicemail() {
    let data = json!({
        "voicemail_id": "1411",
        "from": "+556136271444",
        "to": "ext:9561",
        "extension_id": "87787",
        "received_at": "2019-09-06T20:05:18.000Z",
        "duration_seconds": 0,
    });
    let expected = of("voicemail.received", Some("1411"), at("2019-09-06T20:05:18Z"), data);
    let told = voicemail(&object(sample("voicemail"))).unwrap();
    let link = "https://api.evoline.com.br/recvm/?id=1411&x=094bba9d3a&cid=2150";
    assert_eq!(told.recording.as_deref(), Some(link));
    assert_eq!(
        Some(Signal {
            recording: None,
            ..told
        }),
        expected
    );
}
