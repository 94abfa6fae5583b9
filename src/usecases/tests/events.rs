//! What happens is told: once for each change, in order, to those who may know, whoever dies on the way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::bed::{Bed, NOON, SAY, Scripted, bed, bed_over, caller, failed, number, say};
use super::failing_store::{Failing, Failure};
use crate::domain::call::{CallKind, CallStatus, Direction, ProviderRef};
use crate::domain::error::{FailureKind, Problem};
use crate::domain::event::{Event, EventType};
use crate::domain::facts::CallFacts;
use crate::domain::ids::{CallId, EventId, VerificationId};
use crate::domain::time::Timestamp;
use crate::domain::verification::Channel;
use crate::providers::port::{News, Signal};
use crate::seal::short_digest;
use crate::store::{Order, Position, Range, keys};
use crate::usecases::Current;
use crate::usecases::requests::{EventQuery, NewVerification, PlaceCall};

/// The background work of a gateway; ends with it.
struct Working {
    stop: CancellationToken,
    work: tokio::task::JoinHandle<()>,
}

impl Working {
    fn start(bed: &Bed) -> Self {
        let stop = CancellationToken::new();
        let work = tokio::spawn({
            let (current, stop) = (Current::new(Arc::clone(&bed.gateway)), stop.clone());
            async move { current.work(stop).await }
        });
        Self { stop, work }
    }

    async fn end(self) {
        self.stop.cancel();
        self.work.await.unwrap();
    }
}

async fn place(bed: &Bed, tenant: &str) -> CallId {
    let request = PlaceCall {
        call: say("+5511988887777"),
        request_id: "r".into(),
    };
    let placed = bed.gateway.place_call(&caller(tenant), request).await.unwrap();
    placed.object.id
}

async fn start(bed: &Bed) -> VerificationId {
    let new = NewVerification {
        id: VerificationId::generate(),
        to: number(),
        channel: Channel::Sms,
        brand: None,
        code_length: 6,
        ttl_seconds: None,
        client_ip: None,
        tag: None,
        account: None,
        request_id: "r".into(),
    };
    let started = bed.gateway.start_verification(&caller("acme"), new).await.unwrap();
    started.object.id
}

async fn tell(bed: &Bed, provider: &Scripted, news: Vec<News>) {
    provider.will_tell(news);
    let body = Bytes::from_static(b"{}");
    bed.gateway.take("one", None, "hook", body).await.unwrap();
}

fn news(id: &str, status: CallStatus) -> News {
    News::Call(Box::new(CallFacts {
        reference: Some(ProviderRef::id(id)),
        status: Some(status),
        kind: Some(CallKind::Say),
        ..CallFacts::default()
    }))
}

async fn told(bed: &Bed, tenant: &str, query: &EventQuery) -> Vec<Event> {
    bed.gateway.events(&caller(tenant), query, 500).await.unwrap().data
}

/// Waits until as many events are in the log.
/// Waits until the log tells of a call.
async fn told_of(bed: &Bed, call: CallId) {
    let query = EventQuery {
        subject: vec![call.to_string()],
        ..EventQuery::default()
    };
    while told(bed, "acme", &query).await.is_empty() {
        tokio::task::yield_now().await;
    }
}

async fn kinds(bed: &Bed, tenant: &str, count: usize) -> Vec<EventType> {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            let events = told(bed, tenant, &EventQuery::default()).await;
            if events.len() >= count {
                return events.into_iter().map(|event| event.kind).collect();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("the events are published")
}

#[tokio::test]
async fn a_call_is_told_from_its_placement_to_its_end_and_a_repeat_is_not() {
    let one = Scripted::new("one", SAY);
    one.will_place(Ok(Some(ProviderRef::id("7"))));
    let bed = bed(&[&one], "");
    let working = Working::start(&bed);
    let call = place(&bed, "acme").await;
    for status in [
        CallStatus::Ringing,
        CallStatus::Ringing,
        CallStatus::InProgress,
        CallStatus::Completed,
        CallStatus::Ringing,
        CallStatus::Completed,
    ] {
        tell(&bed, &one, vec![news("7", status)]).await;
    }
    start(&bed).await;
    let expected = [
        EventType::CallQueued,
        EventType::CallRinging,
        EventType::CallAnswered,
        EventType::CallEnded,
    ];
    kinds(&bed, "acme", 5).await;
    let of_call = EventQuery {
        subject: vec![call.to_string()],
        ..EventQuery::default()
    };
    let events = told(&bed, "acme", &of_call).await;
    assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), expected);
    let last: serde_json::Value = serde_json::from_str(events[3].data.get()).unwrap();
    assert_eq!(
        (last["id"].clone(), last["status"].clone()),
        (json!(call.to_string()), json!("completed"))
    );
    assert_eq!(events[3].source, "/accounts/one");
    assert!(told(&bed, "globex", &EventQuery::default()).await.is_empty());
    assert_eq!(told(&bed, "*", &EventQuery::default()).await.len(), 5);
    working.end().await;
}

#[tokio::test]
async fn a_verification_is_told_from_its_send_to_its_end_and_its_code_never() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let working = Working::start(&bed);
    let id = start(&bed).await;
    bed.gateway
        .check_verification(&caller("acme"), id, "000000")
        .await
        .unwrap();
    bed.gateway
        .check_verification(&caller("acme"), id, "123456")
        .await
        .unwrap();
    assert_eq!(
        kinds(&bed, "acme", 2).await,
        [EventType::VerificationSent, EventType::VerificationApproved]
    );
    for event in told(&bed, "acme", &EventQuery::default()).await {
        assert!(!event.data.get().contains("123456"));
    }
    working.end().await;
}

#[tokio::test]
async fn a_verification_whose_time_is_over_is_told_of_without_anybody_asking() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let id = start(&bed).await;
    bed.clock.set(NOON + 601_000);
    let working = Working::start(&bed);
    assert_eq!(
        kinds(&bed, "acme", 2).await,
        [EventType::VerificationSent, EventType::VerificationExpired]
    );
    let held = bed.gateway.hold_ledger(id).await.unwrap().unwrap();
    assert_eq!(held.object.verification.status.to_string(), "expired");
    working.end().await;
}

#[tokio::test]
async fn what_its_writer_did_not_live_to_publish_is_published_by_another() {
    let one = Scripted::new("one", SAY);
    one.will_place(Ok(Some(ProviderRef::id("7"))));
    one.will_place(Err(failed(FailureKind::Interrupted)));
    let bed = bed(&[&one], "");
    let (taken, lost) = (place(&bed, "acme").await, place(&bed, "acme").await);
    assert!(
        told(&bed, "acme", &EventQuery::default()).await.is_empty(),
        "nobody publishes yet"
    );
    bed.gateway.publisher.forget().await;
    bed.clock.set(NOON + 3_000);
    let working = Working::start(&bed);
    kinds(&bed, "acme", 2).await;
    let mut events = told(&bed, "acme", &EventQuery::default()).await;
    events.sort_by_key(|event| event.subject.clone());
    let found: Vec<_> = events.iter().map(|event| (event.kind, event.subject.clone())).collect();
    let mut expected = [
        (EventType::CallQueued, taken.to_string()),
        (EventType::CallUnknown, lost.to_string()),
    ];
    expected.sort_by_key(|(_, subject)| subject.clone());
    assert_eq!(found, expected);
    working.end().await;
    let held = bed.gateway.hold_call(taken).await.unwrap().unwrap();
    assert!(held.outbox.is_empty(), "what is in the log is out of the record");
}

#[tokio::test]
async fn a_closed_object_is_no_longer_looked_after() {
    let one = Scripted::new("one", SAY);
    one.will_place(Ok(Some(ProviderRef::id("7"))));
    let bed = bed(&[&one], "");
    let working = Working::start(&bed);
    place(&bed, "acme").await;
    tell(&bed, &one, vec![news("7", CallStatus::Busy)]).await;
    kinds(&bed, "acme", 2).await;
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        let everything = || Range {
            scores: 0..=i64::MAX >> 11,
            order: Order::Ascending,
            after: None,
            limit: 1,
        };
        while !bed
            .gateway
            .store
            .range(&keys::open_calls(), everything())
            .await
            .unwrap()
            .is_empty()
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap();
    working.end().await;
}

#[tokio::test]
async fn what_is_not_of_a_call_is_told_to_the_account_s_owner() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let working = Working::start(&bed);
    let reply = Signal {
        kind: EventType::SmsReply,
        subject: Some("1958".into()),
        at: Some(Timestamp::from_seconds(1_500_000_000)),
        data: json!({ "text": "ok" }),
        recording: None,
    };
    let voicemail = Signal {
        kind: EventType::VoicemailReceived,
        subject: Some("1411".into()),
        at: None,
        data: json!({}),
        recording: Some("https://secret.example/audio".into()),
    };
    tell(&bed, &one, vec![News::Signal(reply), News::Signal(voicemail)]).await;
    let garbage = Bytes::from_static(b"garbage");
    bed.gateway.take("one", None, "hook", garbage).await.unwrap();
    kinds(&bed, "owner", 3).await;
    let mut events = told(&bed, "owner", &EventQuery::default()).await;
    events.sort_by_key(|event| event.kind);
    let told_of = |event: &Event| (event.kind, event.subject.clone(), event.time.as_millis());
    assert_eq!(
        told_of(&events[0]),
        (EventType::SmsReply, "1958".into(), 1_500_000_000_000)
    );
    assert_eq!(told_of(&events[1]), (EventType::VoicemailReceived, "1411".into(), NOON));
    assert_eq!(told_of(&events[2]), (EventType::WebhookUnreadable, "one".into(), NOON));
    assert_eq!(
        events[1].data.get(),
        format!(r#"{{"recording_url":"/events/{}/recording"}}"#, events[1].id)
    );
    assert!(!events[2].data.get().contains("garbage"));
    assert!(told(&bed, "acme", &EventQuery::default()).await.is_empty());
    working.end().await;
}

#[tokio::test]
async fn pages_go_on_after_any_event_and_say_when_it_is_gone() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "[retention]\nevents_days = 30\n");
    let empty = bed
        .gateway
        .events(&caller("acme"), &EventQuery::default(), 10)
        .await
        .unwrap();
    assert_eq!(empty.next_cursor, EventId::BEFORE_ALL);
    let working = Working::start(&bed);
    for tenant in ["acme", "globex", "acme", "acme"] {
        place(&bed, tenant).await;
    }
    kinds(&bed, "*", 4).await;
    let mut after = Some(empty.next_cursor);
    let mut seen = Vec::new();
    loop {
        let query = EventQuery {
            after,
            ..EventQuery::default()
        };
        let page = bed.gateway.events(&caller("acme"), &query, 1).await.unwrap();
        if page.data.is_empty() {
            break;
        }
        seen.extend(page.data.into_iter().map(|event| event.id));
        after = Some(page.next_cursor);
    }
    let all = told(&bed, "acme", &EventQuery::default()).await;
    assert_eq!(seen, all.iter().map(|event| event.id).collect::<Vec<_>>());
    assert_eq!(seen.len(), 3);
    working.end().await;

    let from = |after| EventQuery {
        after: Some(after),
        ..EventQuery::default()
    };
    let acme = caller("acme");
    let never = EventId::at(u64::try_from(NOON).unwrap());
    let refused = bed.gateway.events(&acme, &from(never), 10).await.unwrap_err();
    assert_eq!(refused.problem, Problem::InvalidCursor);
    bed.clock.set(NOON + 31 * 86_400_000);
    let gone = bed.gateway.events(&acme, &from(seen[0]), 10).await.unwrap_err();
    assert_eq!(gone.problem, Problem::CursorExpired);
}

/// What two gateways that publish the same record may leave in the log; each letter is an event.
const REPEATED: [&str; 7] = ["aa", "abab", "abcabd", "abcbcda", "aabbaab", "abcda", "abcdbcdbcde"];

/// The event that a letter stands for.
fn lettered(letter: char) -> Event {
    let made_at = u64::try_from(NOON).unwrap();
    Event {
        id: EventId::of(made_at, short_digest(&[&letter.to_string()])),
        kind: EventType::SmsReply,
        source: Event::source_of(None),
        subject: letter.to_string(),
        tenant: "acme".to_owned(),
        time: Timestamp::from_millis(NOON),
        data: serde_json::value::to_raw_value(&json!({})).unwrap(),
    }
}

async fn log(bed: &Bed, letters: &str) {
    let events: Vec<_> = letters.chars().map(lettered).collect();
    bed.gateway.append_events(&events).await.unwrap();
}

fn letters(text: &str) -> BTreeSet<String> {
    text.chars().map(String::from).collect()
}

#[tokio::test]
async fn a_walk_ends_and_misses_nothing_though_events_are_in_the_log_more_than_once() {
    for text in REPEATED {
        for (size, grown) in (1..=4).flat_map(|size| (0..=text.len()).map(move |grown| (size, grown))) {
            let one = Scripted::new("one", SAY);
            let bed = bed(&[&one], "");
            // The rest comes when the walk is at the end of the first part.
            let (first, mut rest) = (&text[..grown], &text[grown..]);
            log(&bed, first).await;
            let (mut seen, mut after, mut pages) = (BTreeSet::new(), None, 0);
            loop {
                let query = EventQuery {
                    after,
                    ..EventQuery::default()
                };
                let page = bed.gateway.events(&caller("acme"), &query, size).await.unwrap();
                after = Some(page.next_cursor);
                pages += 1;
                assert!(pages < 50, "{text} in pages of {size}, first {grown}: it goes round");
                if page.data.is_empty() && rest.is_empty() {
                    break;
                }
                if page.data.is_empty() {
                    log(&bed, std::mem::take(&mut rest)).await;
                }
                seen.extend(page.data.into_iter().map(|event| event.subject));
            }
            assert_eq!(seen, letters(text), "{text} in pages of {size}, first {grown}");
        }
    }
}

#[tokio::test]
async fn a_feed_taken_up_again_misses_nothing_though_events_are_in_the_log_more_than_once() {
    for text in REPEATED {
        for broken in 1..=text.len() {
            let one = Scripted::new("one", SAY);
            let bed = bed(&[&one], "");
            log(&bed, text).await;
            let query = EventQuery {
                after: text[..broken].chars().last().map(|letter| lettered(letter).id),
                ..EventQuery::default()
            };
            let missed = letters(&text[broken..]);
            let mut follower = Arc::clone(&bed.gateway)
                .follow_events(caller("acme").into(), query)
                .await
                .unwrap();
            let mut seen = BTreeSet::new();
            while !missed.is_subset(&seen) {
                let next = tokio::time::timeout(Duration::from_secs(10), follower.next()).await;
                let event = next.unwrap_or_else(|_| panic!("{text} broken after {broken}: only {seen:?}"));
                seen.insert(event.unwrap().unwrap().event.subject.clone());
            }
        }
    }
}

#[tokio::test]
async fn a_follower_sees_every_event_once_in_order_however_far_behind_it_is() {
    const CALLS: usize = 1_500;
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "[calls]\nautomated_calls_per_number = false\n");
    let working = Working::start(&bed);
    let query = EventQuery {
        after: Some(EventId::BEFORE_ALL),
        ..EventQuery::default()
    };
    let acme = Arc::new(caller("acme"));
    let mut follower = Arc::clone(&bed.gateway).follow_events(acme, query).await.unwrap();
    // More than the tail remembers, so that the follower falls behind in the middle of it.
    let (mut placed, mut seen) = (Vec::new(), Vec::new());
    for index in 0..CALLS {
        placed.push(place(&bed, "acme").await.to_string());
        if index % 500 == 0 {
            seen.push(follower.next().await.unwrap().unwrap().event.subject.clone());
        }
    }
    while seen.len() < CALLS {
        let event = &follower.next().await.unwrap().unwrap().event;
        assert_eq!(event.kind, EventType::CallQueued);
        seen.push(event.subject.clone());
    }
    seen.sort();
    seen.dedup();
    placed.sort();
    assert_eq!(seen, placed);
    bed.gateway.close_feeds();
    assert!(follower.next().await.unwrap().is_none());
    working.end().await;
}

#[tokio::test]
async fn a_follower_that_came_before_the_tail_misses_nothing() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let acme = Arc::new(caller("acme"));
    let mut follower = Arc::clone(&bed.gateway)
        .follow_events(acme, EventQuery::default())
        .await
        .unwrap();
    let first = tokio::time::timeout(Duration::from_millis(50), follower.next()).await;
    assert!(first.is_err(), "nothing has happened yet");
    let call = place(&bed, "acme").await;
    let stop = CancellationToken::new();
    let publishing = tokio::spawn({
        let (gateway, stop) = (Arc::clone(&bed.gateway), stop.clone());
        async move { gateway.publish(stop).await }
    });
    kinds(&bed, "acme", 1).await;
    let working = tokio::spawn({
        let (gateway, stop) = (Arc::clone(&bed.gateway), stop.clone());
        async move { gateway.tail_events(stop).await }
    });
    let heard = tokio::time::timeout(Duration::from_secs(10), follower.next()).await;
    let heard = heard.expect("it is heard").unwrap().unwrap();
    assert_eq!(heard.event.subject, call.to_string());
    stop.cancel();
    publishing.await.unwrap();
    working.await.unwrap();
}

/// The tail rests while nobody listens, so every one who comes wakes it and everyone who goes lets it rest.
#[tokio::test]
async fn followers_that_come_and_go_each_hear_what_happens_from_then_on() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "[calls]\nautomated_calls_per_number = false\n");
    let working = Working::start(&bed);
    let acme = Arc::new(caller("acme"));
    for _ in 0..50 {
        let unheard = place(&bed, "acme").await;
        told_of(&bed, unheard).await;
        let follow = Arc::clone(&bed.gateway).follow_events(Arc::clone(&acme), EventQuery::default());
        let mut follower = follow.await.unwrap();
        for _ in 0..2 {
            let call = place(&bed, "acme").await;
            let heard = tokio::time::timeout(Duration::from_secs(10), follower.next()).await;
            let heard = heard.expect("it is heard").unwrap().unwrap();
            assert_eq!(heard.event.subject, call.to_string());
        }
    }
    working.end().await;
}

#[tokio::test]
async fn who_comes_while_the_tail_rests_hears_what_happens_though_the_store_fails_once() {
    let one = Scripted::new("one", SAY);
    let mut failing = None;
    let bed = bed_over(&[&one], "", |inner| {
        let store = Arc::new(Failing::new(inner, Failure::Once));
        failing = Some(Arc::clone(&store));
        store
    });
    let store = failing.unwrap();
    let acme = Arc::new(caller("acme"));
    let follow = async || {
        // From the beginning, so that the store is not asked for its end.
        let query = EventQuery {
            after: Some(EventId::BEFORE_ALL),
            ..EventQuery::default()
        };
        let gateway = Arc::clone(&bed.gateway);
        gateway.follow_events(Arc::clone(&acme), query).await.unwrap()
    };
    let mut position = None;
    let first = follow().await;
    bed.gateway.tail_once(&mut position).await.unwrap();
    drop(first);
    let (turned, mut follower) = tokio::join!(bed.gateway.tail_once(&mut position), async {
        store.fail_after(0);
        follow().await
    });
    assert_eq!(turned.unwrap_err().problem, Problem::StoreUnavailable);

    let stop = CancellationToken::new();
    let call = async {
        // Once it was found running, whoever waits for it is told of it.
        bed.gateway.tail_once(&mut position).await.unwrap();
        let call = place(&bed, "acme").await;
        let turns = async {
            loop {
                bed.gateway.tail_once(&mut position).await.unwrap();
            }
        };
        tokio::select! {
            () = bed.gateway.publish(stop.clone()) => call,
            () = turns => call,
        }
    };
    let heard = async {
        let heard = tokio::time::timeout(Duration::from_secs(10), follower.next()).await;
        stop.cancel();
        heard.expect("it is heard").unwrap().unwrap()
    };
    let (heard, call) = tokio::join!(heard, call);
    assert_eq!(heard.event.subject, call.to_string());
}

#[tokio::test]
async fn somebody_who_calls_us_is_told_of_to_the_account_s_owner() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let working = Working::start(&bed);
    let incoming = News::Call(Box::new(CallFacts {
        direction: Some(Direction::Inbound),
        kind: Some(CallKind::Whatsapp),
        reference: Some(ProviderRef::id("wacid.1")),
        status: Some(CallStatus::Ringing),
        ..CallFacts::default()
    }));
    tell(&bed, &one, vec![incoming.clone()]).await;
    tell(&bed, &one, vec![incoming, news("wacid.1", CallStatus::InProgress)]).await;
    assert_eq!(
        kinds(&bed, "owner", 2).await,
        [EventType::CallIncoming, EventType::CallAnswered]
    );
    working.end().await;
}

#[tokio::test]
async fn logs_forget_what_is_older_than_it_is_kept_but_not_what_waits() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "[retention]\nevents_days = 1\nraw_days = 1\ndead_days = 1\n");
    let entries = async |log| bed.gateway.store.read(&log, Position::START, 9).await.unwrap().len();
    tell(&bed, &one, vec![news("7", CallStatus::Busy)]).await;
    bed.clock.set(NOON + 1_000);
    let garbage = Bytes::from_static(b"garbage");
    bed.gateway.take("one", None, "hook", garbage).await.unwrap();
    bed.clock.set(NOON + 2 * 86_400_000);
    bed.gateway.trim_logs().await.unwrap();
    assert_eq!(entries(keys::inbox()).await, 2, "they wait to be applied");

    let working = Working::start(&bed);
    kinds(&bed, "owner", 2).await;
    working.end().await;
    bed.clock.set(NOON + 4 * 86_400_000);
    bed.gateway.trim_logs().await.unwrap();
    assert_eq!(entries(keys::events()).await, 0);
    assert_eq!(entries(keys::dead_letters()).await, 0);
    assert!(entries(keys::inbox()).await <= 1, "all but the last one applied");
}
