//! `switchboard status`: what needs a person, and the exit code that says so.

use serde_json::Value;

use crate::bed::{Reaction, Receiver, ZENVIA, eventually};
use crate::site::{Site, subscribed};

/// Once the provider took a key.
async fn settled(site: &Site) {
    eventually("the credit was read", async || {
        let accounts = site.ask("/accounts").await;
        let zenvia = accounts["data"]
            .as_array()?
            .iter()
            .find(|one| one["account"] == ZENVIA)?
            .clone();
        zenvia["health"]["last_success"].is_string().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_gateway_that_is_well_needs_nobody() {
    let site = Site::start(|_| ()).await;
    settled(&site).await;
    let done = site.run(&["status"]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    for told in [
        "ready",
        "Nothing needs a person.",
        ZENVIA,
        "healthy",
        "BRL",
        "Unsettled calls: 0",
    ] {
        assert!(done.out.contains(told), "{told} in {}", done.out);
    }
    let json = site.run(&["status", "--json"]).await;
    let status: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(status["needs"], serde_json::json!([]));
    assert_eq!(status["ready"], true);
}

#[tokio::test]
async fn credit_that_is_low_needs_somebody_and_is_told_once() {
    let site = Site::start(|home| {
        let account = std::fs::read_to_string(&home.files()[0]).unwrap();
        let low = account.replace(
            "[accounts.zenvia-br]\n",
            "[accounts.zenvia-br]\nlow_balance = \"1000000.00\"\n",
        );
        std::fs::write(&home.files()[0], low).unwrap();
    })
    .await;
    let event = site.told(ZENVIA, "account.balance_low").await;
    assert_eq!(event["data"]["low_balance"], "1000000.00");
    let done = site.run(&["status"]).await;
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.out.contains("low_balance  zenvia-br"), "{}", done.out);
}

#[tokio::test]
async fn deliveries_given_up_need_somebody() {
    let receiver = Receiver::start(|_| Reaction::Status(410)).await;
    let site = Site::start(|home| subscribed(home, &receiver)).await;
    site.ended_call("r-dead").await;
    let done = eventually("it is given up", async || {
        let done = site.run(&["status"]).await;
        done.out.contains("deliveries_dead").then_some(done)
    })
    .await;
    assert_eq!(done.code, Some(1), "{done:?}");
    for told in ["subscription_ended", "billing"] {
        assert!(done.out.contains(told), "{told} in {}", done.out);
    }
}

#[tokio::test]
async fn whoever_does_not_answer_is_not_well() {
    let mut site = Site::start(|_| ()).await;
    site.gateway.kill();
    let done = site.run(&["status"]).await;
    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(done.err.contains("cannot be asked"), "{}", done.err);
}
