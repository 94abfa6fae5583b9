//! JSON written as text, key by key, in the order a provider prints it.

use std::fmt::{Display, Write};

/// A JSON string literal, escaped and quoted.
pub fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A string literal, or `null`.
pub fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "null".to_owned(), string)
}

/// A value already written as JSON, or `null`.
pub fn nullable(value: Option<impl Display>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

/// An array of values already written as JSON.
pub fn array(items: impl IntoIterator<Item = impl Display>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(","))
}

/// An object under construction. Keys keep their order, and one key may be written twice.
#[derive(Debug, Default)]
pub struct Object(String);

impl Object {
    /// An object without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value already written as JSON: a number, `true`, `null`, an array or an object.
    pub fn raw(mut self, key: &str, value: impl Display) -> Self {
        let comma = if self.0.is_empty() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{comma}{}:{value}", string(key));
        self
    }

    /// Adds a string.
    pub fn text(self, key: &str, value: &str) -> Self {
        self.raw(key, string(value))
    }

    /// Adds a string, or `null`.
    pub fn text_or_null(self, key: &str, value: Option<&str>) -> Self {
        self.raw(key, optional(value))
    }

    /// The finished text.
    pub fn done(self) -> String {
        format!("{{{}}}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_order_kept() {
        let text = Object::new()
            .text("b", "say \"olá\"\n\\")
            .raw("a", 1.5)
            .text_or_null("n", None)
            .raw("l", array([1, 2]))
            .done();
        assert_eq!(text, r#"{"b":"say \"olá\"\n\\","a":1.5,"n":null,"l":[1,2]}"#);
    }
}
