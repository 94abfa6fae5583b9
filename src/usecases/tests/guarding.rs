//! Who is sent a code, how often, and what wrong codes lead to.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::join_all;

use super::bed::{Bed, NOON, SAY, Scripted, bed, bed_over, caller, failed, refused, say};
use super::failing_store::{Failing, Failure};
use crate::domain::error::{Error, FailureKind, Problem, Refusal};
use crate::domain::ids::VerificationId;
use crate::domain::phone::{PhoneNumber, Region};
use crate::domain::verification::{BlockedSends, Channel, Verification};
use crate::store::{Order, Range, Scored, Set, keys};
use crate::usecases::requests::{CheckResult, NewVerification, PlaceCall};

pub fn to(number: &str) -> NewVerification {
    NewVerification {
        id: VerificationId::generate(),
        to: PhoneNumber::parse(number, Region::BR).unwrap(),
        channel: Channel::Voice,
        brand: None,
        code_length: 6,
        ttl_seconds: None,
        client_ip: None,
        tag: None,
        account: None,
        request_id: "r".into(),
    }
}

/// The nth number of a prefix.
pub fn number(prefix: usize, n: usize) -> String {
    format!("+551198{prefix:03}{n:04}")
}

pub async fn start(bed: &Bed, tenant: &str, new: NewVerification) -> Result<Verification, Error> {
    let started = bed.gateway.start_verification(&caller(tenant), new).await;
    started.map(|accepted| accepted.object)
}

async fn check(bed: &Bed, id: VerificationId, code: &str) -> Result<CheckResult, Error> {
    bed.gateway.check_verification(&caller("acme"), id, code).await
}

/// The rule that refused.
fn rule(error: &Error) -> &str {
    assert_eq!(error.problem, Problem::RateLimited, "{error}");
    &error.context.limit.as_ref().unwrap().name
}

const NO_BLOCK: &str = "prefix_block = false\n";

#[tokio::test]
async fn each_rule_refuses_by_its_name_and_counts_each_tenant_by_itself() {
    let cases: [(&str, Option<&str>, &str); 4] = [
        ("sends_per_prefix", None, "{ max = 2, per_seconds = 600 }"),
        (
            "sends_per_client_address",
            Some("203.0.113.7"),
            "{ max = 2, per_seconds = 600 }",
        ),
        ("sends_per_tenant", None, "{ max = 2, per_seconds = 600 }"),
        (
            "spending_per_tenant_per_day",
            None,
            "{ max = \"1.00\", price_per_send = \"0.35\" }",
        ),
    ];
    for (key, client, limit) in cases {
        let one = Scripted::new("one", SAY);
        let bed = bed(&[&one], &format!("[verification.guard]\n{NO_BLOCK}{key} = {limit}"));
        let new = |n| NewVerification {
            client_ip: client.map(|client| client.parse().unwrap()),
            ..to(&number(0, n))
        };
        for n in 0..2 {
            start(&bed, "acme", new(n)).await.unwrap();
        }
        let error = start(&bed, "acme", new(2)).await.unwrap_err();
        assert_eq!(rule(&error), format!("verification.guard.{key}"));
        assert!(error.context.retry_after.is_some());
        assert_eq!(one.sent(), 2, "{key}: 1.00 pays for two sends at 0.35");
        assert!(start(&bed, "other", new(3)).await.is_ok(), "{key}");
    }
}

#[tokio::test]
async fn a_limit_of_zero_allows_none() {
    let one = Scripted::new("one", SAY);
    let bed = bed(
        &[&one],
        "[verification.guard]\nsends_per_tenant = { max = 0, per_seconds = 60 }",
    );
    let error = start(&bed, "acme", to(&number(0, 0))).await.unwrap_err();
    assert_eq!(rule(&error), "verification.guard.sends_per_tenant");
    assert_eq!(one.sent(), 0);
}

#[tokio::test]
async fn a_client_is_an_address_or_a_64_of_them_and_is_remembered_for_resends() {
    let one = Scripted::new("one", SAY);
    let bed = bed(
        &[&one],
        "[verification.guard]\nsends_per_client_address = { max = 2, per_seconds = 600 }",
    );
    let from = |address: &str, n| NewVerification {
        client_ip: Some(address.parse::<IpAddr>().unwrap()),
        ..to(&number(n, 0))
    };
    let first = start(&bed, "acme", from("2001:db8:0:1::1", 0)).await.unwrap();
    bed.clock.advance(Duration::from_secs(31));
    let acme = caller("acme");
    assert!(
        bed.gateway
            .resend_verification(&acme, first.id, None, None)
            .await
            .is_ok()
    );
    let neighbour = start(&bed, "acme", from("2001:db8:0:1:ffff::2", 1)).await.unwrap_err();
    assert_eq!(rule(&neighbour), "verification.guard.sends_per_client_address");
    assert!(start(&bed, "acme", from("2001:db8:0:2::1", 2)).await.is_ok());
    for n in 3..5 {
        assert!(start(&bed, "acme", from("203.0.113.7", n)).await.is_ok());
    }
    assert!(start(&bed, "acme", from("::ffff:203.0.113.7", 5)).await.is_err());
    assert!(
        start(&bed, "acme", to(&number(6, 0))).await.is_ok(),
        "who is not named is not counted"
    );
}

#[tokio::test]
async fn a_prefix_whose_codes_never_come_back_is_blocked_and_unblocked_by_itself() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "[verification.guard]\nsends_per_prefix = false");
    for n in 0..30 {
        start(&bed, "acme", to(&number(0, n))).await.unwrap();
    }
    let blocked = start(&bed, "acme", to(&number(0, 30))).await.unwrap_err();
    assert_eq!(blocked.problem, Problem::DestinationNotAllowed);
    assert_eq!(blocked.context.fields[0].pointer, "/to");
    assert_eq!(
        start(&bed, "other", to(&number(0, 31))).await.unwrap_err().problem,
        Problem::DestinationNotAllowed,
        "it is the account's prefix, whoever sends"
    );
    assert!(start(&bed, "acme", to(&number(1, 0))).await.is_ok());
    let preview = bed
        .gateway
        .preview_verification(&caller("acme"), to(&number(0, 32)))
        .await;
    assert_eq!(preview.unwrap_err().problem, Problem::DestinationNotAllowed);

    bed.clock.advance(Duration::from_secs(1799));
    assert!(start(&bed, "acme", to(&number(0, 33))).await.is_err());
    bed.clock.advance(Duration::from_secs(1));
    let preview = bed
        .gateway
        .preview_verification(&caller("acme"), to(&number(0, 34)))
        .await;
    assert!(preview.is_ok(), "it ends by the second");
    for n in 100..130 {
        start(&bed, "acme", to(&number(0, n))).await.unwrap();
    }
    assert!(start(&bed, "acme", to(&number(0, 130))).await.is_err());
    bed.clock.advance(Duration::from_secs(3599));
    assert!(
        start(&bed, "acme", to(&number(0, 131))).await.is_err(),
        "the second block is twice as long"
    );
    bed.clock.advance(Duration::from_secs(1));
    assert!(start(&bed, "acme", to(&number(0, 131))).await.is_ok());
}

#[tokio::test]
async fn an_account_that_sends_nothing_blocks_no_prefix_and_one_that_does_is_passed_over() {
    let (one, two) = (Scripted::new("one", SAY), Scripted::new("two", SAY));
    let bed = bed(&[&one, &two], "[verification.guard]\nsends_per_prefix = false");
    for n in 0..40 {
        one.will_send(Err(refused(Refusal::Credit)));
        let started = start(&bed, "acme", to(&number(0, n))).await.unwrap();
        assert!(check(&bed, started.id, "123456").await.unwrap().valid);
    }
    assert_eq!((one.sent(), two.sent()), (40, 40));
    for n in 40..70 {
        start(&bed, "acme", to(&number(0, n))).await.unwrap();
    }
    let preview = bed
        .gateway
        .preview_verification(&caller("acme"), to(&number(0, 70)))
        .await
        .unwrap();
    assert_eq!(preview.would.account.unwrap().as_str(), "one", "not blocked yet");
    let started = start(&bed, "acme", to(&number(0, 70))).await.unwrap();
    let routing = started.routing.unwrap();
    assert_eq!(routing.account.as_str(), "two");
    assert_eq!(routing.skipped[0].reason, "blocks the prefix of the number");
    let preview = bed
        .gateway
        .preview_verification(&caller("acme"), to(&number(0, 71)))
        .await
        .unwrap();
    assert_eq!(preview.would.account.unwrap().as_str(), "two");
    assert!(
        blocked(&bed, "acme").await.is_empty(),
        "what another account took was not refused"
    );
    let named = NewVerification {
        account: Some("one".parse().unwrap()),
        ..to(&number(0, 72))
    };
    let refused = start(&bed, "acme", named).await.unwrap_err();
    assert_eq!(refused.problem, Problem::DestinationNotAllowed);
}

#[tokio::test]
async fn on_failover_an_account_that_blocks_the_prefix_is_passed_over() {
    let (one, two, three) = (
        Scripted::new("one", SAY),
        Scripted::new("two", SAY),
        Scripted::new("three", SAY),
    );
    let bed = bed(&[&one, &two, &three], "[verification.guard]\nsends_per_prefix = false");
    for n in 0..31 {
        one.will_send(Err(refused(Refusal::Credit)));
        start(&bed, "acme", to(&number(0, n))).await.unwrap();
    }
    assert_eq!((two.sent(), three.sent()), (30, 1));
}

#[tokio::test]
async fn on_failover_the_last_account_that_blocks_the_prefix_refuses() {
    let (one, two) = (Scripted::new("one", SAY), Scripted::new("two", SAY));
    let bed = bed(&[&one, &two], "[verification.guard]\nsends_per_prefix = false");
    for n in 0..30 {
        one.will_send(Err(refused(Refusal::Credit)));
        start(&bed, "acme", to(&number(0, n))).await.unwrap();
    }
    one.will_send(Err(refused(Refusal::Credit)));
    let error = start(&bed, "acme", to(&number(0, 30))).await.unwrap_err();
    assert_eq!((error.problem, two.sent()), (Problem::DestinationNotAllowed, 30));
    assert_eq!(blocked(&bed, "acme").await.len(), 1);
}

#[tokio::test]
async fn what_the_limits_of_a_tenant_refuse_blocks_no_prefix() {
    let one = Scripted::new("one", SAY);
    let guard = "[verification.guard]\nsends_per_prefix = false\nsends_per_tenant = { max = 30, per_seconds = 3600 }";
    let bed = bed(&[&one], guard);
    let mut typed = Vec::new();
    for n in 0..30 {
        typed.push(start(&bed, "acme", to(&number(0, n))).await.unwrap().id);
    }
    let refused = start(&bed, "acme", to(&number(0, 30))).await.unwrap_err();
    assert_eq!(rule(&refused), "verification.guard.sends_per_tenant");
    for id in typed {
        assert!(check(&bed, id, "123456").await.unwrap().valid);
    }
    assert!(start(&bed, "other", to(&number(0, 31))).await.is_ok());
}

#[tokio::test]
async fn a_prefix_of_people_is_not_blocked() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "[verification.guard]\nsends_per_prefix = false");
    for n in 0..200 {
        let started = start(&bed, "acme", to(&number(0, n))).await.unwrap();
        if n % 9 == 0 {
            assert!(check(&bed, started.id, "123456").await.unwrap().valid);
        }
    }
}

#[tokio::test]
async fn observing_refuses_nothing_and_off_decides_nothing() {
    for mode in ["observe", "off"] {
        let one = Scripted::new("one", SAY);
        let guard =
            "sends_per_prefix = { max = 1, per_seconds = 600 }\nsends_per_tenant = { max = 1, per_seconds = 600 }";
        let bed = bed(&[&one], &format!("[verification.guard]\nmode = \"{mode}\"\n{guard}"));
        for n in 0..40 {
            start(&bed, "acme", to(&number(0, n))).await.unwrap();
        }
        assert!(blocked(&bed, "acme").await.is_empty());
        for _ in 0..4 {
            start(&bed, "acme", to(&number(0, 0))).await.unwrap();
        }
        let error = start(&bed, "acme", to(&number(0, 0))).await.unwrap_err();
        assert_eq!(
            rule(&error),
            "verification.sends_per_number",
            "this limit is none of the guard's"
        );
    }
}

async fn blocked(bed: &Bed, tenant: &str) -> Vec<BlockedSends> {
    let members = listed(bed, &keys::blocked(tenant)).await;
    members
        .iter()
        .map(|scored| serde_json::from_str(&scored.member).unwrap())
        .collect()
}

async fn listed(bed: &Bed, set: &Set) -> Vec<Scored> {
    let all = Range {
        scores: 0..=i64::MAX >> 11,
        order: Order::Ascending,
        after: None,
        limit: 100,
    };
    bed.gateway.store.range(set, all).await.unwrap()
}

#[tokio::test]
async fn every_refused_send_is_listed() {
    let one = Scripted::new("one", SAY);
    let bed = bed(
        &[&one],
        "[verification.guard]\nsends_per_prefix = { max = 1, per_seconds = 600 }",
    );
    start(&bed, "acme", to(&number(0, 0))).await.unwrap();
    bed.clock.advance(Duration::from_mins(7));
    start(&bed, "acme", to(&number(0, 1))).await.unwrap_err();
    start(&bed, "acme", to("+14155550100")).await.unwrap_err();
    let listed = blocked(&bed, "acme").await;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].prefix, "+551198000");
    assert_eq!(listed[0].since.as_millis(), NOON, "by quarters of an hour");
    assert_eq!(listed[0].channel, Channel::Voice);
    assert_eq!(listed[0].account.as_ref().unwrap().as_str(), "one");
    assert_eq!((listed[1].prefix.as_str(), &listed[1].account), ("+1415555", &None));
    assert!(blocked(&bed, "other").await.is_empty());
}

#[tokio::test]
async fn what_came_to_nothing_is_given_back() {
    let one = Scripted::new("one", SAY);
    let limits = "[calls]\nautomated_calls_per_number = { max = 1, per_seconds = 600 }\n\
                  [verification]\nsends_per_number = { max = 1, per_seconds = 600 }\n\
                  [verification.guard]\nsends_per_tenant = { max = 1, per_seconds = 600 }";
    let bed = bed(&[&one], limits);
    for _ in 0..3 {
        one.will_send(Err(refused(Refusal::Credit)));
        let error = start(&bed, "acme", to(&number(0, 0))).await.unwrap_err();
        assert_eq!(error.problem, Problem::ProviderOutOfCredit);
    }
    start(&bed, "acme", to(&number(0, 0))).await.unwrap();
    for _ in 0..3 {
        let error = start(&bed, "acme", to(&number(0, 0))).await.unwrap_err();
        assert_eq!(rule(&error), "verification.sends_per_number");
    }
    assert_eq!(
        rule(&start(&bed, "acme", to(&number(0, 1))).await.unwrap_err()),
        "verification.guard.sends_per_tenant"
    );

    let call = async || {
        let call = say("+5511988887777");
        let request_id = "r".into();
        bed.gateway
            .place_call(&caller("acme"), PlaceCall { call, request_id })
            .await
    };
    one.will_place(Err(refused(Refusal::Credit)));
    assert_eq!(call().await.unwrap_err().problem, Problem::ProviderOutOfCredit);
    assert!(call().await.is_ok());
    assert_eq!(rule(&call().await.unwrap_err()), "calls.automated_calls_per_number");
}

#[tokio::test]
async fn a_send_that_may_have_happened_stays_counted() {
    let one = Scripted::new("one", SAY);
    let bed = bed(
        &[&one],
        "[verification]\nsends_per_number = { max = 1, per_seconds = 600 }",
    );
    one.will_send(Err(failed(FailureKind::Interrupted)));
    assert!(start(&bed, "acme", to(&number(0, 0))).await.is_ok());
    assert!(start(&bed, "acme", to(&number(0, 0))).await.is_err());
}

#[tokio::test]
async fn a_dry_run_lists_every_limit_and_counts_nothing() {
    let one = Scripted::new("one", SAY);
    let bed = bed(
        &[&one],
        "[verification.guard]\nsends_per_tenant = { max = 7, per_seconds = 60 }\n\
         sends_per_client_address = { max = 3, per_seconds = 60 }",
    );
    for _ in 0..3 {
        let new = NewVerification {
            client_ip: Some("203.0.113.7".parse().unwrap()),
            ..to(&number(0, 0))
        };
        let preview = bed.gateway.preview_verification(&caller("acme"), new).await.unwrap();
        let limits: Vec<_> = preview
            .limits
            .iter()
            .map(|limit| (limit.name.as_str(), limit.remaining))
            .collect();
        assert_eq!(
            limits,
            [
                ("verification.sends_per_number", 5),
                ("verification.guard.sends_per_prefix", 30),
                ("verification.guard.sends_per_client_address", 3),
                ("verification.guard.sends_per_tenant", 7),
            ]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_starts_at_once_the_limit_is_sent() {
    for limits in [
        "[verification]\nsends_per_number = { max = 5, per_seconds = 600 }",
        "[verification.guard]\nsends_per_prefix = { max = 5, per_seconds = 600 }",
    ] {
        let one = Scripted::new("one", SAY);
        let bed = bed(&[&one], limits);
        let starts = (0..200).map(|n| {
            let gateway = bed.gateway.clone();
            let number = number(0, if limits.contains("number") { 0 } else { n });
            tokio::spawn(async move { gateway.start_verification(&caller("acme"), to(&number)).await.is_ok() })
        });
        let sent = join_all(starts)
            .await
            .into_iter()
            .filter(|sent| *sent.as_ref().unwrap());
        assert_eq!(sent.count(), 5);
        assert_eq!(one.sent(), 5, "{limits}");
    }
}

#[tokio::test]
async fn wherever_the_store_fails_before_a_send_nothing_is_sent_and_nothing_is_left() {
    let guard = "[verification.guard]\nsends_per_tenant = { max = 9, per_seconds = 60 }";
    for failure in [Failure::Once, Failure::OnceUnheard, Failure::FromThen] {
        let mut after = 0;
        loop {
            let one = Scripted::new("one", SAY);
            let mut store = None;
            let bed = bed_over(&[&one], guard, |inner| {
                let failing = std::sync::Arc::new(Failing::new(inner, failure));
                store = Some(failing.clone());
                failing
            });
            let store = store.unwrap();
            store.fail_after(after);
            let started = start(&bed, "acme", to(&number(0, 0))).await;
            if !store.has_failed() {
                break;
            }
            store.mend();
            if one.sent() == 0 {
                let error = started.unwrap_err();
                assert_eq!(error.problem, Problem::StoreUnavailable);
                assert!(error.context.retry_after.is_some());
                if failure != Failure::FromThen {
                    let left = listed(&bed, &keys::verifications_of("acme")).await.len()
                        + listed(&bed, &keys::verifications_all()).await.len()
                        + listed(&bed, &keys::open_verifications()).await.len();
                    assert_eq!(left, 0, "{failure:?} after {after}");
                }
                if failure == Failure::Once {
                    assert_eq!(counted(&bed).await, 0, "after {after}");
                }
            } else {
                assert!(started.is_ok(), "it was sent, so it is no error");
            }
            after += 1;
        }
        assert!(after > 5);
    }
}

/// How much is counted against the limits of a send.
async fn counted(bed: &Bed) -> u64 {
    let acme = caller("acme");
    let preview = bed.gateway.preview_verification(&acme, to(&number(0, 0)));
    let limits = preview.await.unwrap().limits;
    limits.iter().map(|limit| limit.max - limit.remaining).sum()
}

/// Tells wrong codes until a check is refused; how many were compared.
async fn guesses(bed: &Bed, id: VerificationId) -> usize {
    for guesses in 0.. {
        match check(bed, id, "000000").await {
            Ok(checked) => assert!(!checked.valid),
            Err(error) if error.problem == Problem::VerificationClosed => return guesses,
            Err(error) => {
                assert_eq!(rule(&error), "verification.failures_per_number");
                return guesses;
            }
        }
    }
    unreachable!()
}

#[tokio::test]
async fn wrong_codes_count_for_the_number_whatever_is_sent_again() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let mut guessed = 0;
    for _ in 0..4 {
        let started = start(&bed, "acme", to(&number(0, 0))).await.unwrap();
        bed.clock.advance(Duration::from_secs(200));
        guessed += guesses(&bed, started.id).await;
    }
    assert_eq!(guessed, 10 + 2, "ten, and one more after each wait");
    let other = start(&bed, "acme", to(&number(0, 1))).await.unwrap();
    assert!(
        check(&bed, other.id, "123456").await.unwrap().valid,
        "another number is not held up"
    );
}

#[tokio::test]
async fn the_wait_grows_and_the_right_code_ends_it() {
    let one = Scripted::new("one", SAY);
    let bed = bed(
        &[&one],
        "[verification]\nsends_per_number = false\nmax_attempts = 100\nttl_seconds = 3600",
    );
    let started = start(&bed, "acme", to(&number(0, 0))).await.unwrap();
    assert_eq!(guesses(&bed, started.id).await, 10);
    for wait in [30, 60, 120, 240] {
        let refused = check(&bed, started.id, "123456").await.unwrap_err();
        assert_eq!(refused.context.retry_after, Some(Duration::from_secs(wait)));
        let limit = refused.context.limit.unwrap();
        assert_eq!((limit.max, limit.per_seconds), (10, 86_400));
        bed.clock.advance(Duration::from_secs(wait - 1));
        assert!(check(&bed, started.id, "123456").await.is_err());
        bed.clock.advance(Duration::from_secs(1));
        assert!(!check(&bed, started.id, "000000").await.unwrap().valid);
    }
    bed.clock.advance(Duration::from_secs(480));
    let right = check(&bed, started.id, "123456").await.unwrap();
    assert!(right.valid);
    assert_eq!(right.attempts_left, 100 - 15, "what had to wait spent no attempt");
    let again = start(&bed, "acme", to(&number(0, 0))).await.unwrap();
    assert_eq!(
        guesses(&bed, again.id).await,
        10,
        "what was before the right code is forgotten"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_guesses_at_once_over_many_verifications_are_ten() {
    for _ in 0..20 {
        let one = Scripted::new("one", SAY);
        let bed = bed(&[&one], "[verification]\nsends_per_number = false");
        let mut ids = Vec::new();
        for _ in 0..8 {
            ids.push(start(&bed, "acme", to(&number(0, 0))).await.unwrap().id);
        }
        let checks = (0..40).map(|n| {
            let (gateway, id) = (bed.gateway.clone(), ids[n % 8]);
            tokio::spawn(async move { gateway.check_verification(&caller("acme"), id, "000000").await })
        });
        let checked = join_all(checks).await.into_iter().map(Result::unwrap);
        let compared = checked.filter(Result::is_ok).count();
        assert_eq!(compared, 10);
    }
}

#[tokio::test]
async fn a_check_that_compared_nothing_is_no_failure() {
    let one = Scripted::new("one", SAY);
    let bed = bed(
        &[&one],
        "[verification]\nfailures_per_number = { max = 2, per_seconds = 600 }",
    );
    let started = start(&bed, "acme", to(&number(0, 0))).await.unwrap();
    for _ in 0..3 {
        one.will_check(Err(failed(FailureKind::NotSent)));
        let error = check(&bed, started.id, "123456").await.unwrap_err();
        assert_eq!(error.problem, Problem::ProviderUnavailable);
    }
    bed.gateway
        .cancel_verification(&caller("acme"), started.id)
        .await
        .unwrap();
    for _ in 0..3 {
        let error = check(&bed, started.id, "123456").await.unwrap_err();
        assert_eq!(error.problem, Problem::VerificationClosed);
    }
    let started = start(&bed, "acme", to(&number(0, 0))).await.unwrap();
    assert!(!check(&bed, started.id, "000000").await.unwrap().valid);
    assert!(check(&bed, started.id, "123456").await.unwrap().valid);
}

#[tokio::test]
async fn a_code_lives_its_seconds_and_no_step_of_the_clock_revives_it() {
    for (second, open) in [(599, true), (600, false), (601, false)] {
        let one = Scripted::new("one", SAY);
        let bed = bed(&[&one], "");
        let started = start(&bed, "acme", to(&number(0, 0))).await.unwrap();
        bed.clock.advance(Duration::from_secs(second));
        assert_eq!(check(&bed, started.id, "123456").await.is_ok(), open, "{second}");
    }
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let started = start(&bed, "acme", to(&number(0, 0))).await.unwrap();
    bed.clock.advance(Duration::from_secs(3600));
    bed.gateway
        .look_around(&mut crate::usecases::ask::Asker::default(), false)
        .await
        .unwrap();
    bed.clock.set(super::bed::NOON);
    let error = check(&bed, started.id, "123456").await.unwrap_err();
    assert_eq!(error.problem, Problem::VerificationClosed);
}

#[tokio::test]
async fn a_turn_in_which_nothing_was_compared_is_given_back() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "[verification]\nmax_attempts = 100\nttl_seconds = 3600");
    let started = start(&bed, "acme", to(&number(0, 0))).await.unwrap();
    assert_eq!(guesses(&bed, started.id).await, 10);
    for wait in [30, 60] {
        bed.clock.advance(Duration::from_secs(wait));
        for _ in 0..3 {
            one.will_check(Err(failed(FailureKind::NotSent)));
            let error = check(&bed, started.id, "123456").await.unwrap_err();
            assert_eq!(error.problem, Problem::ProviderUnavailable);
        }
        assert!(!check(&bed, started.id, "000000").await.unwrap().valid);
    }
    let refused = check(&bed, started.id, "123456").await.unwrap_err();
    assert_eq!(refused.context.retry_after, Some(Duration::from_secs(120)));
}

#[tokio::test]
async fn a_lost_answer_is_no_wrong_code() {
    let one = Scripted::new("one", SAY);
    let bed = bed(
        &[&one],
        "[verification]\nmax_attempts = 100\nresend_after_seconds = 0\n\
         failures_per_number = { max = 2, per_seconds = 600 }",
    );
    let started = start(&bed, "acme", to(&number(0, 0))).await.unwrap();
    for _ in 0..5 {
        one.will_check(Err(failed(FailureKind::Interrupted)));
        let error = check(&bed, started.id, "123456").await.unwrap_err();
        assert_eq!(error.problem, Problem::ProviderUnavailable);
    }
    let acme = caller("acme");
    let resent = bed.gateway.resend_verification(&acme, started.id, None, None);
    resent.await.unwrap();
    for _ in 0..2 {
        one.will_check(Ok(false));
        one.will_check(Err(failed(FailureKind::Interrupted)));
        let error = check(&bed, started.id, "000000").await.unwrap_err();
        assert_eq!(error.problem, Problem::ProviderUnavailable);
    }
    let wait = async { check(&bed, started.id, "000000").await.unwrap_err() };
    assert_eq!(
        rule(&wait.await),
        "verification.failures_per_number",
        "a code that one send denied is wrong, whatever the other says"
    );
}

#[tokio::test]
async fn what_was_forgotten_is_not_given_back() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "[verification]\nmax_attempts = 100");
    let started = start(&bed, "acme", to(&number(0, 0))).await.unwrap();
    let failures = bed.gateway.failures_of(&started).unwrap();
    let mut under_way = Vec::new();
    for _ in 0..3 {
        under_way.push(bed.gateway.count_check(&failures).await.unwrap().0);
    }
    bed.gateway.forget_failures(&failures).await;
    for counted in under_way {
        bed.gateway.give_back(counted).await;
    }
    assert_eq!(guesses(&bed, started.id).await, 10);
}
