//! `/deliveries` over HTTP.

use reqwest::Method;
use serde_json::{Value, json};
use switchboard::app::App;

use crate::bed::{Client, Home, Providers, Reaction, Receiver, Tokens, eventually};
use crate::connect;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

struct Site {
    gateway: App,
    home: Home,
    receiver: Receiver,
    _providers: Providers,
}

impl Site {
    async fn start(manner: impl Fn(usize) -> Reaction + Send + Sync + 'static) -> Self {
        let receiver = Receiver::start(manner).await;
        let providers = Providers::start().await;
        let mut home = Home::embedded(&providers);
        home.subscribe("billing", "acme", (&receiver.url, &[SECRET]));
        home.subscribe("other", "zeta", (&receiver.url, &[SECRET]));
        Self {
            gateway: home.run().await,
            home,
            receiver,
            _providers: providers,
        }
    }

    fn client(&self, tenant: &str) -> Client {
        self.home.client(self.gateway.address, tenant)
    }

    /// The deliveries that fit, once there are so many.
    async fn deliveries(&self, query: &str, count: usize) -> Vec<Value> {
        let (acme, path) = (self.client("acme"), format!("/deliveries{query}"));
        eventually("the deliveries are listed", async || {
            let list = acme.get(&path).await;
            let data = list.expect(200).body["data"].as_array().unwrap().clone();
            (data.len() == count).then_some(data)
        })
        .await
    }
}

#[tokio::test]
async fn a_delivery_is_shown_and_can_be_repeated() {
    let site = Site::start(|_| Reaction::Status(410)).await;
    let acme = site.client("acme");
    acme.post("/calls", connect(1)).await.expect(201);
    let dead = site.deliveries("?subscription=billing&status=dead", 1).await;
    let id = dead[0]["event_id"].as_str().unwrap().to_owned();
    assert_eq!(dead[0]["type"], "call.queued");
    assert_eq!(
        (
            &dead[0]["attempts"],
            &dead[0]["last_status"],
            &dead[0]["last_error"],
            &dead[0]["next_at"]
        ),
        (&json!(1), &json!(410), &json!("status"), &Value::Null)
    );
    site.receiver.change(|_| Reaction::Status(200));
    let begun = acme
        .ask(Method::POST, "/deliveries/redeliver")
        .key("once")
        .json(&json!({ "subscription": "billing", "status": "dead" }))
        .answer()
        .await;
    assert_eq!(begun.expect(202).body, json!({ "count": 1 }));
    let delivered = site.deliveries("?status=delivered", 1).await;
    assert_eq!(delivered[0]["event_id"], id);
    let letters = site.receiver.got();
    assert_eq!(letters.len(), 2);
    assert_eq!((letters[0].id(), &letters[0].body), (letters[1].id(), &letters[1].body));
    assert_eq!(site.deliveries("?status=dead", 0).await, Vec::<Value>::new());
    let again = acme
        .ask(Method::POST, "/deliveries/redeliver")
        .key("once")
        .json(&json!({ "subscription": "billing", "status": "dead" }))
        .answer()
        .await;
    assert_eq!(again.expect(202).header("idempotent-replayed"), Some("true"));
    site.gateway.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_of_others_is_told() {
    let site = Site::start(|_| Reaction::Status(200)).await;
    let acme = site.client("acme");
    for query in [
        "?subscription=other",
        "?subscription=none",
        "?status=lost",
        "?types=*",
        "?limit=0",
        "?subscription=",
    ] {
        acme.get(&format!("/deliveries{query}"))
            .await
            .expect_problem(422, "invalid-input");
    }
    acme.get("/deliveries?cursor=x")
        .await
        .expect_problem(400, "invalid-cursor");
    for (body, pointer) in [
        (json!({}), "/subscription"),
        (json!({ "subscription": "other" }), "/subscription"),
        (json!({ "subscription": "none" }), "/subscription"),
        (json!({ "subscription": "billing", "since": "soon" }), "/since"),
        (json!({ "subscription": "billing", "status": "lost" }), "/status"),
        (json!({ "subscription": "billing", "event_id": "call_1" }), "/event_id"),
        (json!({ "subscription": "billing", "force": true }), "/force"),
    ] {
        let answer = acme.post("/deliveries/redeliver", body).await;
        let problem = &answer.expect_problem(422, "invalid-input").body;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let everyone = site.client("*");
    everyone.get("/deliveries").await.expect(200);
    everyone
        .post("/deliveries/redeliver", json!({ "subscription": "billing" }))
        .await
        .expect_problem(403, "forbidden");
    let mut claims = Tokens::claims("acme");
    claims["scope"] = "calls:read events:read".into();
    let reader = acme.with_token(site.home.tokens.sign(jsonwebtoken::Algorithm::HS256, &claims));
    reader.get("/deliveries").await.expect(200);
    reader
        .post("/deliveries/redeliver", json!({ "subscription": "billing" }))
        .await
        .expect_problem(403, "forbidden");
    claims["scope"] = "calls:read".into();
    let stranger = acme.with_token(site.home.tokens.sign(jsonwebtoken::Algorithm::HS256, &claims));
    stranger.get("/deliveries").await.expect_problem(403, "forbidden");
    let deleted = acme.ask(Method::DELETE, "/deliveries").answer().await;
    assert_eq!(deleted.expect(405).header("allow"), Some("GET, HEAD"));
    site.gateway.stop().await;
}

#[tokio::test]
async fn metrics_tell_of_tries_and_of_the_dead() {
    let site = Site::start(|_| Reaction::Status(410)).await;
    site.client("acme").post("/calls", connect(2)).await.expect(201);
    site.deliveries("?status=dead", 1).await;
    let management = Client::to(&format!("http://{}", site.gateway.management_address), String::new());
    eventually("the dead are counted", async || {
        let metrics = management.get("/metrics").await;
        let text = metrics.expect(200).body.as_str()?.to_owned();
        let tried = text.contains(r#"switchboard_deliveries_total{subscription="billing",outcome="dead"} 1"#);
        let dead = text.contains(r#"switchboard_deliveries_dead{subscription="billing"} 1"#);
        (tried && dead).then_some(())
    })
    .await;
    site.gateway.stop().await;
}
