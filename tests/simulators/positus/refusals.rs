//! What the calling endpoints refuse, and in which words.

use serde_json::{Value, json};

use super::{LASTING, OFFER, Positus, USER, calls, offer_to};
use crate::wire::Answer;

/// Status and code of a refusal in the default form.
fn refusal(answer: &Answer) -> (u16, u64) {
    (answer.status, answer.json()["errors"][0]["code"].as_u64().unwrap())
}

#[tokio::test]
async fn an_unknown_number_is_not_found_in_escaped_portuguese() {
    let positus = Positus::start().await;
    let answer = positus.client.post("/v2/whatsapp/numbers/other/calls/make", "{}").await;
    assert_eq!(
        (answer.status, answer.text()),
        (404, r#"{"message":"N\u00famero n\u00e3o encontrado."}"#)
    );
    assert_eq!(
        positus.client.post(&calls("pre-accept"), "{}").await.status,
        404,
        "no such endpoint"
    );
}

#[tokio::test]
async fn a_call_needs_a_number_and_a_well_formed_offer() {
    let positus = Positus::start().await;
    let details = async |body: Value| {
        let answer = positus.act("make", body).await;
        assert_eq!(refusal(&answer), (400, 100));
        answer.json()["errors"][0]["details"].as_str().unwrap().to_owned()
    };
    assert_eq!(details(json!({"session": {"sdp": OFFER}})).await, "to is required");
    assert_eq!(
        details(json!({"to": "abc", "session": {"sdp": OFFER}})).await,
        "to is no phone number"
    );
    assert_eq!(details(json!({"to": USER})).await, "connection.webrtc.sdp is required");
    let bare_line_ends = json!({"to": USER, "session": {"sdp": OFFER.replace("\r\n", "\n")}});
    assert!(details(bare_line_ends).await.starts_with("SDP Validation error"));
    assert_eq!(positus.client.post(&calls("make"), "no json").await.status, 400);
    let legacy = json!({"to": format!("+{USER}"), "connection": {"webrtc": {"sdp": OFFER}}});
    assert_eq!(positus.act("make", legacy).await.status, 200);
}

#[tokio::test]
async fn permission_limit_and_duplicate_have_codes_of_their_own() {
    let positus = Positus::with_pace(LASTING).await;
    positus
        .steer(
            "/_sim/permissions",
            json!({"user_wa_id": USER, "status": "no_permission"}),
        )
        .await;
    assert_eq!(refusal(&positus.make(USER).await), (400, 138_006));
    positus
        .steer("/_sim/permissions", json!({"user_wa_id": USER, "calls_used": 5}))
        .await;
    let limited = positus.make(USER).await;
    assert_eq!(refusal(&limited), (400, 138_012));
    assert!(
        limited.json()["errors"][0]["details"]
            .as_str()
            .unwrap()
            .contains("allowed at 1")
    );
    positus.steer("/_sim/permissions", json!({"user_wa_id": USER})).await;
    assert_eq!(positus.make(USER).await.status, 200);
    assert_eq!(
        refusal(&positus.make("554399011234").await),
        (400, 138_003),
        "with and without the 9: one user"
    );
    assert_eq!(positus.ledger().await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn calls_in_vain_cost_the_permission() {
    let mut positus = Positus::start().await;
    for _ in 0..4 {
        assert_eq!(positus.make("5511999990001").await.status, 200);
        positus.names::<3>().await;
    }
    assert_eq!(refusal(&positus.make("5511999990001").await), (400, 138_006));
}

#[tokio::test]
async fn final_digits_refuse_without_acting() {
    let positus = Positus::start().await;
    assert_eq!(refusal(&positus.make("5511999990006").await), (400, 131_044));
    let limited = positus.make("5511999990007").await;
    assert_eq!(
        (refusal(&limited), limited.header("retry-after")),
        ((429, 130_429), Some("1"))
    );
    assert_eq!(positus.ledger().await, json!([]));
}

#[tokio::test]
async fn calling_may_be_off() {
    let positus = Positus::start().await;
    positus.steer("/_sim/knobs", json!({"calling_disabled": true})).await;
    assert_eq!(refusal(&positus.make(USER).await), (400, 138_000));
}

#[tokio::test]
async fn a_refusal_has_three_forms() {
    let positus = Positus::start().await;
    let ask = async |form: &str| {
        positus
            .steer(
                "/_sim/knobs",
                json!({"error_form": form, "permission": "no_permission"}),
            )
            .await;
        positus.make(USER).await.json()
    };
    let title = "No approved call permission from the recipient";
    let own = ask("positus").await;
    assert_eq!(
        own["errors"],
        json!([{"code": 138_006, "title": title, "details": title}])
    );
    assert!(own["message"].is_string());
    positus
        .steer(
            "/_sim/permissions",
            json!({"user_wa_id": USER, "status": "no_permission"}),
        )
        .await;
    assert_eq!(ask("message").await, json!({ "message": title }));
    let meta = ask("meta").await;
    assert_eq!(
        (&meta["error"]["code"], &meta["error"]["type"]),
        (&json!(138_006), &json!("OAuthException"))
    );
    assert_eq!(meta["error"]["error_data"]["details"], title);
}

#[tokio::test]
async fn a_status_of_200_may_say_no() {
    let positus = Positus::start().await;
    positus
        .steer("/_sim/faults", json!({"path": "/v2", "times": 1, "effect": "ok_false"}))
        .await;
    let answer = positus.make(USER).await;
    assert_eq!((answer.status, answer.text()), (200, r#"{"success":false}"#));
    assert_eq!(positus.ledger().await, json!([]));
}

#[tokio::test]
async fn the_label_of_the_offer_does_not_matter() {
    let positus = Positus::start().await;
    let mut body = offer_to(USER);
    body["session"]["sdp_type"] = json!("answer");
    assert_eq!(positus.act("make", body).await.status, 200);
}
