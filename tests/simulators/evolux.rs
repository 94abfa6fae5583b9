//! Evolux: reports, calls without an id, and the ways in which its JSON is unlike what it seems.

mod bulk;
mod calls;
mod campaigns;
mod queues;
mod reports;

use serde_json::{Value, json};
use switchboard::simulators::evolux::{History, Options, start};
use switchboard::simulators::server::Handle;

use super::wire::{Answer, Client};

/// A simulator without history, and a client that has its token.
struct Evolux {
    client: Client,
    handle: Handle,
}

impl Evolux {
    async fn start() -> Self {
        Self::with_history(History::none()).await
    }

    async fn with_history(history: History) -> Self {
        let options = Options {
            tokens: vec!["key".to_owned()],
            history,
            ..Options::default()
        };
        let handle = start(options).await.unwrap();
        Self {
            client: Client::new(handle.addr).with("token", "key"),
            handle,
        }
    }

    async fn with_rows(rows: Value) -> Self {
        let evolux = Self::start().await;
        evolux.steer("/_sim/rows", rows).await;
        evolux
    }

    fn anonymous(&self) -> Client {
        Client::new(self.handle.addr)
    }

    async fn get(&self, target: &str) -> Answer {
        self.client.get(target).await
    }

    /// Posts a form.
    async fn form(&self, target: &str, body: &str) -> Answer {
        self.client
            .with("content-type", "application/x-www-form-urlencoded")
            .post(target, body)
            .await
    }

    /// Posts to the simulator's own controls.
    async fn steer(&self, target: &str, body: Value) {
        let answer = self.anonymous().post(target, &body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    async fn pass(&self, seconds: i64) {
        self.steer("/_sim/clock", json!({ "advance_seconds": seconds })).await;
    }

    async fn ledger(&self) -> Value {
        self.anonymous().get("/_sim/calls").await.json()
    }
}

#[tokio::test]
async fn a_token_is_read_from_the_header_the_query_or_the_form() {
    let evolux = Evolux::start().await;
    let anonymous = evolux.anonymous();
    assert_eq!(evolux.get("/api/v1/agents").await.status, 200);
    assert_eq!(anonymous.get("/api/v1/agents?token=key").await.status, 200);
    let form = anonymous.with("content-type", "application/x-www-form-urlencoded");
    assert_eq!(
        form.post("/api/v1/call", "token=key&from=john.snow&to=84999999999")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_missing_token_is_400_and_a_wrong_one_as_the_knob_says() {
    let evolux = Evolux::start().await;
    let missing = evolux.anonymous().get("/api/v1/agents").await;
    assert_eq!(
        (missing.status, missing.text()),
        (400, r#"{"meta":{"status":400,"message":"Missing token."}}"#)
    );
    let wrong = evolux.anonymous().with("token", "other");
    assert_eq!(wrong.get("/api/v1/agents").await.status, 401);
    evolux.steer("/_sim/knobs", json!({"invalid_token_status": 403})).await;
    assert_eq!(wrong.get("/api/v1/agents").await.json()["meta"]["status"], 403);
}

#[tokio::test]
async fn tokens_rotate_while_it_runs() {
    let evolux = Evolux::start().await;
    evolux.steer("/_sim/tokens", json!({"accept": ["key2"]})).await;
    assert_eq!(evolux.get("/api/v1/agents").await.status, 401);
    assert_eq!(
        evolux
            .anonymous()
            .with("token", "key2")
            .get("/api/v1/agents")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn requests_are_counted_by_route() {
    let evolux = Evolux::start().await;
    evolux.get("/api/v1/queues/12").await;
    evolux.get("/api/v1/queues/14?token=unused").await;
    let counts = evolux.anonymous().get("/_sim/requests").await.json();
    assert_eq!(counts, json!({"GET /api/v1/queues/{id}": 2}));
}

#[tokio::test]
async fn a_status_of_200_may_hide_a_failure() {
    let evolux = Evolux::start().await;
    evolux
        .steer(
            "/_sim/faults",
            json!({"path": "/api", "times": 1, "effect": "ok_false"}),
        )
        .await;
    let answer = evolux.get("/api/v1/agents").await;
    assert_eq!((answer.status, &answer.json()["meta"]["status"]), (200, &json!(500)));
}

#[tokio::test]
async fn agents_are_paged_with_links_of_their_own_kind() {
    let evolux = Evolux::start().await;
    let page = evolux.get("/api/v1/agents?page=1&limit=2").await.json();
    let pagination = &page["pagination"];
    assert_eq!(
        (&pagination["max_limit"], &pagination["items"], &pagination["total"]),
        (&json!(2), &json!(2), &json!(4))
    );
    assert_eq!(
        pagination["next_url"],
        "http://172.16.7.33/api/v1/agents/?limit=2&page=2"
    );
    let rest = evolux.get("/api/v1/agents?page=2&limit=2").await.json();
    assert_eq!(rest["data"][1]["archived"], true, "archived agents are listed");
    assert!(
        evolux.get("/api/v1/agents?page=3&limit=2").await.json()["data"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn archived_queues_show_only_when_asked_for() {
    let evolux = Evolux::start().await;
    let count = |answer: Answer| answer.json()["data"].as_array().unwrap().len();
    assert_eq!(count(evolux.get("/api/v1/queues").await), 2);
    assert_eq!(count(evolux.get("/api/v1/queues?include_archived=true").await), 3);
    assert_eq!(
        evolux.get("/api/v1/queues/9").await.json()["meta"]["message"],
        "Queue archived not requested"
    );
    assert_eq!(
        evolux.get("/api/v1/queues/9?include_archived=true").await.json()["data"]["slug"],
        "cobranca"
    );
    assert_eq!(evolux.get("/api/v1/queues/777").await.status, 404);
}

#[tokio::test]
async fn studio_calls_are_paged() {
    let evolux = Evolux::start().await;
    let page = evolux
        .get("/api/v1/studio/calls?start_date=2020-01-01&limit=3")
        .await
        .json();
    assert_eq!(
        (page["data"].as_array().unwrap().len(), &page["pagination"]["limit"]),
        (3, &json!(3))
    );
    assert!(page["data"][0]["call_flow"]["name"].is_string());
}
