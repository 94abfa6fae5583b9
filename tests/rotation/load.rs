//! Callers and providers that never stop, and count every answer that is not the one they should get.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::bed::{Answer, Client, Tokens, eventually};
use crate::dial;

/// How many ask at the same time, unless the environment says otherwise.
const CALLERS: u64 = 6;

/// What callers and the provider know of the gateway's secrets.
#[derive(Debug, Clone)]
pub struct Known {
    /// The `kid` and the secret that tokens are signed with.
    pub jwt: (String, String),
    /// The secret part of webhook URLs.
    pub hook: String,
}

impl Known {
    /// A token of a tenant with every scope.
    pub fn token(&self) -> String {
        let header = Header {
            kid: Some(self.jwt.0.clone()),
            ..Header::new(Algorithm::HS256)
        };
        let claims: Value = Tokens::claims("acme");
        encode(&header, &claims, &EncodingKey::from_secret(self.jwt.1.as_bytes())).unwrap()
    }
}

/// Callers under way.
pub struct Load {
    shared: Arc<Shared>,
    callers: Vec<JoinHandle<()>>,
}

struct Shared {
    known: Mutex<Known>,
    stopped: AtomicBool,
    asked: AtomicUsize,
    /// How many rounds each caller has done.
    rounds: Vec<AtomicUsize>,
    failed: Mutex<Vec<String>>,
    client: Client,
    run: u128,
}

impl Load {
    pub fn start(client: &Client, known: Known) -> Self {
        let count = usize::try_from(dial("SWITCHBOARD_ROTATION_CALLERS", CALLERS)).unwrap();
        let shared = Arc::new(Shared {
            known: Mutex::new(known),
            stopped: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
            rounds: (0..count).map(|_| AtomicUsize::new(0)).collect(),
            failed: Mutex::default(),
            client: client.clone(),
            run: SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis(),
        });
        let callers = (0..count).map(|caller| {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                while !shared.stopped.load(Ordering::SeqCst) {
                    shared.round(caller).await;
                    shared.rounds[caller].fetch_add(1, Ordering::SeqCst);
                }
            })
        });
        Self {
            callers: callers.collect(),
            shared,
        }
    }

    /// Tells the callers of other secrets; when this returns nobody uses the ones before any more.
    pub async fn learn(&self, known: Known) {
        *self.shared.known.lock().unwrap() = known;
        self.go_round().await;
    }

    /// Waits until every caller has done whole rounds.
    pub async fn go_round(&self) {
        let rounds = || -> Vec<_> {
            let rounds = self.shared.rounds.iter();
            rounds.map(|done| done.load(Ordering::SeqCst)).collect()
        };
        let before = rounds();
        eventually("every caller goes round", async || {
            let done = rounds().iter().zip(&before).all(|(now, before)| *now >= before + 2);
            done.then_some(())
        })
        .await;
    }

    /// How many requests were sent, and what was wrong with their answers.
    pub async fn end(self) -> (usize, Vec<String>) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        for caller in self.callers {
            caller.await.unwrap();
        }
        let failed = self.shared.failed.lock().unwrap().clone();
        (self.shared.asked.load(Ordering::SeqCst), failed)
    }
}

impl Shared {
    /// Places a call and reads it, sends a code, walks a list, and tells news, each with what is known at the beginning.
    async fn round(&self, caller: usize) {
        let known = self.known.lock().unwrap().clone();
        let client = self.client.with_token(known.token());
        let round = self.rounds[caller].load(Ordering::SeqCst);
        let number = format!("+55119{:08}", 10_000_000 + caller * 1_000_000 + round * 10 + 8);
        let say = json!({ "to": number, "actions": [{ "type": "say", "text": "Oi" }] });
        let key = format!("{}-{caller}-{round}", self.run);
        let post = |path: &str, body: Value| client.ask(Method::POST, path).json(&body);
        let placed = self.check("POST /calls", 201, post("/calls", say).key(&key).answer().await);
        if let Some(placed) = placed {
            self.check(
                "GET /calls/{id}",
                200,
                client.get(&format!("/calls/{}", placed.id())).await,
            );
        }
        let code = json!({ "to": number, "channel": "sms" });
        self.check("POST /verifications", 201, post("/verifications", code).answer().await);
        let page = self.check("GET /calls", 200, client.get("/calls?limit=1").await);
        if let Some(cursor) = page.as_ref().and_then(|page| page.body["next_cursor"].as_str()) {
            let path = format!("/calls?limit=1&cursor={cursor}");
            self.check("GET /calls?cursor", 200, client.get(&path).await);
        }
        let hook = format!("/webhooks/zenvia-br/balance/{}", known.hook);
        self.check(
            "POST /webhooks",
            200,
            post(&hook, json!({ "saldo": 12.5 })).answer().await,
        );
    }

    fn check(&self, what: &str, status: u16, answer: Answer) -> Option<Answer> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        // What may have acted, but did not answer, would be no answer to rely on either.
        let unknown = answer.body["status"] == "unknown";
        if answer.status == status && !unknown {
            return Some(answer);
        }
        let told = format!("{what}: {} {}", answer.status, answer.body);
        self.failed.lock().unwrap().push(told);
        None
    }
}

/// Says what was counted since `began`.
pub fn report(what: &str, began: Instant, (asked, failed): (usize, &[String])) {
    let (bound, seconds) = (3.0 / asked as f64, began.elapsed().as_secs_f64());
    println!(
        "{what}: {} of {asked} requests failed in {seconds:.0} s ({:.0}/s); 95 % bound {bound:.1e}",
        failed.len(),
        asked as f64 / seconds,
    );
}
