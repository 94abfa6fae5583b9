//! The worked example of `docs/add-a-provider.md` is this code: it compiles, works, and stands in the page as it is here.

mod voz;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use switchboard::clock::ManualClock;
use switchboard::config::{Account, Config};
use switchboard::domain::address::Address;
use switchboard::domain::call::{CallStatus, ProviderRef};
use switchboard::domain::error::{FailureKind, Refusal};
use switchboard::domain::ids::CallId;
use switchboard::domain::phone::Region;
use switchboard::domain::place::{Action, ActionKind, NewCall, Script};
use switchboard::domain::time::Timestamp;
use switchboard::providers::port::{Authentic, News, Proof, Provider};
use voz::Voz;

use super::repository::{files, text};

#[test]
fn the_page_shows_this_code() {
    let page = text("docs/add-a-provider.md").unwrap();
    let is_example = |path: &String| path.starts_with("tests/contract/add_a_provider/");
    let code: Vec<_> = files()
        .into_iter()
        .filter(is_example)
        .map(|path| text(&path).unwrap())
        .collect();
    // The page is about a folder of the crate; this is a test beside it.
    let code = code.join("\n").replace("switchboard::", "crate::");
    let shown: Vec<_> = page
        .split("```rust\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(shown.len() >= 4);
    for block in shown {
        assert!(
            code.contains(block),
            "the page shows what is not in the example:\n{block}"
        );
    }
}

#[tokio::test]
async fn a_call_is_placed() {
    let (url, request) = answering("201 Created", r#"{"id":"c-1"}"#);
    let placed = provider(&url).calls().unwrap().place(&call()).await.unwrap();
    assert_eq!(placed, Some(ProviderRef::id("c-1")));
    let request = request.join().unwrap();
    assert!(request.starts_with("POST /calls HTTP/1.1"), "{request}");
    assert!(request.contains("authorization: Bearer a-key"), "{request}");
    assert!(request.contains(r#""to":"5511988887777""#), "{request}");
}

#[tokio::test]
async fn a_refusal_is_told_in_our_words() {
    let (url, _) = answering("422 Unprocessable", r#"{"code":11,"message":"no such number"}"#);
    let failure = provider(&url).calls().unwrap().place(&call()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused(Refusal::Invalid));
    assert_eq!(
        (failure.code.as_deref(), failure.message.as_deref()),
        (Some("11"), Some("no such number"))
    );
}

#[test]
fn news_are_tied_to_the_call_by_its_label() {
    let account = account("http://127.0.0.1:1");
    let id = CallId::generate();
    let body = format!(r#"{{"call":"c-1","state":"answered","label":"order-7 {id}","at":1800000000,"new":"field"}}"#);
    let ring = account.webhook_keys.as_ref().unwrap();
    let proof = Proof::check(ring, "a-key", Timestamp::from_seconds(0)).unwrap();
    let webhook = Authentic::new(proof, None, body.as_bytes());
    let notices = provider("http://127.0.0.1:1")
        .webhooks()
        .unwrap()
        .parse(&webhook)
        .unwrap();
    let [notice] = notices.as_slice() else {
        panic!("{notices:?}")
    };
    let News::Call(facts) = &notice.news else {
        panic!("{notice:?}")
    };
    assert_eq!(notice.raw, body);
    assert_eq!((facts.echoed, facts.status), (Some(id), Some(CallStatus::InProgress)));
    assert_eq!(facts.tag.as_deref(), Some("order-7"));
}

fn account(url: &str) -> Account {
    let text = format!(
        r#"
        [auth]
        issuer = "https://auth.example.com"
        keys = [{{ id = "1", alg = "HS256", secret = "env::JWT" }}]
        [accounts.voz]
        provider = "voz"
        owner = "telephony"
        base_url = "{url}"
        keys = [{{ id = "1", secret = "env::KEY" }}]
        webhook_keys = [{{ id = "1", secret = "env::KEY" }}]
        "#
    );
    let env = [
        ("JWT", "a secret that is of thirty-two bytes or more"),
        ("KEY", "a-key"),
    ];
    let mut config = Config::from_toml_with(&text, &env).unwrap_or_else(|faults| panic!("{faults}"));
    config.accounts.remove("voz").unwrap()
}

fn provider(url: &str) -> impl Provider {
    Voz::new(&account(url), Arc::new(ManualClock::at(0))).unwrap()
}

fn call() -> NewCall {
    let say = ActionKind::Say {
        text: "Seu pedido saiu".to_owned(),
        voice: None,
    };
    NewCall {
        id: CallId::generate(),
        to: Address::parse("11988887777", Region::BR).unwrap(),
        from: None,
        script: Script::Actions(vec![Action {
            what: say,
            on_digit: None,
        }]),
        record: false,
        hang_up_on_machine: false,
        collect_digits: false,
        max_duration_seconds: None,
        schedule_at: None,
        tag: None,
        account: None,
    }
}

/// A server that answers one request, and the request it got.
fn answering(status: &'static str, body: &'static str) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let request = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        // The body is one JSON object.
        while !request.ends_with(b"}") {
            let mut part = [0; 1024];
            let length = stream.read(&mut part).unwrap();
            assert!(length > 0, "the request breaks off");
            request.extend_from_slice(&part[..length]);
        }
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        String::from_utf8(request).unwrap()
    });
    (url, request)
}
