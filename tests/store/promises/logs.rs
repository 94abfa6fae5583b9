//! Logs: order, pages, waiting.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use switchboard::store::{Position, keys};

use super::{LONG, SHORT, bytes};
use crate::bed::{Bed, eventually};

pub async fn a_log_is_read_in_order_and_in_pages(bed: Bed) {
    let log = keys::events();
    let mut written = Vec::new();
    for n in 0..25 {
        let entry = Bytes::from(format!("entry {n}"));
        let position = bed.store.append(&log, entry.clone()).await.unwrap();
        written.push((position, entry));
        bed.pass(Duration::from_millis(n % 2));
    }
    assert!(written.is_sorted_by(|a, b| a.0 < b.0));
    assert!(written[0].0 > Position::START);
    let mut read = Vec::new();
    let mut after = Position::START;
    loop {
        let page = bed.store.read(&log, after, 10).await.unwrap();
        assert!(page.len() <= 10);
        let Some((last, _)) = page.last() else { break };
        after = *last;
        read.extend(page);
    }
    assert_eq!(read, written);
    assert_eq!(bed.store.read(&log, Position::START, 0).await.unwrap(), []);
    let beyond = Position::new(u64::MAX, u64::MAX);
    assert_eq!(bed.store.read(&log, beyond, 10).await.unwrap(), []);
}

pub async fn logs_do_not_mix(bed: Bed) {
    bed.store.append(&keys::events(), bytes("event")).await.unwrap();
    bed.store.append(&keys::inbox(), bytes("webhook")).await.unwrap();
    for (log, entry) in [(keys::events(), "event"), (keys::inbox(), "webhook")] {
        let read = bed.store.read(&log, Position::START, 10).await.unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].1, entry);
    }
    let none = bed.store.read(&keys::dead_letters(), Position::START, 10).await;
    assert_eq!(none.unwrap(), []);
}

pub async fn what_is_appended_together_stays_in_order(bed: Bed) {
    let log = keys::inbox();
    let entry = |n: usize| Bytes::from(n.to_string());
    bed.store.append(&log, entry(0)).await.unwrap();
    bed.store.append_all(&log, (1..300).map(entry).collect()).await.unwrap();
    bed.store.append_all(&log, Vec::new()).await.unwrap();
    bed.store.append(&log, entry(300)).await.unwrap();
    let read = bed.store.read(&log, Position::START, 1000).await.unwrap();
    let entries: Vec<_> = read.iter().map(|(_, entry)| entry.clone()).collect();
    assert_eq!(entries, (0..=300).map(entry).collect::<Vec<_>>());
    assert!(read.is_sorted_by(|one, other| one.0 < other.0));
}

pub async fn concurrent_appends_each_get_a_place(bed: Bed) {
    let log = keys::inbox();
    let entry = |n: usize| Bytes::from(n.to_string());
    let appends = (0..300).map(|n| bed.store.append(&log, entry(n)));
    let positions = try_join_all(appends).await.unwrap();
    let mut written: Vec<_> = positions.into_iter().zip((0..300).map(entry)).collect();
    written.sort();
    assert_eq!(bed.store.read(&log, Position::START, 1000).await.unwrap(), written);
}

pub async fn trimming_drops_what_is_older(bed: Bed) {
    let log = keys::events();
    let appends = (0..1300).map(|_| bed.store.append(&log, bytes("old")));
    let old = try_join_all(appends).await.unwrap().into_iter().max().unwrap();
    // The next entry must fall into a later millisecond, by whichever clock.
    bed.pass(SHORT);
    let mut kept = Vec::new();
    eventually(async || {
        let position = bed.store.append(&log, bytes("new")).await.unwrap();
        kept.push(position);
        position.ms() > old.ms()
    })
    .await;
    let last = *kept.last().unwrap();
    let before = i64::try_from(last.ms()).unwrap();
    bed.store.trim(&log, before).await.unwrap();
    let left = bed.store.read(&log, Position::START, 2000).await.unwrap();
    assert_eq!(left, [(last, bytes("new"))]);
    bed.store.trim(&log, before + 1).await.unwrap();
    assert_eq!(bed.store.read(&log, Position::START, 10).await.unwrap(), []);
    let next = bed.store.append(&log, bytes("next")).await.unwrap();
    assert!(next > last, "an emptied log does not start again");
}

pub async fn what_is_struck_out_is_gone_and_the_rest_stays_in_its_place(bed: Bed) {
    let log = keys::events();
    let mut written = Vec::new();
    for n in 0..5 {
        let entry = Bytes::from(n.to_string());
        written.push((bed.store.append(&log, entry.clone()).await.unwrap(), entry));
    }
    let (struck, _) = written.remove(2);
    bed.store.strike(&log, struck).await.unwrap();
    bed.store.strike(&log, struck).await.unwrap();
    bed.store.strike(&keys::inbox(), struck).await.unwrap();
    assert_eq!(bed.store.read(&log, Position::START, 10).await.unwrap(), written);
    assert_eq!(bed.store.read(&log, struck, 10).await.unwrap(), written[2..]);
    let (last, _) = written.pop().unwrap();
    bed.store.strike(&log, last).await.unwrap();
    let next = bed.store.append(&log, bytes("next")).await.unwrap();
    assert!(next > last, "a place is never given twice");
}

pub async fn waiting_ends_at_once_when_there_is_something(bed: Bed) {
    let log = keys::events();
    let first = bed.store.append(&log, bytes("1")).await.unwrap();
    bed.store.append(&log, bytes("2")).await.unwrap();
    for after in [Position::START, first] {
        let wait = bed.store.wait(&log, after, Duration::MAX);
        tokio::time::timeout(LONG / 60, wait).await.unwrap().unwrap();
    }
}

pub async fn waiting_ends_when_something_is_appended(bed: Bed) {
    let log = keys::events();
    let mut after = Position::START;
    for round in 0..3 {
        let store = bed.store.clone();
        let waiting = tokio::spawn(async move { store.wait(&keys::events(), after, LONG).await });
        // An append elsewhere, or the waiter not waiting yet, must not confuse it.
        bed.store.append(&keys::inbox(), bytes("elsewhere")).await.unwrap();
        if round > 0 {
            tokio::task::yield_now().await;
        }
        after = bed.store.append(&log, bytes("here")).await.unwrap();
        tokio::time::timeout(LONG / 60, waiting)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

pub async fn waiting_ends_when_the_time_is_up(bed: Bed) {
    let log = keys::events();
    let last = bed.store.append(&log, bytes("1")).await.unwrap();
    let began = Instant::now();
    bed.store.wait(&log, last, SHORT).await.unwrap();
    assert!(began.elapsed() >= SHORT, "nothing was there to end it sooner");
}

pub async fn many_wait_on_one_log(bed: Bed) {
    let waiters: Vec<_> = (0..100)
        .map(|n| {
            let store = bed.store.clone();
            tokio::spawn(async move {
                let log = keys::events();
                let mut after = Position::START;
                let mut seen = 0;
                while seen < 5 {
                    store.wait(&log, after, LONG).await.unwrap();
                    let page = store.read(&log, after, 1 + n % 3).await.unwrap();
                    seen += page.len();
                    after = page.last().map_or(after, |(position, _)| *position);
                }
            })
        })
        .collect();
    let appending = async {
        loop {
            bed.store.append(&keys::events(), bytes("x")).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let all = tokio::select! {
        all = join_all(waiters) => all,
        () = appending => unreachable!(),
        () = tokio::time::sleep(LONG / 20) => panic!("some still wait"),
    };
    assert!(all.iter().all(Result::is_ok));
}
