#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::domain::error::Problem;

fn json() -> Value {
    serde_json::to_value(document()).unwrap()
}

fn each_operation(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap();
        methods
            .iter()
            .map(move |(method, operation)| (path.clone(), method.clone(), operation))
    });
    operations.collect()
}

#[test]
fn the_committed_document_is_what_the_code_says() {
    let made = document().to_pretty_json().unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/switchboard.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        made == committed,
        "the document changed; run this test with UPDATE=1 and commit {}",
        path.display()
    );
}

#[test]
fn every_operation_says_what_it_does_and_what_it_asks_for() {
    let document = json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, method, operation) in each_operation(&document) {
        let named = |key: &str| operation[key].as_str().is_some_and(|text| !text.is_empty());
        assert!(
            named("summary") && named("description") && named("operationId"),
            "{method} {path}"
        );
        assert!(ids.insert(operation["operationId"].to_string()), "{method} {path}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(
                parameter["description"].is_string() && parameter["schema"].is_object(),
                "{method} {path} {}",
                parameter["name"]
            );
        }
        let open = ["/health", "/openapi", "/problems", "/webhooks"]
            .iter()
            .any(|open| path.starts_with(open));
        assert_eq!(operation["security"].is_null(), open, "{method} {path}");
        assert_eq!(operation["responses"]["401"].is_null(), open, "{method} {path}");
    }
}

#[test]
fn every_problem_told_by_an_operation_is_a_problem_of_the_list() {
    let document = json();
    let mut told = BTreeSet::new();
    for (path, method, operation) in each_operation(&document) {
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let Some(examples) = answer["content"]["application/problem+json"]["examples"].as_object() else {
                // A range behind the end is answered by its header alone.
                assert!(
                    status.starts_with('2') || status == "416",
                    "{method} {path} {status} is no problem"
                );
                continue;
            };
            for slug in examples.keys() {
                assert_eq!(
                    document["components"]["examples"][slug]["value"]["status"].to_string(),
                    *status
                );
                told.insert(slug.parse::<Problem>().unwrap());
            }
        }
    }
    let never: Vec<&Problem> = Problem::ALL.iter().filter(|problem| !told.contains(problem)).collect();
    assert_eq!(
        never,
        [&Problem::MethodNotAllowed],
        "told of methods that are no operation"
    );
}

#[test]
fn answers_are_closed_and_complete_and_requests_are_closed() {
    let document = json();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        let Some(properties) = schema["properties"].as_object() else {
            continue;
        };
        let open = name == "Problem" || schema["additionalProperties"].is_object();
        assert!(open || schema["additionalProperties"] == false, "{name}");
        let required = schema["required"].as_array().map_or(0, Vec::len);
        assert!(required > 0 || name == "Resend", "{name}");
        assert!(properties.values().all(|property| property.is_object()), "{name}");
    }
    let call = &schemas["Call"];
    assert_eq!(
        call["required"].as_array().unwrap().len(),
        call["properties"].as_object().unwrap().len()
    );
    let raw = Value::from("raw");
    assert!(!schemas["Record"]["required"].as_array().unwrap().contains(&raw));
}

#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = json();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}
