//! A provider's answer that is lost: the truth is told, evidence settles it, and nothing is done twice.

use std::time::{Duration, Instant};

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use switchboard::app::App;
use switchboard::simulators::faults::{Answer as FaultyAnswer, Effect, Rule};

use crate::bed::{Client, Home, Providers, eventually};
use crate::site::{comparisons, connect, dials, number, say, verification};

/// How soon evidence settles a call after it came.
const SETTLED_WITHIN: Duration = Duration::from_secs(5);

struct Scene {
    providers: Providers,
    acme: Client,
    _alive: (Home, App),
}

impl Scene {
    async fn set() -> Self {
        let providers = Providers::start().await;
        let home = Home::embedded(&providers);
        let app = home.run().await;
        providers.tell(&home, app.address).await;
        Self {
            providers,
            acme: home.client(app.address, "acme"),
            _alive: (home, app),
        }
    }

    fn suffer(&self, path: &str, effect: Effect) {
        let rule = Rule {
            method: Some("POST".into()),
            path: path.into(),
            skip: 0,
            times: Some(1),
            effect,
        };
        self.providers.zenvia.control().faults.add(rule);
    }

    /// Places a call whose answer is lost, lets evidence settle it, and repeats it.
    async fn lose_and_settle(&self, body: Value) -> Value {
        let ask = || {
            self.acme
                .ask(Method::POST, "/calls")
                .key("order-7")
                .json(&body)
                .answer()
        };
        let lost = ask().await;
        let began = Instant::now();
        assert_eq!(lost.expect(202).body["status"], "unknown");
        assert_eq!(
            (&lost.body["provider_ref"], &lost.body["settled_by"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(
            lost.body["attempts"].as_array().unwrap().len(),
            1,
            "nobody else was asked"
        );
        let ended = self.acme.ended(&lost.id()).await;
        assert!(began.elapsed() < SETTLED_WITHIN);
        assert_eq!(
            (&ended["status"], &ended["settled_by"]),
            (&json!("completed"), &json!("webhook"))
        );
        let again = ask().await;
        assert_eq!(
            (again.expect(202).id(), again.header("idempotent-replayed")),
            (lost.id(), Some("true"))
        );
        ended
    }
}

/// The provider carries the request out in every case.
#[rstest]
#[case::cut(Effect::CloseAfter)]
#[case::cut_short(Effect::TruncateAfter(20))]
#[case::garbage(Effect::Garbage)]
#[case::error(Effect::Status(FaultyAnswer { code: 500, body: None, headers: [].into(), acts: true }))]
#[tokio::test]
async fn a_call_whose_answer_was_lost_is_dialled_once_and_settled_by_evidence(
    #[case] effect: Effect,
    #[values("say", "connect")] kind: &str,
) {
    let scene = Scene::set().await;
    scene.suffer("/", effect);
    scene
        .lose_and_settle(if kind == "say" {
            say(&number(0))
        } else {
            connect(&number(0))
        })
        .await;
    assert_eq!(dials(&scene.providers.zenvia), [(number(0), 1)].into());
}

#[tokio::test]
async fn a_number_that_loses_every_answer_is_dialled_once() {
    let scene = Scene::set().await;
    scene.lose_and_settle(say("+5511988880004")).await;
    assert_eq!(
        dials(&scene.providers.zenvia),
        [("+5511988880004".to_owned(), 1)].into()
    );
}

#[tokio::test]
async fn a_whatsapp_call_whose_answer_was_lost_is_made_once() {
    let scene = Scene::set().await;
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
    let ended = scene
        .lose_and_settle(json!({ "to": "whatsapp:+5511988880004", "session": { "type": "offer", "sdp": sdp } }))
        .await;
    assert_eq!(ended["session"]["type"], "answer");
    let made = Providers::controls(&scene.providers.positus.url()).get("/calls").await;
    assert_eq!(made.expect(200).body.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_code_whose_answer_was_lost_costs_no_attempt_and_is_not_sent_again() {
    let scene = Scene::set().await;
    scene.suffer("/verificacao", Effect::CloseAfter);
    let ask = || {
        scene
            .acme
            .ask(Method::POST, "/verifications")
            .key("login-7")
            .json(&verification(&number(0)))
            .answer()
    };
    let lost = ask().await;
    assert_eq!(
        (&lost.expect(202).body["status"], &lost.body["checkable"]),
        (&json!("pending"), &json!(false))
    );
    assert_eq!(
        (&lost.body["sends"][0]["status"], &lost.body["sends"][0]["provider_ref"]),
        (&json!("unknown"), &Value::Null)
    );
    let path = format!("/verifications/{}", lost.id());
    let sent = scene.providers.zenvia.last_code(&number(0)).unwrap();
    let check = scene
        .acme
        .post(&format!("{path}/check"), json!({ "code": sent.code }))
        .await;
    check.expect_problem(409, "verification-not-checkable");
    assert_eq!(scene.acme.get(&path).await.expect(200).body["attempts_left"], 5);
    assert_eq!(comparisons(&scene.providers.zenvia), 0);
    assert_eq!(ask().await.expect(202).id(), lost.id());
    assert_eq!(scene.providers.zenvia.dials().len(), 1);
}

#[tokio::test]
async fn news_twice_late_and_out_of_order_make_the_same_call() {
    let scene = Scene::set().await;
    let webhooks = &scene.providers.zenvia.control().webhooks;
    webhooks.configure(switchboard::simulators::webhooks::Settings {
        duplicate: 2,
        reorder_ms: 30,
        ..webhooks.settings()
    });
    let call = scene.acme.post("/calls", connect(&number(0))).await;
    let ended = scene.acme.ended(&call.expect(201).id()).await;
    let all_told = async || {
        let sent = webhooks.sent();
        (sent.iter().filter(|sent| sent.kind == "call-end").count() == 3).then_some(sent)
    };
    eventually("every webhook has been sent", all_told).await;
    assert_eq!(ended["status"], "completed");
    assert_eq!(
        scene.acme.get("/calls").await.body["data"].as_array().unwrap().len(),
        1,
        "one call"
    );
}
