//! Walks at random over lists that move, across instances, failures, rotated keys and flushed stores.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::bed::{Bed, DAYS_REPORT, NOON, SAY, Scripted, bed, caller};
use super::history::row;
use crate::domain::error::Problem;
use crate::domain::history::{Record, Row, Window};
use crate::domain::time::Timestamp;
use crate::usecases::Gateway;
use crate::usecases::history_source::stretch::Checks;
use crate::usecases::requests::{AskedWindow, HistoryQuery, Paging};

const DAY: i64 = 86_400_000;
const WALKS: u64 = 250;
/// How many rows there are at most.
const ROWS: i64 = 120;
/// How many walks are walked without looking for shifts.
const BLIND_WALKS: u64 = 40;
/// How many rows there are then: each crosses from one page to the next many times.
const BLIND_ROWS: i64 = 360;

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as i64 % end
    }
}

/// The accounts of a walk, and what became of their rows.
struct Lists {
    accounts: Vec<Arc<Scripted>>,
    made: usize,
    newest_first: bool,
}

type Key = (usize, String);

impl Lists {
    fn new(dice: &mut Dice, newest_first: bool, rows: i64) -> Self {
        let account = |index| {
            let account = Scripted::new(&format!("account-{index}"), SAY);
            account.tells_total.store(true, Ordering::Relaxed);
            account
        };
        let mut lists = Self {
            accounts: (0..3).map(account).collect(),
            made: 0,
            newest_first,
        };
        *lists.accounts[0].reports.lock().unwrap() = DAYS_REPORT;
        let span = [DAY / 4, 3 * DAY][dice.below(2) as usize];
        for _ in 0..rows {
            let age = dice.below(span);
            lists.insert(dice, NOON - age);
        }
        lists
    }

    /// A row at an instant that many share.
    fn insert(&mut self, dice: &mut Dice, at: i64) {
        self.made += 1;
        let made = Timestamp::from_millis(at / 600_000 * 600_000);
        let mut new = row(10_000 + self.made, 0);
        new.facts.created_at = Some(made);
        let account = dice.below(self.accounts.len() as i64) as usize;
        let mut rows = self.accounts[account].rows.lock().unwrap();
        let key = |row: &Row| (row.facts.created_at, row.id.clone());
        let index = match self.newest_first {
            true => rows.partition_point(|other| key(other) > key(&new)),
            false => dice.below(rows.len() as i64 + 1) as usize,
        };
        rows.insert(index, new);
    }

    /// Takes a few neighbouring rows away: of a single one nothing is passed over, since pages overlap by a row.
    fn remove(&mut self, dice: &mut Dice) {
        let account = dice.below(self.accounts.len() as i64) as usize;
        let mut rows = self.accounts[account].rows.lock().unwrap();
        if !rows.is_empty() {
            let first = dice.below(rows.len() as i64) as usize;
            let end = rows.len().min(first + 1 + dice.below(4) as usize);
            rows.drain(first..end);
        }
    }

    /// Takes rows away that stand right above the walk's place in the list that is read by offset: what is read next moves
    /// up past the end of what was read.
    fn remove_given(&mut self, dice: &mut Dice, last: &Record) {
        let mut rows = self.accounts[0].rows.lock().unwrap();
        let end = rows.partition_point(|row| row.facts.created_at > Some(last.created_at));
        let first = end.saturating_sub(2 + dice.below(6) as usize);
        rows.drain(first..end);
    }

    fn update(&mut self, dice: &mut Dice) {
        for account in &self.accounts {
            let mut rows = account.rows.lock().unwrap();
            if !rows.is_empty() {
                let changed = dice.below(rows.len() as i64) as usize;
                rows[changed].raw.push(' ');
            }
        }
    }

    fn there(&self) -> BTreeSet<Key> {
        let rows = self.accounts.iter().enumerate();
        rows.flat_map(|(account, one)| {
            let rows = one.rows.lock().unwrap();
            let inside = rows
                .iter()
                .filter(|row| row.facts.created_at.unwrap() <= Timestamp::from_millis(NOON));
            inside.map(|row| (account, row.id.clone())).collect::<Vec<_>>()
        })
        .collect()
    }
}

fn query(partial: bool) -> HistoryQuery {
    let window = Window {
        since: Timestamp::from_millis(NOON - 5 * DAY),
        until: Timestamp::from_millis(NOON + DAY),
    };
    HistoryQuery {
        window: AskedWindow {
            meant: Some(window),
            ..AskedWindow::default()
        },
        partial,
        ..HistoryQuery::default()
    }
}

/// One walk: what was given, and the rows that were there all the time.
struct Walked {
    records: Vec<Record>,
    stayed: BTreeSet<Key>,
    partial: bool,
}

impl Walked {
    /// The promise it broke, if any.
    fn broken(&self) -> Option<&'static str> {
        let key = |record: &Record| {
            let account = record.account.as_str().trim_start_matches("account-").parse().unwrap();
            (account, record.provider_ref.clone().unwrap().id.unwrap())
        };
        let mut times: BTreeMap<Key, usize> = BTreeMap::new();
        for record in &self.records {
            *times.entry(key(record)).or_default() += 1;
        }
        let place = |record: &Record| (record.created_at, record.id.clone());
        let descends = |pair: &[Record]| place(&pair[0]) > place(&pair[1]);
        let newest = Timestamp::from_millis(NOON);
        let promises = [
            (
                "no row is newer than the walk",
                self.records.iter().all(|record| record.created_at <= newest),
            ),
            ("no row comes twice", times.values().all(|times| *times == 1)),
            (
                "whole pages are in order",
                self.partial || self.records.windows(2).all(descends),
            ),
            ("no row is lost", self.stayed.iter().all(|row| times.contains_key(row))),
        ];
        promises.iter().find(|(_, kept)| !kept).map(|(promise, _)| *promise)
    }
}

/// Walks once; every instance, list and page by chance. The list's moves are left out where it is in no order.
async fn walk(seed: u64, newest_first: bool, checks: Checks) -> Walked {
    let mut dice = Dice(seed);
    for _ in 0..4 {
        dice.below(2);
    }
    let rows = if checks.shifts { dice.below(ROWS) } else { BLIND_ROWS };
    let mut lists = Lists::new(&mut dice, newest_first, rows);
    let accounts = lists.accounts.clone();
    let providers: Vec<_> = accounts.iter().collect();
    let mut bed: Bed = bed(&providers, "");
    Arc::get_mut(&mut bed.gateway).unwrap().history_checks = checks;
    let mut instances: Vec<Arc<Gateway>> = vec![bed.another(&providers, false), bed.another(&providers, true)];
    for instance in &mut instances {
        Arc::get_mut(instance).unwrap().history_checks = checks;
    }
    let partial = dice.below(4) == 0;
    let mut walked = Walked {
        records: Vec::new(),
        stayed: lists.there(),
        partial,
    };
    let most = [3, 20, 200][dice.below(3) as usize];
    let mut cursor = None;
    // The rotated ring seals what the old one does not open.
    let mut rotated = false;
    for _ in 0..3_000 {
        rotated |= dice.below(4) == 0;
        let gateway = match (dice.below(3), rotated) {
            (0, true) => &instances[1],
            (_, true) => &instances[0],
            _ => &bed.gateway,
        };
        if dice.below(6) == 0 {
            let failing = dice.below(3) as usize;
            *accounts[failing].failing.lock().unwrap() = dice.below(3) as usize;
        }
        let paging = Paging {
            limit: 1 + dice.below(most) as usize,
            cursor: cursor.clone(),
        };
        match gateway.history(&caller("owner"), query(partial), paging).await {
            Ok(page) => {
                walked.records.extend(page.data);
                cursor = page.next_cursor;
                if cursor.is_none() {
                    return walked;
                }
            }
            Err(error) => assert_eq!(error.problem, Problem::SourceUnavailable, "{}", error.detail),
        }
        bed.clock.advance(Duration::from_millis(dice.below(5_000) as u64));
        if newest_first {
            for _ in 0..dice.below(4) {
                match dice.below(6) {
                    0 => lists.insert(&mut dice, NOON + DAY / 8),
                    1 => {
                        let age = dice.below(3 * DAY);
                        lists.insert(&mut dice, NOON - age);
                    }
                    2 => lists.remove(&mut dice),
                    3 | 4 => {
                        if let Some(last) = walked.records.last() {
                            lists.remove_given(&mut dice, last);
                        }
                    }
                    _ => lists.update(&mut dice),
                }
            }
        } else {
            lists.update(&mut dice);
        }
        let there = lists.there();
        walked.stayed.retain(|row| there.contains(row));
    }
    panic!("the walk never ends");
}

/// The first walk that broke a promise, and which.
async fn first_broken(seeds: std::ops::Range<u64>, newest_first: bool, checks: Checks) -> Option<(u64, &'static str)> {
    for seed in seeds {
        if let Some(promise) = walk(seed, newest_first, checks).await.broken() {
            return Some((seed, promise));
        }
    }
    None
}

#[tokio::test]
async fn random_walks_over_moving_lists_give_every_row_once() {
    assert_eq!(first_broken(0..WALKS, true, Checks::ALL).await, None);
}

#[tokio::test]
async fn more_random_walks_over_moving_lists_give_every_row_once() {
    assert_eq!(first_broken(WALKS..2 * WALKS, true, Checks::ALL).await, None);
}

#[tokio::test]
async fn still_more_random_walks_over_moving_lists_give_every_row_once() {
    assert_eq!(first_broken(2 * WALKS..3 * WALKS, true, Checks::ALL).await, None);
}

#[tokio::test]
async fn random_walks_over_lists_in_no_order_give_every_row_once() {
    assert_eq!(first_broken(3 * WALKS..4 * WALKS, false, Checks::ALL).await, None);
}

#[tokio::test]
#[allow(clippy::print_stdout)]
async fn without_looking_for_shifts_the_walks_break_their_promises() {
    let mut broken = 0;
    for seed in 0..BLIND_WALKS {
        let walked = walk(seed, true, Checks { shifts: false }).await;
        broken += usize::from(walked.broken().is_some());
    }
    println!("{broken} of {BLIND_WALKS} walks break a promise where shifts are not looked for");
    assert!(broken as u64 * 4 >= BLIND_WALKS, "{broken} of {BLIND_WALKS}");
}
