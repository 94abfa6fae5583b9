//! Counters: sums within a fixed window.

use std::collections::HashSet;

use futures_util::future::try_join_all;
use switchboard::store::{Expect, StoreError, keys};

use super::{LONG, SHORT, bytes};
use crate::bed::{Bed, eventually};

pub async fn a_counter_adds_up_and_keeps_its_window(bed: Bed) {
    let counter = keys::counter("sends", "h");
    let first = bed.store.add(&counter, 2, LONG).await.unwrap();
    assert_eq!(first.total, 2);
    assert!(first.expires_in <= LONG && first.expires_in > LONG / 2);
    let second = bed.store.add(&counter, -5, 10 * LONG).await.unwrap();
    assert_eq!(second.total, -3);
    assert!(second.expires_in <= first.expires_in, "the window is not renewed");
    let read = bed.store.add(&counter, 0, LONG).await.unwrap();
    assert_eq!(read.total, -3);
    assert!(bed.store.remove(&counter, Expect::Any).await.unwrap());
    assert_eq!(bed.store.add(&counter, 1, LONG).await.unwrap().total, 1);
}

pub async fn a_counter_starts_again_after_its_window(bed: Bed) {
    let counter = keys::counter("sends", "h");
    bed.store.add(&counter, 41, SHORT).await.unwrap();
    bed.pass(SHORT);
    eventually(async || bed.store.add(&counter, 1, SHORT).await.unwrap().total == 1).await;
}

pub async fn a_counter_that_is_only_read_is_not_made(bed: Bed) {
    let counter = keys::counter("sends", "h");
    let read = bed.store.add(&counter, 0, SHORT).await.unwrap();
    assert_eq!((read.total, read.expires_in), (0, SHORT));
    assert!(!bed.store.remove(&counter, Expect::Any).await.unwrap());
    bed.store.add(&counter, 0, SHORT).await.unwrap();
    let first = bed.store.add(&counter, 1, LONG).await.unwrap();
    assert!(first.expires_in > SHORT, "the window begins with the first addition");
}

pub async fn concurrent_additions_are_all_counted(bed: Bed) {
    let counter = keys::counter("sends", "h");
    let additions = (0..200).map(|_| bed.store.add(&counter, 1, LONG));
    let totals: HashSet<_> = try_join_all(additions)
        .await
        .unwrap()
        .iter()
        .map(|counter| counter.total)
        .collect();
    assert_eq!(totals, (1..=200).collect());
}

pub async fn a_counter_is_not_a_value(bed: Bed) {
    let counter = keys::counter("sends", "h");
    bed.store.add(&counter, 1_234_567_890_123, LONG).await.unwrap();
    let read = bed.store.get(&counter).await;
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
    let text = keys::call("c1");
    bed.store.put(&text, bytes("text"), None, Expect::Any).await.unwrap();
    let added = bed.store.add(&text, 1, LONG).await;
    assert!(matches!(added, Err(StoreError::Corrupt(_))), "{added:?}");
    bed.store
        .add(&counter, i64::MAX - 1_234_567_890_123, LONG)
        .await
        .unwrap();
    let beyond = bed.store.add(&counter, 1, LONG).await;
    assert!(matches!(beyond, Err(StoreError::Corrupt(_))), "{beyond:?}");
}
