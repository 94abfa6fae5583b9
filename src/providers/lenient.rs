//! JSON as providers write it: a key given twice, numbers as text, several spellings of nothing.

mod reader;

use std::borrow::Cow;

/// A JSON object whose keys keep their order and their repetitions and whose values keep every byte.
///
/// Reading never fails past [`Object::parse`]: a value of the wrong kind is a value that is not there, and so are `null`,
/// `""` and `"-"`.
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

/// A JSON value.
pub(super) struct Value<'a> {
    written: &'a str,
    what: What<'a>,
}

enum What<'a> {
    Null,
    /// A number or a boolean.
    Plain,
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Object(Object<'a>),
}

impl<'a> Value<'a> {
    /// Reads a text; nothing where it is not one JSON value.
    #[cfg(test)]
    pub fn parse(json: &'a str) -> Option<Self> {
        reader::read(json)
    }

    /// The value as it is written, byte for byte.
    pub fn get(&self) -> &'a str {
        self.written
    }

    /// The items of a list; nothing where it is none.
    pub fn list(&self) -> Option<&[Self]> {
        match &self.what {
            What::List(items) => Some(items),
            _ => None,
        }
    }

    /// The text of a string without the white space around it, or a number or boolean as it is written.
    pub fn text(&self) -> Option<&str> {
        let text = match &self.what {
            What::Text(text) => text.trim(),
            What::Plain => self.written,
            What::Null | What::List(_) | What::Object(_) => return None,
        };
        (!matches!(text, "" | "-")).then_some(text)
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.what, What::Null)
    }

    /// Whether it is a string.
    pub fn is_string(&self) -> bool {
        matches!(self.what, What::Text(_))
    }

    /// Whether it is a number, also where that is written as a string.
    pub fn is_number(&self) -> bool {
        match &self.what {
            What::Plain => !matches!(self.written, "true" | "false"),
            _ => self.text().is_some_and(|text| text.parse::<f64>().is_ok()),
        }
    }
}

impl<'a> Object<'a> {
    /// Reads a body; nothing where it is not one JSON object in UTF-8.
    pub fn parse(json: &'a [u8]) -> Option<Self> {
        match reader::read(std::str::from_utf8(json).ok()?)?.what {
            What::Object(object) => Some(object),
            _ => None,
        }
    }

    /// A value as an object; nothing where it is none.
    pub fn of<'v>(value: &'v Value<'a>) -> Option<&'v Self> {
        match &value.what {
            What::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The value of a key; of a key given twice the last, as JSON parsers have it.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.0
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Whether the key is there, whatever its value.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The texts of every occurrence of a key, in wire order.
    pub fn texts(&self, key: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(name, _)| name == key);
        values
            .filter_map(|(_, value)| value.text())
            .map(str::to_owned)
            .collect()
    }

    /// A text without the white space around it; numbers and booleans as they are written.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// The same as [`Object::text`], owned.
    pub fn string(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    /// A text with all its white space.
    pub fn verbatim(&self, key: &str) -> Option<String> {
        match &self.get(key)?.what {
            What::Text(text) => Some(text.to_string()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// A whole number, also where it is written as text or with a fraction of zeros.
    pub fn integer(&self, key: &str) -> Option<i64> {
        let text = self.text(key)?;
        text.parse().ok().or_else(|| whole(text.parse().ok()?))
    }

    /// A duration in seconds, fractions rounded up; nothing where it is negative.
    pub fn seconds(&self, key: &str) -> Option<u64> {
        let rounded = self.text(key)?.parse::<f64>().ok()?.ceil();
        u64::try_from(whole(rounded)?).ok()
    }

    /// Whether a key says yes.
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.text(key)? {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// The object under a key.
    pub fn object(&self, key: &str) -> Option<&Self> {
        Self::of(self.get(key)?)
    }

    /// The items of the list under a key.
    pub fn list(&self, key: &str) -> Option<&[Value<'a>]> {
        self.get(key)?.list()
    }

    /// The objects of the list under a key; what else is in it is passed over.
    pub fn objects(&self, key: &str) -> Vec<&Self> {
        let items = self.list(key).unwrap_or_default();
        items.iter().filter_map(Self::of).collect()
    }

    /// The keys with their values, in wire order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }
}

/// A number without a fraction that fits.
fn whole(number: f64) -> Option<i64> {
    /// Up to here every whole number has a `f64` of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let fits = number.fract() == 0.0 && number.abs() <= EXACT;
    #[allow(clippy::cast_possible_truncation)]
    fits.then_some(number as i64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn object(json: &str) -> Object<'_> {
        Object::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_key_given_twice_keeps_both_values_and_reads_as_the_last() {
        let object = object(r#"{"a":"one","b":1,"a":"two"}"#);
        assert_eq!(object.texts("a"), ["one", "two"]);
        assert_eq!(object.text("a").unwrap(), "two");
    }

    #[test]
    fn every_spelling_of_nothing_is_nothing() {
        let object = object(r#"{"a":null,"b":"","c":"-","d":" ","e":{},"f":[]}"#);
        for key in ["a", "b", "c", "d", "e", "f", "missing"] {
            assert_eq!(object.text(key), None, "{key}");
        }
        assert!(object.has("a") && !object.has("missing"));
    }

    #[test]
    fn a_text_is_trimmed_unless_wanted_whole() {
        let object = object(r#"{"sdp":"v=0\r\n","number":7}"#);
        assert_eq!(object.text("sdp").unwrap(), "v=0");
        assert_eq!(object.verbatim("sdp").unwrap(), "v=0\r\n");
        assert_eq!(object.verbatim("number"), None);
    }

    #[test]
    fn numbers_come_as_numbers_or_as_text() {
        let object = object(r#"{"a":30,"b":"30","c":41.0,"d":41.2,"e":-1,"f":1e400,"g":"x"}"#);
        let integers = ["a", "b", "c", "d", "e", "f", "g"].map(|key| object.integer(key));
        assert_eq!(integers, [Some(30), Some(30), Some(41), None, Some(-1), None, None]);
        let seconds = ["a", "b", "c", "d", "e", "f", "g"].map(|key| object.seconds(key));
        assert_eq!(seconds, [Some(30), Some(30), Some(41), Some(42), None, None, None]);
    }

    #[test]
    fn escapes_are_read_in_keys_and_values() {
        let object = object(r#"{"n\u00e3o":" j\u00e1 "}"#);
        assert_eq!(object.text("não").unwrap(), "já");
    }
}
