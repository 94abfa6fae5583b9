//! Values: compare and set, lifetimes.

use bytes::Bytes;
use futures_util::future::try_join_all;
use switchboard::store::{Expect, Key, Put, Stored, Version, keys};

use super::{LONG, SHORT, bytes};
use crate::bed::{Bed, eventually};

fn key() -> Key {
    keys::call("c1")
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
    let Put::Stored(version) = bed.store.put(&key(), value.clone(), None, Expect::Any).await.unwrap() else {
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
            (n, store.put(&key(), value, Some(LONG), expect).await.unwrap())
        })
    });
    let ended = try_join_all(attempts).await.unwrap();
    let winners: Vec<_> = ended.iter().filter(|(_, put)| matches!(put, Put::Stored(_))).collect();
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
        store.put(key, bytes("x"), Some(ttl), Expect::Any).await.unwrap();
    }
    bed.pass(SHORT);
    eventually(async || store.get(&key()).await.unwrap().is_none()).await;
    assert!(!store.remove(&key(), Expect::Any).await.unwrap());
    assert!(matches!(put(&bed, &key(), "y", Expect::Absent).await, Put::Stored(_)));
    assert_eq!(text_of(&bed, &lasting).await.as_deref(), Some("x"));
}

pub async fn a_put_renews_or_lifts_the_lifetime(bed: Bed) {
    let store = &bed.store;
    let (renewed, lifted, witness) = (keys::call("r"), keys::call("l"), keys::call("w"));
    for key in [&renewed, &lifted, &witness] {
        store.put(key, bytes("x"), Some(SHORT), Expect::Any).await.unwrap();
    }
    store.put(&renewed, bytes("y"), Some(LONG), Expect::Any).await.unwrap();
    store.put(&lifted, bytes("y"), None, Expect::Any).await.unwrap();
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
        .map(|it| it.as_ref().map(|it| String::from_utf8(it.value.to_vec()).unwrap()))
        .collect();
    let expected: Vec<_> = (0..120).map(|n| (n % 3 != 0).then(|| n.to_string())).collect();
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

pub async fn a_fresh_store_is_ready(bed: Bed) {
    bed.store.ready().await.unwrap();
}
