//! The fields of a request body, read as leniently as the provider's SDKs make necessary.

use serde_json::{Map, Value};

use super::text::Refusal;
use crate::simulators::http::Request;

/// The keys of a JSON object; unknown ones are ignored.
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body; an empty one has no fields.
    ///
    /// # Errors
    ///
    /// 400 when the body is no JSON object.
    pub fn read(request: &Request) -> Result<Self, Refusal> {
        if request.body.is_empty() {
            return Ok(Self(Map::new()));
        }
        // The Java SDK sends accents as ISO-8859-1, where every byte is one character.
        let text = String::from_utf8(request.body.to_vec())
            .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect());
        serde_json::from_str(&text)
            .map(Self)
            .map_err(|_| Refusal::new(400, 100, "requisição inválida"))
    }

    /// A text; `None` when absent, `null` or empty. Numbers count as text.
    pub fn text(&self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A text that must be there.
    ///
    /// # Errors
    ///
    /// 405 with `motivo` 10.
    pub fn required(&self, key: &str) -> Result<String, Refusal> {
        self.text(key).ok_or_else(|| Refusal::missing(key))
    }

    /// `true`, `"true"`, `1` and `"1"` are true; everything else is false.
    pub fn flag(&self, key: &str) -> bool {
        match self.0.get(key) {
            Some(Value::Bool(flag)) => *flag,
            _ => self.text(key).is_some_and(|text| text == "true" || text == "1"),
        }
    }

    /// A whole number, also as text; `None` when absent, `null` or empty.
    ///
    /// # Errors
    ///
    /// 405 with `motivo` 11 when it is no whole number.
    pub fn number(&self, key: &str) -> Result<Option<i64>, Refusal> {
        self.text(key)
            .map(|text| text.parse().map_err(|_| Refusal::invalid(key)))
            .transpose()
    }

    /// The value as it came; `None` when absent or `null`.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }
}
