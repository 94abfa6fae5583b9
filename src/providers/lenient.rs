//! JSON as providers write it: a key given twice, numbers as text, several spellings of nothing.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON object whose keys keep their order and their repetitions and whose values keep every byte.
///
/// Reading never fails past [`Object::parse`]: a value of the wrong kind is a value that is not there, and so are `null`,
/// `""` and `"-"`.
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Reads a body; nothing where it is not one JSON object in UTF-8.
    pub fn parse(json: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// Reads a value; nothing where it is not an object.
    pub fn of(value: &'a RawValue) -> Option<Self> {
        serde_json::from_str(value.get()).ok()
    }

    /// The value of a key; of a key given twice the last, as JSON parsers have it.
    pub fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| *value)
    }

    /// Whether the key is there, whatever its value.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The texts of every occurrence of a key, in wire order.
    pub fn texts(&self, key: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(name, _)| name == key);
        values
            .filter_map(|(_, value)| text(value))
            .map(Cow::into_owned)
            .collect()
    }

    /// A text without the white space around it; numbers and booleans as they are written.
    pub fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        text(self.get(key)?)
    }

    /// The same as [`Object::text`], owned.
    pub fn string(&self, key: &str) -> Option<String> {
        self.text(key).map(Cow::into_owned)
    }

    /// A text with all its white space.
    pub fn verbatim(&self, key: &str) -> Option<String> {
        let text: String = serde_json::from_str(self.get(key)?.get()).ok()?;
        (!text.is_empty()).then_some(text)
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
        match self.text(key)?.as_ref() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// The object under a key.
    pub fn object(&self, key: &str) -> Option<Self> {
        Self::of(self.get(key)?)
    }

    /// The items of the list under a key.
    pub fn list(&self, key: &str) -> Option<Vec<&'a RawValue>> {
        list(self.get(key)?)
    }

    /// The objects of the list under a key; what else is in it is passed over.
    pub fn objects(&self, key: &str) -> Vec<Self> {
        self.list(key)
            .unwrap_or_default()
            .into_iter()
            .filter_map(Self::of)
            .collect()
    }

    /// The keys with their values, in wire order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), *value))
    }
}

/// The items of a JSON list; nothing where it is none.
pub(super) fn list(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

/// The text of a JSON string without the white space around it, or a number or boolean as it is written.
pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    let written = value.get();
    let text = match written.as_bytes().first()? {
        b'"' => trimmed(serde_json::from_str::<Text<'_>>(written).ok()?.0),
        b'{' | b'[' | b'n' => return None,
        _ => Cow::Borrowed(written),
    };
    (!matches!(text.as_ref(), "" | "-")).then_some(text)
}

fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
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

/// A string borrowed from the body unless it has escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::with_capacity(20);
        while let Some((Text(key), value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            fields.push((key, value));
        }
        Ok(Object(fields))
    }
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
