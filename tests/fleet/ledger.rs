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
    /// 202: it may have been started, and will be settled.
    Unsure,
    /// 404, for what was answered before.
    Missing,
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

/// A verification that was approved.
#[derive(Debug, Clone)]
pub struct Approved {
    /// Where it is checked.
    pub path: String,
    pub code: String,
    pub at: Instant,
}

/// Everything that clients saw.
#[derive(Debug, Default)]
pub struct Ledger {
    pub entries: Vec<Entry>,
    /// The webhooks that were answered 200, and when.
    pub taken: BTreeMap<u64, Instant>,
    /// The events of webhooks that a live feed told of.
    pub followed: BTreeSet<u64>,
    /// The verifications that were approved.
    pub approved: Vec<Approved>,
    /// Approvals that should not be.
    pub wrong: Vec<String>,
    /// What was answered once and was not there later (404), and when it was answered, or else asked for.
    pub missing: Vec<(String, Instant)>,
    /// How many rounds callers have done.
    pub rounds: usize,
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

    /// How many answers left open what had been started.
    pub fn unsure(&self) -> usize {
        self.told(|outcome| *outcome == Outcome::Unsure).len()
    }

    fn told(&self, is_meant: impl Fn(&Outcome) -> bool) -> Vec<String> {
        let meant = self.entries.iter().filter(|entry| is_meant(&entry.outcome));
        meant
            .map(|entry| format!("{} after {:?}: {:?}", entry.what, entry.took, entry.outcome))
            .collect()
    }

    /// How many requests there were and what became of them: for the figures.
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
        format!(
            "{} requests: {} failed, {} refused, {} unsure, {} missing; {} webhooks taken; {} approvals, {} wrong; \
             served: {}",
            self.entries.len(),
            self.failures().len(),
            self.refusals().len(),
            self.unsure(),
            self.missing.len(),
            self.taken.len(),
            self.approved.len(),
            self.wrong.len(),
            kinds.collect::<Vec<_>>().join(", "),
        )
    }

    /// Holds that there were so many requests and each was answered as it should be. A store that is too slow on a busy
    /// machine is no fault of who is restarted.
    #[track_caller]
    pub fn is_spotless(&self, least: usize) {
        assert!(self.entries.len() >= least, "{} requests", self.entries.len());
        let failures = self.failures();
        assert!(
            failures.is_empty(),
            "{} failed: {:#?}",
            failures.len(),
            &failures[..failures.len().min(9)]
        );
        // Where it refuses some, it may have been too slow for what was begun as well.
        let (unsure, refused) = (self.unsure(), self.refusals());
        assert!(
            unsure <= refused.len(),
            "{unsure} unsure, {} refused: {refused:#?}",
            refused.len()
        );
        assert_eq!(self.wrong, Vec::<String>::new());
        assert!(self.missing.is_empty(), "{:?}", self.missing);
        assert!(self.unheard().is_empty(), "{:?}", self.unheard());
    }

    /// The webhooks that were answered 200 and that the live feed did not tell of.
    pub fn unheard(&self) -> BTreeSet<u64> {
        let taken = self.taken.keys().copied();
        taken.filter(|id| !self.followed.contains(id)).collect()
    }

    /// How long after `broken` requests were served again: the first of those that began behind the first failure. Nothing
    /// where no request failed before `until`.
    pub fn away(&self, broken: Instant, until: Instant) -> Option<Duration> {
        let began = |entry: &&Entry| (broken..until).contains(&entry.began);
        let failed = self
            .entries
            .iter()
            .filter(began)
            .filter(|entry| entry.outcome != Outcome::Served);
        let first = failed.map(Entry::ended).min()?;
        let again = self
            .entries
            .iter()
            .filter(|entry| entry.began >= first && entry.outcome == Outcome::Served);
        again.map(Entry::ended).min().map(|ended| ended - broken)
    }
}

impl Entry {
    fn ended(&self) -> Instant {
        self.began + self.took
    }
}

/// The median and the longest of some times, in seconds.
pub fn spread(times: &mut [Duration]) -> String {
    times.sort();
    match (times.get(times.len() / 2), times.last()) {
        (Some(median), Some(most)) => format!(
            "median {:.2} s, at most {:.2} s",
            median.as_secs_f64(),
            most.as_secs_f64()
        ),
        _ => "never".to_owned(),
    }
}
