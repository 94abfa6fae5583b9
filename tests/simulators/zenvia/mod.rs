//! Zenvia Voice as documented, by raw HTTP.

mod account;
mod calls;
mod codes;
mod reports;
mod torpedoes;
mod webhooks;

use reqwest::Method;
use serde_json::{Value, json};
use switchboard::simulators::zenvia::{self, Handle, Knobs, Options, Pace};

use crate::common::{client, eventually};

pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub const MOBILE: &str = "+5510999999999";

/// A simulator at a test's pace.
pub struct Sim {
    pub handle: Handle,
    client: reqwest::Client,
}

impl Sim {
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        Self::paced(Pace::quick(), options).await
    }

    pub async fn paced(pace: Pace, options: Options) -> Self {
        let options = Options {
            tokens: vec![TOKEN.into()],
            pace,
            ..options
        };
        Self {
            handle: zenvia::start(options).await.unwrap(),
            client: client(),
        }
    }

    pub async fn knobs(knobs: Knobs) -> Self {
        Self::with(Options {
            knobs,
            ..Options::default()
        })
        .await
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.handle.url()))
            .header("Access-Token", TOKEN)
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(&body)).await
    }

    /// The id of an order that must be accepted.
    pub async fn order(&self, path: &str, body: Value) -> u64 {
        let answer = self.post(path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.data()["id"].as_u64().unwrap()
    }

    pub async fn call(&self, destination: &str) -> u64 {
        let body = json!({"numero_origem": "+551033334444", "numero_destino": destination});
        self.order("/chamada", body).await
    }

    /// The call once it is over.
    pub async fn ended_call(&self, id: u64) -> Value {
        eventually("the end of the call", async || {
            let call = self.get(&format!("/chamada/{id}")).await.data().clone();
            (call["status_geral"] == "finalizada").then_some(call)
        })
        .await
    }
}

/// Status and JSON of an answer.
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        if body.get("sucesso").is_some() {
            assert_eq!(body["status"], status, "the envelope repeats the status");
            assert_eq!(body["sucesso"], status == 200);
            assert!(body["mensagem"].is_string());
        }
        Self { status, body }
    }

    pub fn data(&self) -> &Value {
        &self.body["dados"]
    }

    /// Status, `motivo` and `mensagem`.
    pub fn refusal(&self) -> (u16, u64, String) {
        let message = self.body["mensagem"].as_str().unwrap();
        (self.status, self.body["motivo"].as_u64().unwrap(), message.to_owned())
    }
}
