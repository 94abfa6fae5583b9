//! Walks at random: two gateways over one Redis, killed and flushed between pages, half a thousand rows a second coming in.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use switchboard::simulators::faults::{Effect, Rule};
use switchboard::simulators::zenvia::Zenvia;
use switchboard::simulators::zenvia::history::Past;
use tokio::sync::RwLock;

use crate::bed::redis::Server;
use crate::bed::{Client, Home, Process, Providers, ZENVIA};

/// How many walks go on at once over one site.
const WALKS: u64 = 8;
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

/// Two gateways over one Redis, and what they read.
struct Site {
    providers: Providers,
    redis: Server,
    home: Home,
    /// Whoever asks for a page reads; whoever kills a gateway or hurts a provider writes, and so does it between the pages.
    gateways: RwLock<[(Process, Client); 2]>,
}

impl Site {
    async fn start() -> Self {
        let providers = Providers::start().await;
        let redis = Server::start();
        let home = Home::on(&redis.url(), &providers);
        for number in 0..ROWS {
            providers.zenvia.app().remember(&past(600 + number * 30, number));
        }
        let gateways = RwLock::new([gateway(&home), gateway(&home)]);
        Self {
            providers,
            redis,
            home,
            gateways,
        }
    }

    async fn page(&self, gateway: usize, path: &str) -> Value {
        let gateways = self.gateways.read().await;
        gateways[gateway].1.get(path).await.expect(200).body.clone()
    }

    /// What may happen between two pages.
    async fn happen(&self, dice: &mut Dice, path: &str) {
        match dice.below(20) {
            0 if dice.below(2) == 0 => {
                let mut gateways = self.gateways.write().await;
                let killed = dice.below(2);
                gateways[killed].0.kill();
                gateways[killed] = gateway(&self.home);
            }
            1 => {
                self.redis.ask(&["FLUSHALL"]);
            }
            2 => {
                let gateways = self.gateways.write().await;
                let faults = &self.providers.zenvia.control().faults;
                faults.add(Rule {
                    method: None,
                    path: "/tts".to_owned(),
                    skip: 0,
                    times: None,
                    effect: Effect::Html,
                });
                let answer = gateways[dice.below(2)].1.get(path).await;
                assert!(answer.status == 200 || answer.status == 503, "{}", answer.body);
                if answer.status == 503 {
                    answer.expect_problem(503, "source-unavailable");
                }
                faults.clear();
            }
            3 => {
                let at = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(2)).to_string();
                let row = json!({ "dialer": [{ "start_time": at, "subscriber": { "number": "8433330000" } }] });
                let evolux = Providers::controls(&self.providers.evolux.url());
                evolux.post("/rows", row).await;
            }
            _ => {}
        }
    }

    /// Walks once, every page as chance has it.
    async fn walk(&self, seed: u64) {
        let mut dice = Dice(seed);
        for _ in 0..4 {
            dice.below(2);
        }
        let account = ["", "&account=zenvia-br"][dice.below(2)];
        let since = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(3)).to_string();
        let base = format!("/history?since={since}&until=today{account}");
        let there = listed(&app_rows(&self.providers).await, &since);
        let most = [20, 80, 200][dice.below(3)];
        let mut path = format!("{base}&limit={}", 1 + dice.below(most));
        let mut rows: Vec<Value> = Vec::new();
        loop {
            let page = self.page(dice.below(2), &path).await;
            rows.extend(page["data"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            assert!(cursor.len() <= 512);
            path = format!("{base}&limit={}&cursor={cursor}", 1 + dice.below(most));
            self.happen(&mut dice, &path).await;
        }
        let places: Vec<_> = rows.iter().map(key).collect();
        assert!(
            places.windows(2).all(|pair| pair[0] > pair[1]),
            "walk {seed}: in order, each once"
        );
        let given: BTreeSet<String> = rows
            .iter()
            .filter(|row| row["account"] == ZENVIA)
            .map(|row| row["provider_ref"]["id"].as_str().unwrap().to_owned())
            .collect();
        let missing: Vec<_> = there.difference(&given).collect();
        assert!(missing.is_empty(), "walk {seed} lacks {missing:?}");
    }

    /// Every record's identifier, read in pages of this size from the gateways in turns.
    async fn sequence(&self, base: &str, limit: usize) -> Vec<String> {
        let mut ids = Vec::new();
        let mut path = format!("{base}&limit={limit}");
        for turn in 0.. {
            let page = self.page(turn % 2, &path).await;
            let data = page["data"].as_array().unwrap();
            ids.extend(data.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            path = format!("{base}&limit={limit}&cursor={cursor}");
        }
        ids
    }
}

fn gateway(home: &Home) -> (Process, Client) {
    let process = Process::start(home);
    let client = home.client(process.address, "acme");
    (process, client)
}

/// How many walks there are: `SWITCHBOARD_WALKS`, else as many as one site has.
fn walks() -> u64 {
    std::env::var("SWITCHBOARD_WALKS").map_or(WALKS, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_there_from_the_beginning_come_once_and_in_order_whatever_happens_between_the_pages() {
    let walks = walks();
    for first in (0..walks).step_by(WALKS as usize) {
        // The lists of one site grow while it is walked, so every few walks have their own.
        let site = Site::start().await;
        let stop = Arc::new(AtomicBool::new(false));
        let inserting = insert_for_ever(Arc::clone(site.providers.zenvia.app()), Arc::clone(&stop));
        let seeds = first..walks.min(first + WALKS);
        join_all(seeds.map(|seed| site.walk(seed))).await;
        stop.store(true, Ordering::Relaxed);
        inserting.await.unwrap();
    }
    println!(
        "{walks} walks: no row lost, doubled or out of order (95 %: below {:.2} % of walks)",
        300.0 / walks as f64
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_every_size_side_by_side_give_the_same_sequence() {
    let site = Site::start().await;
    let since = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(3)).to_string();
    let base = format!("/history?since={since}&until=today");
    let sizes = [1, 7, 50, 200, 500];
    let sequences = join_all(sizes.map(|limit| site.sequence(&base, limit))).await;
    assert!(sequences[0].len() >= ROWS as usize, "{}", sequences[0].len());
    for (limit, sequence) in sizes.iter().zip(&sequences) {
        assert!(*sequence == sequences[0], "pages of {limit}");
    }
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
