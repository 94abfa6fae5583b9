//! Reads JSON in one go into values that know how they were written.
//!
//! What is JSON is decided as RFC 8259 does, but for half a surrogate pair: a text with one is read as an empty text.

use std::borrow::Cow;

use super::{Object, Value, What};

/// How deep objects and lists may lie in one another; nothing a provider writes comes near it.
const DEEPEST: usize = 100;

/// Reads a text that is one value; nothing where it is not JSON.
pub(super) fn read(text: &str) -> Option<Value<'_>> {
    let mut reader = Reader {
        text,
        at: 0,
        open: Vec::with_capacity(64),
    };
    let value = reader.value(0)?;
    reader.pass_space();
    (reader.at == text.len()).then_some(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The fields of objects that are not read to their end, so that each object is allocated once.
    open: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        self.pass_space();
        let start = self.at;
        let what = match self.next()? {
            b'"' => What::Text(self.string()?),
            b'{' if depth < DEEPEST => What::Object(self.object(depth + 1)?),
            b'[' if depth < DEEPEST => What::List(self.list(depth + 1)?),
            b't' => self.word("rue", What::Plain)?,
            b'f' => self.word("alse", What::Plain)?,
            b'n' => self.word("ull", What::Null)?,
            first @ (b'-' | b'0'..=b'9') => self.number(first)?,
            _ => return None,
        };
        let written = self.text.get(start..self.at)?;
        Some(Value { written, what })
    }

    /// The rest of an object.
    fn object(&mut self, depth: usize) -> Option<Object<'a>> {
        let first = self.open.len();
        if !self.ends_with(b'}') {
            loop {
                self.pass_space();
                if self.next()? != b'"' {
                    return None;
                }
                let key = self.string()?;
                self.pass_space();
                if self.next()? != b':' {
                    return None;
                }
                let value = self.value(depth)?;
                self.open.push((key, value));
                self.pass_space();
                match self.next()? {
                    b',' => {}
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        Some(Object(self.open.drain(first..).collect()))
    }

    /// The rest of a list.
    fn list(&mut self, depth: usize) -> Option<Vec<Value<'a>>> {
        let mut items = Vec::new();
        if !self.ends_with(b']') {
            loop {
                items.push(self.value(depth)?);
                self.pass_space();
                match self.next()? {
                    b',' => {}
                    b']' => break,
                    _ => return None,
                }
            }
        }
        Some(items)
    }

    /// The rest of a string.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let start = self.at;
        let mut escapes = false;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
            self.at += plain + 1;
            match rest[plain] {
                b'"' => break,
                b'\\' => escapes = true,
                _ => return None,
            }
            match self.next()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' => {
                    let digits = self.text.as_bytes().get(self.at..self.at + 4)?;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    self.at += 4;
                }
                _ => return None,
            }
        }
        if !escapes {
            return self.text.get(start..self.at - 1).map(Cow::Borrowed);
        }
        let quoted = self.text.get(start - 1..self.at)?;
        Some(Cow::Owned(serde_json::from_str(quoted).unwrap_or_default()))
    }

    /// The rest of a number.
    fn number(&mut self, first: u8) -> Option<What<'a>> {
        let first = if first == b'-' { self.next()? } else { first };
        match first {
            b'0' => {}
            b'1'..=b'9' => {
                self.digits();
            }
            _ => return None,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits().then_some(())?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits().then_some(())?;
        }
        Some(What::Plain)
    }

    /// Passes over digits, if there are any.
    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at > start
    }

    fn word(&mut self, rest: &str, what: What<'a>) -> Option<What<'a>> {
        let end = self.at + rest.len();
        let found = self.text.as_bytes().get(self.at..end)? == rest.as_bytes();
        self.at = end;
        found.then_some(what)
    }

    /// Whether an object or a list that has just begun ends at once.
    fn ends_with(&mut self, end: u8) -> bool {
        self.pass_space();
        let ends = self.peek() == Some(end);
        self.at += usize::from(ends);
        ends
    }

    fn pass_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same value as `serde_json` reads it.
    fn plain(value: &Value<'_>) -> serde_json::Value {
        match &value.what {
            What::Null | What::Plain => serde_json::from_str(value.written).unwrap(),
            What::Text(text) => text.as_ref().into(),
            What::List(items) => items.iter().map(plain).collect(),
            What::Object(object) => object.entries().map(|(key, value)| (key, plain(value))).collect(),
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            (-1e12..1e12).prop_map(|number: f64| number.into()),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::vec((".{0,6}", inner), 0..6).prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_json_reads_as_any_reader_reads_it(value in json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let read = read(&text).unwrap();
            prop_assert_eq!(plain(&read), serde_json::from_str::<serde_json::Value>(&text).unwrap());
            prop_assert_eq!(read.written, text.trim());
        }

        #[test]
        fn a_text_with_one_byte_changed_is_json_here_where_it_is_elsewhere(value in json(), place: prop::sample::Index, byte in 0u8..0x7f) {
            let mut text = value.to_string().into_bytes();
            let place = place.index(text.len());
            text[place] = byte;
            if let Ok(text) = String::from_utf8(text) {
                let elsewhere = serde_json::from_str::<&serde_json::value::RawValue>(&text);
                prop_assert_eq!(read(&text).is_some(), elsewhere.is_ok(), "{}", text);
            }
        }
    }

    #[test]
    fn what_is_no_json_is_nothing() {
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\"}",
            "{a:1}",
            "01",
            "-",
            "1.",
            "1e",
            "+1",
            ".5",
            "tru",
            "nulll",
            "\"a",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\n\"",
            "1 2",
            "[1 2]",
            "{\"a\":1 \"b\":2}",
            "'a'",
            "\u{feff}1",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
        assert!(
            read(&"[".repeat(100_000)).is_none(),
            "no depth is too deep for the stack"
        );
        assert!(read(&format!("{}1{}", "[".repeat(100), "]".repeat(100))).is_some());
    }

    #[test]
    fn half_a_surrogate_pair_is_an_empty_text() {
        let value = read(r#"["\ud83d\ude00","\ud83d"]"#).unwrap();
        assert_eq!(plain(&value), serde_json::json!(["😀", ""]));
    }
}
