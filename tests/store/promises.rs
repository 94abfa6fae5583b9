//! The promises of [`Store`], each as a caller would see it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use switchboard::store::{
    Expect, Key, Order, Position, Put, Range, Scored, StoreError, Stored, Version, keys,
};

use crate::bed::{Bed, eventually};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(80);

fn key() -> Key {
    keys::call("c1")
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn put(bed: &Bed, key: &Key, text: &str, expect: Expect) -> Put {
    bed.store.put(key, bytes(text), None, expect).await.unwrap()
}

async fn put_any(bed: &Bed, key: &Key, text: &str) -> Version {
    match put(bed, key, text, Expect::Any).await {
        Put::Stored(version) => version,
        Put::Conflict(found) => panic!("anything was expected, yet {found:?} was in the way"),
    }
}

async fn text_of(bed: &Bed, key: &Key) -> Option<String> {
    let stored = bed.store.get(key).await.unwrap()?;
    Some(String::from_utf8(stored.value.to_vec()).unwrap())
}

pub async fn a_value_is_read_as_it_was_put(bed: Bed) {
    assert_eq!(bed.store.get(&key()).await.unwrap(), None);
    let value = Bytes::from_static(b"\x00\xffany bytes\r\n");
    let Put::Stored(version) = bed
        .store
        .put(&key(), value.clone(), None, Expect::Any)
        .await
        .unwrap()
    else {
        panic!("anything was expected");
    };
    let found = bed.store.get(&key()).await.unwrap();
    assert_eq!(found, Some(Stored { value, version }));
    put_any(&bed, &key(), "").await;
    assert_eq!(text_of(&bed, &key()).await.as_deref(), Some(""));
}

pub async fn a_put_is_refused_when_the_key_is_not_as_expected(bed: Bed) {
    let first = put_any(&bed, &key(), "one").await;
    let there = Stored {
        value: bytes("one"),
        version: first,
    };
    let claimed = put(&bed, &key(), "two", Expect::Absent).await;
    assert_eq!(claimed, Put::Conflict(Some(there)));
    let Put::Stored(second) = put(&bed, &key(), "two", Expect::Version(first)).await else {
        panic!("the version was right");
    };
    assert_ne!(first, second);
    let there = Stored {
        value: bytes("two"),
        version: second,
    };
    let stale = put(&bed, &key(), "three", Expect::Version(first)).await;
    assert_eq!(stale, Put::Conflict(Some(there)));
    let elsewhere = put(&bed, &keys::call("c2"), "one", Expect::Version(first)).await;
    assert_eq!(elsewhere, Put::Conflict(None));
    assert_eq!(text_of(&bed, &key()).await.as_deref(), Some("two"));
}

pub async fn a_version_never_matches_again_once_the_key_was_removed(bed: Bed) {
    let first = put_any(&bed, &key(), "one").await;
    assert!(bed.store.remove(&key(), Expect::Any).await.unwrap());
    let second = put_any(&bed, &key(), "one").await;
    assert_ne!(first, second);
    let stale = put(&bed, &key(), "two", Expect::Version(first)).await;
    assert!(matches!(stale, Put::Conflict(Some(_))));
}

pub async fn one_of_forty_concurrent_claims_wins(bed: Bed) {
    one_of_forty_wins(&bed, Expect::Absent).await;
}

pub async fn one_of_forty_concurrent_replacements_wins(bed: Bed) {
    let version = put_any(&bed, &key(), "before").await;
    one_of_forty_wins(&bed, Expect::Version(version)).await;
}

async fn one_of_forty_wins(bed: &Bed, expect: Expect) {
    let attempts = (0..40).map(|n| {
        let store = bed.store.clone();
        tokio::spawn(async move {
            let value = Bytes::from(format!("attempt {n}"));
            (
                n,
                store.put(&key(), value, Some(LONG), expect).await.unwrap(),
            )
        })
    });
    let ended = try_join_all(attempts).await.unwrap();
    let winners: Vec<_> = ended
        .iter()
        .filter(|(_, put)| matches!(put, Put::Stored(_)))
        .collect();
    assert_eq!(winners.len(), 1);
    let winner = format!("attempt {}", winners[0].0);
    for (_, put) in &ended {
        if let Put::Conflict(found) = put {
            assert_eq!(found.as_ref().unwrap().value, winner);
        }
    }
    assert_eq!(text_of(bed, &key()).await, Some(winner));
}

pub async fn a_value_expires(bed: Bed) {
    let store = &bed.store;
    let lasting = keys::call("lasting");
    for (key, ttl) in [(&key(), SHORT), (&lasting, LONG)] {
        store
            .put(key, bytes("x"), Some(ttl), Expect::Any)
            .await
            .unwrap();
    }
    bed.pass(SHORT);
    eventually(async || store.get(&key()).await.unwrap().is_none()).await;
    assert!(!store.remove(&key(), Expect::Any).await.unwrap());
    assert!(matches!(
        put(&bed, &key(), "y", Expect::Absent).await,
        Put::Stored(_)
    ));
    assert_eq!(text_of(&bed, &lasting).await.as_deref(), Some("x"));
}

pub async fn a_put_renews_or_lifts_the_lifetime(bed: Bed) {
    let store = &bed.store;
    let (renewed, lifted, witness) = (keys::call("r"), keys::call("l"), keys::call("w"));
    for key in [&renewed, &lifted, &witness] {
        store
            .put(key, bytes("x"), Some(SHORT), Expect::Any)
            .await
            .unwrap();
    }
    store
        .put(&renewed, bytes("y"), Some(LONG), Expect::Any)
        .await
        .unwrap();
    store
        .put(&lifted, bytes("y"), None, Expect::Any)
        .await
        .unwrap();
    bed.pass(SHORT);
    eventually(async || store.get(&witness).await.unwrap().is_none()).await;
    for key in [&renewed, &lifted] {
        assert_eq!(text_of(&bed, key).await.as_deref(), Some("y"));
    }
}

pub async fn many_values_are_read_in_the_order_asked(bed: Bed) {
    let names: Vec<_> = (0..120).map(|n| keys::call(format!("many-{n}"))).collect();
    for (n, name) in names.iter().enumerate().filter(|(n, _)| n % 3 != 0) {
        put_any(&bed, name, &n.to_string()).await;
    }
    let found = bed.store.get_many(&names).await.unwrap();
    let texts: Vec<_> = found
        .iter()
        .map(|it| {
            it.as_ref()
                .map(|it| String::from_utf8(it.value.to_vec()).unwrap())
        })
        .collect();
    let expected: Vec<_> = (0..120)
        .map(|n| (n % 3 != 0).then(|| n.to_string()))
        .collect();
    assert_eq!(texts, expected);
    assert_eq!(bed.store.get_many(&[]).await.unwrap(), []);
}

pub async fn a_key_is_removed_only_when_as_expected(bed: Bed) {
    let store = &bed.store;
    assert!(!store.remove(&key(), Expect::Any).await.unwrap());
    let first = put_any(&bed, &key(), "one").await;
    let second = put_any(&bed, &key(), "two").await;
    assert!(!store.remove(&key(), Expect::Version(first)).await.unwrap());
    assert!(!store.remove(&key(), Expect::Absent).await.unwrap());
    assert_eq!(text_of(&bed, &key()).await.as_deref(), Some("two"));
    assert!(store.remove(&key(), Expect::Version(second)).await.unwrap());
    assert_eq!(store.get(&key()).await.unwrap(), None);
}

pub async fn a_counter_adds_up_and_keeps_its_window(bed: Bed) {
    let counter = keys::counter("sends", "h");
    let first = bed.store.add(&counter, 2, LONG).await.unwrap();
    assert_eq!(first.total, 2);
    assert!(first.expires_in <= LONG && first.expires_in > LONG / 2);
    let second = bed.store.add(&counter, -5, 10 * LONG).await.unwrap();
    assert_eq!(second.total, -3);
    assert!(
        second.expires_in <= first.expires_in,
        "the window is not renewed"
    );
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
    bed.store
        .add(&counter, 1_234_567_890_123, LONG)
        .await
        .unwrap();
    let read = bed.store.get(&counter).await;
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
    put_any(&bed, &key(), "text").await;
    let added = bed.store.add(&key(), 1, LONG).await;
    assert!(matches!(added, Err(StoreError::Corrupt(_))), "{added:?}");
    bed.store
        .add(&counter, i64::MAX - 1_234_567_890_123, LONG)
        .await
        .unwrap();
    let beyond = bed.store.add(&counter, 1, LONG).await;
    assert!(matches!(beyond, Err(StoreError::Corrupt(_))), "{beyond:?}");
}

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
    bed.store
        .append(&keys::events(), bytes("event"))
        .await
        .unwrap();
    bed.store
        .append(&keys::inbox(), bytes("webhook"))
        .await
        .unwrap();
    for (log, entry) in [(keys::events(), "event"), (keys::inbox(), "webhook")] {
        let read = bed.store.read(&log, Position::START, 10).await.unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].1, entry);
    }
    let none = bed
        .store
        .read(&keys::dead_letters(), Position::START, 10)
        .await;
    assert_eq!(none.unwrap(), []);
}

pub async fn concurrent_appends_each_get_a_place(bed: Bed) {
    let log = keys::inbox();
    let appends = (0..300).map(|n| bed.store.append(&log, Bytes::from(n.to_string())));
    let positions: HashSet<_> = try_join_all(appends).await.unwrap().into_iter().collect();
    assert_eq!(positions.len(), 300);
    let read = bed.store.read(&log, Position::START, 1000).await.unwrap();
    assert_eq!(read.len(), 300);
    assert!(
        read.iter()
            .all(|(position, _)| positions.contains(position))
    );
}

pub async fn trimming_drops_what_is_older(bed: Bed) {
    let log = keys::events();
    let appends = (0..1300).map(|_| bed.store.append(&log, bytes("old")));
    let old = try_join_all(appends)
        .await
        .unwrap()
        .into_iter()
        .max()
        .unwrap();
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

pub async fn waiting_ends_at_once_when_there_is_something(bed: Bed) {
    let log = keys::events();
    let first = bed.store.append(&log, bytes("1")).await.unwrap();
    bed.store.append(&log, bytes("2")).await.unwrap();
    for after in [Position::START, first] {
        let wait = bed.store.wait(&log, after, LONG);
        tokio::time::timeout(LONG / 60, wait)
            .await
            .unwrap()
            .unwrap();
    }
}

pub async fn waiting_ends_when_something_is_appended(bed: Bed) {
    let log = keys::events();
    let mut after = Position::START;
    for round in 0..3 {
        let store = bed.store.clone();
        let waiting = tokio::spawn(async move { store.wait(&keys::events(), after, LONG).await });
        // An append elsewhere, or the waiter not waiting yet, must not confuse it.
        bed.store
            .append(&keys::inbox(), bytes("elsewhere"))
            .await
            .unwrap();
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
    assert!(
        began.elapsed() >= SHORT,
        "nothing was there to end it sooner"
    );
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
    for _ in 0..7 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        bed.store.append(&keys::events(), bytes("x")).await.unwrap();
    }
    let all = tokio::time::timeout(LONG / 20, join_all(waiters))
        .await
        .unwrap();
    assert!(all.iter().all(Result::is_ok));
}

fn everything(order: Order, limit: usize) -> Range {
    Range {
        scores: i64::MIN..=i64::MAX,
        order,
        after: None,
        limit,
    }
}

async fn members(bed: &Bed, query: Range) -> Vec<(i64, String)> {
    let found = bed.store.range(&keys::calls_all(), query).await.unwrap();
    found
        .into_iter()
        .map(|Scored { score, member }| (score, member))
        .collect()
}

async fn index(bed: &Bed, score: i64, member: &str) {
    let set = keys::calls_all();
    bed.store.index(&set, score, member, None).await.unwrap();
}

fn pairs(of: &[(i64, &str)]) -> Vec<(i64, String)> {
    of.iter()
        .map(|(score, member)| (*score, (*member).to_owned()))
        .collect()
}

pub async fn a_set_is_read_by_score_then_member(bed: Bed) {
    // Upper case, lower case and beyond ASCII: the order is that of the bytes, not of a language.
    let sorted = [
        (-7, "b"),
        (0, "aa"),
        (1_767_225_600_123, "B"),
        (1_767_225_600_123, "a"),
        (1_767_225_600_123, "é"),
        (9_007_199_254_740_991, "z"),
    ];
    for (score, member) in [5, 0, 3, 1, 4, 2].map(|n| sorted[n]) {
        index(&bed, score, member).await;
    }
    let ascending = pairs(&sorted);
    assert_eq!(
        members(&bed, everything(Order::Ascending, 100)).await,
        ascending
    );
    let mut descending = ascending;
    descending.reverse();
    assert_eq!(
        members(&bed, everything(Order::Descending, 100)).await,
        descending
    );
    let none = bed
        .store
        .range(&keys::calls_of("x"), everything(Order::Ascending, 9))
        .await;
    assert_eq!(none.unwrap(), []);
}

pub async fn a_set_is_paged_both_ways_through_equal_scores(bed: Bed) {
    let mut all: Vec<_> = (0..60)
        .map(|n| (n / 25, format!("{:02}", n * 37 % 60)))
        .collect();
    for (score, member) in &all {
        index(&bed, *score, member).await;
    }
    all.sort();
    for order in [Order::Ascending, Order::Descending] {
        for limit in [1, 7, 60] {
            let mut read = Vec::new();
            let mut after = None;
            loop {
                let page = members(
                    &bed,
                    Range {
                        after,
                        ..everything(order, limit)
                    },
                )
                .await;
                assert!(page.len() <= limit);
                after = page.last().cloned();
                read.extend(page);
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(read, all, "{order:?} by {limit}");
        }
        all.reverse();
    }
}

pub async fn a_page_may_follow_a_member_that_left(bed: Bed) {
    for member in ["a", "c", "d", "e"] {
        index(&bed, 5, member).await;
    }
    index(&bed, 6, "f").await;
    let following = |order, score, member: &str| {
        members(
            &bed,
            Range {
                after: Some((score, member.to_owned())),
                ..everything(order, 2)
            },
        )
    };
    use Order::{Ascending, Descending};
    assert_eq!(
        following(Ascending, 5, "b").await,
        pairs(&[(5, "c"), (5, "d")])
    );
    assert_eq!(following(Ascending, 5, "e").await, pairs(&[(6, "f")]));
    assert_eq!(
        following(Ascending, 5, "").await,
        pairs(&[(5, "a"), (5, "c")])
    );
    assert_eq!(
        following(Ascending, 4, "z").await,
        pairs(&[(5, "a"), (5, "c")])
    );
    assert_eq!(following(Ascending, 7, "").await, []);
    assert_eq!(
        following(Descending, 5, "dd").await,
        pairs(&[(5, "d"), (5, "c")])
    );
    assert_eq!(following(Descending, 5, "a").await, []);
    assert_eq!(
        following(Descending, 9, "").await,
        pairs(&[(6, "f"), (5, "e")])
    );
    bed.store.unindex(&keys::calls_all(), "c").await.unwrap();
    assert_eq!(
        following(Ascending, 5, "c").await,
        pairs(&[(5, "d"), (5, "e")])
    );
}

pub async fn a_member_has_one_score(bed: Bed) {
    index(&bed, 1, "a").await;
    index(&bed, 2, "b").await;
    index(&bed, 3, "a").await;
    let all = members(&bed, everything(Order::Ascending, 9)).await;
    assert_eq!(all, pairs(&[(2, "b"), (3, "a")]));
    bed.store.unindex(&keys::calls_all(), "a").await.unwrap();
    bed.store
        .unindex(&keys::calls_all(), "never there")
        .await
        .unwrap();
    let all = members(&bed, everything(Order::Ascending, 9)).await;
    assert_eq!(all, pairs(&[(2, "b")]));
}

pub async fn a_set_trims_itself(bed: Bed) {
    for score in 1..=5 {
        index(&bed, score, &format!("m{score}")).await;
    }
    let set = keys::calls_all();
    bed.store.index(&set, 6, "m6", Some(4)).await.unwrap();
    let all = members(&bed, everything(Order::Ascending, 9)).await;
    assert_eq!(all, pairs(&[(4, "m4"), (5, "m5"), (6, "m6")]));
    bed.store.index(&set, 1, "late", Some(4)).await.unwrap();
    assert_eq!(members(&bed, everything(Order::Ascending, 9)).await, all);
}

pub async fn the_ends_of_the_score_range_are_included(bed: Bed) {
    for score in 1..=5 {
        index(&bed, score, &format!("m{score}")).await;
    }
    let between = |scores, order, after| Range {
        scores,
        order,
        after,
        limit: 9,
    };
    let found = members(&bed, between(2..=4, Order::Ascending, None)).await;
    assert_eq!(found, pairs(&[(2, "m2"), (3, "m3"), (4, "m4")]));
    let after = Some((3, "m3".to_owned()));
    let found = members(&bed, between(2..=4, Order::Descending, after.clone())).await;
    assert_eq!(found, pairs(&[(2, "m2")]));
    let found = members(&bed, between(2..=4, Order::Ascending, after)).await;
    assert_eq!(found, pairs(&[(4, "m4")]));
    let before = Some((1, "m1".to_owned()));
    let found = members(&bed, between(2..=3, Order::Ascending, before)).await;
    assert_eq!(found, pairs(&[(2, "m2"), (3, "m3")]));
    let reversed = std::ops::RangeInclusive::new(4, 2);
    assert_eq!(
        members(&bed, between(reversed, Order::Ascending, None)).await,
        []
    );
    assert_eq!(members(&bed, everything(Order::Ascending, 0)).await, []);
}

pub async fn a_fresh_store_is_ready(bed: Bed) {
    bed.store.ready().await.unwrap();
}
