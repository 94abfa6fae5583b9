//! How the time of one exchange is spent.

use std::time::Duration;

use tokio::time::Instant;

/// The time one exchange has.
///
/// A try is only started with more time left than a connection may take to be made. So where the deadline cuts a try
/// off there was a connection, and what did not get that far is known not to have been sent.
pub(super) struct Budget {
    /// When all of it ends.
    pub(super) deadline: Instant,
    /// When a try may be started at the latest.
    pub(super) last_start: Instant,
    /// The longest a connection may take to be made; two of them fit in before `last_start`.
    pub(super) connect: Duration,
}

impl Budget {
    pub(super) fn new(timeout: Duration) -> Self {
        let deadline = Instant::now() + timeout;
        Self {
            deadline,
            last_start: deadline - timeout / 3,
            connect: timeout / 4,
        }
    }

    pub(super) fn allows_a_try_after(&self, pause: Duration) -> bool {
        Instant::now() + pause <= self.last_start
    }
}

/// Returns 20 to 83 milliseconds at random, so that exchanges that failed together do not return together.
pub(super) fn pause() -> Duration {
    let mut random = [0];
    // Without a random byte the pause is the shortest.
    let _ = aws_lc_rs::rand::fill(&mut random);
    Duration::from_millis(20 + u64::from(random[0] / 4))
}
