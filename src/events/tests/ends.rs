//! Receivers that want no more, gateways that stop, keys that end.

use super::bed::{Receivers, Yard, section};
use crate::domain::delivery::{DeliveryError, DeliveryStatus};
use crate::domain::event::EventType;
use crate::usecases::requests::Redeliver;
use crate::usecases::tests::bed::caller;

fn all(subscription: &str) -> Redeliver {
    Redeliver {
        subscription: subscription.to_owned(),
        since: None,
        status: None,
        event_id: None,
    }
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_nothing_until_it_is_asked_to_go_on() {
    let yard = Yard::new(&section("a", "acme", "*"), Receivers::that(|_, _, _| Ok(410)));
    let first = yard.happens(EventType::CallEnded, "acme").await;
    yard.work("a").await;
    assert_eq!(yard.receivers.events("a"), [first]);
    let [gone] = &yard.deliveries("acme", &[DeliveryStatus::Dead]).await[..] else {
        panic!("one is dead");
    };
    assert_eq!((gone.attempts, gone.last_status), (1, Some(410)));

    let second = yard.happens(EventType::CallEnded, "acme").await;
    yard.later(90_000);
    yard.work("a").await;
    assert_eq!(
        yard.receivers.events("a"),
        [first],
        "nothing is sent to who wants nothing"
    );

    yard.receivers.now_answer(Ok(200));
    let begun = yard.bed.gateway.redeliver(&caller("acme"), &all("a")).await.unwrap();
    assert_eq!(begun, 1);
    yard.work("a").await;
    assert_eq!(
        yard.receivers.events("a"),
        [first, second, first],
        "and nothing is lost"
    );
    assert_eq!(yard.deliveries("acme", &[DeliveryStatus::Delivered]).await.len(), 2);
}

#[tokio::test]
async fn another_url_is_another_receiver() {
    let receivers = Receivers::that(|_, _, _| Ok(410));
    let old = Yard::new(&section("a", "acme", "*"), receivers.clone());
    old.happens(EventType::CallEnded, "acme").await;
    old.work("a").await;
    let second = old.happens(EventType::CallEnded, "acme").await;
    old.work("a").await;
    assert_eq!(receivers.got("a").len(), 1);

    receivers.now_answer(Ok(204));
    let moved = section("a", "acme", "*").replace("a.example.com", "b.example.com");
    let new = Yard::over(&moved, receivers.clone(), |_| old.means.store.clone());
    new.work("a").await;
    assert_eq!(receivers.events("b"), [second]);
}

#[tokio::test]
async fn one_that_ends_it_in_a_batch_gets_little_more_and_loses_nothing() {
    let yard = Yard::new(&section("a", "acme", "*"), Receivers::that(|_, _, _| Ok(410)));
    let mut events = Vec::new();
    for _ in 0..60 {
        events.push(yard.happens(EventType::CallEnded, "acme").await);
    }
    yard.work("a").await;
    let told = yard.receivers.got("a").len();
    assert!(told <= 16, "only those on their way: {told}");
    yard.receivers.now_answer(Ok(200));
    yard.bed.gateway.redeliver(&caller("acme"), &all("a")).await.unwrap();
    yard.work("a").await;
    let delivered = yard.deliveries("acme", &[DeliveryStatus::Delivered]).await;
    assert_eq!(delivered.len(), events.len());
}

#[tokio::test]
async fn a_gateway_that_stops_posts_nothing_more_and_forgets_nothing() {
    let yard = Yard::new(&section("a", "acme", "*"), Receivers::that(|_, _, _| Ok(500)));
    let event = yard.happens(EventType::CallEnded, "acme").await;
    yard.work("a").await;
    yard.happens(EventType::CallEnded, "acme").await;
    yard.later(6);
    yard.means.stop.cancel();
    yard.work("a").await;
    assert_eq!(yard.receivers.events("a"), [event]);

    let receivers = Receivers::that(|_, _, _| Ok(200));
    let next = Yard::over(&section("a", "acme", "*"), receivers.clone(), |_| {
        yard.means.store.clone()
    });
    next.later(6);
    next.work("a").await;
    assert_eq!(receivers.got("a").len(), 2);
}

#[tokio::test]
async fn what_cannot_be_signed_is_not_sent_but_kept() {
    let ended = section("a", "acme", "*").replace("\"env::HOOK\"", "\"env::HOOK\", until = \"2020-01-01T00:00:00Z\"");
    let yard = Yard::new(&ended, Receivers::that(|_, _, _| Ok(200)));
    yard.happens(EventType::CallEnded, "acme").await;
    yard.work("a").await;
    let [kept] = &yard.deliveries("acme", &[DeliveryStatus::Pending]).await[..] else {
        panic!("one is pending");
    };
    assert_eq!((kept.attempts, kept.last_error), (1, Some(DeliveryError::NoKey)));
    assert_eq!(yard.receivers.got("a").len(), 0);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_holds_nobody_up() {
    use crate::store::keys;
    let yard = Yard::new(&section("a", "acme", "*"), Receivers::that(|_, _, _| Ok(200)));
    for garbage in ["", "{}", "not json", "\u{0}"] {
        let entry = garbage.to_owned().into();
        yard.means.store.append(&keys::events(), entry).await.unwrap();
    }
    let event = yard.happens(EventType::CallEnded, "acme").await;
    yard.work("a").await;
    assert_eq!(yard.receivers.events("a"), [event]);
}

#[tokio::test]
async fn each_gets_the_types_and_the_tenant_it_asked_for() {
    let sections = [
        section("calls", "acme", "call.*"),
        section("sms", "acme", "sms.reply"),
        section("other", "zeta", "*"),
        section("every", "*", "*"),
    ];
    let yard = Yard::new(&sections.concat(), Receivers::that(|_, _, _| Ok(200)));
    let ended = yard.happens(EventType::CallEnded, "acme").await;
    let reply = yard.happens(EventType::SmsReply, "acme").await;
    let status = yard.happens(EventType::SmsStatus, "zeta").await;
    let shared = yard.happens(EventType::CallQueued, "*").await;
    for (name, expected) in [
        ("calls", vec![ended, shared]),
        ("sms", vec![reply]),
        ("other", vec![status, shared]),
        ("every", vec![ended, reply, status, shared]),
    ] {
        yard.work(name).await;
        let mut got = yard.receivers.events(name);
        got.sort();
        assert_eq!(got, expected, "{name}");
    }
}
