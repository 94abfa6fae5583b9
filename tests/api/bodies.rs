//! What every operation refuses of a body: what is no JSON, too large, missing, unknown, of another type.

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::document::{Operation, members, operations};
use crate::refusals::body;
use crate::site::{Site, expect_wrong, post_bytes};

/// The most bytes a body has, as configured by default.
const MOST: usize = 65_536;

fn with_bodies() -> impl Iterator<Item = Operation> {
    operations().into_iter().filter(Operation::acts)
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let site = Site::start().await;
    let objects = site.objects().await;
    for operation in with_bodies() {
        let path = objects.path(&operation);
        let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
        for bytes in [
            "{",
            "{} {}",
            "{\"a\":1,\"a\":1}",
            "{\"a\":NaN}",
            "{\"a\":\"\\ud800\"}",
            &deep,
        ] {
            let answer = post_bytes(&site.acme, &path, bytes.to_owned()).await;
            answer.expect_problem(400, "invalid-body");
            operation.documents(400);
        }
        post_bytes(&site.acme, &path, b"{\"a\":\"\xff\"}".to_vec())
            .await
            .expect_problem(400, "invalid-body");
        for media_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=latin1",
        ] {
            let asked = site.acme.ask(Method::POST, &path).header("content-type", media_type);
            asked
                .body("{}")
                .answer()
                .await
                .expect_problem(415, "unsupported-media-type");
        }
        for text in ["[]", "\"text\"", "7"] {
            expect_wrong(&post_bytes(&site.acme, &path, text).await, "", "invalid");
        }
    }
}

#[tokio::test]
async fn a_body_has_its_size() {
    let site = Site::start().await;
    let objects = site.objects().await;
    for operation in with_bodies() {
        let path = objects.path(&operation);
        let padded = |size: usize| format!("{{\"frob\":\"{}\"}}", "x".repeat(size - 11));
        expect_wrong(&post_bytes(&site.acme, &path, padded(MOST)).await, "/frob", "unknown");
        let refused = post_bytes(&site.acme, &path, padded(MOST + 1)).await;
        refused.expect_problem(413, "body-too-large");
        let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>(padded(MOST + 1))]);
        let refused = post_bytes(&site.acme, &path, reqwest::Body::wrap_stream(chunks)).await;
        refused.expect_problem(413, "body-too-large");
        operation.documents(413);
    }
    let hook = site.home.hook(site.address(), crate::bed::WHATSAPP, None);
    let hook = hook.strip_prefix(&format!("http://{}", site.address())).unwrap();
    post_bytes(&site.acme, hook, vec![b' '; 1 << 20]).await.expect(200);
    post_bytes(&site.acme, hook, vec![b' '; (1 << 20) + 1])
        .await
        .expect_problem(413, "body-too-large");
}

#[tokio::test]
async fn every_field_is_read_or_refused() {
    let site = Site::start().await;
    let objects = site.objects().await;
    let mut tried = 0;
    for operation in with_bodies() {
        let path = objects.path(&operation);
        let Some((schema, required)) = &operation.body else {
            expect_wrong(&site.acme.post(&path, json!({ "frob": 1 })).await, "/frob", "unknown");
            continue;
        };
        if *required {
            post_bytes(&site.acme, &path, "")
                .await
                .expect_problem(400, "invalid-body");
        }
        let bodies = operation.examples.iter().map(|(_, example)| example.clone());
        for whole in bodies.chain([body(&operation)]) {
            for wrong in all_wrong(schema, &whole) {
                let answer = site.acme.post(&path, wrong.body.clone()).await;
                expect_wrong(&answer, &wrong.pointer, wrong.code);
                operation.documents(answer.status);
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "only {tried} were tried");
}

/// A body of which one thing is wrong.
struct Wrong {
    body: Value,
    pointer: String,
    code: &'static str,
}

/// The body with each thing wrong in its turn: a field missing, unknown, of another type, out of its bounds.
fn all_wrong(schema: &Value, whole: &Value) -> Vec<Wrong> {
    let mut found = Vec::new();
    within(schema, whole, "", &mut found);
    let rewritten = found.into_iter().map(|(pointer, code, value)| Wrong {
        body: replaced(whole, &pointer, value),
        pointer,
        code,
    });
    rewritten.collect()
}

/// Where something can be wrong, what is told, and the value that makes it so; without one the field is left out.
type Change = (String, &'static str, Option<Value>);

fn within(schema: &Value, value: &Value, at: &str, found: &mut Vec<Change>) {
    let schema = fitting(schema, value);
    found.push((format!("{at}/frob"), "unknown", Some(json!(1))));
    for name in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        found.push((format!("{at}/{name}"), "missing", None));
    }
    for (name, field) in members(&schema["properties"]) {
        let pointer = format!("{at}/{name}");
        found.extend(
            wrong_values(field)
                .into_iter()
                .map(|(code, value)| (pointer.clone(), code, Some(value))),
        );
        match &value[name] {
            inner @ Value::Object(_) => within(field, inner, &pointer, found),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    within(&field["items"], item, &format!("{pointer}/{index}"), found);
                }
            }
            _ => {}
        }
    }
}

/// Of several shapes the one that the value's `type` chooses.
fn fitting<'s>(schema: &'s Value, value: &Value) -> &'s Value {
    let mut shapes = schema["oneOf"].as_array().into_iter().flatten();
    let chosen = shapes.find(|shape| shape["properties"]["type"]["enum"][0] == value["type"]);
    chosen.unwrap_or(schema)
}

/// Values a field may not have, and what each is told.
fn wrong_values(field: &Value) -> Vec<(&'static str, Value)> {
    let kind = match &field["type"] {
        Value::Array(kinds) => &kinds[0],
        kind => kind,
    };
    let bound = |name: &str| field[name].as_i64();
    let mut wrong = match kind.as_str() {
        Some("integer") => vec![("invalid", json!("7")), ("invalid", json!(5.5))],
        Some("boolean") => vec![("invalid", json!("true")), ("invalid", json!(1))],
        Some("object" | "array") => vec![("invalid", json!("text")), ("invalid", json!(true))],
        _ => vec![("invalid", json!(7)), ("invalid", json!(["text"]))],
    };
    wrong.extend(field.get("enum").map(|_| ("invalid", json!("nope"))));
    wrong.extend(bound("minimum").map(|least| ("too_small", json!(least - 1))));
    wrong.extend(bound("maximum").map(|most| ("too_large", json!(most + 1))));
    wrong.extend(bound("minItems").map(|_| ("too_small", json!([]))));
    wrong.extend(bound("minLength").map(|_| ("too_small", json!(""))));
    wrong.extend(bound("maxItems").map(|most| ("too_long", json!(vec![json!({}); most as usize + 1]))));
    // The name of an account has one sentence for everything that is wrong with it.
    let is_name = field["pattern"] == "^[a-z0-9-]+$";
    wrong.extend(
        bound("maxLength")
            .filter(|_| !is_name)
            .map(|longest| ("too_long", json!("1".repeat(longest as usize + 1)))),
    );
    wrong
}

fn replaced(whole: &Value, pointer: &str, value: Option<Value>) -> Value {
    let mut whole = whole.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent: &mut Map<_, _> = whole.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => drop(parent.insert(name.to_owned(), value)),
        None => drop(parent.remove(name)),
    }
    whole
}
