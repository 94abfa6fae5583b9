//! How long the worker lets those wait who are ready to go on: what tells a crowd from more work than it can do.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// A worker that comes round within this time keeps up.
const TARGET: Duration = Duration::from_millis(10);
/// One that has not for so long does not keep up; a crowd is gone by then.
const INTERVAL: Duration = Duration::from_millis(100);

/// The delay of one worker, judged as CoDel judges a queue (RFC 8289): by how long it stands, not by how long it is.
#[derive(Debug, Default)]
pub struct Delay {
    above_since: Cell<Option<Instant>>,
}

impl Delay {
    /// Waits for the worker to come round, and returns whether it has been too slow at it for a while.
    pub async fn stands(&self) -> bool {
        let asked = Instant::now();
        tokio::task::yield_now().await;
        self.note(asked, Instant::now())
    }

    /// Forgets what was measured, when there is too little to do for a delay.
    pub fn forget(&self) {
        self.above_since.set(None);
    }

    fn note(&self, asked: Instant, now: Instant) -> bool {
        if now - asked <= TARGET {
            self.forget();
            return false;
        }
        let since = self.above_since.get().unwrap_or(asked);
        self.above_since.set(Some(since));
        now - since > INTERVAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Notes delays of so many milliseconds one after the other, and returns whether the last is one that stands.
    fn stands(delays: impl IntoIterator<Item = u32>) -> bool {
        let delay = Delay::default();
        let mut now = Instant::now();
        let noted = delays.into_iter().map(|ms| {
            let asked = now;
            now += ms * MS;
            delay.note(asked, now)
        });
        noted.last().unwrap_or_default()
    }

    #[test]
    fn a_crowd_is_no_overload_however_long_one_waits_in_it() {
        assert!(!stands([5, 11, 40, 49]));
        assert!(!stands([100]));
    }

    #[test]
    fn a_delay_that_stands_is_one_until_the_worker_keeps_up_again() {
        assert!(stands([11; 10]));
        assert!(!stands([11; 10].into_iter().chain([10])));
        assert!(!stands([11; 9].into_iter().chain([10]).chain([11; 9])));
    }
}
