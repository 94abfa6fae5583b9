//! Calls placed by request, which the answer does not name.

use serde_json::{Value, json};

use super::Evolux;
use crate::wire::Answer;

const CALL: &str = "/api/v1/call";
const OK: &str = r#"{"meta":{"status":200,"message":"OK"}}"#;

async fn outbound(evolux: &Evolux) -> Vec<Value> {
    let report = evolux
        .get("/api/v1/report/calls_history?start_date=2020-01-01&end_date=2099-01-01&call_type=out")
        .await;
    report.json()["data"]["calls"].as_array().unwrap().clone()
}

async fn live(evolux: &Evolux) -> serde_json::Map<String, Value> {
    let map = evolux.get("/api/realtime/v1/queue?group_id=65&queue_ids=").await.json();
    map["data"]["calls"].as_object().unwrap().clone()
}

/// Starts a call and gives the uuid that only the real-time map tells.
async fn started(evolux: &Evolux, to: &str) -> String {
    assert_eq!(evolux.form(CALL, &format!("from=john.snow&to={to}")).await.status, 200);
    live(evolux).await.keys().next().unwrap().clone()
}

async fn hang_up(evolux: &Evolux, uuid: &str, query: &str) -> Answer {
    evolux
        .client
        .post(&format!("/api/v1/calls/{uuid}/hangup{query}"), "")
        .await
}

#[tokio::test]
async fn a_call_is_accepted_without_an_id_and_found_in_the_report_once_over() {
    let evolux = Evolux::start().await;
    let answer = evolux.form(CALL, "from=john.snow&to=084999010101").await;
    assert_eq!((answer.status, answer.text()), (200, OK));
    assert_eq!(live(&evolux).await.values().next().unwrap()["state"], "ringing");
    evolux.pass(4).await;
    assert_eq!(live(&evolux).await.values().next().unwrap()["state"], "talking");
    assert!(
        outbound(&evolux).await.is_empty(),
        "the report lists no call that is going on"
    );
    evolux.pass(10).await;
    assert!(live(&evolux).await.is_empty());
    let [row] = outbound(&evolux).await.try_into().unwrap();
    assert_eq!(
        (&row["agent_id"], &row["agent_login"]),
        (&json!(149), &json!("john.snow"))
    );
    assert_eq!(
        (&row["caller_number"], &row["receiver_number"]),
        (&json!("3012"), &json!("84999010101"))
    );
    assert_eq!((&row["wait_duration"], &row["call_duration"]), (&json!(3), &json!(6)));
    let dialler = evolux
        .get("/api/v1/dialer/calls_history?start_date=2020-01-01&end_date=2099-01-01")
        .await
        .json();
    assert_eq!(
        dialler["data"],
        json!([]),
        "the dialler report knows campaign calls only"
    );
}

#[tokio::test]
async fn a_multipart_body_is_read_and_a_json_body_is_not() {
    let evolux = Evolux::start().await;
    let body = "--b\r\nContent-Disposition: form-data; name=\"from\"\r\n\r\nmaria.luz\r\n--b\r\n\
                Content-Disposition: form-data; name=\"to\"\r\n\r\n2122225555\r\n--b\r\n\
                Content-Disposition: form-data; name=\"call_info\"\r\n\r\n[{\"label\":\"CPF\"}]\r\n--b--\r\n";
    let client = evolux.client.with("content-type", "multipart/form-data; boundary=b");
    assert_eq!(client.post(CALL, body).await.text(), OK);
    let call = &evolux.ledger().await[0];
    assert_eq!(
        (&call["from"], &call["to"]),
        (&json!("maria.luz"), &json!(["2122225555"]))
    );
    assert_eq!(call["call_info"], r#"[{"label":"CPF"}]"#);
    let json_body = evolux
        .client
        .with("content-type", "application/json")
        .post(CALL, r#"{"to":"1","from":"2"}"#)
        .await;
    assert_eq!(json_body.json()["meta"]["message"], "Missing to param.");
}

#[tokio::test]
async fn what_a_request_lacks_is_named() {
    let evolux = Evolux::start().await;
    let refusal = async |body: &str| {
        let answer = evolux.form(CALL, body).await;
        assert_eq!(answer.status, 400);
        answer.json()["meta"]["message"].as_str().unwrap().to_owned()
    };
    assert_eq!(refusal("from=a").await, "Missing to param.");
    assert_eq!(refusal("to=1").await, "Missing from param.");
    let wrong = refusal("from=a&to=1&call_info=%7Bno").await;
    assert_eq!(
        wrong,
        "Json_string param must be a valid json string: No JSON object could be decoded"
    );
    assert_eq!(evolux.ledger().await, json!([]));
}

#[tokio::test]
async fn final_digits_choose_the_end_of_a_call() {
    for (to, ending, talked) in [
        ("84999990001", "Busy", false),
        ("84999990002", "No Answer", false),
        ("84999990003", "Call Rejected", false),
        ("84999990005", "Voicemail", true),
        ("84999990001,84999990009", "Caller Hangup", true),
    ] {
        let evolux = Evolux::start().await;
        evolux.form(CALL, &format!("from=john.snow&to={to}")).await;
        evolux.pass(60).await;
        let [row] = outbound(&evolux).await.try_into().unwrap();
        assert_eq!(
            (row["end_by_description"].as_str(), row["time_connect"] != ""),
            (Some(ending), talked),
            "{to}"
        );
    }
}

#[tokio::test]
async fn a_lost_reply_leaves_a_call_behind_and_a_refusal_does_not() {
    let evolux = Evolux::start().await;
    let lost = evolux.form(CALL, "from=john.snow&to=84999990004").await;
    assert_eq!((lost.status, lost.head.as_str()), (0, ""));
    let no_credit = evolux.form(CALL, "from=john.snow&to=84999990006").await;
    assert_eq!(
        (no_credit.status, no_credit.json()["meta"]["status"].clone()),
        (402, json!(402))
    );
    let limited = evolux.form(CALL, "from=john.snow&to=84999990007").await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("1")));
    let ledger = evolux.ledger().await;
    assert_eq!(
        (ledger.as_array().unwrap().len(), &ledger[0]["to"][0]),
        (1, &json!("84999990004"))
    );
}

#[tokio::test]
async fn a_fault_after_acting_leaves_a_call_behind_too() {
    let evolux = Evolux::start().await;
    evolux
        .steer(
            "/_sim/faults",
            json!({"method": "POST", "path": CALL, "times": 1, "effect": "close_after"}),
        )
        .await;
    assert_eq!(evolux.form(CALL, "from=john.snow&to=84999999999").await.status, 0);
    assert_eq!(evolux.ledger().await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_hang_up_that_skips_the_survey_ends_the_call_at_once_and_once() {
    let evolux = Evolux::start().await;
    let uuid = started(&evolux, "84999999999").await;
    assert!(uuid::Uuid::parse_str(&uuid).is_err());
    evolux.pass(4).await;
    let answer = hang_up(&evolux, &uuid, "?skip_survey=true").await;
    assert_eq!((answer.status, answer.text()), (200, OK));
    let again = hang_up(&evolux, &uuid, "?skip_survey=true").await;
    let not_found =
        r#"{"meta":{"status":404,"message":"Not found"},"errors":{"call_uuid":"This call does not exist"}}"#;
    assert_eq!((again.status, again.text()), (404, not_found));
    evolux.pass(1).await;
    let [row] = outbound(&evolux).await.try_into().unwrap();
    assert_eq!(
        (&row["end_by_description"], &row["uuid"]),
        (&json!("System Hangup"), &json!(uuid))
    );
}

#[tokio::test]
async fn a_hang_up_with_a_survey_takes_a_while() {
    let evolux = Evolux::start().await;
    let uuid = started(&evolux, "84999999999").await;
    evolux.pass(4).await;
    assert_eq!(hang_up(&evolux, &uuid, "").await.status, 200);
    assert_eq!(live(&evolux).await.len(), 1);
    evolux.pass(3).await;
    assert!(live(&evolux).await.is_empty());
}

#[tokio::test]
async fn a_call_hung_up_while_it_rings_was_not_talked() {
    let evolux = Evolux::start().await;
    let uuid = started(&evolux, "84999999999").await;
    assert_eq!(hang_up(&evolux, &uuid, "").await.status, 200);
    evolux.pass(2).await;
    let [row] = outbound(&evolux).await.try_into().unwrap();
    assert_eq!((&row["time_connect"], &row["call_duration"]), (&json!(""), &json!(0)));
}

#[tokio::test]
async fn a_transfer_names_a_leg() {
    let evolux = Evolux::start().await;
    let uuid = started(&evolux, "84999999999").await;
    let target = format!("/api/v1/calls/{uuid}/transfer");
    assert_eq!(
        evolux
            .client
            .post(&target, r#"{"destination_number":"1234"}"#)
            .await
            .text(),
        OK
    );
    assert_eq!(
        evolux
            .client
            .post(&target, r#"{"destination_number":"1235","leg":"aleg"}"#)
            .await
            .status,
        200
    );
    assert_eq!(
        evolux
            .client
            .post(&target, r#"{"destination_number":"1","leg":"x"}"#)
            .await
            .status,
        400
    );
    assert_eq!(evolux.client.post(&target, "{}").await.status, 400);
    assert_eq!(evolux.ledger().await[0]["transfers"], json!(["bleg:1234", "aleg:1235"]));
    let unknown = evolux
        .client
        .post("/api/v1/calls/none/transfer", r#"{"destination_number":"1"}"#)
        .await;
    assert_eq!(unknown.json()["errors"]["call_uuid"], "This call does not exist");
}

#[tokio::test]
async fn agents_on_line_are_a_map_and_an_unpaused_one_has_an_empty_object() {
    let evolux = Evolux::start().await;
    let map = evolux.get("/api/realtime/v1/queue").await.json();
    assert_eq!(
        map["data"]["agents"],
        json!({"149": {"pause": {}}, "150": {"pause": {}}})
    );
}
