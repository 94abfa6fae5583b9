//! Two gateways over one Redis, what their providers list, and what may happen to all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use switchboard::simulators::faults::{Effect, Rule};
use switchboard::simulators::zenvia::history::Past;
use switchboard::simulators::zenvia::{Knobs, Zenvia};
use tokio::sync::RwLock;

use crate::bed::redis::Server;
use crate::bed::{Answer, Client, Home, Process, Providers};
use crate::tide::Tide;

/// How many rows an account starts with.
pub const ROWS: i64 = 480;
/// The dialler's rows.
const DIALLED: i64 = 60;
/// The reports that rows come into, in turns: the first has several pages.
const REPORTS: [&str; 6] = ["chamada", "chamada", "chamada", "chamada", "tts", "audio"];
/// How many keys a ring may hold.
const RING: u64 = 5;
/// What is told of a page that is refused because a source fails.
const A_SOURCE_AWAY: &str = "refusals, a source being away";
/// How often a page is asked for that is refused.
const AGAIN: usize = 50;

/// Chance that can be had again.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        let mut dice = Self(seed);
        for _ in 0..4 {
            dice.below(2);
        }
        dice
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// A gateway and whoever asks it.
type Gateway = (Process, Client);

/// Two gateways over one Redis, and what they read.
pub struct Site {
    pub providers: Providers,
    redis: Server,
    home: Home,
    /// Whoever asks for a page reads; whoever kills a gateway or hurts a provider writes, and so does it between the pages.
    gateways: RwLock<[Gateway; 2]>,
    /// How often a key was put first in the ring.
    rotated: AtomicU64,
    /// The rows at Zenvia that it starts with and keeps.
    rows: Vec<Listed>,
    /// The rows that come in and go.
    pub tide: Tide,
    /// What happened, and how often.
    pub told: Mutex<BTreeMap<&'static str, u64>>,
}

impl Site {
    pub async fn start() -> Self {
        Self::of(ROWS).await
    }

    /// One with so many rows at Zenvia.
    pub async fn of(rows: i64) -> Self {
        let providers = Providers::start().await;
        let redis = Server::start();
        let mut home = Home::on(&redis.url(), &providers);
        home.lay_over(&ring(home.path(), 0));
        let rows = (0..rows).map(|number| list(providers.zenvia.app(), (600 + number * 9_000 / rows, number)));
        let rows = rows.collect();
        let dialled = (0..DIALLED).map(|number| dialled(Some(1_000_000 + number), 700 + number * 120));
        dial(&providers, dialled.collect()).await;
        let gateways = RwLock::new([gateway(&home), gateway(&home)]);
        Self {
            tide: Tide::new(&providers),
            providers,
            redis,
            home,
            gateways,
            rotated: AtomicU64::new(0),
            rows,
            told: Mutex::default(),
        }
    }

    /// A page of one of the gateways.
    pub async fn page(&self, gateway: usize, path: &str) -> Value {
        self.tell("pages");
        let gateways = self.gateways.read().await;
        self.asked(&gateways[gateway], path).await
    }

    /// A page; where a store or a source is too slow for one, on a machine that does much else, it is asked for again.
    async fn asked(&self, (_, client): &Gateway, path: &str) -> Value {
        for _ in 0..AGAIN {
            let answer = client.get(path).await;
            match refusal(&answer) {
                None => return answer.body,
                Some(refusal) => self.tell(refusal),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no page is ever given");
    }

    /// Ends a gateway with SIGKILL and starts another in its place.
    pub async fn kill(&self, killed: usize) {
        self.tell("kills");
        let mut gateways = self.gateways.write().await;
        gateways[killed].0.kill();
        gateways[killed] = gateway(&self.home);
    }

    /// Has the reports at Zenvia hide from now on that rows went away, which nobody can notice then.
    pub fn hide_removals(&self) {
        self.providers.zenvia.app().set_knobs(Knobs {
            report_hides_removals: true,
            ..Knobs::default()
        });
    }

    /// Takes everything out of the store.
    pub fn flush(&self) {
        self.tell("flushes");
        self.redis.ask(&["FLUSHALL"]);
    }

    /// Puts a new key first in the ring, before the ones that were there, and starts both gateways with it; nothing where
    /// the ring is full.
    pub async fn rotate(&self) {
        let mut gateways = self.gateways.write().await;
        let newest = self.rotated.load(Ordering::Relaxed) + 1;
        if newest == RING {
            return;
        }
        self.tell("rotations");
        self.rotated.store(newest, Ordering::Relaxed);
        fs::write(self.home.files().last().unwrap(), ring(self.home.path(), newest)).unwrap();
        for held in gateways.iter_mut() {
            held.0.kill();
            *held = gateway(&self.home);
        }
    }

    /// Asks for a page while a report fails; nothing where the gateway says so and the report is needed.
    pub async fn page_of_less(&self, gateway: usize, path: &str) -> Option<Value> {
        self.tell("failures of a report");
        let gateways = self.gateways.write().await;
        let faults = &self.providers.zenvia.control().faults;
        faults.add(Rule {
            method: None,
            path: "/tts".to_owned(),
            skip: 0,
            times: None,
            effect: Effect::Html,
        });
        let answer = gateways[gateway].1.get(path).await;
        faults.clear();
        match refusal(&answer) {
            None => Some(answer.body),
            Some(refusal) => {
                let partial = path.contains("partial=true") && refusal == A_SOURCE_AWAY;
                assert!(!partial, "a partial page is refused");
                None
            }
        }
    }

    /// Lists a row of the dialler that is dated back into the walk's window.
    pub async fn dial_back(&self) {
        self.tell("rows dated back");
        dial(&self.providers, vec![dialled(None, 7_200)]).await;
    }

    /// Changes a row that is listed.
    pub fn update(&self, dice: &mut Dice) {
        self.tell("updates");
        let changed = &self.rows[dice.below(self.rows.len())];
        let tags = format!("changed-{}", dice.below(1_000));
        self.providers.zenvia.app().retag(changed.id, &tags);
    }

    pub fn tell(&self, what: &'static str) {
        *self.told.lock().unwrap().entry(what).or_default() += 1;
    }

    /// The rows at Zenvia that are listed now and were created since an instant, by the account's identifiers.
    pub fn listed(&self, since: jiff::Timestamp) -> BTreeSet<String> {
        let tide = self.tide.listed();
        let rows = self.rows.iter().chain(&tide).filter(|row| row.created >= since);
        rows.map(|row| row.id.to_string()).collect()
    }
}

/// How a page was refused that may be asked for again; nothing where it was given.
fn refusal(answer: &Answer) -> Option<&'static str> {
    if answer.status == 200 {
        return None;
    }
    match answer.expect(503).body["type"].as_str() {
        Some("/problems/store-unavailable") => Some("refusals, the store being slow"),
        Some("/problems/source-unavailable") => Some(A_SOURCE_AWAY),
        _ => panic!("{}", answer.body),
    }
}

/// The dialler's rows that every site has.
pub fn dialled_ids() -> BTreeSet<String> {
    (0..DIALLED).map(|number| (1_000_000 + number).to_string()).collect()
}

/// A row at Zenvia.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    pub id: u64,
    pub created: jiff::Timestamp,
}

/// Lists a row at Zenvia that is so many seconds old.
pub fn list(zenvia: &Zenvia, (seconds_ago, number): (i64, i64)) -> Listed {
    let created = jiff::Timestamp::now().as_second() - seconds_ago;
    // Several rows share an instant.
    let created = jiff::Timestamp::from_second(created / 20 * 20).unwrap();
    let row = json!({
        "resource": REPORTS[number as usize % REPORTS.len()],
        "created": created.to_string(),
        "to": format!("1198{number:07}"),
        "talked": number % 7,
    });
    let past: Past = serde_json::from_value(row).unwrap();
    let id = zenvia.remember(&past).unwrap();
    Listed { id, created }
}

/// A row of the dialler that is so many seconds old.
pub fn dialled(id: Option<i64>, seconds_ago: i64) -> Value {
    let at = (jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds_ago)).to_string();
    let mut row = json!({ "start_time": at, "subscriber": { "number": "8433330000" } });
    if let Some(id) = id {
        row["id"] = id.into();
    }
    row
}

async fn dial(providers: &Providers, rows: Vec<Value>) {
    let controls = Providers::controls(&providers.evolux.url());
    controls.post("/rows", json!({ "dialer": rows })).await.expect(200);
}

fn gateway(home: &Home) -> Gateway {
    let process = Process::start(home);
    let client = home.client(process.address, "acme");
    (process, client)
}

/// The sealing ring after so many rotations, newest key first.
fn ring(directory: &Path, newest: u64) -> String {
    let keys = (0..=newest).rev().map(|number| {
        let file = directory.join(format!("seal-{number}"));
        fs::write(&file, format!("{number:032}")).unwrap();
        format!("{{ id = \"k{number}\", secret = \"file::{}\" }}", file.display())
    });
    format!("[secrets]\nkeys = [ {} ]\n", keys.collect::<Vec<_>>().join(", "))
}
