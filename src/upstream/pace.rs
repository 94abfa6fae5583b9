//! How often an account is asked: what its configuration allows in a second, and not while it asks to be left alone.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::domain::error::Withheld;

const SECOND: Duration = Duration::from_secs(1);
/// How long an account is left alone that does not say how long.
const USUAL_PAUSE: Duration = SECOND;
/// The longest an account is left alone, whatever it asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A bucket of as many tokens as requests may be started in one second; each comes back a second after it was used.
///
/// Unlike a bucket that drips it never lets a full bucket and a second's drops through together, so no second has more
/// starts than the provider allows.
pub(super) struct Pace {
    per_second: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the requests of the last second started, and when those that wait will.
    starts: VecDeque<Instant>,
    /// Until when an operation is left alone, or all of them.
    pauses: HashMap<Option<&'static str>, Instant>,
}

/// Why a request was not started, and when it could have been.
pub(super) type TooSoon = (Withheld, Duration);

impl Pace {
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            per_second: per_second as usize,
            state: Mutex::default(),
        }
    }

    /// Waits for the turn of a request of `operation`.
    ///
    /// # Errors
    /// As soon as it is known that its turn would come after `latest`.
    pub(super) async fn turn(&self, operation: &'static str, latest: Instant) -> Result<(), TooSoon> {
        loop {
            let now = Instant::now();
            if let Some(until) = self.paused_until(operation, now) {
                if until > latest {
                    return Err((Withheld::Paused, until - now));
                }
                sleep_until(until).await;
                continue;
            }
            let at = self.reserve(now, latest)?;
            if at > now {
                sleep_until(at).await;
            }
            // It may have been paused meanwhile.
            if self.paused_until(operation, Instant::now()).is_none() {
                return Ok(());
            }
            self.give_back(at);
        }
    }

    /// Leaves an operation alone, or all of them, for as long as the provider asks.
    pub(super) fn pause(&self, operation: Option<&'static str>, asked: Option<Duration>, now: Instant) {
        let until = now + asked.unwrap_or(USUAL_PAUSE).min(LONGEST_PAUSE);
        let mut state = self.lock();
        let pause = state.pauses.entry(operation).or_insert(until);
        *pause = until.max(*pause);
    }

    /// Until when `operation` is left alone.
    pub(super) fn paused_until(&self, operation: &str, now: Instant) -> Option<Instant> {
        let state = self.lock();
        let concerned = state
            .pauses
            .iter()
            .filter(|(paused, _)| paused.is_none_or(|paused| paused == operation));
        concerned.map(|(_, until)| *until).filter(|until| *until > now).max()
    }

    /// Finds the first free start and takes it.
    fn reserve(&self, now: Instant, latest: Instant) -> Result<Instant, TooSoon> {
        let mut state = self.lock();
        while state.starts.front().is_some_and(|start| *start + SECOND <= now) {
            state.starts.pop_front();
        }
        let before = state.starts.len().checked_sub(self.per_second);
        let free = before
            .and_then(|index| state.starts.get(index))
            .map(|start| *start + SECOND);
        let last = state.starts.back().copied();
        let at = [free, last].into_iter().flatten().fold(now, Instant::max);
        if at > latest {
            return Err((Withheld::Full, at - now));
        }
        state.starts.push_back(at);
        Ok(at)
    }

    /// Gives back a start at which nothing was started.
    fn give_back(&self, at: Instant) {
        let mut state = self.lock();
        if let Some(index) = state.starts.iter().position(|start| *start == at) {
            state.starts.remove(index);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
