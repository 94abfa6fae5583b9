//! The part common to all simulators: faults, webhooks, counts, stopping.

use rstest::rstest;
use serde_json::{Value, json};
use switchboard::simulators::zenvia::{self, Handle, Options, Pace};

use crate::common::{Receiver, client, eventually, raw};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

async fn start() -> Handle {
    let options = Options {
        tokens: vec![TOKEN.into()],
        pace: Pace::quick(),
        ..Options::default()
    };
    zenvia::start(options).await.unwrap()
}

async fn control(sim: &Handle, path: &str, body: Value) {
    let url = format!("{}/_sim/{path}", sim.url());
    let answer = client().post(url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

async fn shown(sim: &Handle, path: &str) -> Value {
    let url = format!("{}/_sim/{path}", sim.url());
    client().get(url).send().await.unwrap().json().await.unwrap()
}

fn order(keep_alive: bool) -> String {
    let body = r#"{"numero_origem":"4000","numero_destino":"+5510999999999"}"#;
    let connection = if keep_alive { "keep-alive" } else { "close" };
    format!(
        "POST /chamada HTTP/1.1\r\nHost: sim\r\nAccess-Token: {TOKEN}\r\nConnection: {connection}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn body_of(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    text.split_once("\r\n\r\n")
        .map_or(String::new(), |(_, body)| body.to_owned())
}

#[rstest]
#[case::before("close_before", 0)]
#[case::after("close_after", 1)]
#[tokio::test]
async fn a_closed_connection_answers_no_byte(#[case] effect: &str, #[case] dials: usize) {
    let sim = start().await;
    control(
        &sim,
        "faults",
        json!({"method": "POST", "path": "/chamada", "times": 1, "effect": effect}),
    )
    .await;
    assert_eq!(raw(sim.addr(), &order(true)).await, b"");
    assert_eq!(sim.dials().len(), dials);
    assert!(body_of(&raw(sim.addr(), &order(false)).await).contains("criada com sucesso"));
}

#[rstest]
#[case::refused(json!({"status": {"code": 500}}), 500, "\"motivo\":50", 0)]
#[case::acted_then_failed(json!({"status": {"code": 500, "acts": true}}), 500, "erro interno", 1)]
#[case::own_body(json!({"status": {"code": 418, "body": "tea"}}), 418, "tea", 0)]
#[case::garbage(json!("garbage"), 200, "not json", 1)]
#[case::html(json!("html"), 502, "<html>", 0)]
#[case::busy(json!({"busy": 7}), 429, "\"status\":429", 0)]
#[case::no_in_a_yes(json!("ok_false"), 200, "\"sucesso\":false", 0)]
#[case::slow(json!({"slow_body": 0}), 200, "criada com sucesso", 1)]
#[case::delayed(json!({"delay_ms": {"before": 1, "after": 1}}), 200, "criada com sucesso", 1)]
#[tokio::test]
async fn a_fault_answers_as_asked(
    #[case] effect: Value,
    #[case] status: u16,
    #[case] contains: &str,
    #[case] dials: usize,
) {
    let sim = start().await;
    control(&sim, "faults", json!({"path": "/chamada", "effect": effect})).await;
    let answer = String::from_utf8(raw(sim.addr(), &order(false)).await).unwrap();
    assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    assert!(answer.contains(contains), "{answer}");
    assert_eq!(answer.contains("retry-after: 7"), status == 429);
    assert_eq!(sim.dials().len(), dials);
}

#[tokio::test]
async fn a_truncated_body_is_shorter_than_announced() {
    let sim = start().await;
    control(&sim, "faults", json!({"effect": {"truncate_after": 10}})).await;
    let answer = raw(sim.addr(), &order(true)).await;
    assert_eq!(body_of(&answer), "{\"status\":");
    assert_eq!(sim.dials().len(), 1);
}

#[tokio::test]
async fn faults_are_listed_and_cleared() {
    let sim = start().await;
    control(&sim, "faults", json!({"times": 2, "effect": "html"})).await;
    raw(sim.addr(), &order(false)).await;
    assert_eq!(shown(&sim, "faults").await[0]["times"], 1);
    client()
        .delete(format!("{}/_sim/faults", sim.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(shown(&sim, "faults").await, json!([]));
}

#[tokio::test]
async fn a_control_request_that_does_not_fit_is_refused() {
    let sim = start().await;
    for (path, body) in [
        ("faults", json!({"effect": "unknown"})),
        ("tokens", json!([])),
        ("nothing", json!({})),
    ] {
        let url = format!("{}/_sim/{path}", sim.url());
        let answer = client().post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_client_error(), "{path}");
    }
}

#[tokio::test]
async fn requests_are_counted_by_route() {
    let sim = start().await;
    for path in ["/chamada/1", "/chamada/2/", "/saldo"] {
        client().get(format!("{}{path}", sim.url())).send().await.unwrap();
    }
    let counts = shown(&sim, "requests").await;
    assert_eq!(counts, json!({"GET /chamada/{id}": 2, "GET /saldo": 1}));
}

#[tokio::test]
async fn a_stopped_simulator_refuses_connections() {
    let sim = start().await;
    let addr = sim.addr();
    // A call and a connection under way must not hold the stop.
    let idle = tokio::net::TcpStream::connect(addr).await.unwrap();
    raw(addr, &order(false)).await;
    sim.stop().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn a_webhook_is_tried_again_until_accepted() {
    let (sim, (receiver, to)) = (start().await, Receiver::start(&[500, 503]).await);
    control(
        &sim,
        "webhooks",
        json!({"urls": {"balance": format!("{}/balance", to.url())}}),
    )
    .await;
    control(&sim, "fire/balance", json!({"saldo": "1.5"})).await;
    let sent = eventually("delivery", async || sim.control().webhooks.sent().pop()).await;
    assert_eq!((sent.attempts, sent.status), (3, Some(200)));
    assert_eq!(receiver.of("balance").len(), 3);
    assert_eq!(shown(&sim, "webhooks/sent").await[0]["attempts"], 3);
}

#[tokio::test]
async fn webhooks_misbehave_on_request() {
    let (sim, (receiver, to)) = (start().await, Receiver::start(&[]).await);
    let url = |kind: &str| format!("{}/{kind}", to.url());
    let urls = json!({"balance": url("balance"), "sms-reply": url("sms-reply"), "voicemail": url("voicemail")});
    control(
        &sim,
        "webhooks",
        json!({"urls": urls, "duplicate": 1, "drop": ["voicemail"]}),
    )
    .await;
    control(&sim, "fire/voicemail", json!({"id": 1})).await;
    control(&sim, "fire/sms-reply", json!({"id": 1})).await;
    eventually("two copies", async || {
        (receiver.of("sms-reply").len() == 2).then_some(())
    })
    .await;
    assert!(receiver.of("voicemail").is_empty());

    // Both of one subject: the second overtakes the first.
    control(&sim, "webhooks", json!({"reorder_ms": 5000})).await;
    let outbox = &sim.control().webhooks;
    outbox.fire("balance", "one", r#"{"saldo":"1"}"#.to_owned());
    outbox.fire("balance", "one", r#"{"saldo":"2"}"#.to_owned());
    eventually("both", async || (receiver.of("balance").len() == 2).then_some(())).await;
    assert_eq!(receiver.of("balance"), [json!({"saldo": "2"}), json!({"saldo": "1"})]);
}
