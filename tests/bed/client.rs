//! A client of the gateway, as plain as `curl`.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::eventually;

/// An HTTP client without opinions.
///
/// It opens connections ahead of need, and the gateway answers 408 on one that brings no request within 5 s; so none is
/// kept that long.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .redirect(Policy::none())
        .pool_idle_timeout(Duration::from_secs(2))
        .build()
        .unwrap()
}

/// One caller of one server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

/// A request about to be sent.
pub struct Asked(RequestBuilder);

/// An answer, its body read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// The body if it is JSON, else its text.
    pub body: Value,
}

impl Client {
    /// A client of the server at `base`; it sends no token if that is empty.
    pub fn to(base: &str, token: String) -> Self {
        Self {
            http: http(),
            base: base.to_owned(),
            token,
        }
    }

    /// The same server and connections with another token.
    pub fn with_token(&self, token: String) -> Self {
        Self { token, ..self.clone() }
    }

    /// A request to be completed.
    pub fn ask(&self, method: Method, path: &str) -> Asked {
        let request = self.http.request(method, format!("{}{path}", self.base));
        Asked(if self.token.is_empty() {
            request
        } else {
            request.bearer_auth(&self.token)
        })
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).answer().await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path).json(&body).answer().await
    }

    /// The call once its status is final.
    pub async fn ended(&self, id: &str) -> Value {
        let path = format!("/calls/{id}");
        eventually("the call ends", async || {
            let answer = self.ask(Method::GET, &path).header("prefer", "wait=5").answer().await;
            if answer.status == 503 {
                // The store may be slow for a moment on a machine that does much else.
                return None;
            }
            let status = answer.expect(200).body["status"].as_str()?;
            let going_on = matches!(status, "scheduled" | "queued" | "ringing" | "in_progress" | "unknown");
            (!going_on).then(|| answer.body.clone())
        })
        .await
    }
}

impl Asked {
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// With an `Idempotency-Key`.
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// With a body of any bytes.
    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.body(body))
    }

    /// The answer.
    pub async fn answer(self) -> Answer {
        self.try_answer().await.unwrap()
    }

    /// The answer before its body, which may never end.
    pub async fn stream(self) -> reqwest::Response {
        self.0.send().await.unwrap()
    }

    /// The answer before its body, if the server lives to give one.
    pub async fn try_stream(self) -> reqwest::Result<reqwest::Response> {
        self.0.send().await
    }

    /// The answer, if the server lives to give one.
    pub async fn try_answer(self) -> reqwest::Result<Answer> {
        let response = self.0.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status, headers, body })
    }
}

impl Answer {
    /// This answer, whose status must be this one.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// This answer, which must tell of this problem.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, slug: &str) -> &Self {
        self.expect(status);
        assert_eq!(self.body["type"], format!("/problems/{slug}"), "{}", self.body);
        self
    }

    /// The `id` of the object in the body.
    #[track_caller]
    pub fn id(&self) -> String {
        self.body["id"]
            .as_str()
            .unwrap_or_else(|| panic!("there is no id: {}", self.body))
            .to_owned()
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
