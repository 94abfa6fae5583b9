//! One code, one approval.

use std::time::Duration;

use serde_json::json;

use super::bed::{Bed, NOON, SAY, Scripted, bed, caller, failed, number, refused};
use crate::domain::error::{FailureKind, Problem, Refusal};
use crate::domain::ids::VerificationId;
use crate::domain::phone::{PhoneNumber, Region};
use crate::domain::verification::{Channel, SendStatus, VerificationStatus};
use crate::store::{Order, Range, keys};
use crate::usecases::requests::NewVerification;
use crate::usecases::settle::FIRST_LOOK_MS;

pub(super) fn new() -> NewVerification {
    NewVerification {
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
    }
}

async fn start(bed: &Bed) -> VerificationId {
    bed.gateway
        .start_verification(&caller("acme"), new())
        .await
        .unwrap()
        .object
        .id
}

#[tokio::test]
async fn the_right_code_approves_once_and_a_replay_is_refused() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let id = start(&bed).await;
    let wrong = bed
        .gateway
        .check_verification(&caller("acme"), id, "000000")
        .await
        .unwrap();
    assert_eq!((wrong.valid, wrong.attempts_left), (false, 4));
    let right = bed
        .gateway
        .check_verification(&caller("acme"), id, "123-456")
        .await
        .unwrap();
    assert_eq!((right.valid, right.status), (true, VerificationStatus::Approved));
    let replay = bed
        .gateway
        .check_verification(&caller("acme"), id, "123456")
        .await
        .unwrap_err();
    assert_eq!(replay.problem, Problem::VerificationClosed);
    let about = json!({"id": id, "status": "approved"});
    assert_eq!(replay.context.object, Some(("verification", about)));
}

#[tokio::test]
async fn the_fifth_wrong_code_exhausts_it() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let id = start(&bed).await;
    for left in (0..5).rev() {
        let checked = bed
            .gateway
            .check_verification(&caller("acme"), id, "000000")
            .await
            .unwrap();
        assert_eq!(checked.attempts_left, left);
    }
    let verification = bed.gateway.verification(&caller("acme"), id).await.unwrap();
    assert_eq!(verification.status, VerificationStatus::Exhausted);
    let late = bed
        .gateway
        .check_verification(&caller("acme"), id, "123456")
        .await
        .unwrap_err();
    assert_eq!(late.problem, Problem::VerificationClosed);
}

#[tokio::test]
async fn what_is_no_code_costs_no_attempt() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let id = start(&bed).await;
    for text in ["12345", "1234567", "abcdef", ""] {
        let error = bed
            .gateway
            .check_verification(&caller("acme"), id, text)
            .await
            .unwrap_err();
        assert_eq!(error.problem, Problem::InvalidInput);
    }
    assert_eq!(
        bed.gateway
            .verification(&caller("acme"), id)
            .await
            .unwrap()
            .attempts_left,
        5
    );
}

#[tokio::test]
async fn its_time_ends_and_a_resend_does_not_renew_it() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let id = start(&bed).await;
    let early = bed
        .gateway
        .resend_verification(&caller("acme"), id, None, None)
        .await
        .unwrap_err();
    assert_eq!(early.problem, Problem::RateLimited);
    bed.clock.advance(Duration::from_secs(31));
    bed.gateway
        .resend_verification(&caller("acme"), id, Some(Channel::Voice), None)
        .await
        .unwrap();
    bed.clock.advance(Duration::from_secs(569));
    let verification = bed.gateway.verification(&caller("acme"), id).await.unwrap();
    assert_eq!(verification.status, VerificationStatus::Expired);
    assert_eq!(verification.sends.len(), 2);
    let late = bed
        .gateway
        .check_verification(&caller("acme"), id, "123456")
        .await
        .unwrap_err();
    assert_eq!(late.problem, Problem::VerificationClosed);
}

#[tokio::test]
async fn an_attempt_is_given_back_only_where_no_request_can_have_arrived() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let id = start(&bed).await;
    for (kind, left) in [
        (FailureKind::NotSent, 5),
        (FailureKind::Interrupted, 4),
        (FailureKind::Broken, 3),
    ] {
        one.will_check(Err(failed(kind)));
        let error = bed
            .gateway
            .check_verification(&caller("acme"), id, "123456")
            .await
            .unwrap_err();
        assert_eq!(error.problem, Problem::ProviderUnavailable);
        assert_eq!(
            bed.gateway
                .verification(&caller("acme"), id)
                .await
                .unwrap()
                .attempts_left,
            left,
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn an_attempt_stays_counted_where_one_of_two_requests_may_have_arrived() {
    for (newest, older) in [
        (FailureKind::Interrupted, FailureKind::NotSent),
        (FailureKind::NotSent, FailureKind::Interrupted),
    ] {
        let one = Scripted::new("one", SAY);
        let bed = bed(&[&one], "[verification]\nresend_after_seconds = 0");
        let id = start(&bed).await;
        let acme = caller("acme");
        bed.gateway.resend_verification(&acme, id, None, None).await.unwrap();
        one.will_check(Err(failed(newest)));
        one.will_check(Err(failed(older)));
        let error = bed.gateway.check_verification(&acme, id, "123456").await.unwrap_err();
        assert_eq!(error.problem, Problem::ProviderUnavailable);
        let verification = bed.gateway.verification(&acme, id).await.unwrap();
        assert_eq!(verification.attempts_left, 4, "{newest:?}, then {older:?}");
    }
}

#[tokio::test]
async fn a_verification_is_looked_at_by_itself_once_its_send_should_be_over() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let id = start(&bed).await;
    let all = Range {
        scores: 0..=i64::MAX >> 11,
        order: Order::Ascending,
        after: None,
        limit: 100,
    };
    let due = bed.gateway.store.range(&keys::open_verifications(), all).await.unwrap();
    let due: Vec<_> = due.into_iter().map(|scored| (scored.member, scored.score)).collect();
    assert_eq!(due, [(id.to_string(), NOON + FIRST_LOOK_MS)]);
}

#[tokio::test]
async fn a_lost_send_is_uncertain_and_cannot_be_checked() {
    let one = Scripted::new("one", SAY);
    one.will_send(Err(failed(FailureKind::Interrupted)));
    let bed = bed(&[&one], "");
    let started = bed.gateway.start_verification(&caller("acme"), new()).await.unwrap();
    assert!(!started.certain);
    assert_eq!(started.object.sends[0].status, SendStatus::Unknown);
    let error = bed
        .gateway
        .check_verification(&caller("acme"), started.object.id, "123456")
        .await
        .unwrap_err();
    assert_eq!(error.problem, Problem::VerificationNotCheckable);
    let verification = bed
        .gateway
        .verification(&caller("acme"), started.object.id)
        .await
        .unwrap();
    assert_eq!(verification.attempts_left, 5);
}

#[tokio::test]
async fn a_send_that_was_refused_leaves_nothing_behind() {
    let one = Scripted::new("one", SAY);
    one.will_send(Err(refused(Refusal::Credit)));
    let bed = bed(&[&one], "");
    let request = new();
    let id = request.id;
    let error = bed
        .gateway
        .start_verification(&caller("acme"), request)
        .await
        .unwrap_err();
    assert_eq!(error.problem, Problem::ProviderOutOfCredit);
    assert_eq!(
        bed.gateway.verification(&caller("acme"), id).await.unwrap_err().problem,
        Problem::NotFound
    );
}

#[tokio::test]
async fn one_number_gets_only_so_many_codes() {
    let one = Scripted::new("one", SAY);
    let bed = bed(
        &[&one],
        "[verification]\nsends_per_number = { max = 2, per_seconds = 600 }",
    );
    for _ in 0..2 {
        start(&bed).await;
    }
    let error = bed
        .gateway
        .start_verification(&caller("acme"), new())
        .await
        .unwrap_err();
    assert_eq!(error.problem, Problem::RateLimited);
    assert!(
        bed.gateway.start_verification(&caller("other"), new()).await.is_ok(),
        "each tenant counts for itself"
    );
}

#[tokio::test]
async fn a_test_number_is_sent_nothing_and_has_a_fixed_code() {
    let one = Scripted::new("one", SAY);
    one.will_send(Err(failed(FailureKind::Broken)));
    let bed = bed(
        &[&one],
        "[verification.test_numbers]\n\"+5511988887777\" = \"env::CODE\"",
    );
    let started = bed.gateway.start_verification(&caller("acme"), new()).await.unwrap();
    assert_eq!(started.object.sends[0].provider, "test");
    let wrong = bed
        .gateway
        .check_verification(&caller("acme"), started.object.id, "123456")
        .await
        .unwrap();
    assert!(!wrong.valid);
    let right = bed
        .gateway
        .check_verification(&caller("acme"), started.object.id, "424242")
        .await
        .unwrap();
    assert!(right.valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_forty_right_codes_at_once_one_approves() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    for _ in 0..25 {
        let id = bed
            .gateway
            .start_verification(&caller(&uuid::Uuid::now_v7().to_string()), new())
            .await
            .unwrap()
            .object;
        let checks = (0..40).map(|_| {
            let (gateway, tenant) = (bed.gateway.clone(), caller(&id.tenant));
            let id = id.id;
            tokio::spawn(async move { gateway.check_verification(&tenant, id, "123456").await })
        });
        let checked = futures_util::future::join_all(checks).await;
        let approved = checked
            .iter()
            .filter(|checked| checked.as_ref().unwrap().as_ref().is_ok_and(|checked| checked.valid))
            .count();
        assert_eq!(approved, 1);
        let mut others = checked
            .iter()
            .filter_map(|checked| checked.as_ref().unwrap().as_ref().ok());
        assert!(others.all(|checked| checked.valid), "no right code is called wrong");
    }
}

#[tokio::test]
async fn a_resend_that_is_refused_or_did_nothing_leaves_the_next_one_where_it_was() {
    let one = Scripted::new("one", SAY);
    let bed = bed(
        &[&one],
        "[verification]\nsends_per_number = { max = 2, per_seconds = 6000 }",
    );
    let id = start(&bed).await;
    let acme = caller("acme");
    let resend = async || bed.gateway.resend_verification(&acme, id, None, None).await;
    for _ in 0..5 {
        let early = resend().await.unwrap_err();
        assert_eq!(early.context.limit.unwrap().name, "verification.resend_after_seconds");
    }
    bed.clock.advance(Duration::from_secs(31));
    let before = bed.gateway.verification(&acme, id).await.unwrap().resend_at;
    one.will_send(Err(refused(Refusal::Credit)));
    assert_eq!(resend().await.unwrap_err().problem, Problem::ProviderOutOfCredit);
    assert_eq!(bed.gateway.verification(&acme, id).await.unwrap().resend_at, before);
    assert!(resend().await.is_ok(), "what was too early or did nothing cost no wait");

    bed.clock.advance(Duration::from_secs(31));
    let before = bed.gateway.verification(&acme, id).await.unwrap().resend_at;
    let over = resend().await.unwrap_err();
    assert_eq!(over.context.limit.unwrap().name, "verification.sends_per_number");
    assert_eq!(bed.gateway.verification(&acme, id).await.unwrap().resend_at, before);
}

#[tokio::test]
async fn a_dry_run_counts_nothing_and_opens_no_window() {
    let one = Scripted::new("one", SAY);
    let bed = bed(
        &[&one],
        "[verification]\nsends_per_number = { max = 1, per_seconds = 600 }",
    );
    let preview = bed.gateway.preview_verification(&caller("acme"), new()).await.unwrap();
    assert_eq!(preview.limits[0].remaining, 1);
    bed.clock.advance(Duration::from_secs(500));
    start(&bed).await;
    let refused = bed
        .gateway
        .start_verification(&caller("acme"), new())
        .await
        .unwrap_err();
    assert_eq!(
        refused.context.retry_after,
        Some(Duration::from_secs(600)),
        "the window begins with the first send, not with the look"
    );
}

#[tokio::test]
async fn a_dry_run_answers_for_a_test_number_as_the_request_itself() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "[verification.test_numbers]\n\"+14155550100\" = \"env::CODE\"");
    let to_test_number = || NewVerification {
        to: PhoneNumber::parse("+14155550100", Region::BR).unwrap(),
        ..new()
    };
    let acme = caller("acme");
    let preview = bed.gateway.preview_verification(&acme, to_test_number()).await.unwrap();
    assert_eq!((preview.routing, preview.would.account), (None, None));
    assert_eq!(preview.would.operation, "test");
    assert!(preview.limits.is_empty());
    assert!(bed.gateway.start_verification(&acme, to_test_number()).await.is_ok());
}
