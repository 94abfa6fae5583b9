//! A caller who goes away while the gateway acts: the act is done once, and its answer is there for who asks again.

use reqwest::Method;
use serde_json::{Value, json};
use switchboard::simulators::faults::{Delay, Effect};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::bed::{Answer, eventually};
use crate::site::{NUMBER, Site, say};

const KEY: &str = "order-7";
/// How long the provider thinks about it: long enough that the caller is gone first.
const THINKS: Delay = Delay { before: 300, after: 0 };

/// Sends a request and hangs up once the provider was asked.
async fn ask_and_leave(site: &Site, path: &str, body: &Value, asked: (&str, &str)) {
    let (body, before) = (body.to_string(), site.asked(asked.0, asked.1));
    let mut socket = TcpStream::connect(site.address()).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {KEY}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n",
        token = site.home.tokens.of("acme"),
        length = body.len(),
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    eventually("the provider is asked", async || {
        (site.asked(asked.0, asked.1) > before).then_some(())
    })
    .await;
    // A reset, because a mere end of what is sent does not say that nobody listens.
    socket.set_zero_linger().unwrap();
}

/// The answer to a repeat once the first is done.
async fn replayed(site: &Site, path: &str, body: &Value) -> Answer {
    let answer = eventually("the first is done", async || {
        let again = site.acme.ask(Method::POST, path).key(KEY).json(body).answer().await;
        if again.status == 409 {
            again.expect_problem(409, "request-in-progress");
            assert!(again.header("retry-after").is_some());
            return None;
        }
        Some(again)
    })
    .await;
    assert_eq!(answer.header("idempotent-replayed"), Some("true"), "{}", answer.body);
    answer
}

#[tokio::test]
async fn a_call_is_dialled_once_and_told_again() {
    let site = Site::start().await;
    site.hurt("POST", "/tts", Effect::DelayMs(THINKS));
    ask_and_leave(&site, "/calls", &say(NUMBER), ("POST", "/tts")).await;
    let call = replayed(&site, "/calls", &say(NUMBER)).await;
    assert_eq!(
        call.header("location"),
        Some(format!("/calls/{}", call.expect(201).id()).as_str())
    );
    assert_eq!(site.asked("POST", "/tts"), 1);
    assert_eq!(site.providers.zenvia.dials().len(), 1);
    assert_eq!(site.acme.ended(&call.id()).await["status"], "completed");
}

#[tokio::test]
async fn a_code_is_sent_once_and_can_be_checked() {
    let site = Site::start().await;
    site.hurt("POST", "/verificacao", Effect::DelayMs(THINKS));
    let body = json!({ "to": NUMBER, "channel": "sms" });
    ask_and_leave(&site, "/verifications", &body, ("POST", "/verificacao")).await;
    let sent = replayed(&site, "/verifications", &body).await;
    assert_eq!(site.asked("POST", "/verificacao"), 1);
    let code = site.providers.zenvia.last_code(NUMBER).unwrap().code;
    let check = format!("/verifications/{}/check", sent.expect(201).id());
    assert_eq!(
        site.acme.post(&check, json!({ "code": code })).await.expect(200).body["valid"],
        true
    );
}

#[tokio::test]
async fn a_check_spends_one_attempt_and_keeps_its_verdict() {
    let site = Site::start().await;
    let verification = site.verification(NUMBER).await;
    site.hurt("GET", "/verificacao", Effect::DelayMs(THINKS));
    let body = json!({ "code": site.providers.zenvia.last_code(NUMBER).unwrap().code });
    let path = format!("/verifications/{verification}/check");
    ask_and_leave(&site, &path, &body, ("GET", "/verificacao")).await;
    let verdict = replayed(&site, &path, &body).await;
    assert_eq!(verdict.expect(200).body["valid"], true, "{}", verdict.body);
    assert_eq!(verdict.body["attempts_left"], 4);
    assert_eq!(site.asked("GET", "/verificacao"), 1);
}

#[tokio::test]
async fn a_hangup_is_asked_for_once() {
    let site = Site::start().await;
    let call = site.live_call().await;
    // The provider obeys at once, lest the call ends by itself, and is slow to say so.
    site.hurt("DELETE", "/chamada", Effect::DelayMs(Delay { before: 0, after: 300 }));
    let path = format!("/calls/{call}/hangup");
    ask_and_leave(&site, &path, &json!({}), ("DELETE", "/chamada/{id}")).await;
    assert_eq!(replayed(&site, &path, &json!({})).await.expect(202).id(), call);
    assert_eq!(site.asked("DELETE", "/chamada/{id}"), 1);
}
