//! The committed OpenAPI document, read as a list of operations.

use std::sync::LazyLock;

use reqwest::Method;
use serde_json::Value;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../openapi/switchboard.json")).unwrap());

/// Every operation of the document.
pub fn operations() -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, methods) in members(&DOCUMENT["paths"]) {
        for (method, operation) in members(methods) {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            operations.push(Operation::read(path, method, operation));
        }
    }
    assert!(!operations.is_empty());
    operations
}

/// One operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its `operationId`.
    pub id: String,
    pub method: Method,
    /// Its path, with parameters in braces.
    pub path: String,
    /// Its query parameters and their schemas.
    pub query: Vec<(String, Value)>,
    /// The schema of its JSON body, references followed, and whether one must be sent.
    pub body: Option<(Value, bool)>,
    /// Its requests' examples by name.
    pub examples: Vec<(String, Value)>,
    /// The statuses it may answer.
    pub statuses: Vec<u16>,
    /// Whether it asks for a token.
    pub guarded: bool,
}

impl Operation {
    fn read(path: &str, method: Method, operation: &Value) -> Self {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let query = parameters.iter().filter(|parameter| parameter["in"] == "query");
        let content = &operation["requestBody"]["content"]["application/json"];
        let required = operation["requestBody"]["required"] == true;
        Self {
            id: operation["operationId"].as_str().unwrap().to_owned(),
            method,
            path: path.to_owned(),
            query: query
                .map(|parameter| {
                    (
                        parameter["name"].as_str().unwrap().to_owned(),
                        resolved(&parameter["schema"]),
                    )
                })
                .collect(),
            body: content.get("schema").map(|schema| (resolved(schema), required)),
            examples: members(&content["examples"])
                .map(|(name, example)| (name.clone(), example["value"].clone()))
                .collect(),
            statuses: members(&operation["responses"])
                .map(|(status, _)| status.parse().unwrap())
                .collect(),
            guarded: operation.get("security").is_some(),
        }
    }

    /// Whether its body is a provider's and not a caller's.
    pub fn is_webhook(&self) -> bool {
        self.path.starts_with("/webhooks/")
    }

    /// Whether it takes an `Idempotency-Key`.
    pub fn acts(&self) -> bool {
        self.method == Method::POST && !self.is_webhook()
    }

    /// Fails unless the document has the status.
    #[track_caller]
    pub fn documents(&self, status: u16) {
        assert!(
            self.statuses.contains(&status),
            "{} answers {status}, which is not documented",
            self.id
        );
    }
}

/// A schema with its references followed; of `oneOf` with null, what it is when it is not null.
fn resolved(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            if let Some(name) = members.get("$ref").and_then(Value::as_str) {
                return resolved(DOCUMENT.pointer(&name[1..]).unwrap());
            }
            if let Some(choices) = members.get("oneOf").and_then(Value::as_array)
                && let [value, null] = choices.as_slice()
                && null["type"] == "null"
            {
                return resolved(value);
            }
            let members = members.iter().map(|(name, value)| (name.clone(), resolved(value)));
            Value::Object(members.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(resolved).collect()),
        other => other.clone(),
    }
}

/// The members of an object; none of anything else.
pub fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
