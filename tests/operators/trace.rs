//! `switchboard trace`: the whole of a call, by each of its names, and no secret in it.

use rstest::rstest;
use serde_json::Value;
use switchboard::simulators::faults::{Delay, Effect, Rule};

use crate::bed::{Reaction, Receiver, ZENVIA, eventually, http};
use crate::site::{NUMBER, Site, subscribed};

async fn trace(site: &Site, id: &str) -> Value {
    let done = site.run(&["trace", id, "--json"]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    serde_json::from_str(&done.out).unwrap()
}

fn steps<'a>(trace: &'a Value, kind: &str) -> Vec<&'a str> {
    let timeline = trace["timeline"].as_array().unwrap().iter();
    timeline
        .filter(|step| step["kind"] == kind)
        .map(|step| step["what"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn one_timeline_has_what_provider_webhooks_events_and_deliveries_tell_of_a_call() {
    let receiver = Receiver::start(|_| Reaction::Status(204)).await;
    let site = Site::start(|home| subscribed(home, &receiver)).await;
    let id = site.ended_call("r-4711").await;
    let event = site.told(&id, "call.ended").await["id"].as_str().unwrap().to_owned();
    eventually("it is delivered", async || {
        receiver.taken("call.ended").contains(&id).then_some(())
    })
    .await;
    let whole = trace(&site, &id).await;
    assert_eq!(whole["objects"][0]["id"], id.as_str());
    assert_eq!(whole["objects"][0]["request_id"], "r-4711");
    assert!(whole["objects"][0]["provider_ref"]["id"].is_string());
    assert_eq!(steps(&whole, "attempt").len(), 1);
    assert!(
        steps(&whole, "webhook").iter().any(|kind| kind.starts_with("call-")),
        "{whole:#}"
    );
    // Which there are depends on how soon the provider tells: a call that rings at once was never queued.
    let feed = site
        .acme()
        .get(&format!("/events?subject={id}"))
        .await
        .expect(200)
        .body
        .clone();
    let told = feed["data"].as_array().unwrap().iter();
    let told: Vec<_> = told.map(|event| event["type"].as_str().unwrap()).collect();
    assert!(told.contains(&"call.ended"), "{told:?}");
    assert_eq!(steps(&whole, "event"), told);
    assert!(steps(&whole, "delivery").iter().all(|status| *status == "delivered"));
    assert!(
        whole["timeline"]
            .as_array()
            .unwrap()
            .is_sorted_by_key(|step| step["at"].as_str().unwrap())
    );
    for name in ["r-4711", &event] {
        let other = trace(&site, name).await;
        assert_eq!(other["objects"], whole["objects"], "{name}");
        assert_eq!(other["timeline"], whole["timeline"], "{name}");
    }
    let shown = site.run(&["trace", &id]).await.out;
    assert!(
        shown.contains("POST /chamada") && shown.contains("to=+55*********77"),
        "{shown}"
    );
    assert!(
        !shown.contains(&NUMBER[3..]) && !shown.contains("1130031000"),
        "{shown}"
    );
    let none = site.run(&["trace", "call_0199a2b0c3d47e5f8a9b0c1d2e3f4a5b"]).await;
    assert_eq!(none.code, Some(1), "{none:?}");
    assert!(none.err.contains("Nothing is kept of it."), "{}", none.err);
}

#[tokio::test]
async fn an_event_about_neither_call_nor_verification_is_traced() {
    let site = Site::start(|_| ()).await;
    let hook = site.home.hook(site.gateway.address, ZENVIA, Some("call-end"));
    http().post(&hook).body("{ not readable").send().await.unwrap();
    let event = site.told(ZENVIA, "webhook.unreadable").await;
    let whole = trace(&site, event["id"].as_str().unwrap()).await;
    assert_eq!(steps(&whole, "event"), ["webhook.unreadable"]);
    assert_eq!(whole["timeline"][0]["detail"]["event"], event["id"]);
}

#[tokio::test]
async fn a_request_is_found_by_an_identifier_that_its_client_made_long_before() {
    let site = Site::start(|_| ()).await;
    let request = "0190a2b0-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
    let id = site.ended_call(request).await;
    assert_eq!(trace(&site, request).await["objects"][0]["id"], id.as_str());
}

#[tokio::test]
async fn a_verification_is_traced_without_its_code_and_its_number() {
    let site = Site::start(|_| ()).await;
    let (id, code) = site.approved().await;
    let whole = trace(&site, &id).await;
    assert_eq!(steps(&whole, "send"), ["sent"]);
    assert!(steps(&whole, "event").contains(&"verification.approved"));
    let text = whole.to_string();
    assert!(
        !text.contains(&format!("\"{code}\"")) && !text.contains(&NUMBER[3..]),
        "{text}"
    );
}

#[rstest]
#[case::answered_at_once(0, None)]
#[case::webhooks_overtake_the_answer(300, Some("call.ringing"))]
#[tokio::test]
async fn the_log_tells_of_a_calls_beginning_and_end_by_every_name_and_of_no_number(
    #[case] answered_after: u64,
    #[case] begins_with: Option<&str>,
) {
    let site = Site::start(|_| ()).await;
    site.providers.zenvia.control().faults.add(Rule {
        method: Some("POST".to_owned()),
        path: "/chamada".to_owned(),
        skip: 0,
        times: None,
        effect: Effect::DelayMs(Delay {
            before: 0,
            after: answered_after,
        }),
    });
    let id = site.ended_call("r-4711").await;
    let (_, code) = site.approved().await;
    let log = site.gateway.log();
    let line = |kind: &str| {
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut told = lines.filter(|line| line["message"] == "happened" && line["kind"] == kind);
        told.next().unwrap_or_else(|| panic!("{kind} in {log}"))
    };
    let feed = site.acme().get(&format!("/events?subject={id}&limit=1")).await;
    let first = feed.expect(200).body["data"][0]["type"].as_str().unwrap().to_owned();
    assert!(begins_with.is_none_or(|kind| kind == first), "{first}");
    for kind in [first.as_str(), "call.ended"] {
        let line = line(kind);
        assert_eq!(line["subject"], id.as_str());
        assert_eq!(line["account"], "zenvia-br");
        assert_eq!(line["made_by"], "r-4711");
        assert_eq!(line["event"], site.told(&id, kind).await["id"]);
    }
    let call = site.acme().get(&format!("/calls/{id}")).await;
    assert_eq!(
        line("call.ended")["provider_ref"],
        call.expect(200).body["provider_ref"]["id"]
    );
    line("verification.approved");
    for number in [&NUMBER[3..], "1130031000"] {
        let told = log.lines().find(|line| line.contains(number));
        assert_eq!(told, None);
    }
    assert!(!log.contains(&format!("\"{code}\"")) && !log.contains(&format!(" {code}")));
}
