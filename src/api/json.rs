//! JSON read strictly: UTF-8, one value, no key twice, not too deep.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::domain::error::{Error, Problem};

/// How many arrays and objects may stand in one another.
pub const MAX_DEPTH: usize = 32;

/// Reads one JSON value.
///
/// # Errors
/// `invalid-body` for anything but one JSON value in UTF-8, for a key given twice in one object, and for more than
/// [`MAX_DEPTH`] levels. The sentence repeats nothing of the text.
pub fn parse(text: &[u8]) -> Result<Value, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Strict { levels: MAX_DEPTH }.deserialize(&mut deserializer);
    value
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| Error::new(Problem::InvalidBody, format!("This is not acceptable JSON: {error}.")))
}

/// For the fuzzer: what is read strictly is what a lenient reader reads.
pub(crate) fn fuzz(text: &[u8]) {
    if let Ok(value) = parse(text) {
        assert_eq!(serde_json::from_slice::<Value>(text).ok(), Some(value));
    }
}

/// Reads a value that may hold so many more levels.
#[derive(Clone, Copy)]
struct Strict {
    levels: usize,
}

impl Strict {
    fn inner<E: de::Error>(self) -> Result<Self, E> {
        let levels = self.levels.checked_sub(1).ok_or_else(|| E::custom("too many levels"))?;
        Ok(Self { levels })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(de::Error::custom("a key is given twice"));
            }
            object.insert(key, members.next_value_seed(inner)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json_is_read() {
        let value = parse(br#" {"a":[1,-2,0.5,true,null,"\u00e7\ud83d\ude00"],"b":{}} "#).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"a": [1, -2, 0.5, true, null, "ç😀"], "b": {}})
        );
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let refused: &[&[u8]] = &[
            b"",
            b" ",
            b"{",
            b"{}{}",
            b"{} x",
            b"{'a':1}",
            b"{\"a\":1,}",
            b"{a:1}",
            b"[1,]",
            b"NaN",
            b"Infinity",
            b"1e999",
            b"01",
            b"+1",
            b"\"\xff\"",
            b"\"\\ud800\"",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\x01\"}",
            b"// note\n{}",
            b"\"open",
            b"\x00",
        ];
        for text in refused {
            assert_eq!(parse(text).unwrap_err().problem, Problem::InvalidBody, "{text:?}");
        }
    }

    #[test]
    fn a_key_given_twice_is_refused_at_any_level_and_however_it_is_written() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"[{"b":{"a":1,"c":2,"a":3}}]"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.detail.contains("given twice"), "{}", error.detail);
        }
        assert!(parse(br#"[{"a":1},{"a":1}]"#).is_ok());
    }

    #[test]
    fn thirty_two_levels_are_read_and_no_more() {
        let nested = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert!(parse(&nested(MAX_DEPTH + 1)).is_err());
        assert!(parse(&nested(100_000)).is_err());
        let objects = |levels: usize| "{\"a\":".repeat(levels) + "1" + &"}".repeat(levels);
        assert!(parse(objects(MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse(objects(MAX_DEPTH + 1).as_bytes()).is_err());
    }

    #[test]
    fn the_sentence_repeats_nothing_of_the_body() {
        let error = parse(br#"{"code":"123456","code":"123456"}"#).unwrap_err();
        assert!(
            !error.detail.contains("123456") && !error.detail.contains("code\""),
            "{}",
            error.detail
        );
    }
}
