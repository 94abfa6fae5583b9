//! How many tries of the last seconds failed.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How finely the time is divided.
const SLOT: Duration = Duration::from_secs(1);

/// Tries and how many of them failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) tries: u32,
    pub(super) failures: u32,
}

impl Count {
    /// The share that failed; nothing of no tries.
    pub(super) fn ratio(self) -> Option<f64> {
        (self.tries > 0).then(|| f64::from(self.failures) / f64::from(self.tries))
    }
}

/// The tries of a window of time, which are forgotten as it moves on, a second at a time.
#[derive(Debug)]
pub(super) struct Tally {
    window: Duration,
    slots: VecDeque<(Instant, Count)>,
}

impl Tally {
    pub(super) fn new(window: Duration) -> Self {
        Self {
            window,
            slots: VecDeque::new(),
        }
    }

    pub(super) fn note(&mut self, failed: bool, now: Instant) {
        self.slots.retain(|(start, _)| *start + self.window > now);
        if self.slots.back().is_none_or(|(start, _)| *start + SLOT <= now) {
            self.slots.push_back((now, Count::default()));
        }
        if let Some((_, count)) = self.slots.back_mut() {
            count.tries = count.tries.saturating_add(1);
            count.failures = count.failures.saturating_add(u32::from(failed));
        }
    }

    /// The tries of the whole window.
    pub(super) fn all(&self, now: Instant) -> Count {
        self.within(self.window, now)
    }

    /// The tries of the last `time` of the window.
    pub(super) fn within(&self, time: Duration, now: Instant) -> Count {
        let recent = self.slots.iter().filter(|(start, _)| *start + time > now);
        recent.fold(Count::default(), |sum, (_, count)| Count {
            tries: sum.tries.saturating_add(count.tries),
            failures: sum.failures.saturating_add(count.failures),
        })
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }
}
