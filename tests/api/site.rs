//! A gateway in this process, its simulated providers, and objects to ask about.

use reqwest::Method;
use serde_json::{Value, json};
use switchboard::app::App;
use switchboard::simulators::faults::{Effect, Rule};

use crate::bed::{Answer, Client, Home, Providers, eventually, http};
use crate::document::Operation;

/// A number that is answered.
pub const NUMBER: &str = "+5511988887777";

pub struct Site {
    pub acme: Client,
    pub home: Home,
    pub providers: Providers,
    gateway: App,
}

/// What identifies one object of each kind.
pub struct Objects {
    pub call: String,
    pub verification: String,
    pub record: String,
    pub event: String,
}

impl Site {
    /// Starts everything; the providers' webhooks arrive.
    pub async fn start() -> Self {
        // A code may be sent again at once.
        Self::configured("[verification]\nresend_after_seconds = 0\n").await
    }

    /// As [`Site::start`], with more configuration.
    pub async fn configured(toml: &str) -> Self {
        let providers = Providers::start().await;
        let mut home = Home::embedded(&providers);
        home.lay_over(toml);
        // Nobody is there: what matters is that it is known.
        home.subscribe(
            "billing",
            "acme",
            ("http://127.0.0.1:1", &["a secret of twenty-four bytes or more"]),
        );
        let gateway = home.run().await;
        providers.tell(&home, gateway.address).await;
        Self {
            acme: home.client(gateway.address, "acme"),
            home,
            providers,
            gateway,
        }
    }

    /// Where the gateway listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.gateway.address
    }

    /// The URL that an account's webhooks of a kind go to.
    pub fn hook(&self, account: &str, kind: Option<&str>) -> String {
        self.home.hook(self.gateway.address, account, kind)
    }

    /// Has the simulated Zenvia treat some requests badly until [`Site::heal`].
    pub fn hurt(&self, method: &str, path: &str, effect: Effect) {
        self.providers.zenvia.control().faults.add(Rule {
            method: Some(method.into()),
            path: path.into(),
            skip: 0,
            times: None,
            effect,
        });
    }

    pub fn heal(&self) {
        self.providers.zenvia.control().faults.clear();
    }

    /// How many requests of a kind the simulated Zenvia got.
    pub fn asked(&self, method: &str, path: &str) -> u64 {
        let requests = self.providers.zenvia.control().requests();
        requests
            .get(&(method.to_owned(), path.to_owned()))
            .copied()
            .unwrap_or_default()
    }

    /// Makes one object of each kind.
    pub async fn objects(&self) -> Objects {
        let call = self.acme.post("/calls", say("+5511970001234")).await.expect(201).id();
        self.acme.ended(&call).await;
        let verification = json!({ "to": "+5511970002345", "channel": "sms" });
        let history = self.acme.get("/history?since=yesterday&limit=1").await;
        let events = crate::bed::eventually("the call is told of", async || {
            let events = self.acme.get("/events?limit=1").await;
            events.expect(200).body["data"][0]["id"].as_str().map(str::to_owned)
        });
        Objects {
            event: events.await,
            call,
            verification: self.acme.post("/verifications", verification).await.expect(201).id(),
            record: history.expect(200).body["data"][0]["id"].as_str().unwrap().to_owned(),
        }
    }

    /// A call of two phones that is ringing or talking.
    pub async fn live_call(&self) -> String {
        let call = json!({ "to": "+5511970003456", "actions": [{ "type": "connect", "to": "+551130031000" }] });
        self.acme.post("/calls", call).await.expect(201).id()
    }

    /// A call that a WhatsApp user makes to us.
    pub async fn incoming_call(&self) -> String {
        let user = json!({ "from": "5511970004567" });
        let told = http()
            .post(format!("{}/_sim/incoming", self.providers.positus.url()))
            .json(&user)
            .send()
            .await
            .unwrap();
        assert!(told.status().is_success(), "{}", told.text().await.unwrap());
        eventually("the call is told", async || {
            let calls = self.acme.get("/calls?direction=inbound").await;
            Some(calls.expect(200).body["data"][0]["id"].as_str()?.to_owned())
        })
        .await
    }
}

impl Objects {
    /// The path of an operation on these objects.
    pub fn path(&self, operation: &Operation) -> String {
        let id = match operation.path.split('/').nth(1) {
            Some("calls") => &self.call,
            Some("verifications") => &self.verification,
            Some("events") => &self.event,
            _ => &self.record,
        };
        operation.path.replace("{id}", id).replace("{slug}", "not-found")
    }
}

impl Operation {
    /// A request for this operation, without a body.
    pub fn ask(&self, client: &Client, path: &str) -> crate::bed::Asked {
        client.ask(self.method.clone(), path)
    }
}

/// A call that speaks a text.
pub fn say(to: &str) -> Value {
    json!({ "to": to, "actions": [{ "type": "say", "text": "Seu pedido saiu" }] })
}

/// A body with more members, or others.
pub fn with(body: &Value, members: Value) -> Value {
    let mut body = body.clone();
    body.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    body
}

/// Fails unless the answer is `invalid-input` and names `pointer` with `code` among what is wrong.
#[track_caller]
pub fn expect_wrong(answer: &Answer, pointer: &str, code: &str) {
    answer.expect_problem(422, "invalid-input");
    let errors = answer.body["errors"].as_array().unwrap();
    let named = |error: &Value| error["pointer"] == pointer && error["code"] == code;
    assert!(errors.iter().any(named), "not {code} at {pointer:?}: {}", answer.body);
}

/// A request of any bytes as a JSON body.
pub async fn post_bytes(client: &Client, path: &str, bytes: impl Into<reqwest::Body>) -> Answer {
    let request = client
        .ask(Method::POST, path)
        .header("content-type", "application/json");
    request.body(bytes).answer().await
}
