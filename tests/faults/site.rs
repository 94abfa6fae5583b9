//! A gateway that can be killed, with providers and a store that outlive it.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use switchboard::simulators::zenvia;

use crate::bed::redis::Server;
use crate::bed::{Answer, Client, Home, Process, Providers, eventually};

/// Where a gateway keeps its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Store {
    Embedded,
    /// A real Redis that has every write on disk before it answers.
    Redis,
}

impl Store {
    /// What a gateway is started from, and the server it needs.
    pub fn home(self, providers: &Providers) -> (Home, Option<Server>) {
        match self {
            Self::Embedded => (Home::embedded(providers), None),
            Self::Redis => {
                let server = Server::start();
                (Home::on(&server.url(), providers), Some(server))
            }
        }
    }
}

pub struct Site {
    pub gateway: Process,
    pub home: Home,
    pub providers: Providers,
    pub redis: Option<Server>,
    crashes: usize,
}

impl Site {
    /// Starts everything; no webhook is sent until [`Providers::tell`].
    pub async fn start(store: Store) -> Self {
        Self::start_with(store, |_| ()).await
    }

    /// The same, with more configuration.
    pub async fn start_with(store: Store, furnish: impl FnOnce(&mut Home)) -> Self {
        let providers = Providers::start().await;
        let (mut home, redis) = store.home(&providers);
        furnish(&mut home);
        Self {
            gateway: Process::start(&home),
            home,
            providers,
            redis,
            crashes: 0,
        }
    }

    pub fn acme(&self) -> Client {
        self.home.client(self.gateway.address, "acme")
    }

    pub async fn get(&self, path: &str) -> Answer {
        let acme = self.acme();
        answered(async || acme.get(path).await).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        let acme = self.acme();
        answered(async || acme.post(path, body.clone()).await).await
    }

    /// Ends the gateway, and Redis with it, by SIGKILL, each first in its turn, and starts them again.
    pub fn crash(&mut self) {
        self.crashes += 1;
        let redis_first = self.crashes.is_multiple_of(2);
        if !redis_first {
            self.gateway.kill();
        }
        if let Some(redis) = &mut self.redis {
            redis.kill();
            redis.restart();
        }
        if redis_first {
            self.gateway.kill();
        }
        self.gateway = Process::start(&self.home);
    }
}

/// Two gateways over one Redis.
pub struct Pair {
    pub a: Process,
    pub b: Process,
    pub home: Home,
    pub providers: Providers,
    _redis: Server,
}

impl Pair {
    pub async fn start() -> Self {
        let providers = Providers::start().await;
        let redis = Server::start();
        let home = Home::on(&redis.url(), &providers);
        Self {
            a: Process::start(&home),
            b: Process::start(&home),
            home,
            providers,
            _redis: redis,
        }
    }

    pub fn clients(&self) -> (Client, Client) {
        (
            self.home.client(self.a.address, "acme"),
            self.home.client(self.b.address, "acme"),
        )
    }
}

/// The nth of ten thousand numbers that are answered.
pub fn number(n: usize) -> String {
    format!("+55119{n:04}1234")
}

/// A call that joins two phones; the provider's ledger shows our id among its tags.
pub fn connect(to: &str) -> Value {
    json!({ "to": to, "actions": [{ "type": "connect", "to": "+551130031000" }] })
}

/// A call that speaks a text; its fate is that of its number.
pub fn say(to: &str) -> Value {
    json!({ "to": to, "actions": [{ "type": "say", "text": "Seu pedido saiu" }] })
}

pub fn verification(to: &str) -> Value {
    json!({ "to": to, "channel": "sms" })
}

/// The code that was last sent to a number.
pub fn code(zenvia: &zenvia::Handle, number: &str) -> String {
    zenvia.last_code(number).expect("a code was sent").code
}

/// A code that is not this one.
pub fn wrong(code: &str) -> String {
    let first = if code.starts_with('1') { '2' } else { '1' };
    format!("{first}{}", &code[1..])
}

/// How often each number was dialled.
pub fn dials(zenvia: &zenvia::Handle) -> BTreeMap<String, usize> {
    let mut dials = BTreeMap::new();
    for dial in zenvia.dials() {
        let dialled = dial.origin.unwrap_or(dial.destination);
        *dials.entry(dialled).or_default() += 1;
    }
    dials
}

/// How many codes the provider was asked to compare.
pub fn comparisons(zenvia: &zenvia::Handle) -> u64 {
    let route = ("GET".to_owned(), "/verificacao".to_owned());
    zenvia.control().requests().get(&route).copied().unwrap_or_default()
}

/// The answer of a gateway whose store may be slow on a busy machine: 503 means that nothing was done, so it is asked again.
pub async fn answered(ask: impl AsyncFn() -> Answer) -> Answer {
    eventually("the store is there", async || {
        Some(ask().await).filter(|answer| answer.status != 503)
    })
    .await
}

/// The answer to a repeat of a `POST /calls` once the first is no longer thought to run.
pub async fn settled_repeat(client: &Client, key: &str, body: Value) -> Answer {
    eventually("a repeat is answered", async || {
        let again = answered(async || client.ask(Method::POST, "/calls").key(key).json(&body).answer().await).await;
        if again.status == 409 {
            again.expect_problem(409, "request-in-progress");
            assert!(again.header("retry-after").is_some());
            return None;
        }
        Some(again)
    })
    .await
}
