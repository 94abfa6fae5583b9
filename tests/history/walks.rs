//! Walks at random: two gateways over one Redis, killed and flushed between pages, half a thousand rows a second coming in.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use switchboard::simulators::faults::{Effect, Rule};
use switchboard::simulators::zenvia::Zenvia;
use switchboard::simulators::zenvia::history::Past;

use crate::bed::redis::Server;
use crate::bed::{Home, Process, Providers, ZENVIA};

const WALKS: usize = 8;
/// How many rows come in while it is walked, 500 a second.
const INSERTED: i64 = 4_000;
const ROWS: i64 = 240;

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

fn past(seconds_ago: i64, number: i64) -> Past {
    let created = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds_ago);
    // Several rows share an instant.
    let created = jiff::Timestamp::from_second(created.as_second() / 20 * 20).unwrap();
    let resource = ["chamada", "tts", "audio"][number as usize % 3];
    let row = json!({
        "resource": resource,
        "created": created.to_string(),
        "to": format!("1198{number:07}"),
        "talked": number % 7,
    });
    serde_json::from_value(row).unwrap()
}

/// Lists rows, old and new, 500 a second until it is told to stop.
fn insert_for_ever(app: Arc<Zenvia>, stop: Arc<AtomicBool>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) && number < INSERTED {
            for _ in 0..5 {
                number += 1;
                // Some of them are dated back into the walk's window.
                app.remember(&past(if number % 4 == 0 { 60 + number % 9_000 } else { 0 }, number));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
}

fn key(row: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&row["created_at"]), text(&row["id"]))
}

#[tokio::test]
async fn rows_there_from_the_beginning_come_once_and_in_order_whatever_happens_between_the_pages() {
    let providers = Providers::start().await;
    let redis = Server::start();
    let home = Home::on(&redis.url(), &providers);
    let mut gateways = [Process::start(&home), Process::start(&home)];
    let app = providers.zenvia.app();
    let evolux = Providers::controls(&providers.evolux.url());
    for number in 0..ROWS {
        app.remember(&past(600 + number * 30, number));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let inserting = insert_for_ever(Arc::clone(app), Arc::clone(&stop));
    let mut dice = Dice(11);
    for round in 0..WALKS {
        let account = ["", "&account=zenvia-br"][dice.below(2)];
        let since = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(3)).to_string();
        let base = format!("/history?since={since}&until=today{account}");
        let there = listed(&app_rows(&providers).await, &since);
        let most = [20, 80, 200][dice.below(3)];
        let mut path = format!("{base}&limit={}", 1 + dice.below(most));
        let mut rows: Vec<Value> = Vec::new();
        for page_number in 0.. {
            let gateway = &gateways[dice.below(2)];
            let client = home.client(gateway.address, "acme");
            let page = client.get(&path).await;
            let page = page.expect(200);
            rows.extend(page.body["data"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page.body["next_cursor"].as_str() else {
                break;
            };
            assert!(cursor.len() <= 512);
            path = format!("{base}&limit={}&cursor={cursor}", 1 + dice.below(most));
            match dice.below(20) {
                0 if round % 2 == 0 && page_number < 40 => {
                    let killed = dice.below(2);
                    gateways[killed].kill();
                    gateways[killed] = Process::start(&home);
                }
                1 => {
                    redis.ask(&["FLUSHALL"]);
                }
                2 => {
                    let faults = &providers.zenvia.control().faults;
                    faults.add(Rule {
                        method: None,
                        path: "/tts".to_owned(),
                        skip: 0,
                        times: None,
                        effect: Effect::Html,
                    });
                    let answer = client.get(&path).await;
                    assert!(answer.status == 200 || answer.status == 503, "{}", answer.body);
                    if answer.status == 503 {
                        answer.expect_problem(503, "source-unavailable");
                    }
                    faults.clear();
                }
                3 => {
                    let row = json!({ "dialer": [{ "start_time": since, "subscriber": { "number": "8433330000" } }] });
                    evolux.post("/rows", row).await;
                }
                _ => {}
            }
        }
        let places: Vec<_> = rows.iter().map(key).collect();
        assert!(places.windows(2).all(|pair| pair[0] > pair[1]), "in order, each once");
        let given: BTreeSet<String> = rows
            .iter()
            .filter(|row| row["account"] == ZENVIA)
            .map(|row| row["provider_ref"]["id"].as_str().unwrap().to_owned())
            .collect();
        let missing: Vec<_> = there.difference(&given).collect();
        assert!(missing.is_empty(), "walk {round} lacks {missing:?}");
    }
    stop.store(true, Ordering::Relaxed);
    inserting.await.unwrap();
}

/// What the simulator lists now, of all that is walked.
async fn app_rows(providers: &Providers) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for report in ["chamada", "tts", "audio"] {
        for position in (0..).step_by(200) {
            let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::get("America/Sao_Paulo").unwrap());
            let first = today.yesterday().unwrap().date();
            let url = format!(
                "{}/{report}/relatorio?data_inicio={first}&data_fim={}&posicao={position}&limite=200",
                providers.zenvia.url(),
                today.date()
            );
            let answer = crate::bed::http()
                .get(url)
                .header("access-token", crate::bed::PROVIDER_TOKEN)
                .send()
                .await;
            let body: Value = answer.unwrap().json().await.unwrap();
            let page = body["dados"]["relatorio"].as_array().unwrap().clone();
            for row in &page {
                let created = row["data_criacao"].as_str().unwrap().to_owned();
                rows.push((row["id"].to_string(), created));
            }
            if page.len() < 200 {
                break;
            }
        }
    }
    rows
}

/// The rows that a walk begun now must give.
fn listed(rows: &[(String, String)], since: &str) -> BTreeSet<String> {
    let since: jiff::Timestamp = since.parse().unwrap();
    let inside = rows.iter().filter(|(_, created)| {
        let created: jiff::Timestamp = created.parse().unwrap();
        created >= since
    });
    inside.map(|(id, _)| id.clone()).collect()
}
