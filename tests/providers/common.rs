//! A provider built as the gateway builds it, and the controls of a simulator.

use std::sync::Arc;

use serde_json::{Value, json};
use switchboard::clock::{Clock, SystemClock};
use switchboard::config::Config;
use switchboard::domain::address::Address;
use switchboard::domain::error::{Failure, FailureKind};
use switchboard::domain::ids::CallId;
use switchboard::domain::phone::Region;
use switchboard::domain::place::{NewCall, Script};
use switchboard::providers::port::Provider;
use switchboard::providers::registry::Accounts;

/// The token the simulators accept.
pub const TOKEN: &str = "token-accepted";

/// The provider of an account that `settings`, lines of TOML, say the rest of.
pub fn provider(settings: &str) -> Arc<dyn Provider> {
    with_keys(settings, r#"{ id = "1", secret = "env::KEY" }"#)
}

/// The same with another ring; `env::KEY` is the accepted token, `env::OLD` a refused one.
pub fn with_keys(settings: &str, keys: &str) -> Arc<dyn Provider> {
    let text = format!(
        r#"
        [auth]
        issuer = "https://auth.example.com"
        keys = [ {{ id = "1", alg = "HS256", secret = "env::JWT" }} ]
        [accounts.tested]
        owner = "telephony"
        timeout_ms = 2000
        keys = [ {keys} ]
        {settings}"#
    );
    let env = [
        ("JWT", "a-secret-of-more-than-thirty-two-bytes"),
        ("KEY", TOKEN),
        ("OLD", "token-refused"),
    ];
    let config = Config::from_toml_with(&text, &env).unwrap_or_else(|faults| panic!("{faults}"));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let accounts = Accounts::build(&config, &clock).unwrap_or_else(|faults| panic!("{faults}"));
    accounts.iter().next().unwrap().1.provider.clone()
}

pub fn address(text: &str) -> Address {
    Address::parse(text, Region::BR).unwrap()
}

/// A call that asks for nothing but its script.
pub fn call(to: &str, script: Script) -> NewCall {
    NewCall {
        id: CallId::generate(),
        to: address(to),
        from: None,
        script,
        record: false,
        hang_up_on_machine: false,
        collect_digits: false,
        max_duration_seconds: None,
        schedule_at: None,
        tag: Some("order-7".into()),
        account: None,
    }
}

pub fn kind<T: std::fmt::Debug>(result: Result<T, Failure>) -> FailureKind {
    result.unwrap_err().kind
}

/// The controls of a running simulator.
pub struct Controls(pub String);

impl Controls {
    pub async fn get(&self, path: &str) -> Value {
        let answer = client().get(format!("{}/_sim/{path}", self.0)).send().await.unwrap();
        answer.json().await.unwrap()
    }

    pub async fn put(&self, path: &str, body: Value) {
        self.send(client().put(format!("{}/_sim/{path}", self.0)), &body).await;
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.send(client().post(format!("{}/_sim/{path}", self.0)), &body).await
    }

    /// Lets the next requests suffer.
    pub async fn fault(&self, times: u32, effect: Value) {
        self.post("faults", json!({ "times": times, "effect": effect })).await;
    }

    pub async fn advance(&self, seconds: i64) {
        self.post("clock", json!({ "advance_seconds": seconds })).await;
    }

    /// Lets a webhook be sent whose body is the simulator's own, if its kind has one.
    pub async fn fire(&self, kind: &str) {
        client()
            .post(format!("{}/_sim/fire/{kind}", self.0))
            .send()
            .await
            .unwrap();
    }

    async fn send(&self, request: reqwest::RequestBuilder, body: &Value) -> Value {
        let answer = request.body(body.to_string()).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap()
}
