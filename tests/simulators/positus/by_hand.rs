//! Calls whose user is a test.

use serde_json::{Value, json};

use super::{LASTING, OFFER, Positus, USER};

/// What the phone of the test sends, told apart from what the simulator would make up.
const PHONE: &str = "v=0\r\no=- 7 7 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";

impl Positus {
    async fn by_hand() -> Self {
        let positus = Self::start().await;
        positus.steer("/_sim/knobs", json!({ "user": "by_hand" })).await;
        positus
    }

    /// The one call.
    async fn call(&self) -> Value {
        self.ledger().await[0].clone()
    }

    async fn refused(&self, target: &str, body: Value) {
        let answer = self.anonymous().post(target, &body.to_string()).await;
        assert_eq!(answer.status, 400, "{target} {body}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_phone_takes_the_offer_and_gives_its_answer() {
    let mut positus = Positus::by_hand().await;
    positus.make(USER).await;
    let call = positus.call().await;
    assert_eq!(
        (&call["phase"], &call["client_sdp"], &call["user_sdp"]),
        (&json!("ringing"), &json!(OFFER), &Value::Null)
    );
    let answer = json!({ "call_id": call["id"], "sdp": PHONE });
    positus.steer("/_sim/answer", answer.clone()).await;
    let (event, connect) = positus.news().await;
    assert_eq!((event.as_str(), &connect["session"]["sdp"]), ("connect", &json!(PHONE)));
    assert_eq!(positus.names().await, ["RINGING", "ACCEPTED"]);
    let call = positus.call().await;
    assert_eq!((&call["phase"], &call["user_sdp"]), (&json!("talking"), &json!(PHONE)));

    positus.refused("/_sim/answer", answer).await;
    positus.steer("/_sim/hang-up", json!({ "call_id": call["id"] })).await;
    let (event, terminate) = positus.news().await;
    assert_eq!(
        (event.as_str(), &terminate["status"]),
        ("terminate", &json!("COMPLETED"))
    );
    positus.refused("/_sim/hang-up", json!({ "call_id": call["id"] })).await;
}

#[tokio::test]
async fn a_phone_turns_a_call_down() {
    let mut positus = Positus::by_hand().await;
    positus.make(USER).await;
    let call = positus.call().await;
    positus.steer("/_sim/hang-up", json!({ "call_id": call["id"] })).await;
    assert_eq!(positus.names().await, ["REJECTED", "terminate"]);
    let late = json!({ "call_id": call["id"], "sdp": PHONE });
    positus.refused("/_sim/answer", late).await;
}

#[tokio::test]
async fn a_phone_calls_with_its_own_offer_and_learns_the_answer() {
    let mut positus = Positus::by_hand().await;
    positus
        .steer("/_sim/incoming", json!({ "from": USER, "sdp": PHONE }))
        .await;
    let (event, connect) = positus.news().await;
    assert_eq!((event.as_str(), &connect["session"]["sdp"]), ("connect", &json!(PHONE)));
    let accept = json!({ "call_id": connect["id"], "sdp": OFFER });
    assert_eq!(positus.act("accept", accept).await.status, 200);
    let call = positus.call().await;
    assert_eq!(
        (&call["phase"], &call["client_sdp"]),
        (&json!("talking"), &json!(OFFER))
    );
    positus.steer("/_sim/hang-up", json!({ "call_id": call["id"] })).await;
    let (_, terminate) = positus.news().await;
    assert_eq!(terminate["status"], "COMPLETED");
}

#[tokio::test]
async fn what_a_phone_cannot_do_is_refused() {
    let positus = Positus::with_pace(LASTING).await;
    positus.make(USER).await;
    let scripted = positus.call().await["id"].clone();
    for (target, body) in [
        ("/_sim/answer", json!({ "call_id": scripted, "sdp": PHONE })),
        ("/_sim/answer", json!({ "call_id": "wacid.none", "sdp": PHONE })),
        ("/_sim/answer", json!({ "call_id": scripted, "sdp": PHONE.trim_end() })),
        ("/_sim/answer", json!({ "call_id": scripted })),
        ("/_sim/hang-up", json!({ "call_id": "wacid.none" })),
        ("/_sim/incoming", json!({ "from": "5511988887777", "sdp": "v=0" })),
        ("/_sim/incoming", json!({ "from": USER })),
    ] {
        positus.refused(target, body).await;
    }
}
