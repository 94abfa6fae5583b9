//! What goes wrong, in every form of error.

use rstest::rstest;
use switchboard::domain::error::FailureKind::{self, Broken, Busy, Interrupted, Refused};
use switchboard::domain::error::Refusal;
use switchboard::domain::phone::PhoneNumber;
use switchboard::simulators::positus::ErrorForm;

use super::super::common::kind;
use super::*;

#[rstest]
#[case(json!({ "status": { "code": 401 } }), Refused(Refusal::Credential), 0)]
#[case(json!({ "status": { "code": 422, "body": r#"{"message":"m","errors":{"to":["The to field is required."]}}"# } }), Refused(Refusal::Invalid), 0)]
#[case(json!({ "busy": 2 }), Busy, 0)]
#[case(json!({ "status": { "code": 500 } }), Broken, 0)]
#[case(json!({ "status": { "code": 503, "acts": true } }), Broken, 1)]
#[case(json!("html"), Broken, 0)]
#[case(json!("garbage"), Broken, 1)]
#[case(json!("ok_false"), Refused(Refusal::Unknown), 0)]
#[case(json!({ "truncate_after": 3 }), Broken, 1)]
#[case(json!("close_before"), Interrupted, 0)]
#[case(json!("close_after"), Interrupted, 1)]
#[tokio::test]
async fn a_call_is_never_made_twice(#[case] effect: Value, #[case] expected: FailureKind, #[case] made: usize) {
    let positus = Positus::with("", Knobs::default(), LASTING).await;
    positus.sim.fault(1, effect).await;
    let failure = positus.place(USER).await.unwrap_err();
    assert_eq!((failure.kind, failure.operation), (expected, "POST /calls/make"));
    assert_eq!(
        failure.retry_after,
        (expected == Busy).then_some(Duration::from_secs(2))
    );
    assert_eq!(positus.ledger().await.len(), made);
}

#[rstest]
#[case("whatsapp:+5543999010004", Interrupted)]
#[case("whatsapp:+5543999010006", Refused(Refusal::Credit))]
#[case("whatsapp:+5543999010007", Busy)]
#[tokio::test]
async fn a_destination_may_be_the_reason(#[case] to: &str, #[case] expected: FailureKind) {
    let positus = Positus::start().await;
    assert_eq!(kind(positus.place(to).await), expected);
}

#[rstest]
#[case(ErrorForm::Positus)]
#[case(ErrorForm::Meta)]
#[tokio::test]
async fn a_user_already_called_is_busy_to_us(#[case] error_form: ErrorForm) {
    let positus = Positus::with(
        "",
        Knobs {
            error_form,
            ..Knobs::default()
        },
        LASTING,
    )
    .await;
    positus.place(USER).await.unwrap();
    let failure = positus.place(USER).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.code.as_deref()),
        (Refused(Refusal::Human), Some("138003"))
    );
    assert!(!failure.allows_another_account());
}

#[tokio::test]
async fn calling_that_is_off_is_the_provider_s_policy_and_a_lost_code_is_not_guessed() {
    let positus = Positus::with(
        "",
        Knobs {
            calling_disabled: true,
            ..Knobs::default()
        },
        LASTING,
    )
    .await;
    assert_eq!(kind(positus.place(USER).await), Refused(Refusal::Policy));
    let knobs = Knobs {
        calling_disabled: true,
        error_form: ErrorForm::Message,
        ..Knobs::default()
    };
    let positus = Positus::with("", knobs, LASTING).await;
    let failure = positus.place(USER).await.unwrap_err();
    assert_eq!((failure.kind, failure.code), (Refused(Refusal::Invalid), None));
}

#[tokio::test]
async fn a_refused_key_gives_way_to_the_next() {
    let positus = Positus::with("", Knobs::default(), LASTING).await;
    let rotated = positus.with_keys(r#"{ id = "new", secret = "env::OLD" }, { id = "old", secret = "env::KEY" }"#);
    assert_eq!(rotated.calls().unwrap().place(&offer_to(USER)).await.unwrap(), None);
    assert_eq!(positus.ledger().await.len(), 1);
    let alone = positus.with_keys(r#"{ id = "new", secret = "env::OLD" }"#);
    let user = PhoneNumber::lenient("+5543999011234").unwrap();
    let refused = alone.consent().unwrap().permission(&user).await;
    assert_eq!(kind(refused), Refused(Refusal::Credential));
}

#[tokio::test]
async fn a_permission_that_cannot_be_read_is_no_refusal() {
    let positus = Positus::start().await;
    let consent = positus.provider.consent().unwrap();
    let user = PhoneNumber::lenient("+5543999011234").unwrap();
    positus.sim.fault(1, json!("garbage")).await;
    assert!(consent.permission(&user).await.unwrap().allowed, "a read is repeated");
    positus.sim.fault(2, json!("html")).await;
    assert_eq!(kind(consent.permission(&user).await), Broken);
}
