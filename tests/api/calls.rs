//! Calls that are well described and cannot be placed: the problem, the field, and that nothing was dialled.

use rstest::rstest;
use serde_json::{Value, json};

use crate::site::{NUMBER, Site, expect_wrong, say, with};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";

fn acting(action: Value) -> Value {
    json!({ "to": NUMBER, "actions": [action] })
}

/// Bodies of `POST /calls`, with the field that is wrong and how.
fn wrong_calls() -> Vec<(Value, &'static str, &'static str)> {
    let (call, session) = (say(NUMBER), json!({ "type": "offer", "sdp": SDP }));
    let mut rows: Vec<_> = [
        "abc",
        "190",
        "+55119888877",
        "0",
        "ext:",
        "ext:x",
        "agent:",
        "agent:a b",
        "whatsapp:x",
        "sip:a@b",
    ]
    .map(|party| (with(&call, json!({ "to": party })), "/to", "invalid"))
    .into();
    rows.extend(["abc", "whatsapp:x"].map(|party| (with(&call, json!({ "from": party })), "/from", "invalid")));
    rows.extend(["abc", "+5511"].map(|to| {
        (
            acting(json!({ "type": "connect", "to": to })),
            "/actions/0/to",
            "invalid",
        )
    }));
    let whatsapp = acting(json!({ "type": "connect", "to": "whatsapp:+5511988887777" }));
    rows.push((whatsapp, "/actions/0/to", "not_allowed"));
    let from = with(&call, json!({ "from": "whatsapp:+5511988887777" }));
    rows.push((from, "/from", "not_allowed"));
    let private = [
        "http://10.0.0.1/a",
        "http://127.1/a",
        "http://2130706433/a",
        "https://[::1]/a",
        "https://[::ffff:10.0.0.1]/a",
    ];
    rows.extend(private.map(|url| {
        (
            acting(json!({ "type": "play", "url": url })),
            "/actions/0/url",
            "not_allowed",
        )
    }));
    rows.extend(["a", "ftp://a/b", "https://"].map(|url| {
        (
            acting(json!({ "type": "play", "url": url })),
            "/actions/0/url",
            "invalid",
        )
    }));
    rows.push((json!({ "to": NUMBER }), "/actions", "missing"));
    rows.push((json!({ "to": NUMBER, "session": session }), "/session", "not_allowed"));
    rows.push((
        with(&call, json!({ "to": "whatsapp:+5511988887777" })),
        "/session",
        "missing",
    ));
    rows.push((
        with(&call, json!({ "to": "whatsapp:+5511988887777", "session": session })),
        "/actions",
        "not_allowed",
    ));
    rows.push((
        with(&call, json!({ "schedule_at": "2020-01-01T00:00:00Z" })),
        "/schedule_at",
        "too_small",
    ));
    rows.extend(
        ["tomorrow", "2030-01-01", "2030-01-01T00:00:00"]
            .map(|at| (with(&call, json!({ "schedule_at": at })), "/schedule_at", "invalid")),
    );
    rows.push((with(&call, json!({ "tag": "a b" })), "/tag", "invalid"));
    rows.extend(
        [("nobody", "unknown"), ("A B", "invalid")]
            .map(|(name, code)| (with(&call, json!({ "account": name })), "/account", code)),
    );
    rows
}

/// Bodies of `POST /calls` that no account, or not the one named, can carry out, with what it cannot do.
fn unsupported_calls() -> Vec<(Value, &'static str)> {
    let (call, agent) = (say(NUMBER), json!({ "type": "connect", "to": NUMBER }));
    vec![
        (
            with(&call, json!({ "max_duration_seconds": 60 })),
            "max_duration_seconds",
        ),
        (
            with(&call, json!({ "schedule_at": "2099-01-01T00:00:00Z" })),
            "schedule_at",
        ),
        (
            with(&acting(agent.clone()), json!({ "collect_digits": true })),
            "collect_digits",
        ),
        (
            json!({ "to": "agent:john.snow", "actions": [agent], "record": true }),
            "record",
        ),
        (with(&call, json!({ "to": "agent:john.snow" })), "connect_agent"),
        (with(&call, json!({ "from": "agent:john.snow" })), "connect_agent"),
        (
            acting(json!({ "type": "connect", "to": "agent:john.snow" })),
            "connect_agent",
        ),
        (
            json!({ "to": "agent:john.snow", "actions": [{ "type": "connect", "to": "agent:maria.luz" }] }),
            "connect_agent",
        ),
        (
            json!({ "to": "agent:john.snow", "actions": [{ "type": "connect", "to": NUMBER, "from": NUMBER }] }),
            "caller_id",
        ),
        (
            with(&call, json!({ "account": "evolux-natal" })),
            "say; accounts that have it: zenvia-br",
        ),
        (
            with(&call, json!({ "account": "whatsapp" })),
            "say; accounts that have it: zenvia-br",
        ),
    ]
}

#[tokio::test]
async fn a_call_that_cannot_be_placed_names_why_and_dials_nothing() {
    let site = Site::start().await;
    for dry in ["", "?dry_run=true"] {
        let path = format!("/calls{dry}");
        for (body, pointer, code) in wrong_calls() {
            expect_wrong(&site.acme.post(&path, body).await, pointer, code);
        }
        for (body, what) in unsupported_calls() {
            let answer = site.acme.post(&path, body.clone()).await;
            answer.expect_problem(422, "not-supported");
            assert!(
                answer.body["detail"].as_str().unwrap().contains(what),
                "{body}: {}",
                answer.body
            );
        }
        let abroad = site.acme.post(&path, say("+14155552671")).await;
        abroad.expect_problem(422, "destination-not-allowed");
    }
    assert_eq!(site.providers.zenvia.dials().len(), 0);
    assert_eq!(site.acme.get("/calls").await.expect(200).body["data"], json!([]));
}

#[tokio::test]
async fn what_a_provider_has_no_words_for_is_not_supported_and_not_asked() {
    let site = Site::start().await;
    let voice = json!({ "type": "say", "text": "Oi", "voice": "tlh" });
    let answer = site.acme.post("/calls", acting(voice)).await;
    answer.expect_problem(422, "not-supported");
    assert_eq!(answer.body["account"], "zenvia-br");
    let call = site.live_call().await;
    let party = json!({ "to": "agent:john.snow", "mode": "listen" });
    let answer = site.acme.post(&format!("/calls/{call}/monitor"), party).await;
    answer.expect_problem(422, "not-supported");
    assert_eq!(
        (site.asked("POST", "/tts"), site.asked("POST", "/chamada/{id}/escuta")),
        (0, 0)
    );
}

#[rstest]
#[case::accept("accept", json!({ "session": { "type": "answer", "sdp": SDP } }), "inbound")]
#[case::reject("reject", json!({}), "inbound")]
#[case::hangup("hangup", json!({}), "hangup")]
#[case::transfer("transfer", json!({ "to": "ext:4000", "leg": "callee" }), "transfer")]
#[case::monitor("monitor", json!({ "to": "ext:4000", "mode": "listen" }), "monitor")]
#[tokio::test]
async fn what_a_call_cannot_do_is_named_until_it_is_over(#[case] act: &str, #[case] body: Value, #[case] what: &str) {
    let site = Site::start().await;
    let call = site.acme.post("/calls", say(NUMBER)).await.expect(201).id();
    let path = format!("/calls/{call}/{act}");
    let live = site.acme.post(&path, body.clone()).await;
    live.expect_problem(422, "not-supported");
    assert!(live.body["detail"].as_str().unwrap().contains(what), "{}", live.body);
    assert_eq!(
        (&live.body["account"], &live.body["provider"]),
        (&json!("zenvia-br"), &json!("zenvia"))
    );
    site.acme.ended(&call).await;
    let over = site.acme.post(&path, body).await;
    over.expect_problem(409, "call-not-active");
    assert_eq!(over.body["call"], json!({ "id": call, "status": "completed" }));
}

#[tokio::test]
async fn a_call_for_later_is_scheduled_until_it_starts() {
    let site = Site::start().await;
    let connect = acting(json!({ "type": "connect", "to": "+551130031000" }));
    let later = with(&connect, json!({ "schedule_at": "2099-01-01T00:00:00Z" }));
    let call = site.acme.post("/calls", later).await;
    assert_eq!(call.expect(201).body["status"], "scheduled");
    let refreshed = site.acme.get(&format!("/calls/{}?refresh=true", call.id())).await;
    assert_eq!(refreshed.expect(200).body["status"], "scheduled");
}
