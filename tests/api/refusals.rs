//! What every operation refuses, whatever it does: strangers, other methods, unknown objects, wrong parameters.

use jsonwebtoken::Algorithm;
use reqwest::Method;
use serde_json::{Value, json};

use crate::bed::{Answer, Tokens};
use crate::document::{Operation, members, operations};
use crate::site::{Site, expect_wrong};

#[tokio::test]
async fn who_may_not_is_told_so() {
    let site = Site::start().await;
    let objects = site.objects().await;
    let stranger = site.acme.with_token(String::new());
    let mut claims = Tokens::claims("acme");
    claims["scope"] = json!("");
    let without_scope = site.acme.with_token(site.home.tokens.sign(Algorithm::HS256, &claims));
    let everyone = site.acme.with_token(site.home.tokens.of("*"));
    let other = site.acme.with_token(site.home.tokens.of("other"));
    for operation in operations().iter().filter(|operation| operation.guarded) {
        let path = objects.path(operation);
        let refused = operation.ask(&stranger, &path).answer().await;
        documented(operation, refused.expect_problem(401, "unauthenticated"));
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        let refused = operation.ask(&without_scope, &path).answer().await;
        documented(operation, refused.expect_problem(403, "forbidden"));
        if operation.acts() {
            let refused = ask_well(operation, &everyone, &path).await;
            documented(operation, refused.expect_problem(403, "forbidden"));
        }
        if operation.path.contains("{id}") {
            let hidden = ask_well(operation, &other, &path).await;
            documented(operation, hidden.expect_problem(404, "not-found"));
        }
    }
}

#[tokio::test]
async fn an_object_that_does_not_exist_is_not_found() {
    let site = Site::start().await;
    for operation in operations().iter().filter(|operation| operation.path.contains('{')) {
        let unknown = [
            "call_0",
            "ver_0",
            "rec_0",
            "0",
            "%ff",
            "call_01a2052d02e5750ba64dbb2a1f9672e9",
        ];
        for name in unknown {
            let path = filled(&operation.path, name);
            let answer = ask_well(operation, &site.acme, &path).await;
            documented(operation, answer.expect_problem(404, "not-found"));
        }
    }
    for path in ["/", "/nowhere", "/calls/", "//calls", "/CALLS", "/health", "/metrics"] {
        site.acme.get(path).await.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn another_method_is_told_which_there_are() {
    let site = Site::start().await;
    let operations = operations();
    for operation in &operations {
        let here = operations.iter().filter(|other| other.path == operation.path);
        let mut allowed = Vec::new();
        for method in here.map(|other| &other.method) {
            allowed.push(method.as_str());
            allowed.extend((*method == Method::GET).then_some("HEAD"));
        }
        let path = filled(&operation.path, "x");
        for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
            let answer = site.acme.ask(method, &path).answer().await;
            answer.expect_problem(405, "method-not-allowed");
            assert_eq!(answer.header("allow"), Some(allowed.join(", ").as_str()), "{path}");
        }
    }
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body() {
    let site = Site::start().await;
    let objects = site.objects().await;
    for operation in operations().iter().filter(|operation| operation.method == Method::GET) {
        let path = objects.path(operation);
        let whole = site.acme.get(&path).await;
        let head = site.acme.ask(Method::HEAD, &path).answer().await;
        assert_eq!(head.status, whole.status, "{path}");
        assert_eq!(head.header("content-type"), whole.header("content-type"), "{path}");
        assert_eq!(head.body, Value::String(String::new()));
    }
}

#[tokio::test]
async fn every_parameter_is_read_or_refused() {
    let site = Site::start().await;
    let objects = site.objects().await;
    for operation in operations().iter().filter(|operation| !operation.is_webhook()) {
        let path = objects.path(operation);
        let unknown = ask_well(operation, &site.acme, &format!("{path}?frob=1")).await;
        expect_wrong(&unknown, "frob", "unknown");
        documented(operation, &unknown);
        for (name, schema) in &operation.query {
            for (value, code) in wrong_parameters(name, schema) {
                let answer = ask_well(operation, &site.acme, &format!("{path}?{name}={value}")).await;
                expect_wrong(&answer, name, code);
            }
        }
    }
}

#[tokio::test]
async fn a_cursor_continues_only_the_list_it_came_from() {
    let site = Site::start().await;
    let objects = site.objects().await;
    let first = site.acme.get("/history?since=yesterday&limit=1").await;
    let cursor = first.expect(200).body["next_cursor"].as_str().unwrap().to_owned();
    let lists = operations().into_iter().filter(|operation| {
        let mut names = operation.query.iter().map(|(name, _)| name.as_str());
        names.any(|name| name == "cursor")
    });
    for operation in lists {
        for foreign in ["x", cursor.as_str(), &cursor[1..]] {
            let path = format!("{}?cursor={foreign}&limit=2", objects.path(&operation));
            let answer = site.acme.get(&path).await;
            documented(&operation, answer.expect_problem(400, "invalid-cursor"));
        }
    }
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let site = Site::start().await;
    let objects = site.objects().await;
    for operation in operations().iter().filter(|operation| operation.acts()) {
        for key in [String::new(), "k".repeat(256), "ключ".to_owned()] {
            let asked = operation.ask(&site.acme, &objects.path(operation)).key(&key);
            let answer = asked.json(&body(operation)).answer().await;
            expect_wrong(&answer, "Idempotency-Key", "invalid");
        }
    }
}

#[tokio::test]
async fn a_problem_says_what_it_is() {
    let site = Site::start().await;
    let request = site
        .acme
        .ask(Method::GET, "/calls?limit=0")
        .header("x-request-id", "mine-1");
    let answer = request.answer().await;
    expect_wrong(&answer, "limit", "too_small");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("x-request-id"), Some("mine-1"));
    assert_eq!(answer.body["request_id"], "mine-1");
    assert_eq!(answer.body["instance"], "urn:request:mine-1");
    assert_eq!(answer.body["status"], 422);
    let page = site.acme.get(answer.body["type"].as_str().unwrap()).await;
    assert_eq!(page.expect(200).body["title"], answer.body["title"]);
    for problem in site.acme.get("/problems").await.expect(200).body["data"]
        .as_array()
        .unwrap()
    {
        let page = site.acme.get(problem["type"].as_str().unwrap()).await;
        assert_eq!(page.expect(200).body, *problem);
    }
}

/// Values a parameter may not have, and what each is told.
fn wrong_parameters(name: &str, schema: &Value) -> Vec<(String, &'static str)> {
    let item = if schema["type"] == "array" {
        &schema["items"]
    } else {
        schema
    };
    let mut wrong = match item["type"].as_str() {
        Some("integer") => vec![
            ("x".into(), "invalid"),
            ("0".into(), "too_small"),
            ("501".into(), "too_large"),
        ],
        Some("boolean") => vec![("maybe".into(), "invalid")],
        _ if item.get("enum").is_some() => vec![("nope".into(), "invalid")],
        _ => Vec::new(),
    };
    match name {
        "from" | "to" | "number" => wrong.extend(["abc", "%2B55119999", "190"].map(|text| (text.into(), "invalid"))),
        "since" | "until" => wrong.extend(["tomorrow", "2026-02-30", "1"].map(|text| (text.into(), "invalid"))),
        "account" => wrong.extend([("A%20B".into(), "invalid"), ("nobody".into(), "unknown")]),
        "tag" => wrong.push(("a%20b".into(), "invalid")),
        _ => {}
    }
    if let (Some(longest), true) = (item["maxLength"].as_u64(), name != "account") {
        wrong.push(("x".repeat(longest as usize + 1), "too_long"));
        wrong.push((String::new(), "too_small"));
    }
    if schema["type"] != "array" {
        let fine = item["default"]
            .as_u64()
            .map_or("true".to_owned(), |default| default.to_string());
        let fine = if name.starts_with("since") || name.starts_with("until") {
            "today"
        } else {
            &fine
        };
        wrong.extend(
            matches!(item["type"].as_str(), Some("integer" | "boolean"))
                .then(|| (format!("{fine}&{name}={fine}"), "duplicate")),
        );
    }
    wrong
}

/// The path with every parameter replaced.
fn filled(template: &str, name: &str) -> String {
    let parts = template
        .split('/')
        .map(|part| if part.starts_with('{') { name } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// A body that the operation takes.
pub fn body(operation: &Operation) -> Value {
    let (_, example) = operation.examples.last().cloned().unwrap_or_default();
    if example.is_null() { json!({}) } else { example }
}

async fn ask_well(operation: &Operation, client: &crate::bed::Client, path: &str) -> Answer {
    let asked = operation.ask(client, path);
    match operation.method {
        Method::POST => asked.json(&body(operation)).answer().await,
        _ => asked.answer().await,
    }
}

#[track_caller]
fn documented(operation: &Operation, answer: &Answer) {
    operation.documents(answer.status);
    assert!(members(&answer.body).any(|(name, _)| name == "type"));
}
