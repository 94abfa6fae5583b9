//! Whether Redis answers at all, so that nobody waits for one that is known not to.
//!
//! A request asks several times, also to take back what it began. If each time it waited for a Redis that hangs, it would
//! be answered after the sum.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A command that was not answered makes a silence only if nothing else was answered for so long.
const QUIET: Duration = Duration::from_millis(200);
/// How long after one command was let through in a silence, or failed, the next is let through.
const TRIAL: Duration = Duration::from_millis(250);
/// What is asked so shortly after that goes with it: several commands of one request fail together.
const TOGETHER: Duration = Duration::from_millis(2);

/// What was heard of Redis, in microseconds since `began`.
pub(super) struct Silence {
    began: Instant,
    /// When something was last answered, over whichever connection.
    answered: AtomicU64,
    /// When a silence was last noticed.
    noticed: AtomicU64,
    /// When somebody last began to try whether it lasts.
    tried: AtomicU64,
    /// When a command last failed without an answer.
    failed: AtomicU64,
}

impl Silence {
    /// Nothing is known yet.
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            answered: AtomicU64::new(0),
            noticed: AtomicU64::new(0),
            tried: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Whether a command is not to be sent, since a silence was noticed and nothing was answered since.
    ///
    /// Now and then one is sent all the same: what becomes of it tells whether the silence lasts.
    pub(super) fn refuses(&self) -> bool {
        self.lasts() && !self.tries()
    }

    /// Something was answered, be it with an error.
    pub(super) fn answered(&self) {
        self.answered.fetch_max(self.now(), Ordering::Relaxed);
    }

    /// A command failed without an answer, which may be its connection's fault. Whoever waited does not wait again at once.
    pub(super) fn failed(&self) {
        self.failed.fetch_max(self.now(), Ordering::Relaxed);
    }

    /// A command was not answered for as long as one waits.
    pub(super) fn unanswered(&self) {
        self.failed();
        let now = self.now();
        if now.saturating_sub(self.answered.load(Ordering::Relaxed)) > micros(QUIET) {
            self.noticed.fetch_max(now, Ordering::Relaxed);
        }
    }

    fn lasts(&self) -> bool {
        self.noticed.load(Ordering::Relaxed) > self.answered.load(Ordering::Relaxed)
    }

    /// Whether it is time to try again.
    fn tries(&self) -> bool {
        let (now, tried) = (self.now(), self.tried.load(Ordering::Relaxed));
        if tried > 0 && now.saturating_sub(tried) <= micros(TOGETHER) {
            return true;
        }
        let last = tried.max(self.failed.load(Ordering::Relaxed));
        let begin = || {
            self.tried
                .compare_exchange(tried, now, Ordering::Relaxed, Ordering::Relaxed)
        };
        now.saturating_sub(last) >= micros(TRIAL) && begin().is_ok()
    }

    /// Never 0, which stands for never.
    fn now(&self) -> u64 {
        micros(self.began.elapsed()) + 1
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_millis(500);

    #[tokio::test(start_paused = true)]
    async fn a_silence_lasts_from_what_was_not_answered_until_anything_is() {
        let silence = Silence::new();
        silence.answered();
        tokio::time::advance(LONG).await;
        assert!(!silence.refuses());
        silence.unanswered();
        assert!(silence.refuses());
        tokio::time::advance(Duration::from_millis(1)).await;
        silence.answered();
        assert!(!silence.refuses());
    }

    #[tokio::test(start_paused = true)]
    async fn one_connection_that_died_is_no_silence_while_another_is_answered() {
        let silence = Silence::new();
        tokio::time::advance(LONG).await;
        silence.answered();
        tokio::time::advance(QUIET).await;
        silence.unanswered();
        assert!(!silence.refuses());
    }

    #[tokio::test(start_paused = true)]
    async fn now_and_then_one_finds_out_whether_it_lasts() {
        let silence = Silence::new();
        tokio::time::advance(LONG).await;
        silence.unanswered();
        assert!(silence.refuses(), "who waited does not wait again");
        for _ in 0..3 {
            tokio::time::advance(TRIAL).await;
            assert!(!silence.refuses() && !silence.refuses(), "what is asked together");
            tokio::time::advance(TOGETHER * 2).await;
            assert!(silence.refuses());
        }
        // The last one that was let through is given up later, and others are not let through at once.
        tokio::time::advance(TRIAL * 2).await;
        silence.unanswered();
        assert!(silence.refuses());
    }
}
