//! Who takes a request, and what is said where nobody can.

use super::bed::{SAY, Scripted, bed, caller, say};
use crate::domain::error::Problem;
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
