//! What subscribers see, and begin again.

use super::bed::{Receivers, Yard, section};
use crate::domain::delivery::DeliveryStatus;
use crate::domain::error::Problem;
use crate::domain::event::EventType;
use crate::domain::time::Timestamp;
use crate::usecases::requests::{DeliveryQuery, Paging, Redeliver};
use crate::usecases::tests::bed::caller;

fn again(subscription: &str) -> Redeliver {
    Redeliver {
        subscription: subscription.to_owned(),
        since: None,
        status: None,
        event_id: None,
    }
}

/// Two subscriptions of a tenant and one of another's, each with the same ten events, of which the first two refuse the
/// last.
async fn yard() -> (Yard, Vec<(Timestamp, crate::domain::ids::EventId)>) {
    let sections = [
        section("a", "acme", "*"),
        section("b", "acme", "*"),
        section("z", "zeta", "*"),
    ];
    let yard = Yard::new(&sections.concat(), Receivers::that(|_, _, _| Ok(200)));
    let mut events = Vec::new();
    for _ in 0..10 {
        let at = yard.bed.gateway.now();
        events.push((at, yard.happens(EventType::CallEnded, "*").await));
        yard.later(1);
        for name in ["a", "b", "z"] {
            yard.work(name).await;
        }
    }
    (yard, events)
}

#[tokio::test]
async fn a_tenant_sees_its_own_subscriptions_newest_first_in_pages_that_join() {
    let (yard, events) = yard().await;
    let seen = yard.deliveries("acme", &[]).await;
    let mut expected: Vec<_> = events.iter().flat_map(|(_, id)| [(*id, "a"), (*id, "b")]).collect();
    expected.reverse();
    let seen: Vec<_> = seen
        .iter()
        .map(|delivery| (delivery.event_id, delivery.subscription.as_str()))
        .collect();
    assert_eq!(seen, expected);
    assert_eq!(yard.deliveries("zeta", &[]).await.len(), 10);
    assert_eq!(yard.deliveries("*", &[]).await.len(), 30);
    assert_eq!(yard.deliveries("nobody", &[]).await, []);
}

#[tokio::test]
async fn a_subscription_that_one_may_not_see_is_like_one_that_is_not_there() {
    let (yard, _) = yard().await;
    for name in ["z", "y"] {
        let query = DeliveryQuery {
            subscription: vec![name.into()],
            ..DeliveryQuery::default()
        };
        let paging = Paging {
            limit: 50,
            cursor: None,
        };
        let listed = yard.bed.gateway.deliveries(&caller("acme"), query, paging).await;
        assert_eq!(listed.unwrap_err().problem, Problem::InvalidInput);
        let begun = yard.bed.gateway.redeliver(&caller("acme"), &again(name)).await;
        assert_eq!(begun.unwrap_err().context.fields[0].pointer, "/subscription");
    }
}

#[tokio::test]
async fn deliveries_begin_again_with_the_same_event_where_all_filters_fit() {
    let (yard, events) = yard().await;
    let begin = async |wanted: Redeliver| {
        let count = yard.bed.gateway.redeliver(&caller("acme"), &wanted).await.unwrap();
        let before = yard.receivers.got("a").len();
        yard.work("a").await;
        let got = yard.receivers.events("a").split_off(before);
        assert_eq!(got.len(), count);
        got
    };
    let (at, id) = events[7];
    assert_eq!(
        begin(Redeliver {
            event_id: Some(id),
            ..again("a")
        })
        .await,
        [id]
    );
    let mut since = begin(Redeliver {
        since: Some(at),
        ..again("a")
    })
    .await;
    since.sort();
    assert_eq!(since, events[7..].iter().map(|(_, id)| *id).collect::<Vec<_>>());
    assert_eq!(begin(again("a")).await.len(), 10);
    for nothing in [
        Redeliver {
            status: Some(DeliveryStatus::Dead),
            ..again("a")
        },
        Redeliver {
            event_id: Some(id),
            status: Some(DeliveryStatus::Pending),
            ..again("a")
        },
    ] {
        assert_eq!(begin(nothing).await, []);
    }
    let first = &yard.receivers.got("a")[0].body;
    let same = yard
        .receivers
        .got("a")
        .into_iter()
        .filter(|got| got.body == *first)
        .count();
    assert_eq!(same, 2, "byte for byte");
}

#[tokio::test]
async fn one_that_begins_again_has_a_whole_schedule_before_it() {
    let yard = Yard::new(&section("a", "acme", "*"), Receivers::that(|_, _, _| Ok(410)));
    yard.happens(EventType::CallEnded, "acme").await;
    yard.work("a").await;
    yard.receivers.now_answer(Ok(503));
    yard.bed.gateway.redeliver(&caller("acme"), &again("a")).await.unwrap();
    assert_eq!(yard.deliveries("acme", &[DeliveryStatus::Dead]).await, []);
    for attempt in 1..=10 {
        yard.work("a").await;
        let kept = &yard.deliveries("acme", &[]).await[0];
        assert_eq!(kept.attempts, attempt);
        yard.later(27 * 3600);
    }
    assert_eq!(yard.deliveries("acme", &[DeliveryStatus::Dead]).await.len(), 1);
    assert_eq!(yard.receivers.got("a").len(), 11);
}
