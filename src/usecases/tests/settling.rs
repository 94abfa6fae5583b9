//! Calls come to their true end, whatever is lost on the way.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::bed::{Bed, NOON, SAY, Scripted, bed, caller, failed, say};
use crate::domain::address::Address;
use crate::domain::call::{Attempt, AttemptOutcome, Call, CallKind, CallStatus, Direction, ProviderRef, SettledBy};
use crate::domain::call_file::CallFile;
use crate::domain::error::FailureKind;
use crate::domain::facts::CallFacts;
use crate::domain::history::Row;
use crate::domain::ids::CallId;
use crate::domain::phone::Region;
use crate::domain::place::{Capability, NewCall};
use crate::domain::time::Timestamp;
use crate::providers::port::{News, Offer};
use crate::timing;
use crate::usecases::ask::Asker;
use crate::usecases::requests::PlaceCall;

const TO: &str = "+5511988887777";

/// A gateway at work, whose time passes as the test says.
struct Scene {
    bed: Bed,
    stop: CancellationToken,
}

impl Scene {
    fn set(provider: &Arc<Scripted>) -> Self {
        let scene = Self {
            bed: bed(&[provider], ""),
            stop: CancellationToken::new(),
        };
        let (gateway, stop) = (Arc::clone(&scene.bed.gateway), scene.stop.clone());
        tokio::spawn(async move { gateway.publish(stop).await });
        scene
    }

    async fn place(&self) -> Call {
        let request = PlaceCall {
            call: say(TO),
            request_id: "r".into(),
        };
        let placed = self.bed.gateway.place_call(&caller("acme"), request).await;
        placed.unwrap().object
    }

    async fn call(&self, id: CallId) -> Call {
        self.bed.gateway.call(&caller("*"), id, false).await.unwrap()
    }

    /// Lets time pass, while the keeper looks around twice a second.
    async fn pass(&self, seconds: u64) {
        let (gateway, mut asker) = (&self.bed.gateway, Asker::default());
        for _ in 0..seconds * 2 {
            self.bed.clock.advance(Duration::from_millis(500));
            assert!(gateway.look_around(&mut asker, true).await.unwrap());
            while !asker.is_idle() {
                asker.ask_for(Duration::from_millis(1), || gateway.now()).await;
            }
        }
    }

    /// Lets time pass until the call has a status; fails when it has none within so many seconds.
    async fn becomes(&self, id: CallId, status: CallStatus, within: u64) -> Call {
        for _ in 0..within {
            self.pass(1).await;
            let call = self.call(id).await;
            if call.status == status {
                return call;
            }
        }
        panic!("it is still {:?}", self.call(id).await);
    }

    async fn tell(&self, provider: &Scripted, facts: CallFacts) {
        provider.will_tell(vec![News::Call(Box::new(facts))]);
        let taken = self.bed.gateway.take("one", None, "hook", Bytes::from_static(b"{}"));
        taken.await.unwrap();
        let gateway = &self.bed.gateway;
        let place = gateway.inbox_position().await.unwrap();
        gateway.apply_batch(place, &HashSet::new()).await.unwrap();
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn facts(id: &str, status: CallStatus) -> CallFacts {
    CallFacts {
        reference: Some(ProviderRef::id(id)),
        status: Some(status),
        kind: Some(CallKind::Say),
        direction: Some(Direction::Outbound),
        to: Address::parse(TO, Region::BR).ok(),
        created_at: Some(Timestamp::from_millis(NOON)),
        ..CallFacts::default()
    }
}

fn list(provider: &Scripted, facts: CallFacts) {
    let id = facts.reference.as_ref().unwrap().id.clone().unwrap();
    provider.rows.lock().unwrap().push(Row {
        id,
        facts,
        ..Row::default()
    });
}

fn knows(provider: &Scripted, facts: CallFacts) {
    *provider.state.lock().unwrap() = Some(facts);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_was_asked_for_is_told_from_work() {
    let one = Scripted::new("one", SAY);
    let scene = Scene::set(&one);
    let (call, second) = (scene.place().await, Duration::from_secs(1));
    let timing = timing::scope(async {
        let waited = scene.bed.gateway.wait_for_news(&caller("acme"), call, second).await;
        assert_eq!(waited.unwrap().status, CallStatus::Queued);
        timing::read()
    });
    assert_eq!(timing.await.asked_for, second);
}

#[tokio::test]
async fn calls_are_unsettled_while_their_outcome_is_unknown_or_overdue() {
    let one = Scripted::new("one", SAY);
    let scene = Scene::set(&one);
    let count = async || {
        let unsettled = scene.bed.gateway.unsettled().await.unwrap();
        (unsettled.count, unsettled.overdue)
    };
    let ringing = scene.place().await;
    assert_eq!(ringing.status, CallStatus::Queued);
    assert_eq!(count().await, (0, 0), "one that goes on");
    one.will_place(Err(failed(FailureKind::Interrupted)));
    assert_eq!(scene.place().await.status, CallStatus::Unknown);
    assert_eq!(count().await, (1, 0), "one whose answer was lost");
    let calls = &scene.bed.gateway.config.calls;
    scene
        .bed
        .clock
        .advance(calls.max_call + calls.settle + Duration::from_secs(1));
    assert_eq!(count().await, (2, 2), "both, which should be over");
}

#[tokio::test]
async fn a_call_that_waits_for_its_time_is_not_overdue_nor_is_it_when_that_comes() {
    let one = Scripted::new(
        "one",
        &[Offer {
            operation: Capability::Say,
            options: &[Capability::Schedule],
        }],
    );
    let scene = Scene::set(&one);
    let (gateway, calls) = (&scene.bed.gateway, &scene.bed.gateway.config.calls);
    let patience = calls.max_call + calls.settle + Duration::from_secs(1);
    one.will_place(Ok(Some(ProviderRef::id("8"))));
    let request = PlaceCall {
        call: NewCall {
            schedule_at: Some(gateway.now().plus_seconds(patience.as_secs().cast_signed())),
            ..say(TO)
        },
        request_id: "r".into(),
    };
    let placed = gateway.place_call(&caller("acme"), request).await.unwrap().object;
    assert_eq!(placed.status, CallStatus::Scheduled);
    scene.bed.clock.advance(patience);
    let count = async || {
        let unsettled = gateway.unsettled().await.unwrap();
        (unsettled.count, unsettled.overdue)
    };
    assert_eq!(count().await, (0, 0));
    scene.tell(&one, facts("8", CallStatus::Ringing)).await;
    assert_eq!(scene.call(placed.id).await.status, CallStatus::Ringing);
    assert_eq!(count().await, (0, 0));
}

#[tokio::test]
async fn a_lost_call_is_found_in_the_report_and_never_placed_again() {
    let one = Scripted::new("one", SAY);
    one.will_place(Err(failed(FailureKind::Interrupted)));
    let scene = Scene::set(&one);
    list(&one, facts("8", CallStatus::Busy));
    let call = scene.place().await;
    assert_eq!(call.status, CallStatus::Unknown);
    let settled = scene.becomes(call.id, CallStatus::Busy, 5).await;
    assert_eq!(settled.provider_ref, Some(ProviderRef::id("8")));
    assert_eq!(settled.settled_by, Some(SettledBy::Poll));
    assert_eq!(one.placed().len(), 1);
}

#[tokio::test]
async fn a_lost_call_is_found_by_what_it_echoes_before_its_party() {
    let one = Scripted::new("one", SAY);
    one.will_place(Err(failed(FailureKind::Broken)));
    let scene = Scene::set(&one);
    let call = scene.place().await;
    list(
        &one,
        CallFacts {
            created_at: Some(Timestamp::from_millis(NOON + 170_000)),
            ..facts("7", CallStatus::Failed)
        },
    );
    let echo = CallFacts {
        echoed: Some(call.id),
        to: None,
        ..facts("8", CallStatus::Rejected)
    };
    one.rows.lock().unwrap().insert(
        0,
        Row {
            id: "8".into(),
            facts: echo,
            ..Row::default()
        },
    );
    let settled = scene.becomes(call.id, CallStatus::Rejected, 5).await;
    assert_eq!(settled.provider_ref, Some(ProviderRef::id("8")));
}

#[tokio::test]
async fn a_call_that_is_found_alive_is_followed_to_its_end() {
    let one = Scripted::new("one", SAY);
    one.will_place(Err(failed(FailureKind::Interrupted)));
    let scene = Scene::set(&one);
    list(&one, facts("8", CallStatus::Ringing));
    knows(&one, facts("8", CallStatus::Ringing));
    let call = scene.place().await;
    scene.becomes(call.id, CallStatus::Ringing, 5).await;
    knows(&one, facts("8", CallStatus::InProgress));
    scene.becomes(call.id, CallStatus::InProgress, 5).await;
    knows(&one, facts("8", CallStatus::Completed));
    scene.becomes(call.id, CallStatus::Completed, 5).await;
}

#[tokio::test]
async fn a_call_that_is_never_found_stays_unknown_and_later_evidence_settles_it() {
    let one = Scripted::new("one", SAY);
    one.will_place(Err(failed(FailureKind::Interrupted)));
    let scene = Scene::set(&one);
    let call = scene.place().await;
    scene.pass(890).await;
    assert_eq!(scene.call(call.id).await.settled_by, None);
    scene.pass(20).await;
    let given_up = scene.call(call.id).await;
    assert_eq!(
        (given_up.status, given_up.settled_by),
        (CallStatus::Unknown, Some(SettledBy::Timeout))
    );
    let asked = one.pages();
    assert!((10..=40).contains(&asked), "asked {asked} times");
    scene.pass(300).await;
    assert_eq!(one.pages(), asked, "nobody asks any longer");
    scene.tell(&one, facts("8", CallStatus::Ringing)).await;
    scene.becomes(call.id, CallStatus::Ringing, 2).await;
    knows(&one, facts("8", CallStatus::NoAnswer));
    let settled = scene.becomes(call.id, CallStatus::NoAnswer, 95).await;
    assert_eq!(settled.settled_by, Some(SettledBy::Poll), "it is looked after again");
    assert_eq!(one.placed().len(), 1);
}

#[tokio::test]
async fn a_provider_that_fails_is_asked_less_and_less() {
    let one = Scripted::new("one", SAY);
    *one.failing.lock().unwrap() = usize::MAX;
    let scene = Scene::set(&one);
    for _ in 0..8 {
        one.will_place(Err(failed(FailureKind::Interrupted)));
        scene.place().await;
    }
    scene.pass(600).await;
    assert!(one.pages() < 25, "asked {} times", one.pages());
}

#[tokio::test]
async fn a_call_accepted_without_a_name_is_found_in_the_report() {
    let one = Scripted::new("one", SAY);
    one.will_place(Ok(None));
    let scene = Scene::set(&one);
    let call = scene.place().await;
    assert_eq!((call.status, call.provider_ref), (CallStatus::Queued, None));
    scene.pass(20).await;
    list(&one, facts("8", CallStatus::Completed));
    let settled = scene.becomes(call.id, CallStatus::Completed, 10).await;
    assert_eq!(settled.provider_ref, Some(ProviderRef::id("8")));
}

#[tokio::test]
async fn a_call_whose_owner_died_before_the_answer_is_unknown_and_then_found() {
    let one = Scripted::new("one", SAY);
    let scene = Scene::set(&one);
    let mut call = Call::new(
        CallId::generate(),
        "acme".into(),
        Direction::Outbound,
        CallKind::Say,
        Timestamp::from_millis(NOON),
    );
    call.account = Some("one".parse().unwrap());
    call.to = Address::parse(TO, Region::BR).ok();
    call.attempts.push(Attempt {
        at: call.created_at,
        account: "one".parse().unwrap(),
        operation: "POST /scripted".into(),
        outcome: AttemptOutcome::Started,
        provider_code: None,
        ms: None,
    });
    let gateway = &scene.bed.gateway;
    assert!(gateway.create(CallFile::new(call.clone())).await.unwrap().is_ok());
    gateway.enlist(&call).await.unwrap();
    scene.pass(55).await;
    assert_eq!(
        scene.call(call.id).await.status,
        CallStatus::Queued,
        "its owner may be at work"
    );
    let unknown = scene.becomes(call.id, CallStatus::Unknown, 10).await;
    assert_eq!(unknown.attempts[0].outcome, AttemptOutcome::Interrupted);
    list(&one, facts("8", CallStatus::Completed));
    scene.becomes(call.id, CallStatus::Completed, 20).await;
}

#[tokio::test]
async fn a_call_that_falls_silent_is_asked_after() {
    let one = Scripted::new("one", SAY);
    one.will_place(Ok(Some(ProviderRef::id("8"))));
    let scene = Scene::set(&one);
    let call = scene.place().await;
    scene.tell(&one, facts("8", CallStatus::Ringing)).await;
    knows(&one, facts("8", CallStatus::InProgress));
    scene.pass(85).await;
    assert_eq!(one.fetched(), 0, "its webhooks are waited for");
    scene.becomes(call.id, CallStatus::InProgress, 10).await;
    let asked = one.fetched();
    scene.pass(590).await;
    assert_eq!(one.fetched(), asked);
    knows(&one, facts("8", CallStatus::Completed));
    scene.becomes(call.id, CallStatus::Completed, 15).await;
}

#[tokio::test]
async fn a_call_in_progress_that_nobody_tells_of_is_over_at_last() {
    let one = Scripted::unasked("one", SAY);
    one.will_place(Ok(Some(ProviderRef::id("8"))));
    let scene = Scene::set(&one);
    let call = scene.place().await;
    scene.tell(&one, facts("8", CallStatus::InProgress)).await;
    scene.pass(1).await;
    scene.bed.clock.advance(Duration::from_secs(14_390));
    scene.pass(3).await;
    assert_eq!(scene.call(call.id).await.status, CallStatus::InProgress);
    let over = scene.becomes(call.id, CallStatus::Completed, 15).await;
    assert_eq!(over.settled_by, Some(SettledBy::Timeout));
    assert_eq!(
        (over.ring_seconds, over.talk_seconds, over.billed_seconds),
        (None, None, None)
    );
}

#[tokio::test]
async fn a_whatsapp_call_that_rings_for_ever_is_unknown_until_its_late_end_is_told() {
    let one = Scripted::unasked("one", SAY);
    let scene = Scene::set(&one);
    let user = Address::parse("whatsapp:+5511988887777", Region::BR).ok();
    let news = |status| CallFacts {
        kind: Some(CallKind::Whatsapp),
        direction: Some(Direction::Inbound),
        from: user.clone(),
        ..facts("wacid.8", status)
    };
    scene.tell(&one, news(CallStatus::Ringing)).await;
    scene.pass(2).await;
    let id = scene
        .bed
        .gateway
        .known_call(&"one".parse().unwrap(), "wacid.8")
        .await
        .unwrap()
        .unwrap();
    scene.pass(110).await;
    assert_eq!(scene.call(id).await.status, CallStatus::Ringing);
    let unknown = scene.becomes(id, CallStatus::Unknown, 15).await;
    assert_eq!(unknown.settled_by, Some(SettledBy::Timeout));
    scene.tell(&one, news(CallStatus::Completed)).await;
    scene.becomes(id, CallStatus::Completed, 2).await;
}

#[tokio::test]
async fn an_end_that_may_be_corrected_is_held_back_and_then_shown() {
    let one = Scripted::unasked("one", SAY);
    let presumed = |id| CallFacts {
        tentative: true,
        ..facts(id, CallStatus::NoAnswer)
    };
    for (better, end) in [
        (None, CallStatus::NoAnswer),
        (Some(CallStatus::Rejected), CallStatus::Rejected),
    ] {
        one.will_place(Ok(Some(ProviderRef::id("8"))));
        let scene = Scene::set(&one);
        let call = scene.place().await;
        scene.tell(&one, presumed("8")).await;
        scene.pass(1).await;
        let shown = scene.call(call.id).await;
        assert_eq!((shown.status, shown.ended_at), (CallStatus::Queued, None));
        if let Some(status) = better {
            scene.tell(&one, facts("8", status)).await;
        }
        let settled = scene.becomes(call.id, end, 5).await;
        assert_eq!(settled.settled_by, Some(SettledBy::Webhook));
        assert!(settled.ended_at.is_some());
    }
}
