//! Two gateways over one Redis are one gateway.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use switchboard::simulators::zenvia;

use crate::bed::{Client, Providers};
use crate::site::{Pair, code, dials, number, say, verification};

/// How many rows of history there are, a few at the same second.
const ROWS: usize = 60;

#[tokio::test]
async fn a_call_of_one_is_read_waited_for_and_listed_at_the_other() {
    let pair = Pair::start().await;
    pair.providers.tell(&pair.home, pair.a.address).await;
    let (a, b) = pair.clients();
    let call = a.post("/calls", say(&number(0))).await;
    let path = format!("/calls/{}", call.expect(201).id());
    let read = b.get(&path).await;
    assert_eq!(read.expect(200).body["created_at"], call.body["created_at"]);
    let news = b.ask(Method::GET, &path).header("prefer", "wait=10").answer().await;
    assert_ne!(news.expect(200).body["status"], "queued");
    let ended = b.ended(&call.id()).await;
    assert_eq!(ended["status"], "completed");
    assert_eq!(b.get("/calls").await.body["data"], json!([ended]));
    assert_eq!(a.get(&path).await.body, ended);
}

#[tokio::test]
async fn a_verification_of_one_is_checked_at_the_other_and_approved_once() {
    let pair = Pair::start().await;
    let (a, b) = pair.clients();
    let started = a.post("/verifications", verification(&number(0))).await;
    let path = format!("/verifications/{}", started.expect(201).id());
    assert_eq!(b.get(&path).await.expect(200).body, started.body);
    let code = json!({ "code": code(&pair.providers.zenvia, &number(0)) });
    let checked = b.post(&format!("{path}/check"), code.clone()).await;
    assert_eq!(checked.expect(200).body["valid"], true);
    a.post(&format!("{path}/check"), code)
        .await
        .expect_problem(409, "verification-closed");
}

#[tokio::test]
async fn a_key_used_at_one_is_replayed_at_the_other() {
    let pair = Pair::start().await;
    let (a, b) = pair.clients();
    let ask = |client: &Client| client.ask(Method::POST, "/calls").key("order-7").json(&say(&number(0)));
    let first = ask(&a).answer().await;
    let again = ask(&b).answer().await;
    assert_eq!(
        (again.expect(201).id(), again.header("location")),
        (first.expect(201).id(), first.header("location"))
    );
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    assert_eq!(dials(&pair.providers.zenvia)[&number(0)], 1);
}

#[tokio::test]
async fn webhooks_sent_to_one_settle_calls_of_the_other_even_of_a_dead_one() {
    let mut pair = Pair::start().await;
    pair.providers.tell(&pair.home, pair.b.address).await;
    let (a, b) = pair.clients();
    let call = a.post("/calls", say(&number(0))).await;
    assert_eq!(a.ended(&call.expect(201).id()).await["settled_by"], "webhook");
    let orphan = a.post("/calls", say(&number(1))).await;
    pair.a.kill();
    assert_eq!(b.ended(&orphan.expect(201).id()).await["settled_by"], "webhook");
}

#[tokio::test]
async fn a_walk_through_the_history_changes_gateways_at_every_page() {
    let pair = Pair::start().await;
    let listed = seed(&pair.providers.zenvia).await;
    let (a, b) = pair.clients();
    let mut walked: Vec<Value> = Vec::new();
    let mut path = "/history?account=zenvia-br&since=yesterday&limit=7".to_owned();
    for client in [&a, &b].into_iter().cycle() {
        let page = client.get(&path).await;
        walked.extend(page.expect(200).body["data"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page.body["next_cursor"].as_str() else {
            break;
        };
        path = format!("/history?account=zenvia-br&since=yesterday&limit=7&cursor={cursor}");
        // What is dialled during a walk is no part of it.
        client.post("/calls", say(&number(walked.len()))).await.expect(201);
    }
    let references: Vec<_> = walked
        .iter()
        .map(|row| row["provider_ref"]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(references.len(), ROWS, "no row twice");
    assert_eq!(references.into_iter().collect::<BTreeSet<_>>(), listed, "no row lost");
    let place = |row: &Value| {
        (
            row["created_at"].as_str().unwrap().to_owned(),
            row["id"].as_str().unwrap().to_owned(),
        )
    };
    assert!(
        walked.windows(2).all(|pair| place(&pair[0]) > place(&pair[1])),
        "newest first"
    );
    assert!(!pair.providers.zenvia.dials().is_empty());
}

/// Makes rows of calls and torpedoes in the last hours; returns their ids.
async fn seed(zenvia: &zenvia::Handle) -> BTreeSet<String> {
    let now = jiff::Timestamp::now();
    let rows = (0..ROWS).map(|n| {
        let created = now - jiff::SignedDuration::from_mins(5 + (n as i64 / 3));
        let resource = ["chamada", "tts", "audio"][n % 3];
        json!({ "resource": resource, "created": created.to_string(), "to": format!("1198{n:07}"), "talked": n })
    });
    let rows = json!({ "rows": rows.collect::<Vec<_>>() });
    let made = Providers::controls(&zenvia.url()).post("/rows", rows).await;
    let ids = made.expect(200).body["ids"]
        .as_array()
        .unwrap()
        .iter()
        .map(ToString::to_string);
    ids.collect()
}
