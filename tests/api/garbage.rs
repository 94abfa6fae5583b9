//! A provider that answers nonsense: the caller is told what is known, and nothing is lost.

use reqwest::Method;
use rstest::rstest;
use serde_json::json;
use switchboard::simulators::faults::{Answer as Reply, Effect};

use crate::bed::ZENVIA;
use crate::site::{NUMBER, Site, say};

fn reply(code: u16, body: &str) -> Effect {
    Effect::Status(Reply {
        code,
        body: Some(body.to_owned()),
        headers: Default::default(),
        acts: true,
    })
}

/// Answers that may hide an act.
#[rstest]
#[case::bytes(Effect::Garbage)]
#[case::a_page_of_html(Effect::Html)]
#[case::half_a_body(Effect::TruncateAfter(20))]
#[case::silence(Effect::CloseAfter)]
#[case::an_empty_body(reply(200, ""))]
#[case::no_identifier(reply(200, "{\"status\":200,\"sucesso\":true,\"dados\":{}}"))]
#[case::a_list(reply(200, "[]"))]
#[case::an_error_of_nobody_knows_what(reply(500, "{}"))]
#[tokio::test]
async fn where_a_provider_may_have_acted_the_object_is_kept(#[case] effect: Effect) {
    let site = Site::start().await;
    site.hurt("POST", "/tts", effect.clone());
    site.hurt("POST", "/verificacao", effect);
    let place = async || {
        site.acme
            .ask(Method::POST, "/calls")
            .key("order-7")
            .json(&say(NUMBER))
            .answer()
            .await
    };
    let call = place().await;
    assert_eq!(call.expect(202).body["status"], "unknown");
    let again = place().await;
    assert_eq!(again.expect(202).id(), call.id());
    let kept = site.acme.get("/calls").await;
    assert_eq!(kept.expect(200).body["data"].as_array().unwrap().len(), 1);
    assert_eq!(site.asked("POST", "/tts"), 1, "it was asked again");

    let body = json!({ "to": NUMBER, "channel": "sms" });
    let sent = site.acme.post("/verifications", body).await;
    assert_eq!(sent.expect(202).body["status"], "pending");
    assert_eq!(sent.body["sends"][0]["status"], "unknown");
    assert_eq!(site.asked("POST", "/verificacao"), 1, "it was sent again");
    let check = format!("/verifications/{}/check", sent.id());
    let checked = site.acme.post(&check, json!({ "code": "123456" })).await;
    checked.expect_problem(409, "verification-not-checkable");
}

/// Answers to a question, which changes nothing.
#[rstest]
#[case::bytes(Effect::Garbage)]
#[case::a_page_of_html(Effect::Html)]
#[case::half_a_body(Effect::TruncateAfter(20))]
#[case::silence(Effect::CloseAfter)]
#[case::a_list(reply(200, "[]"))]
#[tokio::test]
async fn where_a_provider_was_only_asked_it_is_unavailable_and_what_is_known_stands(#[case] effect: Effect) {
    let site = Site::start().await;
    let call = site.live_call().await;
    let verification = site.verification(NUMBER).await;
    site.hurt("GET", "", effect);

    let refreshed = site.acme.get(&format!("/calls/{call}?refresh=true")).await;
    refreshed.expect_problem(503, "provider-unavailable");
    assert_eq!(refreshed.body["account"], ZENVIA);
    assert!(
        refreshed
            .header("content-type")
            .unwrap()
            .starts_with("application/problem+json")
    );

    let code = json!({ "code": site.providers.zenvia.last_code(NUMBER).unwrap().code });
    let check = format!("/verifications/{verification}/check");
    site.acme
        .post(&check, code.clone())
        .await
        .expect_problem(503, "provider-unavailable");

    let history = site.acme.get("/history?account=zenvia-br").await;
    history.expect_problem(503, "source-unavailable");
    assert_eq!(history.body["account"], ZENVIA);
    let partial = site.acme.get("/history?since=yesterday&partial=true&limit=500").await;
    assert_eq!(partial.expect(200).body["complete"], false);
    let cursor = partial.body["next_cursor"].as_str().unwrap();

    site.heal();
    site.acme.get(&format!("/calls/{call}?refresh=true")).await.expect(200);
    assert_eq!(site.acme.post(&check, code).await.expect(200).body["valid"], true);
    let rest = site
        .acme
        .get(&format!(
            "/history?since=yesterday&partial=true&limit=500&cursor={cursor}"
        ))
        .await;
    let rows = rest.expect(200).body["data"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["account"] == ZENVIA), "its rows come later");
}
