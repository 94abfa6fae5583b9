//! Codes that the gateway makes.

use std::time::Duration;

use serde_json::json;

use super::bed::{Bed, SAY, Scripted, bed, caller, failed, refused};
use super::guarding::{number, start, to};
use crate::domain::call::ProviderRef;
use crate::domain::error::{Error, FailureKind, Problem, Refusal};
use crate::domain::ids::VerificationId;
use crate::domain::place::{ActionKind, Script};
use crate::domain::verification::{Channel, SendStatus, VerificationStatus};
use crate::store::keys;
use crate::usecases::requests::{CheckResult, Guarded, NewVerification, Once, Outcome};

const GATEWAY: &str = "[verification]\ncodes = \"gateway\"";

/// The text that an account was last asked to speak.
fn spoken(account: &Scripted) -> String {
    let call = account.placed().pop().unwrap();
    let Script::Actions(actions) = call.script else {
        panic!()
    };
    let ActionKind::Say { text, .. } = actions[0].what.clone() else {
        panic!()
    };
    text
}

/// The code in it, told twice.
fn code(account: &Scripted) -> String {
    let digits: String = spoken(account).chars().filter(char::is_ascii_digit).collect();
    let (first, again) = digits.split_at(digits.len() / 2);
    assert_eq!(first, again);
    first.to_owned()
}

fn wrong(code: &str) -> String {
    let first = if code.starts_with('1') { '2' } else { '1' };
    format!("{first}{}", &code[1..])
}

async fn check(bed: &Bed, id: VerificationId, code: &str) -> Result<CheckResult, Error> {
    bed.gateway.check_verification(&caller("acme"), id, code).await
}

async fn stored(bed: &Bed, id: VerificationId) -> String {
    let stored = bed.gateway.store.get(&keys::verification(id)).await.unwrap().unwrap();
    String::from_utf8(stored.value.to_vec()).unwrap()
}

#[tokio::test]
async fn it_is_spoken_by_an_account_and_checked_without_it() {
    let one = Scripted::new("one", SAY);
    one.will_place(Ok(Some(ProviderRef::id("77"))));
    let bed = bed(&[&one], GATEWAY);
    let new = NewVerification {
        brand: Some("Acme".into()),
        code_length: 8,
        ..to(&number(0, 0))
    };
    let started = start(&bed, "acme", new).await.unwrap();
    assert!(spoken(&one).starts_with("Seu código Acme é: "));
    assert_eq!((code(&one).len(), one.sent()), (8, 0));
    assert!(started.checkable);
    assert_eq!(started.sends[0].provider_ref, Some(ProviderRef::id("77")));
    assert_eq!(started.attempts[0].operation, "POST /scripted");
    one.will_check(Err(failed(FailureKind::NotSent)));
    assert!(!check(&bed, started.id, &wrong(&code(&one))).await.unwrap().valid);
    assert!(check(&bed, started.id, &code(&one)).await.unwrap().valid);
    let replay = check(&bed, started.id, &code(&one)).await.unwrap_err();
    assert_eq!(replay.problem, Problem::VerificationClosed);
}

#[tokio::test]
async fn what_is_stored_is_sealed_for_this_verification_and_erased_with_it() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], GATEWAY);
    let first = start(&bed, "acme", to(&number(0, 0))).await.unwrap();
    let first_code = code(&one);
    let second = start(&bed, "acme", to(&number(0, 0))).await.unwrap();
    assert!(!stored(&bed, first.id).await.contains(&first_code));
    let sealed = async |id| bed.gateway.hold_ledger(id).await.unwrap().unwrap().object;
    let (one_ledger, mut other) = (sealed(first.id).await, sealed(second.id).await);
    other.code.clone_from(&one_ledger.code);
    assert!(bed.gateway.made_code(&one_ledger).is_ok());
    assert!(bed.gateway.made_code(&other).is_err(), "it is bound to the identifier");
    for (tenant, number_to) in [
        ("other", one_ledger.verification.to.clone()),
        ("acme", to(&number(0, 1)).to),
    ] {
        let mut moved = one_ledger.clone();
        moved.verification.tenant = tenant.into();
        moved.verification.to = number_to;
        assert!(
            bed.gateway.made_code(&moved).is_err(),
            "it is bound to tenant and number"
        );
    }
    check(&bed, first.id, &first_code).await.unwrap();
    bed.gateway
        .cancel_verification(&caller("acme"), second.id)
        .await
        .unwrap();
    let third = start(&bed, "acme", to(&number(0, 0))).await.unwrap();
    bed.clock.advance(Duration::from_secs(600));
    bed.gateway
        .look_around(&mut crate::usecases::ask::Asker::default(), false)
        .await
        .unwrap();
    for closed in [first.id, second.id, third.id] {
        assert!(!stored(&bed, closed).await.contains("\"code\""));
    }
}

#[tokio::test]
async fn the_next_account_speaks_the_same_code_where_nothing_was_started() {
    let (one, two) = (Scripted::new("one", SAY), Scripted::new("two", SAY));
    one.will_place(Err(failed(FailureKind::NotSent)));
    let bed = bed(&[&one, &two], GATEWAY);
    let started = start(&bed, "acme", to(&number(0, 0))).await.unwrap();
    assert_eq!(code(&one), code(&two));
    assert_eq!(started.sends.len(), 1);
    assert_eq!(started.routing.unwrap().account.as_str(), "two");
    assert!(check(&bed, started.id, &code(&two)).await.unwrap().valid);
}

#[tokio::test]
async fn a_resend_goes_to_the_next_account_with_the_same_code() {
    let (one, two) = (Scripted::new("one", SAY), Scripted::new("two", SAY));
    let bed = bed(&[&one, &two], GATEWAY);
    let started = start(&bed, "acme", to(&number(0, 0))).await.unwrap();
    bed.clock.advance(Duration::from_secs(31));
    let acme = caller("acme");
    let again = bed
        .gateway
        .resend_verification(&acme, started.id, None, None)
        .await
        .unwrap();
    assert_eq!(again.object.routing.unwrap().account.as_str(), "two");
    assert_eq!(code(&one), code(&two));
    bed.clock.advance(Duration::from_secs(31));
    let named = Some("two".parse().unwrap());
    bed.gateway
        .resend_verification(&acme, started.id, None, named)
        .await
        .unwrap();
    bed.clock.advance(Duration::from_secs(31));
    bed.gateway
        .resend_verification(&acme, started.id, None, None)
        .await
        .unwrap();
    assert_eq!((one.placed().len(), two.placed().len()), (2, 2));
    assert_eq!(code(&one), code(&two));
    assert!(check(&bed, started.id, &code(&one)).await.unwrap().valid);
}

#[tokio::test]
async fn a_lost_answer_leaves_a_code_that_can_be_checked_and_is_spoken_by_nobody_else() {
    let (one, two) = (Scripted::new("one", SAY), Scripted::new("two", SAY));
    one.will_place(Err(failed(FailureKind::Interrupted)));
    let bed = bed(&[&one, &two], GATEWAY);
    let started = bed
        .gateway
        .start_verification(&caller("acme"), to(&number(0, 0)))
        .await
        .unwrap();
    assert!(!started.certain);
    assert_eq!(started.object.sends[0].status, SendStatus::Unknown);
    assert!(started.object.checkable && two.placed().is_empty());
    assert!(check(&bed, started.object.id, &code(&one)).await.unwrap().valid);
}

#[tokio::test]
async fn what_nobody_spoke_leaves_nothing_behind() {
    let one = Scripted::new("one", SAY);
    one.will_place(Err(refused(Refusal::Credit)));
    let bed = bed(&[&one], GATEWAY);
    let new = to(&number(0, 0));
    let id = new.id;
    let error = start(&bed, "acme", new).await.unwrap_err();
    assert_eq!(error.problem, Problem::ProviderOutOfCredit);
    let gone = bed.gateway.verification(&caller("acme"), id).await.unwrap_err();
    assert_eq!(gone.problem, Problem::NotFound);
}

#[tokio::test]
async fn nobody_can_send_it_as_a_text_message() {
    let (one, mute) = (Scripted::new("one", SAY), Scripted::new("mute", &[]));
    let bed = bed(&[&mute, &one], GATEWAY);
    let sms = || NewVerification {
        channel: Channel::Sms,
        ..to(&number(0, 0))
    };
    let error = start(&bed, "acme", sms()).await.unwrap_err();
    assert_eq!(error.problem, Problem::NotSupported);
    assert!(error.detail.contains("verify_sms"), "{}", error.detail);
    let preview = bed.gateway.preview_verification(&caller("acme"), sms()).await;
    assert_eq!(preview.unwrap_err().problem, Problem::NotSupported);

    let preview = bed
        .gateway
        .preview_verification(&caller("acme"), to(&number(0, 0)))
        .await;
    let preview = preview.unwrap();
    assert_eq!(preview.would.account.unwrap().as_str(), "one", "the other cannot speak");
    assert_eq!(preview.would.operation, "POST /scripted");
    assert!(one.placed().is_empty());
}

/// Who asks again with the key of a check whose process died after it approved is told of the approval, and of no second one.
#[tokio::test]
async fn an_approval_whose_answer_was_lost_is_told_to_the_same_key_and_to_no_other() {
    let one = Scripted::new("one", SAY);
    let bed = bed(
        &[&one],
        &format!("{GATEWAY}\nsends_per_number = false\n[verification.guard]\nmode = \"off\""),
    );
    let acme = caller("acme");
    for _ in 0..200 {
        let id = start(&bed, "acme", to(&number(0, 0))).await.unwrap().id;
        let guarded = |key: &str| Guarded {
            key: Some(key.to_owned()),
            operation: format!("POST /verifications/{id}/check"),
            body: json!({ "code": code(&one) }),
            object: id.to_string(),
        };
        let act = async || check(&bed, id, &code(&one)).await.and_then(answered);
        let approved = tokio::sync::Notify::new();
        let dies = async {
            act().await.unwrap();
            approved.notify_one();
            std::future::pending().await
        };
        tokio::select! {
            _ = bed.gateway.once(&acme, guarded("k"), dies) => panic!("it dies before it answers"),
            () = approved.notified() => {}
        }
        bed.clock.advance(Duration::from_secs(61));
        let again = bed.gateway.once(&acme, guarded("k"), act()).await;
        assert_eq!(again, Ok(Once::Orphaned(id.to_string())));
        let stands = bed.gateway.verification(&acme, id).await.unwrap();
        assert_eq!(stands.status, VerificationStatus::Approved);
        let other = bed.gateway.once(&acme, guarded("other"), act()).await.unwrap_err();
        assert_eq!(other.problem, Problem::VerificationClosed);
    }
}

fn answered(checked: CheckResult) -> Result<Outcome, Error> {
    assert!(checked.valid);
    let body = serde_json::value::to_raw_value(&checked).unwrap();
    Ok(Outcome {
        status: 200,
        body,
        location: None,
    })
}
