//! The embedded store does what a handful of maps would do, whatever it is asked in whatever order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use proptest::collection::vec;
use proptest::prelude::*;
use switchboard::clock::{Clock, ManualClock};
use switchboard::store::{Expect, Key, Order, Position, Put, Range, Scored, SharedStore, Version, keys};
use tempfile::TempDir;

use crate::bed::{START, open_embedded};

const KEYS: u8 = 4;
const NEVER: i64 = i64::MAX;

#[derive(Debug, Clone)]
enum Step {
    /// Sent at once, so that they may share a transaction, and applied in this order.
    Together(Vec<Operation>),
    Pass(u16),
    Reopen,
}

#[derive(Debug, Clone)]
enum Operation {
    Put(u8, u8, Option<u16>, Expected),
    Remove(u8, Expected),
    Add(u8, i8, u16),
    Append(u8),
    Trim(i16),
    Index(i8, u8, Option<i8>),
    Unindex(u8),
}

/// What is expected, as far as it can be said before the versions are known.
#[derive(Debug, Clone, Copy)]
enum Expected {
    Any,
    Absent,
    /// The version of the key before this step.
    Known,
}

fn operation() -> impl Strategy<Value = Operation> {
    let expected = prop_oneof![Just(Expected::Any), Just(Expected::Absent), Just(Expected::Known)];
    let key = 0..KEYS;
    prop_oneof![
        4 => (key.clone(), any::<u8>(), any::<Option<u16>>(), expected.clone())
            .prop_map(|(key, value, ttl, expected)| Operation::Put(key, value, ttl, expected)),
        1 => (key.clone(), expected).prop_map(|(key, expected)| Operation::Remove(key, expected)),
        2 => (key, any::<i8>(), any::<u16>()).prop_map(|(key, n, ttl)| Operation::Add(key, n, ttl)),
        2 => any::<u8>().prop_map(Operation::Append),
        1 => any::<i16>().prop_map(Operation::Trim),
        3 => (any::<i8>(), 0..8_u8, any::<Option<i8>>())
            .prop_map(|(score, member, from)| Operation::Index(score, member, from)),
        1 => (0..8_u8).prop_map(Operation::Unindex),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => vec(operation(), 1..12).prop_map(Step::Together),
        2 => any::<u16>().prop_map(Step::Pass),
        1 => Just(Step::Reopen),
    ]
}

/// What an operation answered, as far as the model can know it.
#[derive(Debug, PartialEq)]
enum Answer {
    Put { stored: bool, found: Option<Bytes> },
    Removed(bool),
    Counted(i64, Duration),
    Appended(Position),
    Done,
}

#[derive(Default)]
struct Model {
    now: i64,
    values: BTreeMap<u8, (Bytes, i64)>,
    /// Which put wrote the value, counted from the start.
    writers: BTreeMap<u8, u64>,
    puts: u64,
    counters: BTreeMap<u8, (i64, i64)>,
    log: BTreeMap<Position, Bytes>,
    end: Position,
    set: BTreeSet<(i64, String)>,
}

fn value_key(key: u8) -> Key {
    keys::call(key)
}

fn counter_key(key: u8) -> Key {
    keys::counter("model", key)
}

fn member(n: u8) -> String {
    // Some names are the beginning of others.
    "m".repeat(usize::from(n / 2)) + ["", "é"][usize::from(n % 2)]
}

impl Model {
    fn expire(&mut self) {
        let now = self.now;
        self.values.retain(|_, (_, expires)| *expires > now);
        self.counters.retain(|_, (_, expires)| *expires > now);
        let values = &self.values;
        self.writers.retain(|key, _| values.contains_key(key));
    }

    fn as_expected(&self, key: u8, expected: Expected, known: Option<u64>) -> bool {
        match expected {
            Expected::Any => true,
            Expected::Absent => !self.values.contains_key(&key),
            Expected::Known => match known {
                Some(known) => self.writers.get(&key) == Some(&known),
                None => !self.values.contains_key(&key),
            },
        }
    }

    fn apply(&mut self, operation: &Operation, known: &BTreeMap<u8, u64>) -> Answer {
        match operation {
            Operation::Put(key, value, ttl, expected) => {
                self.puts += 1;
                if !self.as_expected(*key, *expected, known.get(key).copied()) {
                    let found = self.values.get(key).map(|(value, _)| value.clone());
                    return Answer::Put { stored: false, found };
                }
                let expires = ttl.map_or(NEVER, |ttl| self.now + i64::from(ttl.max(1)));
                self.values.insert(*key, (Bytes::from(vec![*value]), expires));
                self.writers.insert(*key, self.puts);
                Answer::Put {
                    stored: true,
                    found: None,
                }
            }
            Operation::Remove(key, expected) => {
                let removed =
                    self.values.contains_key(key) && self.as_expected(*key, *expected, known.get(key).copied());
                if removed {
                    self.values.remove(key);
                    self.writers.remove(key);
                }
                Answer::Removed(removed)
            }
            Operation::Add(key, n, ttl) => {
                let born = (0, self.now + i64::from((*ttl).max(1)));
                let (total, expires) = self.counters.get(key).copied().unwrap_or(born);
                let total = total + i64::from(*n);
                if *n != 0 {
                    self.counters.insert(*key, (total, expires));
                }
                let left = u64::try_from(expires - self.now).unwrap();
                Answer::Counted(total, Duration::from_millis(left))
            }
            Operation::Append(value) => {
                let now = u64::try_from(self.now).unwrap();
                self.end = match now > self.end.ms() {
                    true => Position::new(now, 0),
                    false => Position::new(self.end.ms(), self.end.seq() + 1),
                };
                self.log.insert(self.end, Bytes::from(vec![*value]));
                Answer::Appended(self.end)
            }
            Operation::Trim(before) => {
                let before = u64::try_from(self.now + i64::from(*before)).unwrap();
                self.log.retain(|position, _| position.ms() >= before);
                Answer::Done
            }
            Operation::Index(score, n, from) => {
                self.set.retain(|(_, name)| *name != member(*n));
                self.set.insert((i64::from(*score), member(*n)));
                if let Some(from) = from {
                    self.set.retain(|(score, _)| *score >= i64::from(*from));
                }
                Answer::Done
            }
            Operation::Unindex(n) => {
                self.set.retain(|(_, name)| *name != member(*n));
                Answer::Done
            }
        }
    }
}

async fn ask(store: &SharedStore, operation: &Operation, (known, now): (&BTreeMap<u8, Version>, i64)) -> Answer {
    let expect = |key: &u8, expected: &Expected| match (expected, known.get(key)) {
        (Expected::Any, _) => Expect::Any,
        (Expected::Known, Some(version)) => Expect::Version(*version),
        _ => Expect::Absent,
    };
    let millis = |ms: u16| Duration::from_millis(u64::from(ms));
    match operation {
        Operation::Put(key, value, ttl, expected) => {
            let (value, ttl) = (Bytes::from(vec![*value]), ttl.map(millis));
            let put = store.put(&value_key(*key), value, ttl, expect(key, expected)).await;
            match put.unwrap() {
                Put::Stored(_) => Answer::Put {
                    stored: true,
                    found: None,
                },
                Put::Conflict(found) => Answer::Put {
                    stored: false,
                    found: found.map(|found| found.value),
                },
            }
        }
        Operation::Remove(key, expected) => {
            let removed = store.remove(&value_key(*key), expect(key, expected)).await;
            Answer::Removed(removed.unwrap())
        }
        Operation::Add(key, n, ttl) => {
            let counter = store
                .add(&counter_key(*key), i64::from(*n), millis(*ttl))
                .await
                .unwrap();
            Answer::Counted(counter.total, counter.expires_in)
        }
        Operation::Append(value) => {
            let entry = Bytes::from(vec![*value]);
            Answer::Appended(store.append(&keys::events(), entry).await.unwrap())
        }
        Operation::Trim(before) => {
            store.trim(&keys::events(), now + i64::from(*before)).await.unwrap();
            Answer::Done
        }
        Operation::Index(score, n, from) => {
            let (score, from) = (i64::from(*score), from.map(i64::from));
            store.index(&keys::calls_all(), score, &member(*n), from).await.unwrap();
            Answer::Done
        }
        Operation::Unindex(n) => {
            store.unindex(&keys::calls_all(), &member(*n)).await.unwrap();
            Answer::Done
        }
    }
}

/// Compares all that can be read, and returns the versions found.
async fn compare(store: &SharedStore, model: &Model) -> BTreeMap<u8, Version> {
    let names: Vec<_> = (0..KEYS).map(value_key).collect();
    let found = store.get_many(&names).await.unwrap();
    let mut versions = BTreeMap::new();
    for (key, found) in (0..KEYS).zip(found) {
        let value = found.as_ref().map(|found| found.value.clone());
        assert_eq!(value, model.values.get(&key).map(|(value, _)| value.clone()));
        versions.extend(found.map(|found| (key, found.version)));
    }
    let log = store.read(&keys::events(), Position::START, usize::MAX).await.unwrap();
    assert_eq!(log, model.log.clone().into_iter().collect::<Vec<_>>());
    for order in [Order::Ascending, Order::Descending] {
        let mut expected: Vec<_> = model.set.iter().cloned().collect();
        if order == Order::Descending {
            expected.reverse();
        }
        assert_eq!(pages(store, order).await, expected);
    }
    versions
}

async fn pages(store: &SharedStore, order: Order) -> Vec<(i64, String)> {
    let mut read: Vec<(i64, String)> = Vec::new();
    loop {
        let query = Range {
            scores: i64::MIN..=i64::MAX,
            order,
            after: read.last().cloned(),
            limit: 3,
        };
        let page = store.range(&keys::calls_all(), query).await.unwrap();
        if page.is_empty() {
            return read;
        }
        read.extend(page.into_iter().map(|Scored { score, member }| (score, member)));
    }
}

async fn run(steps: Vec<Step>) {
    let directory = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(START));
    let mut store = open_embedded(directory.path(), &clock);
    let mut model = Model {
        now: START,
        ..Model::default()
    };
    for step in steps {
        match step {
            Step::Together(operations) => {
                let versions = compare(&store, &model).await;
                let asked = operations
                    .iter()
                    .map(|operation| ask(&store, operation, (&versions, model.now)));
                let answers = join_all(asked).await;
                let known = model.writers.clone();
                for (operation, answer) in operations.iter().zip(answers) {
                    assert_eq!(answer, model.apply(operation, &known), "{operation:?}");
                }
            }
            Step::Pass(ms) => {
                clock.advance(Duration::from_millis(u64::from(ms)));
                model.now = clock.now_ms();
                model.expire();
            }
            Step::Reopen => {
                drop(store);
                store = open_embedded(directory.path(), &clock);
            }
        }
    }
    compare(&store, &model).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn an_embedded_store_is_a_handful_of_maps(steps in vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}
