//! `switchboard erase`: no key and no value holds the number afterwards, and everything goes on.

use reqwest::Method;
use serde_json::{Value, json};

use crate::bed::{Home, Reaction, Receiver, ZENVIA, eventually, http};
use crate::site::{NUMBER, Site, subscribed};
use crate::store::{holding, of_files, of_redis};

/// The digits of the number in every way it is written.
const SPELLINGS: [&str; 3] = ["11988887777", "1188887777", "98888-7777"];
const GUARDED: &str = "[verification.guard]\nmode = \"enforce\"\n";
const OTHER: &str = "+5511977776666";

/// What a gateway keeps of the number, and what it keeps of another one.
struct Kept {
    call: String,
    verification: String,
    other: String,
    /// The last event about the number.
    last: String,
}

async fn kept(site: &Site) -> Kept {
    let call = site.ended_call("r-1").await;
    let acme = site.acme();
    let other = json!({ "to": OTHER, "actions": [{ "type": "connect", "to": "+551130031000" }] });
    let other = acme.post("/calls", other).await.expect(201).id();
    acme.ended(&other).await;
    site.told(&other, "call.ended").await;
    let hook = site.home.hook(site.gateway.address, ZENVIA, Some("call-end"));
    let unreadable = http().post(&hook).body("{ de (11) 98888-7777").send().await.unwrap();
    assert_eq!(unreadable.status(), 200);
    site.told(ZENVIA, "webhook.unreadable").await;
    let (verification, _) = site.approved().await;
    let approved = site.told(&verification, "verification.approved").await;
    Kept {
        call,
        verification,
        other,
        last: approved["id"].as_str().unwrap().to_owned(),
    }
}

async fn erased(site: &Site, more: &[&str]) -> Value {
    let done = site
        .run(&[&["erase", "--number", "(11) 98888-7777", "--json"], more].concat())
        .await;
    assert!(!done.out.contains("8888"), "{}", done.out);
    assert_eq!(done.code, Some(0), "{done:?}");
    serde_json::from_str(&done.out).unwrap()
}

/// Has everything erased; what the gateway says of it.
async fn erase(site: &Site) -> Kept {
    let kept = kept(site).await;
    let would = eventually("nothing is under way", async || {
        let done = site.run(&["erase", "--number", NUMBER, "--dry-run", "--json"]).await;
        let would: Value = serde_json::from_str(&done.out).unwrap();
        (done.code == Some(0)).then_some(would)
    })
    .await;
    site.acme().get(&format!("/calls/{}", kept.call)).await.expect(200);
    let did = erased(site, &[]).await;
    for (kind, least) in [
        ("calls", 1),
        ("verifications", 1),
        ("webhooks", 2),
        ("dead_letters", 1),
        ("events", 4),
        ("deliveries", 1),
    ] {
        assert_eq!(did["removed"][kind], would["removed"][kind], "{kind}");
        assert!(did["removed"][kind].as_u64().unwrap() >= least, "{kind} in {did}");
    }
    assert!(did["removed"]["counters"].as_u64().unwrap() >= 1, "{did}");
    let again = erased(site, &[]).await;
    assert!(
        again["removed"].as_object().unwrap().values().all(|count| count == 0),
        "{again}"
    );
    kept
}

async fn goes_on(site: &Site, kept: &Kept) {
    let acme = site.acme();
    acme.get(&format!("/calls/{}", kept.call)).await.expect(404);
    acme.get(&format!("/verifications/{}", kept.verification))
        .await
        .expect(404);
    acme.get(&format!("/calls/{}", kept.other)).await.expect(200);
    // The request that made it is not answered from memory.
    let body = json!({ "to": NUMBER, "tag": "pedido", "actions": [{ "type": "connect", "to": "+551130031000" }] });
    let repeated = acme.ask(Method::POST, "/calls").key("r-1").json(&body).answer().await;
    repeated.expect(404);
    // Whoever had read up to an erased event goes on from there.
    let before = acme.get(&format!("/events?after={}", kept.last)).await;
    assert_eq!(before.expect(200).body["data"], json!([]));
    let all = acme.get("/events?limit=200").await.expect(200).body["data"].to_string();
    assert!(all.contains(&kept.other) && !all.contains(&kept.call) && !all.contains(&kept.verification));
    let new = json!({ "to": OTHER, "channel": "sms" });
    let new = acme.post("/verifications", new).await.expect(201).id();
    site.told(&new, "verification.sent").await;
    let next = acme.get(&format!("/events?after={}", kept.last)).await;
    assert_eq!(next.expect(200).body["data"][0]["subject"], new.as_str());
}

fn furnished(receiver: &Receiver) -> impl FnOnce(&mut Home) {
    let receiver = receiver.clone();
    move |home| {
        home.lay_over(GUARDED);
        subscribed(home, &receiver);
    }
}

#[tokio::test]
async fn nothing_of_a_number_is_left_in_files() {
    let receiver = Receiver::start(|_| Reaction::Status(500)).await;
    let mut site = Site::start(furnished(&receiver)).await;
    let kept = erase(&site).await;
    site.gateway.kill();
    let rows = of_files(&site.home.path().join("store"));
    assert_eq!(holding(&rows, &SPELLINGS), [] as [&str; 0]);
    assert!(
        !holding(&rows, &["11977776666"]).is_empty(),
        "the other one is still there"
    );
    site.gateway = crate::bed::Process::start(&site.home);
    goes_on(&site, &kept).await;
}

#[tokio::test]
async fn nothing_of_a_number_is_left_in_redis() {
    let receiver = Receiver::start(|_| Reaction::Status(500)).await;
    let site = Site::on_redis(furnished(&receiver)).await;
    let redis = site.redis.as_ref().unwrap();
    let kept = erase(&site).await;
    let rows = of_redis(redis);
    assert_eq!(holding(&rows, &SPELLINGS), [] as [&str; 0]);
    assert!(
        !holding(&rows, &["11977776666"]).is_empty(),
        "the other one is still there"
    );
    goes_on(&site, &kept).await;
}

/// The red control of the two above: what they look for is there before it is erased.
#[tokio::test]
async fn a_number_is_found_in_a_store_that_keeps_it() {
    let receiver = Receiver::start(|_| Reaction::Status(500)).await;
    let mut site = Site::start(furnished(&receiver)).await;
    kept(&site).await;
    site.gateway.kill();
    let found = holding(&of_files(&site.home.path().join("store")), &SPELLINGS);
    for kind in [
        "sb:call:",
        "sb:verification:",
        "sb:log:events",
        "sb:log:inbox",
        "sb:log:dead-letters",
        "sb:delivery:",
    ] {
        assert!(found.iter().any(|row| row.starts_with(kind)), "{kind}");
    }
    assert!(
        !found.iter().any(|row| row.starts_with("sb:idempotency:")),
        "answers are sealed"
    );
}

#[tokio::test]
async fn a_call_under_way_is_left_and_told_of() {
    let site = Site::start(|_| ()).await;
    let actions = json!([{ "type": "connect", "to": "+551130031000" }]);
    let body = json!({ "to": NUMBER, "actions": actions, "schedule_at": "2099-01-01T00:00:00Z" });
    let id = site.acme().post("/calls", body).await.expect(201).id();
    let done = site.run(&["erase", "--number", NUMBER]).await;
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(
        done.out.contains("Still under way") && done.out.contains("objects"),
        "{}",
        done.out
    );
    site.acme().get(&format!("/calls/{id}")).await.expect(200);
}

#[tokio::test]
async fn a_page_of_somebody_elses_cannot_have_a_number_erased() {
    let site = Site::start(|_| ()).await;
    let erase = |host: &'static str| {
        let url = format!("http://{}/erase", site.gateway.management);
        let body = json!({ "number": NUMBER });
        async move {
            http()
                .post(url)
                .header("host", host)
                .json(&body)
                .send()
                .await
                .unwrap()
                .status()
        }
    };
    assert_eq!(erase("rebound.example:9090").await, 403);
    assert_eq!(erase("localhost:9090").await, 200);
    let text = http()
        .post(format!("http://{}/erase", site.gateway.management))
        .body("{}");
    assert_eq!(text.send().await.unwrap().status(), 415);
}
