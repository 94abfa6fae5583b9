//! News finds its call, or makes one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::bed::{Bed, EVERYONES, NOON, SAY, Scripted, bed, caller, failed, say};
use crate::domain::address::Address;
use crate::domain::call::{Call, CallKind, CallStatus, Direction, ProviderRef, SettledBy};
use crate::domain::error::{FailureKind, Problem};
use crate::domain::facts::CallFacts;
use crate::domain::ids::CallId;
use crate::domain::phone::Region;
use crate::domain::time::Timestamp;
use crate::providers::port::News;
use crate::store::keys;
use crate::usecases::requests::{CallQuery, Paging, PlaceCall};

async fn place(bed: &Bed) -> Call {
    let request = PlaceCall {
        call: say("+5511988887777"),
        request_id: "r".into(),
    };
    bed.gateway.place_call(&caller("acme"), request).await.unwrap().object
}

fn facts(id: &str, status: CallStatus) -> CallFacts {
    CallFacts {
        reference: Some(ProviderRef::id(id)),
        status: Some(status),
        kind: Some(CallKind::Say),
        direction: Some(Direction::Outbound),
        to: Address::parse("+5511988887777", Region::BR).ok(),
        created_at: Some(Timestamp::from_millis(NOON)),
        ..CallFacts::default()
    }
}

async fn tell(bed: &Bed, provider: &Scripted, facts: CallFacts) {
    provider.will_tell(vec![News::Call(Box::new(facts))]);
    bed.gateway
        .take("one", None, "hook", Bytes::from_static(b"{}"))
        .await
        .unwrap();
}

/// Applies what was taken, until `done`.
async fn apply(bed: &Bed, done: impl AsyncFn() -> bool) {
    let stop = CancellationToken::new();
    let worker = tokio::spawn(Arc::clone(&bed.gateway).follow_inbox(stop.clone()));
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !done().await {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("the webhook is applied");
    stop.cancel();
    worker.await.unwrap();
}

async fn settles(bed: &Bed, id: CallId, status: CallStatus) -> Call {
    apply(bed, async || {
        bed.gateway.call(&caller("*"), id, false).await.unwrap().status == status
    })
    .await;
    bed.gateway.call(&caller("*"), id, false).await.unwrap()
}

#[tokio::test]
async fn news_is_tied_by_the_providers_name() {
    let one = Scripted::new("one", SAY);
    one.will_place(Ok(Some(ProviderRef::id("7"))));
    let bed = bed(&[&one], "");
    let call = place(&bed).await;
    tell(&bed, &one, facts("7", CallStatus::Completed)).await;
    let settled = settles(&bed, call.id, CallStatus::Completed).await;
    assert_eq!(settled.settled_by, Some(SettledBy::Webhook));
}

#[tokio::test]
async fn whoever_stops_leaves_the_inbox_to_the_next_at_once() {
    let one = Scripted::new("one", SAY);
    one.will_place(Ok(Some(ProviderRef::id("7"))));
    let bed = bed(&[&one], "");
    let call = place(&bed).await;
    tell(&bed, &one, facts("7", CallStatus::Completed)).await;
    settles(&bed, call.id, CallStatus::Completed).await;
    let lease = bed.gateway.store.get(&keys::lease("inbox")).await.unwrap();
    assert_eq!(lease, None);
}

#[tokio::test]
async fn a_lost_call_is_settled_by_its_party_and_time() {
    let one = Scripted::new("one", SAY);
    one.will_place(Err(failed(FailureKind::Interrupted)));
    let bed = bed(&[&one], "");
    let call = place(&bed).await;
    assert_eq!(call.status, CallStatus::Unknown);
    tell(&bed, &one, facts("8", CallStatus::Busy)).await;
    let settled = settles(&bed, call.id, CallStatus::Busy).await;
    assert_eq!(settled.provider_ref, Some(ProviderRef::id("8")));
    assert_eq!(one.placed().len(), 1);
}

#[tokio::test]
async fn a_lost_call_is_settled_by_its_echoed_name() {
    let one = Scripted::new("one", SAY);
    one.will_place(Err(failed(FailureKind::Broken)));
    let bed = bed(&[&one], "");
    let call = place(&bed).await;
    let echoed = CallFacts {
        echoed: Some(call.id),
        to: None,
        ..facts("9", CallStatus::NoAnswer)
    };
    tell(&bed, &one, echoed).await;
    settles(&bed, call.id, CallStatus::NoAnswer).await;
}

#[tokio::test]
async fn news_of_a_call_that_was_not_placed_here_makes_one_of_the_owner() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let inbound = CallFacts {
        direction: Some(Direction::Inbound),
        kind: Some(CallKind::Did),
        ..facts("10", CallStatus::Completed)
    };
    for _ in 0..2 {
        tell(&bed, &one, inbound.clone()).await;
    }
    let list = async || {
        let paging = Paging {
            limit: 10,
            cursor: None,
        };
        bed.gateway
            .calls(&caller("owner"), CallQuery::default(), paging)
            .await
            .unwrap()
            .data
    };
    apply(&bed, async || {
        list().await.iter().any(|call| call.status == CallStatus::Completed)
    })
    .await;
    let calls = list().await;
    assert_eq!(calls.len(), 1, "told twice, one call");
    assert_eq!((calls[0].direction, calls[0].kind), (Direction::Inbound, CallKind::Did));
}

#[tokio::test]
async fn a_wrong_secret_is_like_an_unknown_account() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let body = || Bytes::from_static(b"{}");
    for (account, kind, secret) in [
        ("one", None, "wrong"),
        ("two", None, "hook"),
        ("one", Some("x"), "hook"),
        ("ONE", None, "hook"),
    ] {
        let error = bed.gateway.take(account, kind, secret, body()).await.unwrap_err();
        assert_eq!(error.problem, Problem::NotFound);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_taken_all_the_same() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    assert!(
        bed.gateway
            .take("one", None, "hook", Bytes::from_static(b"garbage"))
            .await
            .is_ok()
    );
}

async fn listed(bed: &Bed, tenant: &str) -> Vec<Call> {
    let paging = Paging {
        limit: 10,
        cursor: None,
    };
    let page = bed.gateway.calls(&caller(tenant), CallQuery::default(), paging).await;
    page.unwrap().data
}

#[tokio::test]
async fn news_dated_in_the_future_or_before_all_time_takes_no_call_off_the_lists() {
    for told in [i64::MAX, NOON + 3600 * 1000, -1, i64::MIN] {
        let one = Scripted::new("one", SAY);
        one.will_place(Ok(Some(ProviderRef::id("7"))));
        let bed = bed(&[&one], "");
        let placed = place(&bed).await;
        let foreign = CallFacts {
            created_at: Some(Timestamp::from_millis(told)),
            ..facts("8", CallStatus::Completed)
        };
        tell(&bed, &one, foreign).await;
        apply(&bed, async || !listed(&bed, "owner").await.is_empty()).await;
        let heard_of = listed(&bed, "owner").await.remove(0);
        assert_eq!(heard_of.created_at.as_millis(), NOON, "{told}: when it was taken");
        let everyone: Vec<_> = listed(&bed, "*").await.iter().map(|call| call.id).collect();
        assert!(
            everyone.contains(&placed.id) && everyone.contains(&heard_of.id),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_call_that_the_provider_dates_a_little_ahead_keeps_its_time() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let ahead = Timestamp::from_millis(NOON + 60_000);
    let told = CallFacts {
        created_at: Some(ahead),
        ..facts("8", CallStatus::Completed)
    };
    tell(&bed, &one, told).await;
    apply(&bed, async || !listed(&bed, "owner").await.is_empty()).await;
    assert_eq!(listed(&bed, "owner").await[0].created_at, ahead);
}

#[tokio::test]
async fn an_echo_does_not_take_over_a_call_that_has_another_name() {
    let one = Scripted::new("one", SAY);
    one.will_place(Ok(Some(ProviderRef::id("7"))));
    let bed = bed(&[&one], "");
    let call = place(&bed).await;
    let thief = CallFacts {
        echoed: Some(call.id),
        ..facts("8", CallStatus::Busy)
    };
    tell(&bed, &one, thief).await;
    apply(&bed, async || !listed(&bed, "owner").await.is_empty()).await;
    let untouched = bed.gateway.call(&caller("acme"), call.id, false).await.unwrap();
    assert_eq!(
        (untouched.status, untouched.provider_ref),
        (call.status, call.provider_ref)
    );
    assert_eq!(listed(&bed, "owner").await[0].provider_ref, Some(ProviderRef::id("8")));
}

#[tokio::test]
async fn what_every_tenant_owns_is_read_and_listed_by_all() {
    let everyones = Scripted::new(EVERYONES, SAY);
    everyones.will_place(Ok(Some(ProviderRef::id("7"))));
    let bed = bed(&[&everyones], "");
    let inbound = CallFacts {
        direction: Some(Direction::Inbound),
        ..facts("8", CallStatus::Completed)
    };
    everyones.will_tell(vec![News::Call(Box::new(inbound))]);
    let body = Bytes::from_static(b"{}");
    bed.gateway.take(EVERYONES, None, "hook", body).await.unwrap();
    apply(&bed, async || !listed(&bed, "*").await.is_empty()).await;
    bed.clock.advance(Duration::from_secs(1));
    let own = place(&bed).await;
    for (tenant, calls) in [("acme", 2), ("other", 1), ("*", 2)] {
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let paging = Paging { limit: 1, cursor };
            let page = bed
                .gateway
                .calls(&caller(tenant), CallQuery::default(), paging)
                .await
                .unwrap();
            seen.extend(page.data);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), calls, "{tenant}");
        let shared = seen.last().unwrap();
        assert_eq!(shared.direction, Direction::Inbound);
        assert!(bed.gateway.call(&caller(tenant), shared.id, false).await.is_ok());
        assert_eq!(seen[0].id == own.id, tenant != "other", "newest first");
    }
}
