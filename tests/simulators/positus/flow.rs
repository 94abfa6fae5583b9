//! Calls from their beginning to their end.

use serde_json::{Value, json};
use switchboard::simulators::positus::Number;

use super::{LASTING, OFFER, Positus, USER};

const SUCCESS: &str = r#"{"success":true}"#;

#[tokio::test]
async fn a_call_of_the_business_is_told_from_connect_to_terminate() {
    let mut positus = Positus::start().await;
    let answer = positus.make(USER).await;
    assert_eq!((answer.status, answer.text()), (200, SUCCESS), "no id in the answer");

    let (event, connect) = positus.news().await;
    let business = Number::default().phone;
    assert_eq!(
        (event.as_str(), &connect["from"], &connect["to"]),
        ("connect", &json!(business), &json!(USER))
    );
    assert_eq!(
        (&connect["direction"], &connect["session"]["sdp_type"]),
        (&json!("BUSINESS_INITIATED"), &json!("answer"))
    );
    let sdp = connect["session"]["sdp"].as_str().unwrap();
    assert_eq!(connect["connection"]["webrtc"]["sdp"], sdp);
    assert!(sdp.ends_with("\r\n") && sdp.contains("\r\na=ice-lite\r\n") && sdp.contains(" opus/48000/2\r\n"));

    let (ringing, status) = positus.news().await;
    assert_eq!(
        (ringing.as_str(), &status["type"], &status["recipient_id"]),
        ("RINGING", &json!("call"), &json!(USER))
    );
    assert_eq!(positus.news().await.0, "ACCEPTED");

    let (event, terminate) = positus.news().await;
    assert_eq!(
        (event.as_str(), &terminate["status"]),
        ("terminate", &json!("COMPLETED"))
    );
    assert_eq!(terminate["id"], connect["id"]);
    let seconds = |key: &str| terminate[key].as_str().unwrap().parse::<i64>().unwrap();
    let duration = terminate["duration"].as_i64().unwrap();
    assert!(duration >= 1);
    assert_eq!(seconds("end_time") - seconds("start_time"), duration);
}

#[tokio::test]
async fn ids_are_opaque_and_hold_no_number_of_the_call() {
    let positus = Positus::with_pace(LASTING).await;
    positus.make(USER).await;
    let ledger = positus.ledger().await;
    let id = ledger[0]["id"].as_str().unwrap();
    assert!(id.starts_with("wacid.") && id.len() > 60 && !id.contains(USER));
}

#[tokio::test]
async fn final_digits_choose_what_the_user_does() {
    for (to, expected) in [
        ("5511999990001", ["connect", "REJECTED", "terminate"].as_slice()),
        ("5511999990002", &["connect", "RINGING", "terminate"]),
        ("5511999990003", &["connect", "RINGING", "REJECTED", "terminate"]),
        ("5511999990005", &["connect", "RINGING", "terminate"]),
    ] {
        let mut positus = Positus::start().await;
        assert_eq!(positus.make(to).await.text(), SUCCESS);
        let mut last = Value::Null;
        for name in expected {
            let (news, item) = positus.news().await;
            assert_eq!(news, *name, "{to}");
            last = item;
        }
        assert_eq!(last["status"], "FAILED", "{to}");
        assert!(
            last.get("duration").is_none() && last.get("start_time").is_none(),
            "{to}"
        );
    }
}

#[tokio::test]
async fn a_lost_reply_leaves_a_call_behind() {
    let mut positus = Positus::start().await;
    let answer = positus.make("5511999990004").await;
    assert_eq!((answer.status, answer.head.as_str()), (0, ""));
    assert_eq!(positus.names().await, ["connect", "RINGING", "ACCEPTED", "terminate"]);
}

#[tokio::test]
async fn a_hang_up_ends_a_talk_once() {
    let mut positus = Positus::with_pace(LASTING).await;
    positus.make(USER).await;
    let (_, connect) = positus.news().await;
    assert_eq!(positus.names().await, ["RINGING", "ACCEPTED"]);
    let body = json!({"call_id": connect["id"]});
    assert_eq!(positus.act("hang-up", body.clone()).await.text(), SUCCESS);
    let (_, terminate) = positus.news().await;
    assert_eq!(
        (&terminate["status"], &terminate["direction"]),
        (&json!("COMPLETED"), &json!("BUSINESS_INITIATED"))
    );
    assert_eq!(positus.act("hang-up", body).await.status, 400);
}

#[tokio::test]
async fn a_hang_up_before_the_answer_was_no_talk() {
    let mut positus = Positus::with_pace(LASTING).await;
    positus.make("5511999990002").await;
    let (_, connect) = positus.news().await;
    assert_eq!(positus.names().await, ["RINGING"]);
    positus.act("hang-up", json!({"call_id": connect["id"]})).await;
    let (_, terminate) = positus.news().await;
    assert_eq!(
        (&terminate["status"], terminate.get("duration")),
        (&json!("FAILED"), None)
    );
}

#[tokio::test]
async fn a_users_call_is_offered_accepted_and_talked() {
    let mut positus = Positus::start().await;
    let id = positus.ring().await;
    let (event, connect) = positus.news().await;
    assert_eq!(
        (event.as_str(), &connect["id"], &connect["from"]),
        ("connect", &json!(id), &json!(USER))
    );
    assert_eq!(
        (&connect["direction"], &connect["session"]["sdp_type"]),
        (&json!("USER_INITIATED"), &json!("offer"))
    );
    assert!(
        connect["session"]["sdp"]
            .as_str()
            .unwrap()
            .contains("\r\na=setup:actpass\r\n")
    );
    assert_eq!(
        positus.act("accept", json!({"call_id": id, "sdp": OFFER})).await.text(),
        SUCCESS
    );
    let (event, terminate) = positus.news().await;
    assert_eq!(
        (event.as_str(), &terminate["status"], &terminate["to"]),
        ("terminate", &json!("COMPLETED"), &connect["to"])
    );
    assert_eq!(positus.ledger().await[0]["client_sdp"], OFFER);
}

#[tokio::test]
async fn a_users_call_is_accepted_once_with_a_flat_sdp() {
    let positus = Positus::with_pace(LASTING).await;
    let id = positus.ring().await;
    let nested = json!({"call_id": id, "session": {"sdp_type": "answer", "sdp": OFFER}});
    assert_eq!(
        positus.act("accept", nested).await.json()["errors"][0]["details"],
        "sdp is required"
    );
    let flat = json!({"call_id": id, "sdp": OFFER});
    assert_eq!(positus.act("accept", flat.clone()).await.status, 200);
    assert_eq!(positus.act("accept", flat).await.status, 400);
    assert_eq!(positus.act("reject", json!({"call_id": id})).await.status, 400);
}

#[tokio::test]
async fn a_users_call_that_is_rejected_or_left_ringing_was_not_talked() {
    let mut positus = Positus::with_pace(LASTING).await;
    let id = positus.ring().await;
    assert_eq!(positus.act("reject", json!({"call_id": id})).await.text(), SUCCESS);
    let mut left = Positus::start().await;
    left.ring().await;
    for positus in [&mut positus, &mut left] {
        let (mut event, mut item) = positus.news().await;
        if event == "connect" {
            (event, item) = positus.news().await;
        }
        assert_eq!(
            (event.as_str(), &item["status"], item.get("duration")),
            ("terminate", &json!("FAILED"), None)
        );
    }
}

#[tokio::test]
async fn only_calls_of_users_are_accepted() {
    let mut positus = Positus::with_pace(LASTING).await;
    positus.make(USER).await;
    let (_, connect) = positus.news().await;
    let own = json!({"call_id": connect["id"], "sdp": OFFER});
    assert_eq!(positus.act("accept", own).await.status, 400);
    assert_eq!(
        positus
            .act("accept", json!({"call_id": "wacid.unknown", "sdp": OFFER}))
            .await
            .status,
        400
    );
}
