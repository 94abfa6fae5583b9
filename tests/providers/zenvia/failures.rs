//! What went wrong is told apart: what surely did nothing, and what may have acted.

use serde_json::{Value, json};
use switchboard::domain::error::{Effect, Failure, FailureKind, Refusal};
use switchboard::domain::money::Money;
use switchboard::domain::verification::Channel;
use switchboard::providers::port::{Balance, Code, Codes, NewCode};

use super::*;

async fn fault(sim: &Sim, path: &str, effect: &str) {
    let effect: Value = serde_json::from_str(effect).unwrap();
    sim.controls()
        .post("faults", json!({ "path": path, "effect": effect }))
        .await;
}

async fn refused(sim: &Sim, call: &NewCall) -> Failure {
    sim.zenvia.place(call).await.unwrap_err()
}

#[tokio::test]
async fn the_balance_is_exact() {
    let sim = Sim::start().await;
    sim.knobs(|knobs| knobs.balance = 56.8616);
    assert_eq!(
        sim.zenvia.balance().await.unwrap(),
        Money::brl("56.8616".parse().unwrap())
    );
}

#[tokio::test]
async fn a_refused_token_is_a_refused_credential() {
    let sim = Sim::start().await;
    sim.handle.control().accept(vec!["another".into()]);
    let failure = refused(&sim, &call(MOBILE, [say()])).await;
    assert_eq!(
        (failure.kind, failure.code.as_deref()),
        (FailureKind::Refused(Refusal::Credential), Some("40"))
    );
    assert!(sim.zenvia.balance().await.is_err());
    assert!(sim.handle.dials().is_empty());
}

#[tokio::test]
async fn numbers_that_are_refused() {
    let sim = Sim::start().await;
    let of = |digits: &str| call(&format!("+551198888{digits}"), [say()]);
    let credit = refused(&sim, &of("0006")).await;
    assert_eq!(
        (credit.kind, credit.code.as_deref()),
        (FailureKind::Refused(Refusal::Credit), Some("9"))
    );
    assert_eq!(refused(&sim, &of("0007")).await.kind, FailureKind::Busy);
    let abroad = refused(&sim, &call("+442071838750", [say()])).await;
    assert_eq!(abroad.kind, FailureKind::Refused(Refusal::Invalid));
    assert!(
        !abroad.message.unwrap().contains("2071838750"),
        "no message repeats a number"
    );
    assert!(sim.handle.dials().is_empty());
}

#[tokio::test]
async fn an_account_may_be_disabled() {
    let sim = Sim::start().await;
    sim.knobs(|knobs| knobs.account_disabled = true);
    assert_eq!(
        refused(&sim, &call(MOBILE, [say()])).await.kind,
        FailureKind::Refused(Refusal::Policy)
    );
}

#[tokio::test]
async fn a_lost_reply_may_have_acted_and_is_never_sent_again() {
    let sim = Sim::start().await;
    for action in [say(), play(), join("+5511988880004")] {
        let to = if matches!(action, ActionKind::Connect { .. }) {
            OFFICE
        } else {
            "+5511988880004"
        };
        let failure = refused(&sim, &call(to, [action])).await;
        assert_eq!(
            (failure.kind, failure.effect()),
            (FailureKind::Interrupted, Effect::Possible)
        );
    }
    assert_eq!(sim.handle.dials().len(), 3);
}

#[tokio::test]
async fn answers_that_do_not_tell_may_hide_an_act() {
    // The simulator's 200 that says no says so for an internal error.
    for effect in [
        "\"garbage\"",
        "\"html\"",
        "\"ok_false\"",
        r#"{"truncate_after":20}"#,
        r#"{"status":{"code":500,"acts":true}}"#,
    ] {
        let sim = Sim::start().await;
        fault(&sim, "/tts", effect).await;
        let failure = refused(&sim, &call(MOBILE, [say()])).await;
        assert_eq!(
            (failure.kind, failure.effect()),
            (FailureKind::Broken, Effect::Possible),
            "{effect}"
        );
        assert!(sim.handle.dials().len() <= 1, "{effect}");
    }
}

#[tokio::test]
async fn answers_that_say_no_did_nothing() {
    for effect in [r#"{"busy":3}"#, r#"{"status":{"code":403}}"#] {
        let sim = Sim::start().await;
        fault(&sim, "/tts", effect).await;
        let failure = refused(&sim, &call(MOBILE, [say()])).await;
        assert_eq!(failure.effect(), Effect::None, "{effect}: {failure:?}");
    }
    let sim = Sim::start().await;
    fault(&sim, "/tts", r#"{"busy":3}"#).await;
    assert_eq!(
        refused(&sim, &call(MOBILE, [say()])).await.retry_after,
        Some(Duration::from_secs(3))
    );
}

#[tokio::test]
async fn a_provider_that_is_not_there_was_not_asked() {
    let zenvia = adapter("http://127.0.0.1:1", "").unwrap();
    assert_eq!(
        zenvia.place(&call(MOBILE, [say()])).await.unwrap_err().kind,
        FailureKind::NotSent
    );
}

#[tokio::test]
async fn a_check_that_is_not_answered_approves_nothing() {
    let sim = Sim::start().await;
    let Address::Phone(number) = party(MOBILE) else {
        panic!()
    };
    let reference = sim
        .zenvia
        .send(NewCode {
            to: &number,
            channel: Channel::Sms,
            brand: "Acme",
            length: 4,
        })
        .await
        .unwrap();
    let code = Code::parse(&sim.handle.last_code(MOBILE).unwrap().code, 4).unwrap();
    for (effect, kind) in [
        ("\"garbage\"", FailureKind::Broken),
        ("\"close_after\"", FailureKind::Interrupted),
    ] {
        sim.handle.control().faults.clear();
        fault(&sim, "/verificacao", effect).await;
        assert_eq!(sim.zenvia.check(&reference, &code).await.unwrap_err().kind, kind);
    }
    sim.handle.control().faults.clear();
    assert!(sim.zenvia.check(&reference, &code).await.unwrap());
}
