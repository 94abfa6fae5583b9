//! How often an account is asked: what its configuration allows in a second, and not while it asks to be left alone.

use std::collections::VecDeque;
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
    paused_until: Option<Instant>,
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

    /// Waits for a request's turn.
    ///
    /// # Errors
    /// At once, if its turn would come after `latest`.
    pub(super) async fn turn(&self, latest: Instant) -> Result<(), TooSoon> {
        let mut at = self.reserve(Instant::now(), latest)?;
        loop {
            if at > Instant::now() {
                sleep_until(at).await;
            }
            // It may have been paused meanwhile.
            match self.paused_until(Instant::now()) {
                Some(until) if until > latest => return Err((Withheld::Paused, until - Instant::now())),
                Some(until) => at = until,
                None => return Ok(()),
            }
        }
    }

    /// Leaves the account alone for as long as it asks.
    pub(super) fn pause(&self, asked: Option<Duration>, now: Instant) {
        let until = now + asked.unwrap_or(USUAL_PAUSE).min(LONGEST_PAUSE);
        let mut state = self.lock();
        state.paused_until = Some(state.paused_until.map_or(until, |before| before.max(until)));
    }

    /// Until when it is left alone.
    pub(super) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.lock().paused_until.filter(|until| *until > now)
    }

    fn reserve(&self, now: Instant, latest: Instant) -> Result<Instant, TooSoon> {
        let paused = self.paused_until(now);
        let mut state = self.lock();
        while state.starts.front().is_some_and(|start| *start + SECOND <= now) {
            state.starts.pop_front();
        }
        let before = state.starts.len().checked_sub(self.per_second);
        let free = before
            .and_then(|index| state.starts.get(index))
            .map(|start| *start + SECOND);
        let last = state.starts.back().copied();
        let at = [paused, free, last].into_iter().flatten().fold(now, Instant::max);
        if at > latest {
            let why = if paused.is_some_and(|until| until > latest) {
                Withheld::Paused
            } else {
                Withheld::Full
            };
            return Err((why, at - now));
        }
        state.starts.push_back(at);
        Ok(at)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
