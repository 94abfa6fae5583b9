//! What a client promises, proven on real sockets.

mod amplification;
mod breaker;
mod bulkhead;
mod condition;
mod credentials;
mod deadline;
mod document;
mod fate;
mod limits;
mod links;
mod outbound;
mod pace;
mod provider;
mod requests;
mod streams;
mod ways;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock::ManualClock;
use crate::config::{Breaker, Config, KeyRing, Secret};
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::domain::time::Timestamp;

const NOW: &str = "2026-11-22T18:00:00.000Z";

fn now() -> Timestamp {
    Timestamp::parse(NOW).unwrap()
}

fn settings(url: &str) -> Settings {
    Settings {
        account: "zenvia-br".parse().unwrap(),
        base_url: url.parse().unwrap(),
        keys: KeyRing::single("1", Secret::new("canary-secret")),
        credential: Credential {
            header: "access-token",
            prefix: "Bearer ",
        },
        timeout: Duration::from_secs(30),
        concurrent: 8,
        per_second: 10_000,
        breaker: Breaker {
            error_ratio: 0.5,
            min_requests: 20,
            window: Duration::from_secs(30),
            open: Duration::from_secs(15),
        },
        off: false,
    }
}

fn upstream(url: &str) -> Upstream {
    start(settings(url))
}

/// A client that is soon out of time.
fn impatient(url: &str) -> Upstream {
    start(Settings {
        timeout: Duration::from_millis(400),
        ..settings(url)
    })
}

fn start(settings: Settings) -> Upstream {
    Upstream::new(settings, Arc::new(ManualClock::at(now().as_millis())))
}

fn read() -> Exchange {
    Exchange::get("GET /x", "/x")
}

fn act() -> Exchange {
    Exchange::post("POST /x", "/x", Body::Json("{}".into()))
}

/// Reads statuses as most adapters do.
fn judge(answer: &Answer) -> Result<String, Rejection> {
    match answer.status {
        200 => Ok(String::from_utf8(answer.body.to_vec()).unwrap()),
        403 => Err(Rejection::refused(Refusal::Credential)),
        404 => Err(Rejection::refused(Refusal::NotFound)),
        409 => Err(Rejection::refused(Refusal::Unknown)),
        429 => Err(Rejection::busy()),
        _ => Err(Rejection::broken()),
    }
}

async fn failure(upstream: &Upstream, exchange: Exchange) -> Failure {
    upstream.exchange(exchange, judge).await.expect_err("a failure")
}

/// The URL of a port on which nobody listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
