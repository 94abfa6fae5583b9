//! A circuit breaker: what keeps failing is left alone for a while, and then tried by one request at a time.
//!
//! The crates there are (`failsafe`, `recloser`) let every waiting request through at once when they try again, and keep
//! a try that is given up half-way for ever.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::tally::Tally;
use crate::config::Breaker as Rule;

/// The first pause before a try, and the shortest time between two.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The window in which a sudden failure shows, however much succeeded before it.
const SUDDEN: Duration = Duration::from_secs(2);
/// The part of the least number of requests that is enough if all of them fail: 5 of 20.
const IN_A_ROW: u32 = 4;

/// What keeps failing is left alone.
///
/// It opens when the share of failures is reached within the window or within two seconds, from the least number of
/// requests on, or when a quarter of that number fails in a row. Open, it lets one request through after a second; a
/// success closes it, a failure doubles the pause, up to half of `open_seconds`.
///
/// A request without an answer after `patience` is a slow call. While nothing has succeeded since it was begun it counts
/// as one that failed in a row, so that silence shows long before the first timeout; a provider that is slow but answers
/// something all the time is never silent. Slow calls are left to go on, and one that succeeds after all closes what their silence opened.
#[derive(Debug, Clone)]
pub(super) struct Breaker {
    rule: Rule,
    patience: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Tells requests begun before a change from those begun since.
    era: u64,
    /// The first era whose successes count: one that was ended by silence is not over for those who are still waited for.
    heard_from: u64,
    tally: Tally,
    in_a_row: u32,
    /// When each request without an outcome was begun, by its number.
    under_way: BTreeMap<u64, Instant>,
    last_number: u64,
    last_success: Option<Instant>,
    /// The pause before the next try.
    pause: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed,
    Open { until: Instant },
    Probing { since: Instant },
}

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Requests pass.
    Closed,
    /// The next request is let through to see, or one is on its way.
    Probing,
    /// Nothing passes.
    Open,
}

impl Breaker {
    /// A closed breaker that takes requests for slow after `patience`.
    pub(super) fn new(rule: Rule, patience: Duration) -> Self {
        let state = State {
            phase: Phase::Closed,
            era: 0,
            heard_from: 0,
            tally: Tally::new(rule.window),
            in_a_row: 0,
            under_way: BTreeMap::new(),
            last_number: 0,
            last_success: None,
            pause: FIRST_PAUSE,
        };
        Self {
            rule,
            patience,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Lets a request through.
    ///
    /// # Errors
    /// How long nothing passes.
    pub(super) fn pass(&self, now: Instant) -> Result<Pass, Duration> {
        let mut state = self.state_at(now);
        if let Some(wait) = state.phase.wait(now) {
            return Err(wait);
        }
        if state.phase != Phase::Closed {
            state.phase = Phase::Probing { since: now };
            state.era += 1;
        }
        Ok(Pass {
            breaker: self.clone(),
            era: state.era,
            number: state.begin(now),
        })
    }

    /// How long nothing passes; nothing if a request would.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        self.state_at(now).phase.wait(now)
    }

    pub(super) fn standing(&self, now: Instant) -> Standing {
        match self.state_at(now).phase {
            Phase::Closed => Standing::Closed,
            Phase::Open { until } if until > now => Standing::Open,
            Phase::Open { .. } | Phase::Probing { .. } => Standing::Probing,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, in which silence has had its effect.
    fn state_at(&self, now: Instant) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        let silent = match state.phase {
            Phase::Closed => self.is_enough_in_a_row(state.in_a_row + state.slow_calls(self.patience, now)),
            Phase::Probing { since } => now.saturating_duration_since(since) >= self.patience,
            Phase::Open { .. } => false,
        };
        if silent {
            self.open(&mut state, now);
        }
        state
    }

    fn succeeded(&self, state: &mut State, now: Instant) {
        state.in_a_row = 0;
        state.last_success = Some(now);
        if state.phase == Phase::Closed {
            state.tally.note(false, now);
            return;
        }
        state.phase = Phase::Closed;
        state.era += 1;
        state.heard_from = state.era;
        state.pause = FIRST_PAUSE;
        state.tally.clear();
    }

    fn failed(&self, state: &mut State, now: Instant) {
        if state.phase == Phase::Closed {
            state.in_a_row += 1;
            state.tally.note(true, now);
            if !self.is_enough(state, now) {
                return;
            }
        }
        self.open(state, now);
        state.heard_from = state.era;
    }

    fn open(&self, state: &mut State, now: Instant) {
        state.era += 1;
        state.phase = Phase::Open {
            until: now + state.pause,
        };
        state.pause = (state.pause * 2).min(self.rule.open / 2).max(FIRST_PAUSE);
    }

    fn is_enough(&self, state: &State, now: Instant) -> bool {
        let counts = [state.tally.all(now), state.tally.within(SUDDEN, now)];
        let too_many = counts
            .iter()
            .any(|count| count.tries >= self.rule.min_requests && count.ratio() >= Some(self.rule.error_ratio));
        too_many || self.is_enough_in_a_row(state.in_a_row)
    }

    fn is_enough_in_a_row(&self, failures: u32) -> bool {
        failures >= self.rule.min_requests.div_ceil(IN_A_ROW)
    }
}

impl State {
    /// Notes that a request is under way, and returns its number.
    fn begin(&mut self, now: Instant) -> u64 {
        self.last_number += 1;
        self.under_way.insert(self.last_number, now);
        self.last_number
    }

    /// How many requests have waited for so long, and nothing has succeeded since they were begun.
    fn slow_calls(&self, patience: Duration, now: Instant) -> u32 {
        let begun = self.under_way.values();
        let slow = begun.take_while(|begun| now.saturating_duration_since(**begun) >= patience);
        let unheard = slow.filter(|begun| self.last_success.is_none_or(|success| success <= **begun));
        u32::try_from(unheard.count()).unwrap_or(u32::MAX)
    }
}

impl Phase {
    fn wait(self, now: Instant) -> Option<Duration> {
        match self {
            Self::Closed => None,
            Self::Open { until } => Some(until.saturating_duration_since(now)).filter(|wait| !wait.is_zero()),
            Self::Probing { .. } => Some(FIRST_PAUSE),
        }
    }
}

/// A request that was let through. One dropped without an outcome, because its caller gave it up, counts as neither.
#[derive(Debug)]
pub(super) struct Pass {
    breaker: Breaker,
    era: u64,
    number: u64,
}

impl Pass {
    /// Tells how it ended. What was begun before the last change says nothing any more, unless it refutes silence.
    pub(super) fn end(self, succeeded: bool, now: Instant) {
        let mut state = self.breaker.lock();
        state.under_way.remove(&self.number);
        if succeeded && self.era >= state.heard_from {
            self.breaker.succeeded(&mut state, now);
        } else if !succeeded && self.era == state.era {
            self.breaker.failed(&mut state, now);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.breaker.lock();
        state.under_way.remove(&self.number);
        if let (true, Phase::Probing { since }) = (state.era == self.era, state.phase) {
            state.era += 1;
            state.phase = Phase::Open {
                until: since + FIRST_PAUSE,
            };
        }
    }
}
