//! Calls whose answer was lost come to their true end although no webhook ever comes.

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};

use crate::bed::redis::Server;
use crate::bed::{Client, Home, Process, Providers};
use crate::site::{dials, number, say};

/// How soon after the loss: the first question is asked 2 s after it, and what is listed then settles it.
const SETTLED_WITHIN: Duration = Duration::from_secs(7);
/// How soon after the death of the gateway that looked after it: its lease is over, and another asks.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(12);

fn agent(to: &str) -> Value {
    json!({ "to": "agent:john.snow", "actions": [{ "type": "connect", "to": to }] })
}

/// A phone joined with another, whose number decides the call's fate.
fn join(to: &str) -> Value {
    json!({ "to": "+5511988881234", "actions": [{ "type": "connect", "to": to }] })
}

/// The call once a question settled it, and how long that took.
async fn settled(client: &Client, id: &str) -> (Value, Duration) {
    let began = Instant::now();
    let ended = client.ended(id).await;
    assert_eq!(
        (&ended["status"], &ended["settled_by"]),
        (&json!("completed"), &json!("poll")),
        "{ended}"
    );
    assert!(ended["provider_ref"]["id"].is_string(), "{ended}");
    (ended, began.elapsed())
}

#[rstest]
#[case::spoken(say("+5511988880004"))]
#[case::joined(join("+551130030004"))]
#[case::by_an_agent(agent("+5584988880004"))]
#[tokio::test]
async fn a_call_whose_answer_was_lost_is_settled_by_the_report_alone(#[case] body: Value) {
    let providers = Providers::start().await;
    let home = Home::embedded(&providers);
    let app = home.run().await;
    let acme = home.client(app.address, "acme");
    let lost = acme.post("/calls", body).await;
    assert_eq!(lost.expect(202).body["status"], "unknown");
    let (_, took) = settled(&acme, &lost.id()).await;
    println!("settled by the report {took:?} after its answer was lost");
    assert!(took < SETTLED_WITHIN, "{took:?}");
    let evolux = Providers::controls(&providers.evolux.url()).get("/calls").await;
    let placed = providers.zenvia.dials().len() + evolux.expect(200).body.as_array().unwrap().len();
    assert_eq!(placed, 1, "it was placed once");
}

#[tokio::test]
async fn a_call_that_evolux_took_without_a_name_is_found_and_followed() {
    let providers = Providers::start().await;
    let home = Home::embedded(&providers);
    let app = home.run().await;
    let acme = home.client(app.address, "acme");
    let taken = acme.post("/calls", agent("+5584988881234")).await;
    assert_eq!(
        (&taken.expect(201).body["status"], &taken.body["provider_ref"]),
        (&json!("queued"), &Value::Null)
    );
    let (ended, _) = settled(&acme, &taken.id()).await;
    assert_eq!(ended["attempts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn another_gateway_settles_what_a_dead_one_left() {
    let providers = Providers::start().await;
    let redis = Server::start();
    let home = Home::on(&redis.url(), &providers);
    let mut first = Process::start(&home);
    let acme = home.client(first.address, "acme");
    // The first gateway has looked after calls before it dies.
    let known = acme.post("/calls", say("+5511977770004")).await;
    settled(&acme, &known.expect(202).id()).await;
    let second = Process::start(&home);
    let lost = acme.post("/calls", say("+5511988880004")).await;
    let live = acme.post("/calls", say(&number(0))).await;
    first.kill();
    let acme = home.client(second.address, "acme");
    let (_, took) = settled(&acme, &lost.expect(202).id()).await;
    println!("settled by the next gateway {took:?} after the first was killed");
    assert!(took < TAKEN_OVER_WITHIN, "{took:?}");
    let kept = acme.get(&format!("/calls/{}", live.expect(201).id())).await;
    assert_eq!(kept.expect(200).body["provider_ref"], live.body["provider_ref"]);
    assert!(dials(&providers.zenvia).values().all(|dialled| *dialled == 1));
}
