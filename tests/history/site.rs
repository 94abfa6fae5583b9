//! Two gateways over one Redis, what their providers list, and what may happen to all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use switchboard::simulators::faults::{Effect, Rule};
use switchboard::simulators::zenvia::history::Past;
use tokio::sync::RwLock;

use crate::bed::redis::Server;
use crate::bed::{Answer, Client, Home, PROVIDER_TOKEN, Process, Providers, http};

/// How many rows an account starts with.
pub const ROWS: i64 = 240;
/// The dialler's rows.
const DIALLED: i64 = 60;
/// The reports that rows come into.
const REPORTS: [&str; 3] = ["chamada", "tts", "audio"];
/// How many rows come in whenever a page is asked for: far more than 500 a second where nothing else keeps the machine busy,
/// and no fewer to a walk where something does.
const COMING_IN: i64 = 2;
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
    /// The number of the next row that comes in.
    came_in: AtomicI64,
    /// What happened, and how often.
    pub told: Mutex<BTreeMap<&'static str, u64>>,
}

impl Site {
    pub async fn start() -> Self {
        let providers = Providers::start().await;
        let redis = Server::start();
        let mut home = Home::on(&redis.url(), &providers);
        home.lay_over(&ring(home.path(), 0));
        for number in 0..ROWS {
            providers.zenvia.app().remember(&past(600 + number * 30, number));
        }
        let dialled = (0..DIALLED).map(|number| dialled(Some(1_000_000 + number), 700 + number * 120));
        dial(&providers, dialled.collect()).await;
        let gateways = RwLock::new([gateway(&home), gateway(&home)]);
        Self {
            providers,
            redis,
            home,
            gateways,
            rotated: AtomicU64::new(0),
            came_in: AtomicI64::new(0),
            told: Mutex::default(),
        }
    }

    /// A page of one of the gateways, while more rows come in.
    pub async fn page(&self, gateway: usize, path: &str) -> Value {
        self.tell("pages");
        self.list_more();
        self.quiet_page(gateway, path).await
    }

    /// A page of one of the gateways.
    pub async fn quiet_page(&self, gateway: usize, path: &str) -> Value {
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

    /// Lists more rows, new ones and some that are dated back into the walk's window.
    fn list_more(&self) {
        for _ in 0..COMING_IN {
            let number = self.came_in.fetch_add(1, Ordering::Relaxed);
            let seconds_ago = if number % 4 == 0 { 60 + number % 9_000 } else { 0 };
            self.providers.zenvia.app().remember(&past(seconds_ago, number));
            self.tell("rows that came in");
        }
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
        let id = 1 + dice.below(ROWS as usize) as u64;
        self.providers
            .zenvia
            .app()
            .retag(id, &format!("changed-{}", dice.below(1_000)));
    }

    pub fn tell(&self, what: &'static str) {
        *self.told.lock().unwrap().entry(what).or_default() += 1;
    }

    /// What the simulators list now since an instant, by the account's identifiers.
    pub async fn listed(&self, since: jiff::Timestamp) -> BTreeSet<String> {
        // No report fails meanwhile.
        let _gateways = self.gateways.read().await;
        let mut ids = BTreeSet::new();
        for report in REPORTS {
            ids.extend(self.listed_in(report, since).await);
        }
        ids
    }

    async fn listed_in(&self, report: &str, since: jiff::Timestamp) -> Vec<String> {
        let zone = jiff::tz::TimeZone::get("America/Sao_Paulo").unwrap();
        let today = jiff::Timestamp::now().to_zoned(zone).date();
        let mut ids = Vec::new();
        for position in (0..).step_by(200) {
            let url = format!(
                "{}/{report}/relatorio?data_inicio={}&data_fim={today}&posicao={position}&limite=200",
                self.providers.zenvia.url(),
                today.yesterday().unwrap(),
            );
            let answer = http().get(url).header("access-token", PROVIDER_TOKEN).send().await;
            let body: Value = answer.unwrap().json().await.unwrap();
            let page = body["dados"]["relatorio"].as_array().unwrap();
            let inside = page.iter().filter(|row| {
                let created: jiff::Timestamp = row["data_criacao"].as_str().unwrap().parse().unwrap();
                created >= since
            });
            ids.extend(inside.map(|row| row["id"].to_string()));
            if page.len() < 200 {
                break;
            }
        }
        ids
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

fn past(seconds_ago: i64, number: i64) -> Past {
    let created = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds_ago);
    // Several rows share an instant.
    let created = jiff::Timestamp::from_second(created.as_second() / 20 * 20).unwrap();
    let row = json!({
        "resource": REPORTS[number as usize % 3],
        "created": created.to_string(),
        "to": format!("1198{number:07}"),
        "talked": number % 7,
    });
    serde_json::from_value(row).unwrap()
}

fn dialled(id: Option<i64>, seconds_ago: i64) -> Value {
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
