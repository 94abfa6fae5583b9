//! When a key was last of use, to whoever used it.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::time::Timestamp;

/// When a key was last of use. It goes on with the key from one configuration to the next.
#[derive(Debug, Default)]
pub struct KeyUses {
    /// Last sent, or signed or sealed with.
    pub used: Moment,
    /// Last taken by the other side, or found right.
    pub accepted: Moment,
    /// Last refused by the other side, or found wrong.
    pub rejected: Moment,
    /// When the last of the tokens ends that were found right; of a key that tokens are signed with.
    pub tokens_end: Moment,
}

/// An instant that any thread may move, and only forward.
#[derive(Debug)]
pub struct Moment(AtomicI64);

impl Moment {
    const NEVER: i64 = i64::MIN;

    /// Notes that it happened `at` this time, if not later as well.
    pub fn note(&self, at: Timestamp) {
        let at = at.as_millis();
        // Mostly it is the same instant as a moment ago: then the line of the cache stays everybody's.
        if self.0.load(Ordering::Relaxed) < at {
            self.0.fetch_max(at, Ordering::Relaxed);
        }
    }

    /// When it last happened.
    pub fn get(&self) -> Option<Timestamp> {
        let millis = self.0.load(Ordering::Relaxed);
        (millis != Self::NEVER).then(|| Timestamp::from_millis(millis))
    }
}

impl Default for Moment {
    fn default() -> Self {
        Self(AtomicI64::new(Self::NEVER))
    }
}
