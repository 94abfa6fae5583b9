//! Whole calls as their webhooks tell them, in every form webhooks come in.

use rstest::rstest;
use switchboard::domain::call::{Call, CallStatus, Direction, SettledBy};
use switchboard::domain::call_file::CallFile;
use switchboard::domain::fold::{fold, settle_presumed};
use switchboard::domain::ids::CallId;
use switchboard::domain::time::Timestamp;
use switchboard::simulators::positus::{Envelope, SdpLabel, SdpPlace, Timestamps, UnansweredDuration, WaId};

use super::super::common::address;
use super::*;

fn is_over(facts: &CallFacts) -> bool {
    facts.status.is_some_and(CallStatus::is_final)
}

/// The call that the news makes.
fn folded(news: Vec<CallFacts>) -> Call {
    let at = Timestamp::from_seconds(0);
    let direction = news.iter().find_map(|facts| facts.direction).unwrap();
    let call = Call::new(
        CallId::generate(),
        "telephony".into(),
        direction,
        CallKind::Whatsapp,
        at,
    );
    let mut file = CallFile::new(call);
    for facts in news {
        fold(&mut file, facts, SettledBy::Webhook, at);
    }
    settle_presumed(&mut file);
    file.call
}

fn forms() -> Vec<Knobs> {
    let base = Knobs::default;
    vec![
        base(),
        Knobs {
            envelope: Envelope::Meta,
            timestamps: Timestamps::Number,
            ..base()
        },
        Knobs {
            sdp_label: SdpLabel::Answer,
            bare_connect: true,
            ..base()
        },
        Knobs {
            sdp_label: SdpLabel::Offer,
            sdp_place: SdpPlace::Session,
            ..base()
        },
        Knobs {
            sdp_place: SdpPlace::Connection,
            wa_id: WaId::WithoutNine,
            bare_connect: true,
            ..base()
        },
    ]
}

#[tokio::test]
async fn a_call_of_ours_rings_with_the_answer_is_talked_and_ends() {
    for knobs in forms() {
        let positus = Positus::with("", knobs.clone(), Pace::quick()).await;
        positus.place(USER).await.unwrap();
        let news = positus.news_until(is_over).await;
        let statuses: Vec<_> = news.iter().map(|facts| facts.status.unwrap()).collect();
        let expected = [
            CallStatus::Ringing,
            CallStatus::Ringing,
            CallStatus::InProgress,
            CallStatus::Completed,
        ];
        assert_eq!(statuses, expected, "{knobs:?}");
        assert!(
            news.iter()
                .all(|facts| facts.to.as_ref().unwrap().same_party(&address(USER)))
        );
        let call = folded(news);
        assert_eq!(
            (call.direction, call.status),
            (Direction::Outbound, CallStatus::Completed)
        );
        assert_eq!(call.session.unwrap().kind, SessionType::Answer);
        assert!(call.talk_seconds.unwrap() >= 1);
    }
}

#[tokio::test]
async fn a_user_s_call_rings_with_an_offer() {
    for knobs in forms() {
        let positus = Positus::with("", knobs.clone(), Pace::quick()).await;
        positus.sim.post("incoming", json!({ "from": "5543999011234" })).await;
        let call = folded(positus.news_until(is_over).await);
        assert_eq!(
            (call.direction, call.status),
            (Direction::Inbound, CallStatus::NoAnswer),
            "{knobs:?}"
        );
        assert_eq!(call.session.unwrap().kind, SessionType::Offer);
        assert!(call.from.unwrap().same_party(&address(USER)));
    }
}

#[rstest]
#[case("whatsapp:+5543999010001", CallStatus::Rejected, Some(21))]
#[case("whatsapp:+5543999010002", CallStatus::NoAnswer, Some(19))]
#[case("whatsapp:+5543999010003", CallStatus::Rejected, Some(21))]
#[tokio::test]
async fn a_call_nobody_takes_ends_by_its_reason(
    #[case] to: &str,
    #[case] status: CallStatus,
    #[case] q850: Option<u8>,
    #[values(UnansweredDuration::Absent, UnansweredDuration::Zero)] unanswered_duration: UnansweredDuration,
) {
    let positus = Positus::with(
        "",
        Knobs {
            unanswered_duration,
            ..Knobs::default()
        },
        Pace::quick(),
    )
    .await;
    positus.place(to).await.unwrap();
    let terminated = |facts: &CallFacts| {
        facts
            .hangup
            .as_ref()
            .is_some_and(|hangup| hangup.provider_texts == ["FAILED"])
    };
    let call = folded(positus.news_until(terminated).await);
    assert_eq!(
        (call.status, call.hangup.unwrap().q850, call.answered_at),
        (status, q850, None)
    );
}

#[tokio::test]
async fn a_call_that_breaks_fails_with_the_provider_s_words() {
    let knobs = Knobs {
        fail_with: Some(138_004),
        ..Knobs::default()
    };
    let positus = Positus::with("", knobs, Pace::quick()).await;
    positus.place(USER).await.unwrap();
    let call = folded(positus.news_until(is_over).await);
    assert_eq!(call.status, CallStatus::Failed);
    assert_eq!(
        call.hangup.unwrap().provider_texts,
        ["FAILED", "138004 Connection Error"]
    );
}

#[tokio::test]
async fn an_end_that_comes_first_is_the_end() {
    let knobs = Knobs {
        terminate_first: true,
        ..Knobs::default()
    };
    let positus = Positus::with("", knobs, Pace::quick()).await;
    positus.place(USER).await.unwrap();
    let news = positus.news_until(|facts| facts.session.is_some()).await;
    assert_eq!(folded(news).status, CallStatus::NoAnswer);
}

#[tokio::test]
async fn what_is_not_about_calls_is_left_to_another() {
    let forwarding = "forward_url = 'https://chat.example.com/in'";
    let positus = Positus::with(forwarding, Knobs::default(), Pace::quick()).await;
    let webhooks = positus.provider.webhooks().unwrap();
    assert!(webhooks.kinds().is_empty());
    assert_eq!(webhooks.forward_url().unwrap().as_str(), "https://chat.example.com/in");
    assert_eq!(
        positus.read(r#"{"messages":[{"id":"wamid.1"}]}"#),
        Err(Unreadable::NotOurs)
    );
    assert_eq!(positus.read("oi"), Err(Unreadable::Malformed));
}
