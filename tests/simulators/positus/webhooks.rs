//! The many shapes and orders in which webhooks may come.

use serde_json::{Value, json};
use switchboard::simulators::positus::{Number, Pace};

use super::{LASTING, Positus, USER};

/// Turns knobs, places a call and gives its first webhook.
async fn first(knobs: Value) -> Value {
    let mut positus = Positus::start().await;
    positus.steer("/_sim/knobs", knobs).await;
    positus.make(USER).await;
    positus.hooks.next().await
}

#[tokio::test]
async fn the_envelope_is_flat_or_metas() {
    let flat = first(json!({})).await;
    assert_eq!(flat.as_object().unwrap().keys().collect::<Vec<_>>(), ["calls"]);
    let meta = first(json!({"envelope": "meta"})).await;
    assert_eq!(meta["object"], "whatsapp_business_account");
    let change = &meta["entry"][0]["changes"][0];
    assert_eq!(
        (&change["field"], &change["value"]["messaging_product"]),
        (&json!("calls"), &json!("whatsapp"))
    );
    assert_eq!(
        change["value"]["metadata"]["phone_number_id"],
        Number::default().phone_number_id
    );
    assert_eq!(change["value"]["contacts"][0]["wa_id"], USER);
    assert_eq!(change["value"]["calls"][0]["event"], "connect");
}

#[tokio::test]
async fn a_bare_connect_lacks_direction_and_timestamp() {
    let connect = first(json!({"bare_connect": true, "sdp_label": "offer"})).await["calls"][0].clone();
    assert!(connect.get("direction").is_none() && connect.get("timestamp").is_none());
    assert_eq!(connect["session"]["sdp_type"], "offer");
}

#[tokio::test]
async fn the_session_description_stands_in_either_place() {
    let legacy = first(json!({"sdp_place": "connection"})).await["calls"][0].clone();
    assert!(legacy.get("session").is_none() && legacy["connection"]["webrtc"]["sdp"].is_string());
    let current = first(json!({"sdp_place": "session"})).await["calls"][0].clone();
    assert!(current.get("connection").is_none() && current["session"]["sdp"].is_string());
}

#[tokio::test]
async fn instants_are_strings_or_numbers() {
    assert!(first(json!({})).await["calls"][0]["timestamp"].is_string());
    assert!(first(json!({"timestamps": "number"})).await["calls"][0]["timestamp"].is_i64());
}

#[tokio::test]
async fn a_brazilian_mobile_is_written_with_or_without_its_nine() {
    assert_eq!(
        first(json!({"wa_id": "without_nine"})).await["calls"][0]["to"],
        "554399011234"
    );
    assert_eq!(
        first(json!({"wa_id": "with_nine"})).await["calls"][0]["to"],
        "5543999011234"
    );
}

#[tokio::test]
async fn the_answer_to_make_may_name_the_call() {
    let mut positus = Positus::start().await;
    positus.steer("/_sim/knobs", json!({"make_returns_id": true})).await;
    let answer = positus.make(USER).await.json();
    assert_eq!(
        (&answer["success"], &answer["calls"][0]["id"]),
        (&json!(true), &positus.news().await.1["id"])
    );
}

#[tokio::test]
async fn an_end_may_overtake_the_beginning() {
    let mut positus = Positus::start().await;
    positus.steer("/_sim/knobs", json!({"terminate_first": true})).await;
    positus.make(USER).await;
    assert_eq!(positus.names().await, ["terminate", "connect"]);
    positus.ring().await;
    assert_eq!(positus.names().await, ["terminate", "connect"]);
}

#[tokio::test]
async fn an_unanswered_call_may_have_a_duration_of_zero() {
    let mut positus = Positus::start().await;
    positus
        .steer("/_sim/knobs", json!({"unanswered_duration": "zero"}))
        .await;
    positus.make("5511999990002").await;
    assert_eq!(positus.names().await, ["connect", "RINGING"]);
    assert_eq!(positus.news().await.1["duration"], 0);
}

#[tokio::test]
async fn a_call_may_break_with_errors() {
    let mut positus = Positus::start().await;
    positus.steer("/_sim/knobs", json!({"fail_with": 138_004})).await;
    positus.make(USER).await;
    assert_eq!(positus.names().await, ["connect"]);
    let body = positus.hooks.next().await;
    assert_eq!(
        (&body["calls"][0]["status"], &body["errors"][0]["code"]),
        (&json!("FAILED"), &json!(138_004))
    );
    positus
        .steer("/_sim/knobs", json!({"fail_with": 138_004, "envelope": "meta"}))
        .await;
    positus.make(USER).await;
    positus.hooks.next().await;
    let body = positus.hooks.next().await;
    assert_eq!(body["entry"][0]["changes"][0]["value"]["errors"][0]["code"], 138_004);
}

#[tokio::test]
async fn a_webhook_that_is_not_taken_comes_again() {
    let mut positus = Positus::with(LASTING, &[500, 503]).await;
    positus.make(USER).await;
    assert_eq!(positus.names().await, ["connect", "connect", "connect", "RINGING"]);
}

#[tokio::test]
async fn webhooks_may_come_twice_or_not_at_all() {
    let mut positus = Positus::with_pace(Pace::quick()).await;
    positus
        .steer("/_sim/webhooks", json!({"duplicate": 1, "drop": ["status"]}))
        .await;
    positus.make(USER).await;
    assert_eq!(positus.names().await, ["connect", "connect", "terminate", "terminate"]);
}

#[tokio::test]
async fn webhooks_go_where_they_are_told_to() {
    let positus = Positus::start().await;
    let mut other = crate::wire::Hooks::start(&[]).await;
    positus.steer("/_sim/webhooks", json!({"urls": {"*": other.url}})).await;
    positus.make(USER).await;
    assert_eq!(other.next().await["calls"][0]["event"], "connect");
}

#[tokio::test]
async fn any_body_can_be_fired() {
    let mut positus = Positus::start().await;
    let chat = r#"{"contacts":[{"wa_id":"5543999011234"}],"messages":[{"type":"text","text":{"body":"Oi"}}]}"#;
    assert_eq!(positus.anonymous().post("/_sim/fire", chat).await.status, 200);
    assert_eq!(positus.hooks.text().await, chat);
}
