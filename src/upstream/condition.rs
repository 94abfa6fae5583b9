//! How an account fares: what fails is left alone, what it told of itself is remembered.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::breaker::{Breaker, Pass, Standing};
use super::tally::Tally;
use crate::config::Breaker as Rule;
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::domain::time::Timestamp;
use crate::domain::words::words;

/// What fails when no connection can be made, whatever the operation.
const CONNECT: &str = "connect";
/// How long an account that said it has no credit is thought to have none.
const NO_CREDIT: Duration = Duration::from_secs(60);
/// The part of an exchange's time after which it is slow: a third.
const SLOW: u32 = 3;

words! {
    /// Whether an account works.
    HealthStatus {
        /// It does.
        Healthy = "healthy",
        /// Something keeps failing, and nothing of that is sent.
        Unhealthy = "unhealthy",
        /// Something kept failing, and the next request is sent to see whether it works again.
        Probing = "probing",
    }
}

/// How an account fares.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// Whether it works.
    pub status: HealthStatus,
    /// What keeps failing: operations, or `connect`.
    pub failing: Vec<&'static str>,
    /// The share of tries that failed within the breaker's window; nothing without tries.
    pub error_ratio: Option<f64>,
    /// When the provider last did what was asked.
    pub last_success: Option<Timestamp>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            status: HealthStatus::Healthy,
            failing: Vec::new(),
            error_ratio: None,
            last_success: None,
        }
    }
}

/// What keeps an account from taking a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// It fails, and nothing is sent to it for this long.
    Failing(Duration),
    /// Its provider asked to wait this long.
    Paused(Duration),
    /// It said a moment ago that it has no credit.
    NoCredit,
    /// Every place among its exchanges is taken, and as many wait as may.
    Full,
}

/// A breaker for each operation, one for connecting, and what else is known.
///
/// A failure counts at one of them: a connection that cannot be made concerns the whole account, anything later the
/// operation alone. Whatever gets an answer shows that connecting works.
pub(super) struct Condition {
    rule: Rule,
    patience: Duration,
    connecting: Breaker,
    state: Mutex<State>,
}

struct State {
    operations: HashMap<&'static str, Breaker>,
    tally: Tally,
    last_success: Option<Timestamp>,
    /// Until when it is thought to have no credit for an operation.
    no_credit: Option<(Instant, &'static str)>,
}

/// A try that was let through.
pub(super) struct Try<'a> {
    condition: &'a Condition,
    name: &'static str,
    connecting: Pass,
    operation: Pass,
}

impl Condition {
    /// That of an account whose exchanges have `timeout` each.
    pub(super) fn new(rule: Rule, timeout: Duration) -> Self {
        let state = State {
            operations: HashMap::new(),
            tally: Tally::new(rule.window),
            last_success: None,
            no_credit: None,
        };
        Self {
            rule,
            patience: timeout / SLOW,
            // How long a connection may take is bounded by itself; what follows concerns the operation.
            connecting: Breaker::new(rule, Duration::MAX),
            state: Mutex::new(state),
        }
    }

    /// How long nothing of `operation` is sent; nothing if it is.
    pub(super) fn wait(&self, operation: &str, now: Instant) -> Option<Duration> {
        let operation = self.lock().operations.get(operation).cloned();
        let operation = operation.and_then(|breaker| breaker.wait(now));
        self.connecting.wait(now).max(operation)
    }

    /// Lets a try through.
    ///
    /// # Errors
    /// How long nothing of `operation` is sent.
    pub(super) fn begin(&self, operation: &'static str, now: Instant) -> Result<Try<'_>, Duration> {
        let breaker = self.breaker(operation);
        Ok(Try {
            operation: breaker.pass(now)?,
            connecting: self.connecting.pass(now)?,
            condition: self,
            name: operation,
        })
    }

    /// Whether the account said a moment ago that it has no credit, and has not done the same thing since.
    pub(super) fn has_no_credit(&self, now: Instant) -> bool {
        self.lock().no_credit.is_some_and(|(until, _)| until > now)
    }

    /// Notes that the account has no credit for anything.
    pub(super) fn note_no_credit(&self, now: Instant) {
        self.lock().no_credit = Some((now + NO_CREDIT, ""));
    }

    pub(super) fn health(&self, now: Instant) -> Health {
        let state = self.lock();
        let operations = state.operations.iter().map(|(name, breaker)| (*name, breaker));
        let all = operations.chain([(CONNECT, &self.connecting)]);
        let standings = all.map(|(name, breaker)| (name, breaker.standing(now)));
        let broken: Vec<_> = standings
            .filter(|(_, standing)| *standing != Standing::Closed)
            .collect();
        let status = match broken.as_slice() {
            [] => HealthStatus::Healthy,
            broken if broken.iter().any(|(_, standing)| *standing == Standing::Open) => HealthStatus::Unhealthy,
            _ => HealthStatus::Probing,
        };
        let mut failing: Vec<_> = broken.into_iter().map(|(name, _)| name).collect();
        failing.sort_unstable();
        Health {
            status,
            failing,
            error_ratio: state.tally.all(now).ratio(),
            last_success: state.last_success,
        }
    }

    fn breaker(&self, operation: &'static str) -> Breaker {
        let mut state = self.lock();
        let breaker = state
            .operations
            .entry(operation)
            .or_insert_with(|| Breaker::new(self.rule, self.patience));
        breaker.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Try<'_> {
    /// Notes how the try ended. What the provider chose to refuse shows that it works.
    pub(super) fn end(self, failure: Option<&Failure>, at: Timestamp) {
        let now = Instant::now();
        let kind = failure.map(|failure| failure.kind);
        self.note(kind, at, now);
        match kind {
            Some(FailureKind::NotSent) => self.connecting.end(false, now),
            Some(FailureKind::Interrupted | FailureKind::Broken) => {
                self.connecting.end(true, now);
                self.operation.end(false, now);
            }
            None | Some(FailureKind::Busy | FailureKind::Refused(_)) => {
                self.connecting.end(true, now);
                self.operation.end(true, now);
            }
        }
    }

    fn note(&self, kind: Option<FailureKind>, at: Timestamp, now: Instant) {
        let mut state = self.condition.lock();
        let technical = matches!(
            kind,
            Some(FailureKind::NotSent | FailureKind::Interrupted | FailureKind::Broken)
        );
        state.tally.note(technical, now);
        match kind {
            None => {
                state.last_success = Some(at);
                state.no_credit = state.no_credit.filter(|(_, operation)| *operation != self.name);
            }
            Some(FailureKind::Refused(Refusal::Credit)) => state.no_credit = Some((now + NO_CREDIT, self.name)),
            Some(_) => {}
        }
    }
}
