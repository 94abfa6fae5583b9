//! What every simulator answers under `/_sim/`: faults, webhooks, tokens, clock and counts. No token is asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use hyper::Method;
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clock::Clock;
use super::faults::{Faults, Rule};
use super::http::{Reply, Request};
use super::webhooks::{Outbox, Settings};

/// The part of a simulator that is no provider's.
pub struct Control {
    /// Faults in force.
    pub faults: Faults,
    /// Webhooks to be sent and sent.
    pub webhooks: Outbox,
    /// The simulated time of day.
    pub clock: Clock,
    /// Every task of the simulator, so that a stop can wait for them.
    pub tasks: TaskTracker,
    /// Cancelled when the simulator stops.
    pub stopping: CancellationToken,
    tokens: RwLock<Vec<String>>,
    requests: Mutex<BTreeMap<(String, String), u64>>,
}

impl fmt::Debug for Control {
    /// Tells nothing: it holds tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

impl Control {
    /// A control part that accepts these tokens. Must be called within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// The HTTP client for webhooks cannot be built.
    pub fn new(tokens: Vec<String>, urls: BTreeMap<String, String>) -> Result<Self, reqwest::Error> {
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        Ok(Self {
            faults: Faults::default(),
            webhooks: Outbox::start(urls, &tasks, &stopping)?,
            clock: Clock::default(),
            tasks,
            stopping,
            tokens: RwLock::new(tokens),
            requests: Mutex::default(),
        })
    }

    /// Whether this token is accepted now.
    pub fn accepts(&self, token: &str) -> bool {
        self.tokens
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .any(|accepted| accepted == token)
    }

    /// Replaces the accepted tokens.
    pub fn accept(&self, tokens: Vec<String>) {
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens;
    }

    /// Runs a piece of the simulator in the background until it ends or the simulator stops.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// How many requests of the provider's API came, by method and path; ids in paths read `{id}`.
    pub fn requests(&self) -> BTreeMap<(String, String), u64> {
        self.counts().clone()
    }

    pub(super) fn count(&self, request: &Request) {
        let route: String = request
            .segments()
            .iter()
            .map(|part| format!("/{}", route_part(part)))
            .collect();
        *self.counts().entry((request.method.to_string(), route)).or_default() += 1;
    }

    /// Answers a control request; `None` when the path is not one of the common ones.
    pub(super) fn answer(&self, request: &Request) -> Option<Reply> {
        let (get, post, put, delete) = (&Method::GET, &Method::POST, &Method::PUT, &Method::DELETE);
        let method = &request.method;
        let reply = match request.segments().get(1..)? {
            ["faults"] if method == get => shown(&self.faults.list()),
            ["faults"] if method == post => given(request, |rule: Rule| self.faults.add(rule)),
            ["faults"] if method == delete => {
                self.faults.clear();
                done()
            }
            ["webhooks"] if method == get => shown(&self.webhooks.settings()),
            ["webhooks"] if method == put || method == post => {
                given(request, |settings: Settings| self.webhooks.configure(settings))
            }
            ["webhooks", "sent"] if method == get => shown(&self.webhooks.sent()),
            ["tokens"] if method == post => given(request, |tokens: Tokens| self.accept(tokens.accept)),
            ["clock"] if method == get => shown(&self.clock.now().to_string()),
            ["clock"] if method == post => given(request, |step: ClockStep| {
                self.clock.advance(SignedDuration::from_secs(step.advance_seconds));
            }),
            ["requests"] if method == get => {
                let counts = self.requests().into_iter();
                shown(
                    &counts
                        .map(|((method, path), n)| (format!("{method} {path}"), n))
                        .collect::<BTreeMap<_, _>>(),
                )
            }
            _ => return None,
        };
        Some(reply)
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<(String, String), u64>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tokens {
    accept: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockStep {
    advance_seconds: i64,
}

/// Ids would make the counts grow with traffic: a part that starts with a digit, or is as long as a UUID, is one.
fn route_part(part: &str) -> &str {
    let is_id = part.len() >= 16 || part.starts_with(|first: char| first.is_ascii_digit());
    if is_id { "{id}" } else { part }
}

/// The reply to a control request that shows something.
pub fn shown(value: &impl serde::Serialize) -> Reply {
    serde_json::to_string(value).map_or_else(|error| refused(&error), |text| Reply::json(200, text))
}

/// The reply to a control request that was carried out.
pub fn done() -> Reply {
    Reply::json(200, r#"{"ok":true}"#)
}

/// Reads a control request's JSON body and applies it; 400 and the reason when it does not fit.
pub fn given<T: DeserializeOwned>(request: &Request, apply: impl FnOnce(T)) -> Reply {
    match serde_json::from_slice(&request.body) {
        Ok(value) => {
            apply(value);
            done()
        }
        Err(error) => refused(&error),
    }
}

fn refused(error: &serde_json::Error) -> Reply {
    Reply::json(400, super::json::Object::new().text("error", &error.to_string()).done())
}
