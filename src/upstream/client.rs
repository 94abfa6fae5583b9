//! The client of one account: its deadline, its share of connections, its retries and its keys.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use metrics::SharedString;
use tokio::time::{Instant, sleep, timeout_at};
use tower::retry::budget::Budget as _;
use url::Url;

use super::budget::{Budget, pause};
use super::bulkhead::Place;
use super::condition::{Health, Obstacle};
use super::credentials::{Credentials, HeldKey, KeyUsage};
use super::drift::{Drift, DriftCount};
use super::exchange::{Answer, Credential, Exchange, Rejection, Streamed, Urgency};
use super::link::{Finding, Found, Link};
use super::reading::{Opening, Reading, Whole};
use super::ways::{Known, Ways};
use super::wire::{self, Connecting, Fault, Outgoing};
use crate::clock::Clock;
use crate::config::{Account, Breaker, KeyRing, Mode};
use crate::domain::account::AccountName;
use crate::domain::call::AttemptOutcome;
use crate::domain::error::{Failure, FailureKind, Refusal, Withheld};
use crate::domain::time::Timestamp;
use crate::spans::Span;
use crate::telemetry::metric;
use crate::timing;

/// What one account's exchanges have in common.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The account, as metrics and logs name it.
    pub account: AccountName,
    /// Where every exchange goes; credentials go nowhere else.
    pub base_url: Url,
    /// The account's keys.
    pub keys: KeyRing,
    /// How a key is sent.
    pub credential: Credential,
    /// The time an exchange may take, repetitions included; for a stream, the longest silence.
    pub timeout: Duration,
    /// The most exchanges under way at once.
    pub concurrent: u32,
    /// The most requests started in one second.
    pub per_second: u32,
    /// When what fails is left alone.
    pub breaker: Breaker,
    /// Whether nothing is sent at all.
    pub off: bool,
}

impl Settings {
    /// What `account` says of its exchanges, which go to `base_url` with a `credential` of its kind.
    pub fn of(account: &Account, base_url: Url, credential: Credential) -> Self {
        Self {
            account: account.name.clone(),
            base_url,
            keys: account.keys.clone(),
            credential,
            timeout: account.timeout,
            concurrent: account.concurrent,
            per_second: account.per_second,
            breaker: account.breaker,
            off: account.mode == Mode::Off,
        }
    }
}

/// When a request that was not sent may be asked for again, where nothing tells.
const SOON: Duration = Duration::from_secs(1);
/// When an account that is switched off may be asked for again.
const WHILE_OFF: Duration = Duration::from_secs(60);

/// The guarded way to one account at a provider.
///
/// An exchange dropped before its end leaves nothing behind: its connection is closed, its place is free, and nothing
/// is thought of its provider.
pub struct Upstream {
    account: SharedString,
    base_url: Url,
    credentials: Credentials,
    credential: Credential,
    timeout: Duration,
    off: bool,
    known: Known,
    clock: Arc<dyn Clock>,
}

impl Upstream {
    /// Makes the way to an account, which goes on from what `ways` know of it; connects nowhere.
    pub fn new(settings: Settings, ways: impl Into<Ways>) -> Self {
        let ways = ways.into();
        Self {
            known: ways.known(&settings),
            clock: ways.clock,
            account: SharedString::from_shared(settings.account.shared()),
            base_url: settings.base_url,
            credentials: Credentials::new(&settings.keys, settings.credential),
            credential: settings.credential,
            timeout: settings.timeout,
            off: settings.off,
        }
    }

    /// Sends a request and lets `judge` read the complete answer, whatever its status.
    ///
    /// Sends it once more, after a moment, if it was surely not sent, and also after an
    /// [interrupted](FailureKind::Interrupted) or [broken](FailureKind::Broken) answer if it is
    /// [repeatable](Exchange::repeatable), unless too much is repeated already. Sends it once more with the next valid key if `judge` says that the
    /// credential was refused; that key then comes first.
    ///
    /// # Errors
    /// Returns the failure of the last try, or that of a request that was [withheld](Failure::withheld).
    pub async fn exchange<T: Send>(
        &self,
        exchange: Exchange,
        judge: impl Fn(&Answer) -> Result<T, Rejection> + Send + Sync,
    ) -> Result<T, Failure> {
        self.run(exchange, Whole(judge)).await
    }

    /// Sends a request whose answer is audio, and returns when it begins to come.
    ///
    /// `judge` reads any other answer: a status other than 200, 206 and 416, or another media type. Repetitions are those of
    /// [`Upstream::exchange`]. The audio takes no place among the exchanges under way; its stream ends with a
    /// failure when it breaks off or stays silent for the time an exchange may take.
    ///
    /// # Errors
    /// Returns the failure of the last try, as [`Upstream::exchange`] does.
    pub async fn open(
        &self,
        exchange: Exchange,
        judge: impl Fn(&Answer) -> Rejection + Send + Sync,
    ) -> Result<Streamed, Failure> {
        let idle = self.timeout;
        self.run(exchange, Opening { judge, idle }).await
    }

    /// As [`Upstream::open`], but a redirect is told instead of judged.
    ///
    /// # Errors
    /// Returns the failure of the last try, as [`Upstream::exchange`] does.
    pub async fn find(
        &self,
        exchange: Exchange,
        judge: impl Fn(&Answer) -> Rejection + Send + Sync,
    ) -> Result<Found, Failure> {
        let idle = self.timeout;
        self.run(exchange, Finding(Opening { judge, idle })).await
    }

    /// Opens audio at a link, once and without a credential; redirects are not followed.
    ///
    /// # Errors
    /// `NoRecording` where the link gives none; else as [`Upstream::open`].
    pub async fn open_link(&self, link: Link) -> Result<Streamed, Failure> {
        let operation = link.operation;
        let budget = self.budget(operation, true)?;
        let _place = self.enter(operation, Urgency::Usual, &budget).await?;
        let opening = link.open(budget.connect, self.timeout, self.now());
        let late = || Fault::new(FailureKind::Interrupted, operation, "no answer in time");
        let opened = timeout_at(budget.deadline, opening).await;
        opened.unwrap_or_else(|_| Err(late())).map_err(|fault| {
            let (account, cause) = (&*self.account, &fault.cause);
            tracing::warn!(account, operation, cause, "a recording's link gave nothing");
            fault.failure
        })
    }

    /// Tells of each key, in ring order, what became of it since this was made.
    pub fn key_usage(&self) -> Vec<KeyUsage> {
        self.credentials.usage(self.now())
    }

    /// Tells how the account fares.
    pub fn health(&self) -> Health {
        self.known.condition.health(Instant::now())
    }

    /// Tells what keeps the account from being asked for `operation` of this urgency now.
    pub fn obstacle(&self, operation: &str, urgency: Urgency) -> Option<Obstacle> {
        let now = Instant::now();
        let failing = self.known.condition.wait(operation, now).map(Obstacle::Failing);
        let paused = || {
            self.known
                .pace
                .paused_until(operation, now)
                .map(|until| Obstacle::Paused(until - now))
        };
        let no_credit = || self.known.condition.has_no_credit(now).then_some(Obstacle::NoCredit);
        let full = || self.known.places.is_full(urgency).then_some(Obstacle::Full);
        failing.or_else(full).or_else(paused).or_else(no_credit)
    }

    /// Notes that the account has no credit, where its provider tells.
    pub fn note_no_credit(&self) {
        self.known.condition.note_no_credit(Instant::now());
    }

    /// Counts how a message of `endpoint`, an operation or a kind of webhook, differs from its documentation.
    pub fn note_drift(&self, endpoint: &'static str, drift: &Drift) {
        self.known.drifts.note(endpoint, drift);
    }

    /// Tells how often messages differed since this was made.
    pub fn drift(&self) -> Vec<DriftCount> {
        self.known.drifts.counts()
    }

    async fn run<R: Reading>(&self, exchange: Exchange, reading: R) -> Result<R::Output, Failure> {
        if self.off {
            return Err(Failure::withheld(Withheld::Off, exchange.operation, WHILE_OFF));
        }
        let urgency = exchange.urgency;
        let _turn = self.known.places.turn(urgency).await;
        let budget = self.budget(exchange.operation, exchange.repeatable)?;
        let plan = Plan {
            operation: exchange.operation,
            repeatable: exchange.repeatable,
            pauses: exchange.pauses(),
            connecting: Connecting {
                timeout: budget.connect,
                fresh: exchange.fresh,
            },
            outgoing: Outgoing::new(&self.base_url, exchange),
            deadline: budget.deadline,
            last_start: budget.last_start,
            short: budget.short,
            reading,
        };
        if let Some(wait) = self.known.condition.wait(plan.operation, Instant::now()) {
            return Err(Failure::withheld(Withheld::Failing, plan.operation, wait));
        }
        let _place = self.enter(plan.operation, urgency, &budget).await?;
        self.known.repetitions.deposit();
        let mut keys = self.credentials.candidates(self.now()).into_iter().take(2);
        let mut key = keys.next().ok_or_else(|| self.no_key(plan.operation))?;
        let mut earlier: Option<Failure> = None;
        loop {
            let failure = match self.attempt(&plan, key).await {
                Ok(output) => return Ok(output),
                Err(failure) => failure,
            };
            if failure.kind == FailureKind::Refused(Refusal::Credential) {
                let next = keys.next().filter(|_| budget.allows_a_try_after(Duration::ZERO));
                key = next.ok_or(failure)?;
            } else {
                let pause = pause();
                let worthwhile = plan.may_be_repeated_after(&failure) && budget.allows_a_try_after(pause);
                if earlier.is_some() || !worthwhile || !self.known.repetitions.withdraw() {
                    // A first try that may have been read is not undone by a second one that was not sent.
                    let not_sent = failure.kind == FailureKind::NotSent;
                    return Err(earlier.filter(|_| not_sent).unwrap_or(failure));
                }
                earlier = Some(failure);
                sleep(pause).await;
            }
        }
    }

    /// The time an exchange has that begins now: the account's, and no longer than whoever asks for it waits.
    fn budget(&self, operation: &'static str, repeatable: bool) -> Result<Budget, Failure> {
        let mut budget = Budget::new(self.timeout, timing::deadline());
        if !repeatable {
            budget = budget.and_then(|budget| budget.for_an_act(self.timeout));
        }
        budget.ok_or_else(|| Failure::withheld(Withheld::TooLate, operation, SOON))
    }

    /// Waits for a place among the exchanges under way.
    async fn enter(&self, operation: &'static str, urgency: Urgency, budget: &Budget) -> Result<Place<'_>, Failure> {
        self.known
            .places
            .enter(urgency, budget.last_start)
            .await
            .ok_or_else(|| {
                tracing::warn!(account = %self.account, operation, "no place among the exchanges under way");
                Failure::withheld(Withheld::Full, operation, SOON)
            })
    }

    /// Waits for the request's turn, sends it once, and notes how that went.
    async fn attempt<R: Reading>(&self, plan: &Plan<R>, key: &HeldKey) -> Result<R::Output, Failure> {
        let operation = plan.operation;
        let too_soon = |(why, wait)| Failure::withheld(why, operation, wait);
        self.known
            .pace
            .turn(operation, plan.last_start)
            .await
            .map_err(too_soon)?;
        let begun = self.known.condition.begin(operation, Instant::now());
        let begun = begun.map_err(|wait| Failure::withheld(Withheld::Failing, operation, wait))?;
        let started = Instant::now();
        let late = || Fault::new(FailureKind::Interrupted, plan.operation, "no answer in time");
        let span = Span::client(operation);
        let result = timeout_at(plan.deadline, span.within(self.send(plan, key)))
            .await
            .unwrap_or_else(|_| Err(late()));
        let elapsed = started.elapsed();
        let result = result.map_err(|fault| {
            self.log(&fault, key);
            fault.failure
        });
        timing::add_upstream(elapsed);
        let failure = result.as_ref().err();
        if !plan.says_nothing(failure) {
            begun.end(failure, self.now());
        }
        if let Some(busy) = failure.filter(|failure| failure.kind == FailureKind::Busy) {
            self.known.pace.pause(plan.pauses, busy.retry_after, Instant::now());
        }
        key.note(result.as_ref().err(), self.now());
        let outcome = result.as_ref().err().map(Failure::outcome);
        let outcome = outcome.map_or("success", AttemptOutcome::as_str);
        span.set("switchboard.account", || self.account.to_string());
        span.set("switchboard.outcome", || outcome);
        if result.is_err() {
            span.fail(outcome);
        }
        metrics::histogram!(
            metric::UPSTREAM_DURATION,
            "account" => self.account.clone(),
            "operation" => plan.operation,
            "outcome" => outcome,
        )
        .record(elapsed);
        result
    }

    async fn send<R: Reading>(&self, plan: &Plan<R>, key: &HeldKey) -> Result<R::Output, Fault> {
        let value = key.header(self.now()).ok_or_else(|| {
            let refused = FailureKind::Refused(Refusal::Credential);
            Fault::new(refused, plan.operation, "the key does not fit in a header")
        })?;
        let failed = |error| Fault::of(error, plan.operation);
        let client = wire::client(plan.connecting).map_err(failed)?;
        let credential = (self.credential.header, value);
        let response = plan.outgoing.send(&client, credential).await.map_err(failed)?;
        plan.reading.read(plan.operation, response, self.now()).await
    }

    fn no_key(&self, operation: &'static str) -> Failure {
        tracing::error!(account = %self.account, operation, "no key of the account is valid now");
        Failure::new(FailureKind::Refused(Refusal::Credential), operation)
    }

    fn log(&self, fault: &Fault, key: &HeldKey) {
        let (account, cause, key) = (&*self.account, &fault.cause, key.id());
        let Failure { kind, operation, .. } = fault.failure;
        match kind {
            FailureKind::Refused(Refusal::Credential) => {
                tracing::error!(account, operation, key, cause, "the provider refuses a key");
            }
            FailureKind::Refused(_) => {
                tracing::debug!(account, operation, ?kind, cause, "a refusal")
            }
            _ => tracing::warn!(account, operation, ?kind, cause, "an exchange failed"),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_ms())
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// One exchange, made ready.
struct Plan<R> {
    operation: &'static str,
    repeatable: bool,
    /// What is left alone if the provider is too busy for it.
    pauses: Option<&'static str>,
    connecting: Connecting,
    outgoing: Outgoing,
    deadline: Instant,
    last_start: Instant,
    short: bool,
    reading: R,
}

impl<R> Plan<R> {
    /// Whether a failure may be due to how little time whoever asked left, and tells nothing of the provider.
    fn says_nothing(&self, failure: Option<&Failure>) -> bool {
        let unanswered = [FailureKind::NotSent, FailureKind::Interrupted];
        self.short && failure.is_some_and(|failure| unanswered.contains(&failure.kind))
    }

    fn may_be_repeated_after(&self, failure: &Failure) -> bool {
        match failure.kind {
            FailureKind::NotSent => failure.withheld.is_none(),
            FailureKind::Interrupted | FailureKind::Broken => self.repeatable,
            FailureKind::Busy | FailureKind::Refused(_) => false,
        }
    }
}
