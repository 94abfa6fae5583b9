//! What clients were answered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The answer it should get.
    Served,
    /// 503 of the gateway itself: nothing was started, and why.
    Refused(String),
    /// No answer, or one that says that something is amiss.
    Failed(String),
}

/// A request, as its client saw it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub what: &'static str,
    pub began: Instant,
    pub took: Duration,
    pub outcome: Outcome,
}

/// Everything that clients saw.
#[derive(Debug, Default)]
pub struct Ledger {
    pub entries: Vec<Entry>,
    /// The webhooks that were answered 200.
    pub taken: BTreeSet<u64>,
    /// The events of webhooks that a live feed told of.
    pub followed: BTreeSet<u64>,
    /// The verifications that were approved: where each is checked, and its code.
    pub approved: Vec<(String, String)>,
    /// Approvals that should not be.
    pub wrong: Vec<String>,
    /// How often a live feed ended and was taken up again.
    pub resumed: usize,
}

impl Ledger {
    /// What was not served as it should be, by what it was.
    pub fn failures(&self) -> Vec<String> {
        self.told(|outcome| matches!(outcome, Outcome::Failed(_)))
    }

    /// What the gateway refused.
    pub fn refusals(&self) -> Vec<String> {
        self.told(|outcome| matches!(outcome, Outcome::Refused(_)))
    }

    fn told(&self, is_meant: impl Fn(&Outcome) -> bool) -> Vec<String> {
        let meant = self.entries.iter().filter(|entry| is_meant(&entry.outcome));
        meant
            .map(|entry| format!("{} after {:?}: {:?}", entry.what, entry.took, entry.outcome))
            .collect()
    }

    /// How many requests of each kind were served, and the slowest of them.
    pub fn summary(&self) -> String {
        let mut kinds: BTreeMap<&str, (usize, Duration)> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.outcome == Outcome::Served) {
            let (count, slowest) = kinds.entry(entry.what).or_default();
            *count += 1;
            *slowest = entry.took.max(*slowest);
        }
        let kinds = kinds
            .iter()
            .map(|(what, (count, slowest))| format!("{what} {count} (slowest {:.2} s)", slowest.as_secs_f64()));
        kinds.collect::<Vec<_>>().join(", ")
    }

    /// How long it took from `broken` until requests were served again: the end of the first request begun since that was
    /// served after all failures that began within `within`.
    pub fn recovery(&self, broken: Instant, within: Duration) -> Duration {
        let concerned = |entry: &&Entry| entry.began >= broken && entry.began < broken + within;
        let ends = |entry: &Entry| entry.began + entry.took;
        let failed = self
            .entries
            .iter()
            .filter(concerned)
            .filter(|entry| entry.outcome != Outcome::Served);
        let last = failed.map(ends).max().unwrap_or(broken);
        let served = self.entries.iter().filter(|entry| entry.outcome == Outcome::Served);
        let first = served.map(ends).filter(|end| *end >= last).min();
        first.map_or(within, |first| first - broken)
    }
}
