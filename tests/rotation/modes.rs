//! Accounts that are drained, switched off, added and taken away while the gateway runs.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::bed::{Answer, PROVIDER_TOKEN, Providers, ZENVIA};
use crate::operator::Site;

fn mode(mode: &str) -> String {
    format!("[accounts.{ZENVIA}]\nmode = \"{mode}\"\n")
}

async fn place(site: &Site, account: &str) -> Answer {
    let call = json!({
        "to": "+5511988887777",
        "account": account,
        "actions": [{ "type": "say", "text": "Oi" }],
    });
    site.acme().post("/calls", call).await
}

/// The account as its owner sees it; none if it is not configured.
async fn account(site: &Site, name: &str) -> Option<Value> {
    let page = site.acme().get("/accounts").await;
    let accounts = page.expect(200).body["data"].as_array().unwrap().clone();
    accounts.into_iter().find(|account| account["account"] == name)
}

#[tokio::test]
async fn a_drained_account_takes_nothing_new_and_sees_through_what_it_has() {
    let site = Site::start(|_| mode("on")).await;
    site.providers.tell(&site.home, site.gateway.address).await;
    let call = place(&site, ZENVIA).await;
    site.change(&mode("drain")).await;
    assert_eq!(account(&site, ZENVIA).await.unwrap()["mode"], "drain");
    place(&site, ZENVIA).await.expect_problem(503, "provider-unavailable");
    let ended = site.acme().ended(&call.expect(201).id()).await;
    assert_eq!(ended["settled_by"], "webhook");
    let history = format!("/history?account={ZENVIA}&since=today");
    site.acme().get(&history).await.expect(200);
    site.change(&mode("off")).await;
    assert_eq!(account(&site, ZENVIA).await.unwrap()["mode"], "off");
    place(&site, ZENVIA).await.expect_problem(503, "provider-unavailable");
    let requests = || site.providers.zenvia.control().requests();
    let before = requests();
    site.acme()
        .get(&history)
        .await
        .expect_problem(503, "source-unavailable");
    site.acme().get("/history?since=today").await.expect(200);
    assert_eq!(requests(), before, "nothing is sent");
    let hook = site.home.hook(site.gateway.address, ZENVIA, Some("balance"));
    let told = crate::bed::http()
        .post(hook)
        .json(&json!({ "saldo": 1 }))
        .send()
        .await
        .unwrap();
    assert_eq!(told.status(), 404);
    site.change(&mode("on")).await;
    place(&site, ZENVIA).await.expect(201);
}

#[tokio::test]
async fn an_account_that_comes_is_used_and_one_that_goes_is_not() {
    let site = Site::start(|_| "[calls]\nsettle_seconds = 901\n".to_owned()).await;
    let other = Providers::another_zenvia().await;
    let secret = site.home.path().join("other");
    std::fs::write(&secret, PROVIDER_TOKEN).unwrap();
    let section = format!(
        "[accounts.other]\nprovider = \"zenvia\"\nowner = \"acme\"\nbase_url = \"{}\"\n\
         keys = [ {{ id = \"1\", secret = \"file::{}\" }} ]\n",
        other.url(),
        secret.display()
    );
    place(&site, "other").await.expect(422);
    site.change(&section).await;
    let call = place(&site, "other").await;
    call.expect(201);
    assert_eq!(other.dials().len(), 1);
    site.change("[calls]\nsettle_seconds = 902\n").await;
    assert_eq!(account(&site, "other").await, None);
    place(&site, "other").await.expect(422);
    site.acme().get(&format!("/calls/{}", call.id())).await.expect(200);
}

#[tokio::test]
async fn a_feed_goes_on_through_a_reload() {
    let site = Site::start(|_| mode("on")).await;
    let asked = site.acme().ask(Method::GET, "/events?types=call.queued");
    let mut feed = asked.header("accept", "text/event-stream").stream().await;
    assert_eq!(feed.status(), 200);
    site.change("[calls]\nsettle_seconds = 902\n").await;
    let call = place(&site, ZENVIA).await.expect(201).id();
    let mut heard = String::new();
    while !heard.contains(&call) {
        let chunk = tokio::time::timeout(Duration::from_secs(20), feed.chunk()).await;
        let chunk = chunk.expect("the feed goes on").unwrap().expect("the feed is open");
        heard += &String::from_utf8_lossy(&chunk);
    }
}
