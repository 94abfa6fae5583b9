//! How the time of one exchange is spent, and how many are repeated.

use std::time::Duration;

use tokio::time::Instant;
use tower::retry::budget::TpsBudget;

/// With less time than this no exchange is begun.
const LEAST: Duration = Duration::from_millis(40);

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
    /// Whether whoever asks leaves it less than half of the account's time, too little to hold silence against anybody.
    pub(super) short: bool,
}

impl Budget {
    /// The time until `timeout` is over, or until `end` if that is sooner; nothing where that is too short for a try.
    ///
    /// Shorter times are halves of the timeout, halves of those and so on, since each makes connections of its own.
    pub(super) fn new(timeout: Duration, end: Option<Instant>) -> Option<Self> {
        let now = Instant::now();
        let deadline = end.map_or(now + timeout, |end| end.min(now + timeout));
        let left = deadline.saturating_duration_since(now);
        let mut part = timeout;
        while part > left {
            part /= 2;
            if part < LEAST {
                return None;
            }
        }
        Some(Self {
            deadline,
            last_start: deadline - part / 3,
            connect: part / 4,
            short: left < timeout / 2,
        })
    }

    /// The same time for an act that is sent once: it is started with half of `timeout` left or not at all, since
    /// nobody knows what became of it when it is cut off.
    pub(super) fn for_an_act(self, timeout: Duration) -> Option<Self> {
        let last_start = self.deadline - timeout / 2;
        (!self.short).then_some(Self { last_start, ..self })
    }

    pub(super) fn allows_a_try_after(&self, pause: Duration) -> bool {
        Instant::now() + pause <= self.last_start
    }
}

/// The repetitions an account allows: 8 in a hundred exchanges of the last 10 s, and one a second for those who ask
/// seldom. Together that is less than one in ten from fifty exchanges a second on.
pub(super) fn repetitions() -> TpsBudget {
    TpsBudget::new(Duration::from_secs(10), 1, 0.08)
}

/// Returns 20 to 83 milliseconds at random, so that exchanges that failed together do not return together.
pub(super) fn pause() -> Duration {
    let mut random = [0];
    // Without a random byte the pause is the shortest.
    let _ = aws_lc_rs::rand::fill(&mut random);
    Duration::from_millis(20 + u64::from(random[0] / 4))
}
