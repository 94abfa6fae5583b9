//! Who takes a request, and what is said where nobody can.

use std::time::Duration;

use super::bed::{Bed, SAY, Scripted, bed, caller, failed, refused, say};
use crate::domain::address::Address;
use crate::domain::call::{AttemptOutcome, Call, ProviderRef, Routing};
use crate::domain::error::{Error, Failure, FailureKind, Problem, Refusal, Withheld};
use crate::domain::phone::Region;
use crate::domain::place::{Capability, Script, Session, SessionType};
use crate::providers::port::{Obstacle, Offer, Permission};
use crate::usecases::requests::PlaceCall;

fn request(change: impl FnOnce(&mut crate::domain::place::NewCall)) -> PlaceCall {
    let mut call = say("+5511988887777");
    change(&mut call);
    PlaceCall {
        call,
        request_id: "r".into(),
    }
}

#[tokio::test]
async fn an_option_nobody_takes_is_refused_before_anyone_is_asked() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let error = bed
        .gateway
        .place_call(&caller("acme"), request(|call| call.max_duration_seconds = Some(60)))
        .await
        .unwrap_err();
    assert_eq!(error.problem, Problem::NotSupported);
    assert!(error.detail.contains("max_duration_seconds"), "{}", error.detail);
    assert!(one.placed().is_empty());
}

#[tokio::test]
async fn the_first_that_can_is_chosen_and_the_others_say_why_not() {
    let (mute, one) = (Scripted::new("mute", &[]), Scripted::new("one", SAY));
    let bed = bed(&[&mute, &one], "");
    let preview = bed
        .gateway
        .preview_call(&caller("acme"), request(|_| {}))
        .await
        .unwrap();
    let routing = preview.routing.unwrap();
    assert_eq!(routing.account.as_str(), "one");
    assert_eq!(routing.skipped[0].reason, "does not support: say");
    assert_eq!(preview.would.operation, "POST /scripted");
    assert!(one.placed().is_empty(), "a dry run does nothing");
}

#[tokio::test]
async fn an_account_one_may_not_use_is_like_none() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let named = request(|call| call.account = Some("nowhere".parse().unwrap()));
    let error = bed.gateway.place_call(&caller("acme"), named).await.unwrap_err();
    assert_eq!(error.problem, Problem::InvalidInput);
    assert_eq!(error.context.fields[0].pointer, "/account");
}

#[tokio::test]
async fn a_number_of_a_country_that_is_not_allowed_is_refused() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let abroad = PlaceCall {
        call: say("+14155552671"),
        request_id: "r".into(),
    };
    assert_eq!(
        bed.gateway
            .place_call(&caller("acme"), abroad)
            .await
            .unwrap_err()
            .problem,
        Problem::DestinationNotAllowed
    );
}

async fn place(bed: &Bed) -> Result<Call, Error> {
    let placed = bed.gateway.place_call(&caller("acme"), request(|_| {})).await;
    placed.map(|accepted| accepted.object)
}

fn skipped(routing: Option<Routing>) -> Vec<(String, String)> {
    let skipped = routing.unwrap().skipped.into_iter();
    skipped
        .map(|skipped| (skipped.account.to_string(), skipped.reason))
        .collect()
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_account_that_is_hindered_is_passed_over_and_says_why() {
    for (obstacle, reason) in [
        (Obstacle::Failing(MINUTE), "keeps failing"),
        (Obstacle::Paused(MINUTE), "asked to wait"),
        (Obstacle::NoCredit, "has no credit"),
        (Obstacle::Full, "has too many waiting"),
    ] {
        let (one, two) = (Scripted::new("one", SAY), Scripted::new("two", SAY));
        let bed = bed(&[&one, &two], "");
        *one.obstacle.lock().unwrap() = Some(obstacle);
        let preview = bed
            .gateway
            .preview_call(&caller("acme"), request(|_| {}))
            .await
            .unwrap();
        let call = place(&bed).await.unwrap();
        assert_eq!(preview.routing, call.routing, "a dry run decides alike");
        assert_eq!(call.account.unwrap().as_str(), "two");
        assert_eq!(skipped(call.routing), [("one".to_owned(), reason.to_owned())]);
        assert_eq!((one.placed().len(), two.placed().len()), (0, 1));
    }
}

#[tokio::test]
async fn where_every_account_keeps_failing_nobody_is_asked_and_the_answer_says_when_to_come_again() {
    let (one, two) = (Scripted::new("one", SAY), Scripted::new("two", SAY));
    let bed = bed(&[&one, &two], "");
    *one.obstacle.lock().unwrap() = Some(Obstacle::Failing(MINUTE));
    *two.obstacle.lock().unwrap() = Some(Obstacle::Failing(MINUTE / 2));
    let refused = place(&bed).await.unwrap_err();
    assert_eq!(refused.problem, Problem::ProviderUnavailable);
    assert_eq!(refused.context.retry_after, Some(MINUTE / 2));
    let preview = bed.gateway.preview_call(&caller("acme"), request(|_| {})).await;
    assert_eq!(preview.unwrap_err(), refused);
    let named = request(|call| call.account = Some("one".parse().unwrap()));
    let named = bed.gateway.place_call(&caller("acme"), named).await.unwrap_err();
    assert_eq!(named.problem, Problem::ProviderUnavailable);
    assert_eq!((one.placed().len(), two.placed().len()), (0, 0));
}

#[tokio::test]
async fn the_only_account_is_asked_though_it_had_no_credit_a_moment_ago() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    *one.obstacle.lock().unwrap() = Some(Obstacle::NoCredit);
    one.will_place(Err(refused(Refusal::Credit)));
    let poor = place(&bed).await.unwrap_err();
    assert_eq!(poor.problem, Problem::ProviderOutOfCredit);
    assert!(poor.context.retry_after.is_some());
    assert!(place(&bed).await.is_ok(), "it has been topped up");
}

#[tokio::test]
async fn a_code_is_sent_by_the_next_account_where_one_is_hindered_or_could_do_nothing() {
    let (one, two) = (Scripted::new("one", SAY), Scripted::new("two", SAY));
    let bed = bed(&[&one, &two], "[verification]\nsends_per_number = false");
    let send = async || {
        let sent = bed
            .gateway
            .start_verification(&caller("acme"), super::verifying::new())
            .await;
        sent.unwrap().object
    };
    two.will_send(Ok(ProviderRef::id("1")));
    two.will_send(Ok(ProviderRef::id("2")));
    *one.obstacle.lock().unwrap() = Some(Obstacle::Failing(MINUTE));
    let passed_over = send().await;
    assert_eq!(
        skipped(passed_over.routing),
        [("one".to_owned(), "keeps failing".to_owned())]
    );
    assert_eq!((passed_over.attempts.len(), one.sent()), (1, 0));

    *one.obstacle.lock().unwrap() = None;
    one.will_send(Err(failed(FailureKind::NotSent)));
    let failed_over = send().await;
    let tries = failed_over.attempts.iter();
    let tries: Vec<_> = tries
        .map(|attempt| (attempt.account.as_str(), attempt.outcome))
        .collect();
    assert_eq!(
        tries,
        [("one", AttemptOutcome::NotSent), ("two", AttemptOutcome::Accepted)]
    );
    assert_eq!(failed_over.routing.unwrap().account.as_str(), "two");
}

#[tokio::test]
async fn what_the_gateway_withholds_is_told_as_what_it_is() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    for (why, problem) in [
        (Withheld::Failing, Problem::ProviderUnavailable),
        (Withheld::Paused, Problem::ProviderUnavailable),
        (Withheld::Full, Problem::Overloaded),
        (Withheld::TooLate, Problem::Overloaded),
    ] {
        one.will_place(Err(Failure::withheld(why, "POST /scripted", MINUTE)));
        let refused = place(&bed).await.unwrap_err();
        assert_eq!(
            (refused.problem, refused.context.retry_after),
            (problem, Some(MINUTE)),
            "{why:?}"
        );
    }
}

const WHATSAPP: &[Offer] = &[Offer {
    operation: Capability::Whatsapp,
    options: &[],
}];

fn whatsapp() -> PlaceCall {
    request(|call| {
        call.to = Address::parse("whatsapp:+5511988887777", Region::BR).unwrap();
        call.script = Script::Session(Session {
            kind: SessionType::Offer,
            sdp: "v=0".to_owned(),
        });
    })
}

#[tokio::test]
async fn a_doomed_call_is_not_sent_and_its_permission_is_read_once_in_a_while() {
    let one = Scripted::new("one", WHATSAPP);
    let bed = bed(&[&one], "");
    let lifted = bed.gateway.now().plus_seconds(7_200);
    let permission = |allowed: bool| {
        Some(Permission {
            allowed,
            status: None,
            expires_at: None,
            resets_at: (!allowed).then_some(lifted),
        })
    };
    *one.permission.lock().unwrap() = permission(false);
    for _ in 0..3 {
        let refused = bed.gateway.place_call(&caller("acme"), whatsapp()).await.unwrap_err();
        assert_eq!(refused.problem, Problem::CallPermissionRequired);
        assert!(refused.detail.contains(&lifted.to_string()), "{}", refused.detail);
        assert_eq!(refused.context.retry_after, Some(Duration::from_secs(7_200)));
    }
    assert_eq!((one.permissions_read(), one.placed().len()), (1, 0));

    *one.permission.lock().unwrap() = permission(true);
    bed.clock.advance(Duration::from_secs(10));
    for read in [2, 3] {
        bed.gateway.place_call(&caller("acme"), whatsapp()).await.unwrap();
        assert_eq!(one.permissions_read(), read, "a call may use the permission up");
    }
}
