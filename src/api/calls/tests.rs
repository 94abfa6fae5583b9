#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::domain::place::{ActionKind, NewCall, Script};
use crate::domain::time::Timestamp;

const SDP: &str = "v=0\r\n";

fn read(body: &Value) -> Result<NewCall, Vec<(String, &'static str)>> {
    let now = Timestamp::parse("2026-11-22T18:00:00Z").unwrap();
    let fields = |field: crate::domain::error::FieldError| (field.pointer, field.code);
    object::read(body, |object| NewCallBody::read(object, Region::BR, now))
        .map(NewCallBody::into_call)
        .map_err(|error| error.context.fields.into_iter().map(fields).collect())
}

/// The standard body with one member replaced.
fn with(name: &str, value: Value) -> Result<NewCall, Vec<(String, &'static str)>> {
    let mut body = json!({"to": "11988887777", "actions": [{"type": "say", "text": "oi"}]});
    body[name] = value;
    read(&body)
}

fn action(action: Value) -> Result<NewCall, Vec<(String, &'static str)>> {
    with("actions", json!([action]))
}

fn wrong<T: std::fmt::Debug>(result: Result<T, Vec<(String, &'static str)>>) -> Vec<(String, &'static str)> {
    result.unwrap_err()
}

fn only(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(pointer.to_owned(), code)]
}

#[test]
fn a_body_becomes_a_call() {
    let call = read(&json!({
        "to": "(11) 98888-7777", "from": "+551130031000", "record": true, "machine_detection": "hangup",
        "collect_digits": true, "max_duration_seconds": 60, "schedule_at": "2026-11-22T15:00:01-03:00",
        "tag": "order-7", "account": "zenvia-br",
        "actions": [
            {"type": "say", "text": "oi", "voice": "pt-BR"},
            {"type": "play", "url": "https://example.com/a.mp3", "on_digit": 1},
            {"type": "connect", "to": "ext:4000", "from": null, "on_digit": 0},
            {"type": "menu", "id": "12"},
        ],
    }))
    .unwrap();
    assert_eq!(call.to.to_string(), "+5511988887777");
    assert!(call.record && call.hang_up_on_machine && call.collect_digits);
    assert_eq!(call.schedule_at.unwrap().to_string(), "2026-11-22T18:00:01.000Z");
    let Script::Actions(actions) = call.script else {
        unreachable!()
    };
    assert_eq!(
        actions.iter().map(|action| action.on_digit).collect::<Vec<_>>(),
        [None, Some(1), Some(0), None]
    );
    assert!(matches!(&actions[2].what, ActionKind::Connect { to, from: None } if to.to_string() == "ext:4000"));
}

#[test]
fn a_whatsapp_user_takes_a_session_and_nobody_else_does() {
    let session = json!({"type": "offer", "sdp": SDP});
    let user = "whatsapp:+5511988887777";
    assert!(matches!(
        read(&json!({"to": user, "session": session})).unwrap().script,
        Script::Session(_)
    ));
    assert_eq!(wrong(read(&json!({"to": user}))), only("/session", "missing"));
    assert_eq!(wrong(read(&json!({"to": "11988887777"}))), only("/actions", "missing"));
    assert_eq!(wrong(with("session", session.clone())), only("/session", "not_allowed"));
    let both = json!({"to": user, "session": session, "actions": [{"type": "say", "text": "oi"}]});
    assert_eq!(wrong(read(&both)), only("/actions", "not_allowed"));
    let joined = action(json!({"type": "connect", "to": user}));
    assert_eq!(wrong(joined), only("/actions/0/to", "not_allowed"));
}

#[test]
fn every_field_has_its_bounds() {
    assert_eq!(wrong(with("actions", json!([]))), only("/actions", "too_small"));
    let say = json!({"type": "say", "text": "oi"});
    assert!(with("actions", vec![say.clone(); 20].into()).is_ok());
    assert_eq!(
        wrong(with("actions", vec![say; 21].into())),
        only("/actions", "too_long")
    );
    assert!(with("max_duration_seconds", json!(14_400)).is_ok());
    assert_eq!(
        wrong(with("max_duration_seconds", json!(14_401))),
        only("/max_duration_seconds", "too_large")
    );
    assert_eq!(
        wrong(with("max_duration_seconds", json!(0))),
        only("/max_duration_seconds", "too_small")
    );
    assert_eq!(
        wrong(with("schedule_at", json!("2026-11-22T18:00:00Z"))),
        only("/schedule_at", "too_small")
    );
    assert_eq!(
        wrong(with("schedule_at", json!("2026-11-23T18:00:00"))),
        only("/schedule_at", "invalid")
    );
    assert_eq!(wrong(with("tag", json!("a b"))), only("/tag", "invalid"));
    assert_eq!(wrong(with("account", json!("Zenvia"))), only("/account", "invalid"));
    assert_eq!(
        wrong(with("machine_detection", json!("detect"))),
        only("/machine_detection", "invalid")
    );
    assert_eq!(wrong(with("record", json!("true"))), only("/record", "invalid"));
    assert_eq!(wrong(with("priority", json!(1))), only("/priority", "unknown"));
}

#[test]
fn every_action_has_its_own_members() {
    assert!(action(json!({"type": "say", "text": "é".repeat(5000)})).is_ok());
    assert_eq!(
        wrong(action(json!({"type": "say", "text": "é".repeat(5001)}))),
        only("/actions/0/text", "too_long")
    );
    assert_eq!(
        wrong(action(json!({"type": "say", "text": ""}))),
        only("/actions/0/text", "too_small")
    );
    assert_eq!(
        wrong(action(json!({"type": "play", "url": "http://10.0.0.1/"}))),
        only("/actions/0/url", "not_allowed")
    );
    assert_eq!(wrong(action(json!({"type": "menu"}))), only("/actions/0/id", "missing"));
    assert_eq!(
        wrong(action(json!({"type": "say", "text": "oi", "url": "x"}))),
        only("/actions/0/url", "unknown")
    );
    for digit in [json!(10), json!(-1), json!("1")] {
        assert_eq!(
            wrong(action(json!({"type": "say", "text": "oi", "on_digit": digit})))[0].0,
            "/actions/0/on_digit"
        );
    }
    let fields = wrong(action(json!({"type": "wait", "seconds": 1})));
    assert_eq!(fields[0], ("/actions/0/type".to_owned(), "invalid"));
}

#[test]
fn everything_wrong_in_a_body_is_named_at_once() {
    let fields = wrong(read(
        &json!({"to": "1", "actions": [{"type": "say"}, {"type": "play", "url": "x"}], "tag": " ", "x": 1}),
    ));
    let names: Vec<&str> = fields.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(names, ["/to", "/actions/0/text", "/actions/1/url", "/tag", "/x"]);
}
