//! Whether Redis answers at all, so that nobody waits for one that is known not to.
//!
//! A request asks several times, also to take back what it began. If each time it waited for a Redis that hangs, it would
//! be answered after the sum.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How long nothing at all was answered when a command that was not makes a silence: whatever was answered after that
/// command was sent may have been the last.
const QUIET: Duration = Duration::from_millis(200);

/// What was heard of Redis, in microseconds since `began`.
pub(super) struct Silence {
    began: Instant,
    /// When something was last answered, over whichever connection.
    answered: AtomicU64,
    /// When a silence was last noticed.
    noticed: AtomicU64,
    /// Whether somebody is finding out if it lasts.
    probed: AtomicBool,
}

/// The one attempt under way to find out whether the silence lasts; another may follow once it is dropped.
pub(super) struct Probe(Arc<Silence>);

impl Silence {
    /// Nothing is known yet.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            answered: AtomicU64::new(0),
            noticed: AtomicU64::new(0),
            probed: AtomicBool::new(false),
        })
    }

    /// Whether a silence was noticed, and nothing was answered since.
    pub(super) fn lasts(&self) -> bool {
        self.noticed.load(Ordering::Relaxed) > self.answered.load(Ordering::Relaxed)
    }

    /// Something was answered, be it with an error.
    pub(super) fn answered(&self) {
        self.answered.fetch_max(self.now(), Ordering::Relaxed);
    }

    /// A command was not answered for as long as one waits.
    pub(super) fn unanswered(&self) {
        let now = self.now();
        if now.saturating_sub(self.answered.load(Ordering::Relaxed)) > micros(QUIET) {
            self.noticed.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// Begins to find out whether it lasts, unless somebody does.
    pub(super) fn probe(self: &Arc<Self>) -> Option<Probe> {
        let is_probed = self.probed.swap(true, Ordering::Relaxed);
        (!is_probed).then(|| Probe(Arc::clone(self)))
    }

    /// Never 0, which stands for never.
    fn now(&self) -> u64 {
        micros(self.began.elapsed()) + 1
    }
}

impl Probe {
    /// Redis answers again.
    pub(super) fn answered(self) {
        self.0.answered();
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.probed.store(false, Ordering::Relaxed);
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
        assert!(!silence.lasts());
        silence.unanswered();
        assert!(silence.lasts());
        tokio::time::advance(LONG).await;
        silence.answered();
        assert!(!silence.lasts());
    }

    #[tokio::test(start_paused = true)]
    async fn one_connection_that_died_is_no_silence_while_another_is_answered() {
        let silence = Silence::new();
        tokio::time::advance(LONG).await;
        silence.answered();
        tokio::time::advance(QUIET).await;
        silence.unanswered();
        assert!(!silence.lasts());
    }

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_finds_out_whether_it_lasts() {
        let silence = Silence::new();
        tokio::time::advance(LONG).await;
        silence.unanswered();
        let first = silence.probe();
        assert!(first.is_some() && silence.probe().is_none());
        drop(first);
        assert!(silence.lasts(), "it was broken off");
        tokio::time::advance(LONG).await;
        silence.probe().into_iter().for_each(Probe::answered);
        assert!(!silence.lasts() && silence.probe().is_some());
    }
}
