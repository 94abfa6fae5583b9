//! Making, taking, declining and ending calls; permission.

use rstest::rstest;
use switchboard::domain::call::CallStatus;
use switchboard::domain::error::{FailureKind, Refusal};
use switchboard::domain::phone::PhoneNumber;
use switchboard::domain::place::Capability;

use super::super::common::kind;
use super::*;

fn answer() -> Session {
    Session {
        kind: SessionType::Answer,
        sdp: OFFER.replace("actpass", "active"),
    }
}

#[tokio::test]
async fn a_call_is_made_without_a_name_which_its_first_webhook_tells() {
    let positus = Positus::with("", Knobs::default(), LASTING).await;
    let calls = positus.provider.calls().unwrap();
    assert_eq!(calls.offers()[0].operation, Capability::Whatsapp);
    assert_eq!(calls.operation(offer_to(USER).kind()), "POST /calls/make");
    assert_eq!(positus.place(USER).await.unwrap(), None);
    let made = positus.ledger().await;
    let news = positus.news_until(|facts| facts.session.is_some()).await;
    assert_eq!(
        news[0].reference,
        Some(ProviderRef::id(made[0]["id"].as_str().unwrap()))
    );

    assert_eq!(positus.control().controls(CallKind::Whatsapp), [Capability::Hangup]);
    let reference = news[0].reference.clone().unwrap();
    positus.control().hang_up(target(&reference)).await.unwrap();
    positus
        .news_until(|facts| facts.status.is_some_and(CallStatus::is_final))
        .await;
    assert!(positus.control().hang_up(target(&reference)).await.is_err());
}

#[tokio::test]
async fn a_name_is_taken_where_the_answer_has_one() {
    let knobs = Knobs {
        make_returns_id: true,
        ..Knobs::default()
    };
    let positus = Positus::with("", knobs, LASTING).await;
    let reference = positus.place(USER).await.unwrap().unwrap();
    assert_eq!(positus.ledger().await[0]["id"], reference.id.unwrap());
}

#[rstest]
#[case("body = 'both'")]
#[case("body = 'session'\nsdp_type = 'answer'")]
#[case("body = 'connection'")]
#[tokio::test]
async fn the_description_goes_wherever_it_is_configured_to(#[case] settings: &str) {
    let positus = Positus::with(settings, Knobs::default(), LASTING).await;
    assert_eq!(positus.place(USER).await.unwrap(), None);
}

#[tokio::test]
async fn a_user_s_call_is_taken_or_declined() {
    let positus = Positus::with("", Knobs::default(), LASTING).await;
    let inbound = positus.provider.inbound().unwrap();
    let rings = positus.sim.post("incoming", json!({ "from": "5543999011234" })).await;
    let taken = ProviderRef::id(rings["call_id"].as_str().unwrap());
    inbound.accept(target(&taken), &answer()).await.unwrap();
    positus.control().hang_up(target(&taken)).await.unwrap();
    let ended = |facts: &CallFacts| facts.status == Some(CallStatus::Completed);
    positus.news_until(ended).await;

    let rings = positus.sim.post("incoming", json!({ "from": "5543999015678" })).await;
    let declined = ProviderRef::id(rings["call_id"].as_str().unwrap());
    inbound.reject(target(&declined)).await.unwrap();
    assert!(inbound.accept(target(&declined), &answer()).await.is_err());
    let nameless = ProviderRef::default();
    assert_eq!(
        kind(inbound.reject(target(&nameless)).await),
        FailureKind::Refused(Refusal::NotFound)
    );
}

#[tokio::test]
async fn permission_tells_whether_a_call_may_be_started_and_when_again() {
    let positus = Positus::start().await;
    let consent = positus.provider.consent().unwrap();
    let user = PhoneNumber::lenient("+5543999011234").unwrap();
    let permission = consent.permission(&user).await.unwrap();
    assert_eq!(
        (permission.allowed, permission.status.as_deref()),
        (true, Some("temporary"))
    );
    assert!(permission.expires_at.is_some() && permission.resets_at.is_none());

    let grant =
        |status: &str, used: u32| json!({ "user_wa_id": "5543999011234", "status": status, "calls_used": used });
    positus.sim.post("permissions", grant("permanent", 5)).await;
    let spent = consent.permission(&user).await.unwrap();
    assert_eq!(
        (spent.allowed, spent.status.as_deref(), spent.expires_at),
        (false, Some("permanent"), None)
    );
    assert!(spent.resets_at.is_some());
    assert_eq!(kind(positus.place(USER).await), FailureKind::Refused(Refusal::Policy));

    positus.sim.post("permissions", grant("no_permission", 0)).await;
    let none = consent.permission(&user).await.unwrap();
    assert_eq!((none.allowed, none.status.as_deref()), (false, Some("no_permission")));
    assert_eq!(
        kind(positus.place(USER).await),
        FailureKind::Refused(Refusal::Permission)
    );
}
