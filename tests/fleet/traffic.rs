//! Clients that never stop: calls, codes, history, webhooks, and a live feed. They write down what they were answered.

mod feed;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures_util::future::join;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::bed::{Answer, Asked, Client, EVOLUX, PROVIDER_TOKEN, ZENVIA, eventually, http};
use crate::ledger::{Approved, Entry, Ledger, Outcome};
use crate::site::Site;
pub use feed::lost;
use feed::still;

/// How many place calls and check codes at the same time.
const CALLERS: u64 = 3;
/// How many send webhooks at the same time, and how long each waits between two.
const SENDERS: u64 = 4;
const PACE: Duration = Duration::from_millis(10);
/// How many requests three rounds are at least.
pub const LEAST: usize = 27;
/// How long a client rests whose request did not reach anybody.
const REST: Duration = Duration::from_millis(20);
/// How long clients may be held up on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long nothing more of what was taken is told or delivered when the rest is thought to be lost.
pub const GIVEN_UP: Duration = Duration::from_secs(15);

/// Clients under way.
pub struct Traffic {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    client: Client,
    hook: String,
    provider: String,
    ledger: Mutex<Ledger>,
    stopped: AtomicBool,
    rounds: AtomicU64,
}

impl Traffic {
    /// Sends everything to `address`, where nothing has happened yet.
    pub async fn to(address: SocketAddr, site: &Site) -> Self {
        let hook = site.home.hook(address, ZENVIA, Some("sms-reply"));
        let shared = Arc::new(Shared {
            client: site.home.client(address, "acme"),
            hook: hook
                .split_once("/webhooks")
                .map(|(_, path)| format!("/webhooks{path}"))
                .unwrap(),
            provider: site.providers.zenvia.url(),
            ledger: Mutex::default(),
            stopped: AtomicBool::new(false),
            rounds: AtomicU64::new(0),
        });
        let feed = shared.client.get("/events?limit=1").await;
        let beginning = feed.expect(200).body["next_cursor"].as_str().unwrap().to_owned();
        let mut tasks = JoinSet::new();
        for _ in 0..CALLERS {
            let shared = Arc::clone(&shared);
            tasks.spawn(async move {
                while shared.goes_on() {
                    shared.round().await;
                }
            });
        }
        for sender in 0..SENDERS {
            tasks.spawn(Arc::clone(&shared).send_webhooks(sender));
        }
        tasks.spawn(Arc::clone(&shared).follow(beginning));
        Self { shared, tasks }
    }

    /// Waits until so many rounds more are done.
    pub async fn go_round(&self, rounds: usize) {
        let done = || self.ledger().rounds;
        let (before, began) = (done(), Instant::now());
        while done() < before + rounds {
            assert!(began.elapsed() < PATIENCE, "clients do not go round any more");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Has a code spoken that nobody tells yet; where it is checked, and the code.
    pub async fn speak(&self) -> (String, String) {
        eventually("a code is spoken", async || self.shared.speak("+5511999999999").await).await
    }

    /// Tells a code that is right.
    pub async fn approve(&self, (path, code): (String, String)) {
        let approved = async || self.shared.is_approved(&path, &code).await.then_some(());
        eventually("the right code is approved", approved).await;
        self.shared.approved(path, code);
    }

    /// Tells the codes of the verifications that were approved since `since` again; notes each that is approved twice.
    pub async fn check_again(&self, since: Instant) -> usize {
        let approved = self.ledger().approved.clone();
        let approved = approved.into_iter().filter(|approved| approved.at >= since);
        let mut checked = 0;
        for Approved { path, code, at } in approved {
            checked += 1;
            let answer = self.shared.check(&path, &code, &[200, 404, 409]).await;
            match answer {
                Some(answer) if answer.status == 404 => self.ledger().missing.push((path, at)),
                Some(answer) if answer.body["valid"] == true => {
                    self.shared.wrong(format!("{path}: approved again"));
                }
                _ => {}
            }
        }
        checked
    }

    /// What was written down up to now.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.shared.ledger.lock().unwrap()
    }

    /// Stops the clients once the live feed has told of everything; gives what they wrote down.
    pub async fn end(self) -> Ledger {
        self.shared.stopped.store(true, Ordering::SeqCst);
        still(async || self.ledger().unheard(), GIVEN_UP).await;
        self.stop().await
    }

    /// Stops the clients; gives what they wrote down.
    pub async fn stop(mut self) -> Ledger {
        self.tasks.shutdown().await;
        std::mem::take(&mut self.shared.ledger.lock().unwrap())
    }
}

impl Shared {
    fn goes_on(&self) -> bool {
        !self.stopped.load(Ordering::SeqCst)
    }

    /// Places a call, waits for its news, has a code spoken and checked, and walks lists.
    async fn round(&self) {
        let round = self.rounds.fetch_add(1, Ordering::SeqCst);
        let number = format!("+55119{:08}", 10_000_000 + round * 10 + 8);
        let say = json!({ "to": number, "actions": [{ "type": "say", "text": "Oi" }] });
        let placed = self.ask("POST /calls", 201, || self.post("/calls", &say)).await;
        if let Some(placed) = placed {
            let path = format!("/calls/{}", placed.id());
            self.ask("GET /calls/{id}", 200, || self.client.ask(Method::GET, &path))
                .await;
            let waiting = || self.client.ask(Method::GET, &path).header("prefer", "wait=20");
            self.ask("GET /calls/{id} waiting", 200, waiting).await;
        }
        self.verify(&number).await;
        for (what, path) in [
            ("GET /calls", "/calls?limit=5".to_owned()),
            ("GET /history", format!("/history?account={EVOLUX}&since=today&limit=5")),
        ] {
            self.ask(what, 200, || self.client.ask(Method::GET, &path)).await;
        }
        self.ledger.lock().unwrap().rounds += 1;
    }

    fn post(&self, path: &str, body: &Value) -> Asked {
        self.client.ask(Method::POST, path).json(body)
    }

    /// Has a code spoken; tells where it is checked, and the code.
    async fn speak(&self, number: &str) -> Option<(String, String)> {
        let code = json!({ "to": number, "channel": "voice" });
        let started = || self.post("/verifications", &code);
        let started = self.ask("POST /verifications", 201, started).await?;
        let order = started.body["sends"][0]["provider_ref"]["id"].as_str()?;
        let path = format!("/verifications/{}/check", started.id());
        Some((path, self.spoken(order).await))
    }

    /// Has a code spoken, tells a wrong one, then the right one twice at once, then again.
    async fn verify(&self, number: &str) {
        let Some((path, right)) = self.speak(number).await else {
            return;
        };
        if self.is_approved(&path, &other_than(&right)).await {
            self.wrong(format!("{path}: a wrong code was approved"));
        }
        let (one, other) = join(self.is_approved(&path, &right), self.is_approved(&path, &right)).await;
        if one && other {
            self.wrong(format!("{path}: approved twice at once"));
        }
        if one || other {
            self.approved(path, right);
        }
    }

    fn approved(&self, path: String, code: String) {
        let at = Instant::now();
        self.ledger.lock().unwrap().approved.push(Approved { path, code, at });
    }

    /// Tells a code; a verification that is closed is an answer like any other.
    async fn is_approved(&self, path: &str, code: &str) -> bool {
        let answer = self.check(path, code, &[200, 409]).await;
        answer.is_some_and(|answer| answer.body["valid"] == true)
    }

    async fn check(&self, path: &str, code: &str, statuses: &[u16]) -> Option<Answer> {
        let code = json!({ "code": code });
        self.answer_of("POST check", statuses, || self.post(path, &code)).await
    }

    fn wrong(&self, told: String) {
        self.ledger.lock().unwrap().wrong.push(told);
    }

    /// The code that an order has spoken, from the provider's own books.
    async fn spoken(&self, order: &str) -> String {
        let url = format!("{}/tts/{order}", self.provider);
        let asked = http().get(url).header("access-token", PROVIDER_TOKEN).send().await;
        let order: Value = asked.unwrap().json().await.unwrap();
        let text = order["dados"]["mensagem"].as_str().unwrap();
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        digits[..digits.len() / 2].to_owned()
    }

    async fn send_webhooks(self: Arc<Self>, sender: u64) {
        for id in (sender..).step_by(usize::try_from(SENDERS).unwrap()) {
            if !self.goes_on() {
                return;
            }
            tokio::time::sleep(PACE).await;
            let reply =
                json!({ "id": id, "sms_id": id, "resposta": "ok", "data_resposta": "2019-09-06T17:05:18.000Z" });
            let sent = || self.post(&self.hook, &reply);
            if self.ask("POST /webhooks", 200, sent).await.is_some() {
                self.ledger.lock().unwrap().taken.insert(id, Instant::now());
            }
        }
    }

    async fn ask(&self, what: &'static str, status: u16, asked: impl Fn() -> Asked) -> Option<Answer> {
        self.answer_of(what, &[status], asked).await
    }

    /// The answer, if it has one of these statuses. Who finds nobody there tries again: nothing was sent.
    async fn answer_of(&self, what: &'static str, statuses: &[u16], asked: impl Fn() -> Asked) -> Option<Answer> {
        let began = Instant::now();
        let answer = loop {
            match asked().try_answer().await {
                Err(error) if error.is_connect() => tokio::time::sleep(REST).await,
                answer => break answer,
            }
        };
        let outcome = match &answer {
            Err(error) => Outcome::Failed(format!("{error:?}")),
            Ok(answer) if answer.body["type"] == "/problems/store-unavailable" => {
                Outcome::Refused(answer.body.to_string())
            }
            Ok(answer) if answer.status == 202 => Outcome::Unsure,
            Ok(answer) if answer.status == 404 && !statuses.contains(&404) => Outcome::Missing,
            Ok(answer) if !statuses.contains(&answer.status) || answer.body["status"] == "unknown" => {
                Outcome::Failed(format!("{} {}", answer.status, answer.body))
            }
            Ok(_) => Outcome::Served,
        };
        let served = outcome == Outcome::Served;
        if outcome == Outcome::Missing {
            self.ledger.lock().unwrap().missing.push((what.to_owned(), began));
        }
        self.note(what, began, outcome);
        if !served {
            tokio::time::sleep(REST).await;
        }
        answer.ok().filter(|_| served)
    }

    fn note(&self, what: &'static str, began: Instant, outcome: Outcome) {
        let took = began.elapsed();
        self.ledger.lock().unwrap().entries.push(Entry {
            what,
            began,
            took,
            outcome,
        });
    }
}

fn other_than(code: &str) -> String {
    let first = if code.starts_with('1') { '2' } else { '1' };
    format!("{first}{}", &code[1..])
}
