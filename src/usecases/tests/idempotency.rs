//! A repeated request is answered, not run.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::bed::{SAY, Scripted, bed, caller, say};
use crate::domain::error::{Error, Problem};
use crate::seal::plain_name;
use crate::store::{Expect, keys};
use crate::usecases::requests::{Guarded, Once, Outcome, PlaceCall};

fn guarded(body: Value) -> Guarded {
    Guarded {
        key: Some("k".into()),
        operation: "POST /calls".into(),
        body,
        object: "call_x".into(),
    }
}

fn outcome() -> Outcome {
    Outcome {
        status: 201,
        body: serde_json::value::to_raw_value(&json!({})).unwrap(),
        location: Some("/calls/call_x".into()),
    }
}

#[tokio::test]
async fn the_first_answer_is_repeated_and_another_body_refused() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let ran = AtomicUsize::new(0);
    let act = || async {
        ran.fetch_add(1, Ordering::Relaxed);
        Ok(outcome())
    };
    let acme = caller("acme");
    assert_eq!(
        bed.gateway.once(&acme, guarded(json!({"a": 1, "b": 2})), act()).await,
        Ok(Once::Ran(outcome()))
    );
    let same: Value = serde_json::from_str(r#"{ "b": 2, "a": 1 }"#).unwrap();
    assert_eq!(
        bed.gateway.once(&acme, guarded(same), act()).await,
        Ok(Once::Replayed(outcome()))
    );
    let other = bed
        .gateway
        .once(&acme, guarded(json!({"a": 1})), act())
        .await
        .unwrap_err();
    assert_eq!(other.problem, Problem::IdempotencyKeyReused);
    assert_eq!(
        bed.gateway.once(&caller("other"), guarded(json!({})), act()).await,
        Ok(Once::Ran(outcome()))
    );
    assert_eq!(ran.load(Ordering::Relaxed), 2, "once for each tenant");
}

#[tokio::test]
async fn after_an_error_the_key_is_free() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let acme = caller("acme");
    let failed = bed
        .gateway
        .once(&acme, guarded(json!({})), async { Err(Error::not_found()) })
        .await;
    assert_eq!(failed, Err(Error::not_found()));
    assert_eq!(
        bed.gateway
            .once(&acme, guarded(json!({})), async { Ok(outcome()) })
            .await,
        Ok(Once::Ran(outcome()))
    );
}

#[tokio::test]
async fn while_the_first_runs_a_repeat_waits() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let acme = caller("acme");
    let inner = async {
        let repeat = bed
            .gateway
            .once(&acme, guarded(json!({})), async { Ok(outcome()) })
            .await
            .unwrap_err();
        assert_eq!(repeat.problem, Problem::RequestInProgress);
        assert!(repeat.context.retry_after.is_some());
        Ok(outcome())
    };
    assert!(bed.gateway.once(&acme, guarded(json!({})), inner).await.is_ok());
}

/// Begins a guarded request and lets it die on the way.
async fn begin(bed: &super::bed::Bed, object: &str) {
    let acme = caller("acme");
    let guarded = Guarded {
        object: object.to_owned(),
        ..guarded(json!({}))
    };
    let never = bed.gateway.once(&acme, guarded, std::future::pending());
    assert!(tokio::time::timeout(Duration::from_millis(20), never).await.is_err());
}

/// The same, long ago.
async fn die(bed: &super::bed::Bed, object: &str) {
    begin(bed, object).await;
    bed.clock.advance(Duration::from_secs(61));
}

#[tokio::test]
async fn another_instance_leaves_a_claim_alone_while_its_owner_lives_and_for_a_minute() {
    let minute = Duration::from_mins(1);
    for (lives, passes, left_alone) in [
        (true, Duration::ZERO, true),
        (true, Duration::from_millis(5_999), true),
        (true, Duration::from_secs(6), false),
        (false, Duration::ZERO, false),
    ] {
        let one = Scripted::new("one", SAY);
        let bed = bed(&[&one], "");
        begin(&bed, "call_x").await;
        bed.gateway.heartbeat().await.unwrap();
        if !lives {
            bed.gateway.last_heartbeat().await.unwrap();
        }
        bed.clock.advance(passes);
        assert_eq!(is_left_alone(&bed, &one).await, left_alone, "{lives} {passes:?}");
    }
    for (passes, left_alone) in [(minute, true), (minute + Duration::from_millis(1), false)] {
        let one = Scripted::new("one", SAY);
        let bed = bed(&[&one], "");
        begin(&bed, "call_x").await;
        bed.clock.advance(passes);
        bed.gateway.heartbeat().await.unwrap();
        assert_eq!(is_left_alone(&bed, &one).await, left_alone, "{passes:?}");
    }
}

/// Whether another instance lets the claim stand: where it does not, it frees the key for the next repeat.
async fn is_left_alone(bed: &super::bed::Bed, one: &std::sync::Arc<Scripted>) -> bool {
    let other = bed.reconfigured(&[one], |_| {});
    let acme = caller("acme");
    let repeat = || other.once(&acme, guarded(json!({})), async { Ok(outcome()) });
    assert_eq!(repeat().await.unwrap_err().problem, Problem::RequestInProgress);
    match repeat().await {
        Ok(ran) => {
            assert_eq!(ran, Once::Ran(outcome()));
            false
        }
        Err(error) => {
            assert_eq!(error.problem, Problem::RequestInProgress);
            true
        }
    }
}

#[tokio::test]
async fn a_claim_whose_owner_died_never_runs_again() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let acme = caller("acme");
    let call = say("+5511988887777");
    let id = call.id.to_string();
    bed.gateway
        .place_call(
            &acme,
            PlaceCall {
                call,
                request_id: "r".into(),
            },
        )
        .await
        .unwrap();
    die(&bed, &id).await;
    let repeat = bed
        .gateway
        .once(&acme, guarded(json!({})), async { Ok(outcome()) })
        .await;
    assert_eq!(repeat, Ok(Once::Orphaned(id)));
}

#[tokio::test]
async fn a_claim_that_died_before_its_object_was_made_is_fenced_and_free() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let acme = caller("acme");
    let call = say("+5511988887777");
    die(&bed, &call.id.to_string()).await;
    let repeat = bed
        .gateway
        .once(&acme, guarded(json!({})), async { Ok(outcome()) })
        .await
        .unwrap_err();
    assert_eq!(repeat.problem, Problem::RequestInProgress);
    let late = bed
        .gateway
        .place_call(
            &acme,
            PlaceCall {
                call,
                request_id: "r".into(),
            },
        )
        .await;
    assert!(late.is_err(), "an owner only thought dead cannot dial");
    assert!(one.placed().is_empty());
    assert_eq!(
        bed.gateway
            .once(&acme, guarded(json!({})), async { Ok(outcome()) })
            .await,
        Ok(Once::Ran(outcome()))
    );
}

/// Leaves of a call what erasing it leaves.
async fn erase(bed: &super::bed::Bed, call: &str) {
    let (key, day) = (keys::call(call), Duration::from_secs(24 * 3600));
    let fence = bed.gateway.store.put(&key, Bytes::new(), Some(day), Expect::Any);
    fence.await.unwrap();
}

#[tokio::test]
async fn a_key_whose_object_was_erased_is_answered_not_found_every_time() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let acme = caller("acme");
    let again = async || {
        bed.gateway
            .once(&acme, guarded(json!({})), async { Ok(outcome()) })
            .await
    };
    let name = keys::idempotency(&acme.tenant, plain_name(&["POST /calls", "k"]));
    let kept = async || bed.gateway.store.get(&name).await.unwrap().unwrap().value;
    assert_eq!(again().await, Ok(Once::Ran(outcome())));
    let with_answer = kept().await.len();
    erase(&bed, "call_x").await;
    assert_eq!(again().await, Err(Error::not_found()));
    assert!(kept().await.len() < with_answer, "an answer about it is erased too");
    for hours in [0, 0, 23] {
        bed.clock.advance(Duration::from_secs(hours * 3600));
        assert_eq!(again().await, Err(Error::not_found()));
    }
    bed.clock.advance(Duration::from_secs(3600));
    assert_eq!(
        again().await,
        Ok(Once::Ran(outcome())),
        "the key is forgotten in its time"
    );
}

#[tokio::test]
async fn a_claim_whose_owner_died_is_not_free_once_its_object_was_erased() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let acme = caller("acme");
    die(&bed, "call_x").await;
    erase(&bed, "call_x").await;
    for _ in 0..2 {
        let repeat = bed
            .gateway
            .once(&acme, guarded(json!({})), async { Ok(outcome()) })
            .await;
        assert_eq!(repeat, Err(Error::not_found()));
    }
}
