//! Campaigns, whose subscribers the dialler calls when it likes.

use serde_json::{Value, json};

use super::Evolux;
use crate::wire::Answer;

const SUBSCRIBER: &str = "/api/v1/campaign/376/subscriber";

async fn remove(evolux: &Evolux, external_id: &str) -> Answer {
    let target = format!("/api/v1/remove_subscriber/376/subscriber/{external_id}?token=key");
    evolux.anonymous().send("DELETE", &target, "").await
}

async fn dialled(evolux: &Evolux) -> Vec<Value> {
    let query = "start_date=2020-01-01&end_date=2099-01-01&contact_status=both&campaign_id=376";
    let answer = evolux
        .get(&format!("/api/v1/dialer/calls_history?{query}"))
        .await
        .json();
    answer["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_creation_answers_201_over_a_meta_status_of_200() {
    let evolux = Evolux::start().await;
    let client = evolux.client.with("content-type", "application/json");
    let created = client.post("/api/v1/campaign", r#"{"name":"Nova"}"#).await;
    assert_eq!(
        (created.status, created.json()["meta"].clone()),
        (201, json!({"status": 200, "message": "Created"}))
    );
    let id = created.json()["data"]["id"].as_u64().unwrap();
    let added = evolux
        .form(&format!("/api/v1/campaign/{id}/subscriber"), "number=84999999999")
        .await;
    assert_eq!(added.status, 201);
    assert_eq!(client.post("/api/v1/campaign", "{}").await.status, 400);
}

#[tokio::test]
async fn a_subscriber_is_dialled_and_shows_in_the_dialler_report() {
    let evolux = Evolux::start().await;
    let added = evolux
        .form(
            SUBSCRIBER,
            "name=Hulk&external_id=A1&number=84999999999&custom_plan=gold",
        )
        .await;
    assert_eq!(added.status, 201);
    evolux.pass(60).await;
    let [row] = dialled(&evolux).await.try_into().unwrap();
    assert_eq!(
        row["subscriber"],
        json!({"external_id": "A1", "number": "84999999999", "name": "Hulk"})
    );
    assert_eq!(
        (&row["custom_fields"], &row["talking_duration"]),
        (&json!({"plan": "gold"}), &json!(6))
    );
    assert_eq!(evolux.form(SUBSCRIBER, "name=x").await.status, 400);
    assert_eq!(
        evolux
            .form("/api/v1/campaign/1/subscriber", "number=84999999999")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_subscriber_who_is_being_called_cannot_be_removed() {
    let evolux = Evolux::start().await;
    evolux.form(SUBSCRIBER, "external_id=A1&number=84999999999").await;
    evolux.form(SUBSCRIBER, "external_id=A2&number=84999999998").await;
    let removed = remove(&evolux, "A2").await;
    assert_eq!(
        (removed.status, removed.json()["meta"]["message"].clone()),
        (200, json!("The subscriber was successfully removed"))
    );
    assert_eq!(
        remove(&evolux, "A2").await.json()["meta"]["message"],
        "Subscriber not found."
    );
    evolux.pass(3).await;
    let busy = remove(&evolux, "A1").await;
    assert_eq!(
        (busy.status, busy.json()["meta"]["message"].clone()),
        (422, json!("Subscriber is busy with status: Calling"))
    );
    evolux.pass(3).await;
    assert_eq!(
        remove(&evolux, "A1").await.json()["meta"]["message"],
        "Subscriber is busy with status: Talking"
    );
    evolux.pass(60).await;
    assert_eq!(remove(&evolux, "A1").await.status, 200);
    assert_eq!(dialled(&evolux).await.len(), 1, "a call made stays in the report");
}

#[tokio::test]
async fn an_import_is_a_task_to_look_at_later() {
    let evolux = Evolux::start().await;
    let csv = "\"id\",\"external_id\",\"name\",\"status\",\"outcome\",\"number1\",\"comments\"\n\
               ,B1,Ana,Pending,-,84999990001,\n,B2,Rui,Pending,-,84999999999,\n";
    let accepted = evolux
        .client
        .with("content-type", "text/csv")
        .post("/api/v1/campaign/376/subscribers/tasks", csv)
        .await;
    assert_eq!(accepted.status, 202);
    let link = accepted.json()["data"]["link"].as_str().unwrap().to_owned();
    let path = link
        .strip_prefix("http://172.16.7.33")
        .expect("a link to an internal host");
    assert_eq!(evolux.get(path).await.json()["data"]["subscribers"], 2);
    evolux.pass(60).await;
    let rows = dialled(&evolux).await;
    let outcome = |external_id: &str| {
        let row = rows
            .iter()
            .find(|row| row["subscriber"]["external_id"] == external_id)
            .unwrap();
        (
            row["hangup_cause"].as_str().unwrap().to_owned(),
            row["outcome"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(
        outcome("B1"),
        ("User busy".to_owned(), "Assinante não atendeu".to_owned())
    );
    assert_eq!(outcome("B2"), ("Normal clearing".to_owned(), "-".to_owned()));
    assert_eq!(
        evolux
            .client
            .post("/api/v1/campaign/376/subscribers/tasks", csv)
            .await
            .status,
        415
    );
}
