//! Whichever operation of the store fails, nothing is done twice, and what was told is kept.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::bed::{Bed, NOON, SAY, Scripted, bed_over, caller, failed, number, say};
use super::failing_store::{Failing, Failure, ON_ITS_WAY};
use crate::domain::address::Address;
use crate::domain::call::{Call, CallKind, CallStatus, Direction, ProviderRef};
use crate::domain::error::{Error, Failure as ProviderFailure, FailureKind, Problem};
use crate::domain::facts::CallFacts;
use crate::domain::ids::{CallId, VerificationId};
use crate::domain::phone::Region;
use crate::domain::time::Timestamp;
use crate::domain::verification::Channel;
use crate::providers::port::{News, Obstacle};
use crate::store::{Expect, keys};
use crate::usecases::requests::{Accepted, CallQuery, NewVerification, Paging, PlaceCall};

/// More operations than any one act takes.
const MOST: usize = 40;

struct Scene {
    one: Arc<Scripted>,
    store: Arc<Failing>,
    bed: Bed,
}

impl Scene {
    fn set(failure: Failure) -> Self {
        let one = Scripted::new("one", SAY);
        let mut failing = None;
        let bed = bed_over(&[&one], "", |inner| {
            let store = Arc::new(Failing::new(inner, failure));
            failing = Some(Arc::clone(&store));
            store
        });
        Self {
            one,
            store: failing.unwrap(),
            bed,
        }
    }

    /// A scene for every operation that may fail, and every way.
    fn each() -> impl Iterator<Item = (usize, Self)> {
        let ways = [Failure::Once, Failure::OnceUnheard, Failure::FromThen];
        (0..MOST).flat_map(move |operations| ways.map(|way| (operations, Self::set(way))))
    }

    /// Places a call of which the provider says this, the store failing after so many operations.
    async fn place_while_failing(
        &self,
        operations: usize,
        answer: Result<Option<ProviderRef>, ProviderFailure>,
    ) -> Result<Accepted<Call>, Error> {
        self.one.will_place(answer);
        let request = PlaceCall {
            call: say("+5511988887777"),
            request_id: "r".into(),
        };
        self.store.fail_after(operations);
        let placed = self.bed.gateway.place_call(&caller("acme"), request).await;
        self.store.mend();
        for _ in 0..2 * ON_ITS_WAY {
            tokio::task::yield_now().await;
        }
        placed
    }

    async fn listed(&self) -> Vec<CallStatus> {
        let page = self
            .bed
            .gateway
            .calls(
                &caller("*"),
                CallQuery::default(),
                Paging {
                    limit: 50,
                    cursor: None,
                },
            )
            .await;
        page.unwrap().data.into_iter().map(|call| call.status).collect()
    }

    /// Takes news of the end of a call that the provider knows by this name.
    async fn take_news(&self, provider_id: &str) {
        let facts = CallFacts {
            reference: Some(ProviderRef::id(provider_id)),
            status: Some(CallStatus::Completed),
            kind: Some(CallKind::Say),
            direction: Some(Direction::Outbound),
            to: Address::parse("+5511988887777", Region::BR).ok(),
            created_at: Some(Timestamp::from_millis(NOON)),
            ..CallFacts::default()
        };
        self.one.will_tell(vec![News::Call(Box::new(facts))]);
        let body = Bytes::from_static(b"{}");
        self.bed.gateway.take("one", None, "hook", body).await.unwrap();
    }

    /// Applies what was taken until a call is over, the store failing after so many operations and mended then.
    async fn apply_while_failing(&self, operations: usize) {
        self.store.fail_after(operations);
        let stop = CancellationToken::new();
        let worker = tokio::spawn(Arc::clone(&self.bed.gateway).follow_inbox(stop.clone()));
        while !self.store.has_failed() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.store.mend();
        while !self.listed().await.contains(&CallStatus::Completed) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stop.cancel();
        worker.await.unwrap();
    }
}

#[tokio::test]
async fn who_is_turned_away_for_want_of_room_costs_no_operation_of_the_store() {
    let scene = Scene::set(Failure::FromThen);
    *scene.one.obstacle.lock().unwrap() = Some(Obstacle::Full);
    let refused = scene.place_while_failing(0, Ok(None)).await.unwrap_err();
    scene.store.fail_after(0);
    let acme = caller("acme");
    let unsent = scene.bed.gateway.start_verification(&acme, new_verification());
    for refused in [refused, unsent.await.unwrap_err()] {
        assert_eq!(refused.problem, Problem::Overloaded);
        assert_eq!(refused.context.retry_after, Some(Duration::from_secs(1)));
    }
}

#[tokio::test]
async fn a_call_is_an_error_only_where_nothing_was_dialled_and_is_kept_as_told() {
    let mut certain = 0;
    for (operations, scene) in Scene::each() {
        let placed = scene
            .place_while_failing(operations, Ok(Some(ProviderRef::id("77"))))
            .await;
        assert_eq!(
            scene.one.placed().len(),
            usize::from(placed.is_ok()),
            "after {operations}"
        );
        match placed {
            Ok(placed) if placed.certain => {
                certain += 1;
                let kept = scene.bed.gateway.call(&caller("acme"), placed.object.id, false).await;
                assert_eq!(kept.unwrap(), placed.object, "after {operations}");
            }
            Ok(placed) => drop(
                scene
                    .bed
                    .gateway
                    .call(&caller("acme"), placed.object.id, false)
                    .await
                    .unwrap(),
            ),
            Err(_) if scene.store.failure == Failure::FromThen => {}
            Err(_) => assert!(scene.listed().await.is_empty(), "nothing is left after {operations}"),
        }
    }
    assert!(
        certain > 0 && certain < 3 * MOST,
        "some acts were whole and some were not"
    );
}

#[tokio::test(start_paused = true)]
async fn news_finds_its_call_whatever_failed_when_that_was_placed() {
    for (operations, scene) in Scene::each() {
        let placed = scene
            .place_while_failing(operations, Ok(Some(ProviderRef::id("77"))))
            .await;
        if placed.is_ok() {
            scene.take_news("77").await;
            scene.apply_while_failing(MOST).await;
            assert_eq!(scene.listed().await, [CallStatus::Completed], "after {operations}");
        }
    }
}

#[tokio::test]
async fn a_verification_is_an_error_only_where_nothing_was_sent_and_is_kept_as_told() {
    for (operations, scene) in Scene::each() {
        let acme = caller("acme");
        scene.store.fail_after(operations);
        let started = scene.bed.gateway.start_verification(&acme, new_verification()).await;
        scene.store.mend();
        assert_eq!(scene.one.sent(), usize::from(started.is_ok()), "after {operations}");
        let Ok(started) = started else { continue };
        let kept = scene.bed.gateway.verification(&acme, started.object.id).await.unwrap();
        if started.certain {
            assert_eq!(kept, started.object, "after {operations}");
        }
    }
}

#[tokio::test]
async fn a_right_code_approves_at_most_once_whatever_fails() {
    for (operations, scene) in Scene::each() {
        let (gateway, acme) = (&scene.bed.gateway, caller("acme"));
        let id = gateway
            .start_verification(&acme, new_verification())
            .await
            .unwrap()
            .object
            .id;
        scene.store.fail_after(operations);
        let first = gateway.check_verification(&acme, id, "123456").await;
        scene.store.mend();
        let again = gateway.check_verification(&acme, id, "123456").await;
        match (first, again) {
            (Ok(first), Err(again)) => assert!(first.valid && again.problem == Problem::VerificationClosed),
            (Err(first), Ok(again)) => assert!(first.problem == Problem::StoreUnavailable && again.valid),
            (Err(_), Err(again)) => assert_eq!(again.problem, Problem::VerificationClosed, "approved unheard"),
            (Ok(_), Ok(_)) => panic!("approved twice after {operations}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn news_of_a_lost_call_settles_that_call_and_makes_no_other() {
    for (operations, scene) in Scene::each() {
        let lost = Err(failed(FailureKind::Interrupted));
        scene.place_while_failing(MOST, lost).await.unwrap();
        scene.take_news("77").await;
        scene.apply_while_failing(operations).await;
        assert_eq!(scene.listed().await, [CallStatus::Completed], "after {operations}");
    }
}

#[tokio::test(start_paused = true)]
async fn news_of_a_call_that_was_not_placed_here_makes_one_call() {
    for (operations, scene) in Scene::each() {
        scene.take_news("77").await;
        scene.apply_while_failing(operations).await;
        assert_eq!(scene.listed().await, [CallStatus::Completed], "after {operations}");
    }
}

#[tokio::test(start_paused = true)]
async fn news_that_can_never_be_applied_holds_up_no_other() {
    let scene = Scene::set(Failure::Once);
    let (inner, id) = (&scene.store.inner, CallId::generate());
    let name = keys::call_by_reference("one", "66");
    inner
        .put(&name, id.to_string().into(), None, Expect::Absent)
        .await
        .unwrap();
    let broken = Bytes::from_static(b"no call");
    inner.put(&keys::call(id), broken, None, Expect::Absent).await.unwrap();
    scene.take_news("66").await;
    scene.take_news("77").await;
    scene.apply_while_failing(MOST).await;
    assert_eq!(scene.listed().await, [CallStatus::Completed]);
}

fn new_verification() -> NewVerification {
    NewVerification {
        id: VerificationId::generate(),
        to: number(),
        channel: Channel::Sms,
        brand: None,
        code_length: 6,
        ttl_seconds: None,
        tag: None,
        account: None,
        client_ip: None,
        request_id: "r".into(),
    }
}

#[tokio::test]
async fn a_hangup_that_the_provider_took_is_no_error_whatever_the_store_does() {
    for (operations, scene) in Scene::each() {
        let placed = scene
            .place_while_failing(MOST, Ok(Some(ProviderRef::id("7"))))
            .await
            .unwrap()
            .object;
        scene.store.fail_after(operations);
        let ended = scene.bed.gateway.hang_up(&caller("acme"), placed.id).await;
        scene.store.mend();
        match ended {
            Ok(call) => assert_eq!(call.id, placed.id),
            Err(error) => assert_eq!(
                (error.problem, scene.one.hung_up()),
                (Problem::StoreUnavailable, 0),
                "an error means nothing was done"
            ),
        }
    }
}
