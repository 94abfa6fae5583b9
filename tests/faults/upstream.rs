//! Providers that fail: they are left alone, found again, and harm nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::{Value, json};
use switchboard::simulators::faults::{Answer as FaultyAnswer, Effect, Rule};
use tokio::net::TcpListener;

use crate::bed::{Client, Home, Providers, ZENVIA, eventually};
use crate::site::{number, say, verification};

/// The breaker as it is by default; the bed's is one that never opens.
const DEFAULT: &str = "breaker = { error_ratio = 0.5, min_requests = 20, window_seconds = 30, open_seconds = 15 }";

fn with_default_breaker(home: &mut Home) {
    home.lay_over(&format!("[accounts.{ZENVIA}]\n{DEFAULT}\n"));
}

/// Has every `POST /tts` fail; nothing is done.
fn break_speech(providers: &Providers) {
    providers.zenvia.control().faults.add(Rule {
        method: Some("POST".into()),
        path: "/tts".into(),
        skip: 0,
        times: None,
        effect: Effect::Status(FaultyAnswer {
            code: 500,
            body: None,
            headers: [].into(),
            acts: false,
        }),
    });
}

/// How often speech was asked for.
fn asked(providers: &Providers) -> u64 {
    let route = ("POST".to_owned(), "/tts".to_owned());
    providers
        .zenvia
        .control()
        .requests()
        .get(&route)
        .copied()
        .unwrap_or_default()
}

async fn health(acme: &Client) -> Value {
    let accounts = acme.get("/accounts").await;
    let accounts = accounts.expect(200).body["data"].as_array().unwrap().clone();
    let own = accounts.into_iter().find(|account| account["account"] == ZENVIA);
    own.unwrap()["health"].clone()
}

async fn told(acme: &Client) -> Vec<Value> {
    let events = acme.get("/events?types=account.*").await;
    let events = events.expect(200).body["data"].as_array().unwrap().clone();
    events.into_iter().map(|event| event["type"].clone()).collect()
}

#[tokio::test]
async fn a_provider_that_keeps_failing_is_left_alone_told_of_and_found_again() {
    let providers = Providers::start().await;
    let mut home = Home::embedded(&providers);
    with_default_breaker(&mut home);
    let app = home.run().await;
    let acme = home.client(app.address, "acme");
    acme.post("/calls", say(&number(0))).await.expect(201);
    break_speech(&providers);
    for n in 1..=5 {
        acme.post("/calls", say(&number(n))).await.expect(202);
    }
    let before = asked(&providers);
    for n in 6..=50 {
        let refused = acme.post("/calls", say(&number(n))).await;
        if asked(&providers) > before {
            break; // A second is over, and this was the probe.
        }
        refused.expect_problem(503, "provider-unavailable");
        assert!(refused.header("retry-after").is_some());
    }
    assert!(asked(&providers) <= before + 1, "{} after {before}", asked(&providers));
    assert_ne!(health(&acme).await["status"], "healthy");
    assert_eq!(health(&acme).await["failing"], json!(["POST /tts"]));
    let dry = acme.post("/verifications?dry_run=true", verification(&number(0))).await;
    assert_eq!(
        dry.expect(200).body["routing"]["account"],
        ZENVIA,
        "another operation is another matter"
    );
    eventually("it is told", async || (!told(&acme).await.is_empty()).then_some(())).await;

    providers.zenvia.control().faults.clear();
    let mut n = 100;
    eventually("it is found to work again", async || {
        n += 1;
        let answer = acme.post("/calls", say(&number(n))).await;
        (answer.status == 201).then_some(())
    })
    .await;
    assert_eq!(health(&acme).await["status"], "healthy");
    let both = [json!("account.unhealthy"), json!("account.healthy")];
    eventually("that is told, too", async || (told(&acme).await == both).then_some(())).await;
}

/// A server that takes connections and requests and never answers; tells how many it ever had.
async fn blackhole() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            open.push(stream);
        }
    });
    (url, connections)
}

#[tokio::test]
async fn a_provider_that_says_nothing_harms_no_other() {
    const TO_THE_DEAD: usize = 600;
    const TO_THE_LIVING: usize = 300;
    const PLACES: usize = 32;
    let providers = Providers::start().await;
    let (url, connections) = blackhole().await;
    let mut home = Home::embedded(&providers);
    home.add_zenvia("dead", &url);
    home.lay_over(&format!(
        "[accounts.dead]\nconcurrent = {PLACES}\ntimeout_ms = 3000\n{DEFAULT}\n"
    ));
    let app = home.run().await;
    let acme = home.client(app.address, "acme");
    let dead = join_all((0..TO_THE_DEAD).map(async |n| {
        let mut call = say(&number(n));
        call["account"] = json!("dead");
        let answer = acme.post("/calls", call).await;
        if answer.status == 503 {
            assert!(answer.header("retry-after").is_some(), "{}", answer.body);
        }
        answer.status
    }));
    let living = join_all((0..TO_THE_LIVING).map(async |n| {
        let answer = acme.post("/verifications", verification(&number(n))).await;
        answer.expect(201).status
    }));
    let (dead, living) = tokio::join!(dead, living);
    let lost = dead.iter().filter(|status| **status == 202).count();
    println!(
        "{lost} of {TO_THE_DEAD} were sent and lost; {} of {TO_THE_LIVING} to the other were taken",
        living.len()
    );
    assert!(dead.iter().all(|status| [202, 503].contains(status)), "{dead:?}");
    assert!(lost <= PLACES && connections.load(Ordering::SeqCst) <= PLACES, "{lost}");
}

#[tokio::test]
async fn what_a_request_waits_for_is_cut_off_with_it() {
    let providers = Providers::start().await;
    let (url, _) = blackhole().await;
    let mut home = Home::embedded(&providers);
    home.add_zenvia("dead", &url);
    home.lay_over("[server]\nrequest_timeout_ms = 3000\n[accounts.dead]\ntimeout_ms = 5000\n");
    let app = home.run().await;
    let mut call = say(&number(0));
    call["account"] = json!("dead");
    // Five seconds are the provider's; the request has three.
    let answer = home.client(app.address, "acme").post("/calls", call).await;
    assert_eq!(answer.expect(202).body["status"], "unknown");
}
