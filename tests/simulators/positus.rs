//! Positus: calls without an id in the answer, and webhooks that tell the rest.

mod by_hand;
mod flow;
mod refusals;
mod webhooks;

use std::time::Duration;

use serde_json::{Value, json};
use switchboard::simulators::positus::{Number, Options, Pace, start};
use switchboard::simulators::server::Handle;

use super::wire::{Answer, Client, Hooks};

const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
    a=mid:0\r\na=setup:actpass\r\na=rtpmap:111 opus/48000/2\r\n";
const USER: &str = "5543999011234";
/// A pace for calls that a test ends itself.
const LASTING: Pace = Pace {
    talk: Duration::from_secs(600),
    ring_window: Duration::from_secs(600),
    ..Pace::quick()
};

/// A simulator, a client that has its token, and the receiver of its webhooks.
struct Positus {
    client: Client,
    hooks: Hooks,
    handle: Handle,
}

impl Positus {
    async fn start() -> Self {
        Self::with_pace(Pace::quick()).await
    }

    async fn with_pace(pace: Pace) -> Self {
        Self::with(pace, &[]).await
    }

    /// A simulator whose first webhooks are answered with these statuses.
    async fn with(pace: Pace, statuses: &[u16]) -> Self {
        let hooks = Hooks::start(statuses).await;
        let (tokens, webhook_url) = (vec!["key".to_owned()], Some(hooks.url.clone()));
        let handle = start(Options {
            tokens,
            webhook_url,
            pace,
            ..Options::default()
        })
        .await
        .unwrap();
        let client = Client::new(handle.addr).with("authorization", "Bearer key");
        Self { client, hooks, handle }
    }

    fn anonymous(&self) -> Client {
        Client::new(self.handle.addr)
    }

    /// Posts to a calling endpoint of the first number.
    async fn act(&self, action: &str, body: Value) -> Answer {
        self.client.post(&calls(action), &body.to_string()).await
    }

    async fn make(&self, to: &str) -> Answer {
        self.act("make", offer_to(to)).await
    }

    /// Posts to the simulator's own controls.
    async fn steer(&self, target: &str, body: Value) -> Value {
        let answer = self.anonymous().post(target, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Makes a user call, and gives the call's id.
    async fn ring(&self) -> String {
        self.steer("/_sim/incoming", json!({ "from": USER })).await["call_id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    async fn ledger(&self) -> Value {
        self.anonymous().get("/_sim/calls").await.json()
    }

    /// The next webhook, as what it tells: the event of a call or the status of one.
    async fn news(&mut self) -> (String, Value) {
        let body = self.hooks.next().await;
        let item = body["calls"].get(0).or(body["statuses"].get(0)).unwrap().clone();
        let name = item
            .get("event")
            .unwrap_or(&item["status"])
            .as_str()
            .unwrap()
            .to_owned();
        (name, item)
    }

    /// The names of the next webhooks.
    async fn names<const N: usize>(&mut self) -> [String; N] {
        let mut names = Vec::new();
        for _ in 0..N {
            names.push(self.news().await.0);
        }
        names.try_into().unwrap()
    }
}

fn calls(action: &str) -> String {
    format!("/v2/whatsapp/numbers/{}/calls/{action}", Number::default().id)
}

fn offer_to(to: &str) -> Value {
    json!({"to": to, "connection": {"webrtc": {"sdp": OFFER}}, "session": {"sdp_type": "offer", "sdp": OFFER}})
}

#[tokio::test]
async fn the_account_shows_its_workspace_and_numbers() {
    let positus = Positus::start().await;
    let workspaces = positus.client.get("/v2/workspaces").await.json();
    let id = workspaces["data"][0]["id"].as_str().unwrap();
    let numbers = positus.client.get(&format!("/v2/workspaces/{id}/numbers")).await.json();
    assert_eq!(numbers["data"][0]["id"], Number::default().id);
    assert_eq!(positus.client.get("/v2/workspaces/other/numbers").await.status, 404);
}

#[tokio::test]
async fn tokens_rotate_while_it_runs() {
    let positus = Positus::start().await;
    let refused = positus.anonymous().get("/v2/workspaces").await;
    assert_eq!(
        (refused.status, refused.text()),
        (401, r#"{"message":"Unauthenticated."}"#)
    );
    positus.steer("/_sim/tokens", json!({"accept": ["key2"]})).await;
    assert_eq!(positus.client.get("/v2/workspaces").await.status, 401);
    let second = positus.anonymous().with("authorization", "Bearer key2");
    assert_eq!(second.get("/v2/workspaces").await.status, 200);
}

#[tokio::test]
async fn a_permission_says_how_often_a_user_may_still_be_called() {
    let mut positus = Positus::start().await;
    let target = calls(&format!("call-permissions?user_wa_id={USER}"));
    let before = positus.client.get(&target).await.json();
    let number = Number::default();
    let shown = json!({"uuid": number.id, "waba_id": number.waba_id, "user_wa_id": USER, "to": "1131361234"});
    assert_eq!(before["number"], shown);
    assert_eq!(before["calling"]["permission"]["status"], "temporary");
    assert!(before["calling"]["permission"]["expiration_time"].is_i64());
    let start_call = |shown: &Value| shown["calling"]["actions"][1].clone();
    let limit = json!({"time_period": "PT24H", "max_allowed": 5, "current_usage": 0});
    assert_eq!(
        start_call(&before),
        json!({"action_name": "start_call", "can_perform_action": true, "limits": [limit]})
    );

    positus.make(USER).await;
    positus.names::<4>().await;
    let after = positus.client.get(&target).await.json();
    assert_eq!(start_call(&after)["limits"][0]["current_usage"], 1);

    positus
        .steer(
            "/_sim/permissions",
            json!({"user_wa_id": USER, "status": "permanent", "calls_used": 5}),
        )
        .await;
    let used_up = positus.client.get(&target).await.json();
    assert_eq!(used_up["calling"]["permission"], json!({"status": "permanent"}));
    assert_eq!(
        start_call(&used_up)["can_perform_action"],
        false,
        "a permission is not enough"
    );
    assert!(start_call(&used_up)["limits"][0]["limit_expiration_time"].is_i64());
    assert_eq!(positus.client.get(&calls("call-permissions")).await.status, 400);
}
