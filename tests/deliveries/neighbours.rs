//! A receiver that never answers is a neighbour like any other.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::bed::{Home, Providers, Reaction, Receiver, ZENVIA, eventually, http};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
/// How many receivers answer.
const HEALTHY: usize = 10;
/// How many events there are, and how long after each other.
const NEWS: (usize, Duration) = (200, Duration::from_millis(20));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hangs_keeps_nothing_from_the_others() {
    let hangs = Receiver::start(|_| Reaction::Hang).await;
    let mut healthy = Vec::new();
    let providers = Providers::start().await;
    let mut home = Home::embedded(&providers);
    home.subscribe("hangs", "acme", (&hangs.url, &[SECRET]));
    for index in 0..HEALTHY {
        let receiver = Receiver::start(|_| Reaction::Status(204)).await;
        home.subscribe(&format!("healthy-{index}"), "acme", (&receiver.url, &[SECRET]));
        healthy.push(receiver);
    }
    let gateway = home.run().await;
    let url = home.hook(gateway.address, ZENVIA, Some("sms-reply"));
    let (count, pause) = NEWS;
    let mut sent = HashMap::new();
    let mut ticks = tokio::time::interval(pause);
    for id in 0..count {
        ticks.tick().await;
        sent.insert(id.to_string(), Instant::now());
        let body = json!({ "id": id, "sms_id": id, "resposta": "ok" }).to_string();
        assert_eq!(http().post(&url).body(body).send().await.unwrap().status(), 200);
    }
    let mut waits = Vec::new();
    for receiver in &healthy {
        let letters = eventually("a healthy receiver has all", async || {
            (receiver.taken("sms.reply").len() == count).then(|| receiver.got())
        })
        .await;
        waits.extend(letters.iter().map(|letter| {
            let subject = letter.json()["subject"].as_str().unwrap().to_owned();
            letter.at.duration_since(sent[&subject])
        }));
    }
    assert!(!hangs.got().is_empty() && hangs.taken("sms.reply").is_empty());
    waits.sort();
    let at = |share: usize| waits[(waits.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    println!(
        "{HEALTHY} receivers beside one that hangs, {count} events: webhook to delivery p50 {:.1} ms, p99 {:.1} ms",
        at(50),
        at(99)
    );
    gateway.stop().await;
}
