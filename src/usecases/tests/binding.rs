//! One name, one call: whoever reads news at the same time ties it to the same call, and no call to two names.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::bed::{Bed, NOON, SAY, Scripted, bed, caller, say};
use crate::domain::address::Address;
use crate::domain::call::{Call, CallKind, CallStatus, Direction, ProviderRef};
use crate::domain::facts::CallFacts;
use crate::domain::phone::Region;
use crate::domain::time::Timestamp;
use crate::providers::port::News;
use crate::usecases::requests::PlaceCall;

const TO: &str = "+5511988887777";
const CALLS: usize = 6;
/// More than are read at once, several times.
const VERY_MANY: usize = 301;

fn news(id: usize) -> CallFacts {
    CallFacts {
        reference: Some(ProviderRef::id(format!("wacid.{id}"))),
        status: Some(CallStatus::Ringing),
        kind: Some(CallKind::Say),
        direction: Some(Direction::Outbound),
        to: Address::parse(TO, Region::BR).ok(),
        created_at: Some(Timestamp::from_millis(NOON)),
        ..CallFacts::default()
    }
}

/// So many calls to one number, each placed a moment after the one before, none with a name.
async fn waiting(bed: &Bed, count: usize) -> Vec<Call> {
    let mut calls = Vec::new();
    for _ in 0..count {
        let request = PlaceCall {
            call: say(TO),
            request_id: "r".into(),
        };
        calls.push(bed.gateway.place_call(&caller("acme"), request).await.unwrap().object);
        bed.clock.advance(std::time::Duration::from_millis(100));
    }
    calls
}

async fn named(bed: &Bed, calls: &[Call]) -> Vec<Option<String>> {
    let read = calls
        .iter()
        .map(async |call| bed.gateway.call(&caller("acme"), call.id, false).await);
    let name = |call: Call| call.provider_ref.and_then(|known| known.id);
    join_all(read)
        .await
        .into_iter()
        .map(|call| name(call.unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn names_that_are_tied_at_once_are_tied_to_a_call_each() {
    for _ in 0..20 {
        let one = Scripted::new("one", SAY);
        let bed = bed(&[&one], "");
        let calls = waiting(&bed, CALLS).await;
        let entry = bed.gateway.accounts.get(&"one".parse().unwrap()).unwrap().clone();
        // Each name is read twice, as by the inbox and by the report.
        let binds = (0..CALLS * 2).map(|n| {
            let (gateway, entry) = (Arc::clone(&bed.gateway), entry.clone());
            tokio::spawn(async move { gateway.bind(&entry, &news(n % CALLS)).await.unwrap() })
        });
        let bound: Vec<_> = join_all(binds).await.into_iter().map(|bound| bound.unwrap()).collect();
        for n in 0..CALLS {
            assert!(bound[n].is_some() && bound[n] == bound[n + CALLS], "one name, one call");
        }
        let names: BTreeSet<_> = named(&bed, &calls).await.into_iter().flatten().collect();
        assert_eq!(names.len(), CALLS, "one call, one name");
    }
}

#[tokio::test]
async fn calls_to_one_number_take_names_in_the_order_their_news_came() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let calls = waiting(&bed, CALLS).await;
    for id in 0..CALLS {
        one.will_tell(vec![News::Call(Box::new(news(id)))]);
        let taken = bed.gateway.take("one", None, "hook", Bytes::from_static(b"{}"));
        taken.await.unwrap();
    }
    let stop = CancellationToken::new();
    let worker = tokio::spawn(Arc::clone(&bed.gateway).follow_inbox(stop.clone()));
    let expected: Vec<_> = (0..CALLS).map(|id| Some(format!("wacid.{id}"))).collect();
    let all = async {
        while named(&bed, &calls).await.iter().any(Option::is_none) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), all)
        .await
        .unwrap();
    stop.cancel();
    worker.await.unwrap();
    assert_eq!(named(&bed, &calls).await, expected);
}

#[tokio::test]
async fn a_call_is_found_among_however_many_that_wait_for_news_of_the_same_party() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "[calls]\nautomated_calls_per_number = false");
    let calls = waiting(&bed, VERY_MANY).await;
    let entry = bed.gateway.accounts.get(&"one".parse().unwrap()).unwrap().clone();
    for (id, oldest) in calls.iter().enumerate().take(CALLS) {
        let bound = bed.gateway.bind(&entry, &news(id)).await.unwrap();
        assert_eq!(bound, Some(oldest.id), "the oldest of those about as near");
    }
}
