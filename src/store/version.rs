//! Versions that are never used twice.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Says which put wrote a value; equal only to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version(u64);

impl Version {
    pub(super) fn from_u64(number: u64) -> Self {
        Self(number)
    }

    pub(super) fn to_u64(self) -> u64 {
        self.0
    }
}

/// Makes versions without asking anyone: a keyed hash of a count, with a key drawn at random, so
/// that two instances writing the same key do not meet either.
#[derive(Debug, Default)]
pub(super) struct Versions {
    key: RandomState,
    count: AtomicU64,
}

impl Versions {
    pub(super) fn next(&self) -> Version {
        Version(self.key.hash_one(self.count.fetch_add(1, Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_version_is_made_twice() {
        let (one, other) = (Versions::default(), Versions::default());
        let made: HashSet<_> = (0..10_000).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(made.len(), 20_000);
    }
}
