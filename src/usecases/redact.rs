//! Takes spoken text and recording links out of what a provider wrote, leaving every other byte as it came.

/// What stands in the place of a text that was taken out.
const REDACTED: &str = "\"[redacted]\"";

/// Replaces what stands under `fields`, at any depth and however often a key comes, with `[redacted]`; `null`, `true`,
/// `false` and `""` tell nothing and stay.
///
/// Works on the text itself: parsing would lose repeated keys, their order and the spelling of numbers.
pub(super) fn redact(json: &str, fields: &[&str]) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(quote) = rest.find('"') {
        let text_ends = quote + text_end(&rest[quote..]);
        let is_hidden = names(&rest[quote..text_ends], fields);
        let value = value_start(&rest[text_ends..]).filter(|_| is_hidden);
        let (kept, hidden) = rest.split_at(text_ends + value.unwrap_or(0));
        out.push_str(kept);
        rest = hidden;
        if value.is_some() {
            let (value, after) = hidden.split_at(value_end(hidden));
            let is_blank = matches!(value, "null" | "true" | "false" | "\"\"");
            out.push_str(if is_blank { value } else { REDACTED });
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// Whether a text in its quotes is one of the fields, however it is spelt.
fn names(text: &str, fields: &[&str]) -> bool {
    if text.contains('\\') {
        return serde_json::from_str::<String>(text).is_ok_and(|name| fields.contains(&name.as_str()));
    }
    fields.contains(&text.trim_matches('"'))
}

/// Where the value begins after a key; nothing where what went before is no key.
fn value_start(after_text: &str) -> Option<usize> {
    let value = after_text.trim_start().strip_prefix(':')?.trim_start();
    Some(after_text.len() - value.len())
}

/// Where the value at the start ends.
fn value_end(json: &str) -> usize {
    match json.as_bytes().first() {
        Some(b'"') => text_end(json),
        Some(b'{' | b'[') => nest_end(json),
        _ => json
            .find(|c: char| matches!(c, ',' | '}' | ']') || c.is_ascii_whitespace())
            .unwrap_or(json.len()),
    }
}

/// Where the object or list at the start ends.
fn nest_end(json: &str) -> usize {
    let mut depth = 0_usize;
    let mut index = 0;
    while let Some(byte) = json.as_bytes().get(index) {
        match byte {
            b'"' => index += text_end(&json[index..]) - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        index += 1;
        if depth == 0 {
            return index;
        }
    }
    json.len()
}

/// Where the text that begins with a quote ends, its closing quote included.
fn text_end(from_quote: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in from_quote.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    from_quote.len()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_the_named_texts_go() {
        let row = r#"{ "a":1.50, "mensagem" : "diga \"oi\"", "a":2, "x":{"url_gravacao":"https://h/1","n":null}, "l":["mensagem"] }"#;
        let expected = r#"{ "a":1.50, "mensagem" : "[redacted]", "a":2, "x":{"url_gravacao":"[redacted]","n":null}, "l":["mensagem"] }"#;
        assert_eq!(redact(row, &["mensagem", "url_gravacao"]), expected);
    }

    #[test]
    fn a_key_given_twice_or_spelt_with_escapes_hides_as_well() {
        let row = r#"{"mensagem":"one","mensagem":"two","mensa\u0067em":"three","b":"kept"}"#;
        let expected = r#"{"mensagem":"[redacted]","mensagem":"[redacted]","mensa\u0067em":"[redacted]","b":"kept"}"#;
        assert_eq!(redact(row, &["mensagem"]), expected);
    }

    #[test]
    fn whatever_stands_under_a_named_field_goes_whole() {
        for value in ["1234", "-1.5e3", r#"["a",{"b":"]"}]"#, r#"{"mensagem":"x","y":["}"]}"#] {
            let row = format!(r#"{{"mensagem": {value} ,"b":"kept"}}"#);
            assert_eq!(
                redact(&row, &["mensagem"]),
                r#"{"mensagem": "[redacted]" ,"b":"kept"}"#,
                "{value}"
            );
        }
    }

    #[test]
    fn a_blank_under_a_named_field_stays_and_hides_nothing_else() {
        for blank in ["null", "\"\"", "false"] {
            let row = format!(r#"{{"mensagem":{blank},"b":"kept"}}"#);
            assert_eq!(redact(&row, &["mensagem"]), row);
        }
    }

    #[test]
    fn broken_text_is_survived() {
        assert_eq!(redact("{\"a\":\"b", &["a"]), "{\"a\":\"[redacted]\"");
        assert_eq!(redact("{\"a\":[\"b", &["a"]), "{\"a\":\"[redacted]\"");
        assert_eq!(redact("{\"a\":", &["a"]), "{\"a\":\"[redacted]\"");
        assert_eq!(redact("", &["a"]), "");
    }

    /// Any JSON with keys called `hidden` in it.
    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "[\"\\\\a-z:{}\\[\\], ]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            let key = prop_oneof![Just("hidden".to_owned()), "[\"\\\\a-c:]{0,3}"];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(key, inner, 0..4).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    fn redacted(value: Value) -> Value {
        match value {
            Value::Array(items) => items.into_iter().map(redacted).collect(),
            Value::Object(members) => members
                .into_iter()
                .map(|(key, value)| {
                    let blank = matches!(&value, Value::Null | Value::Bool(_)) || value == "";
                    let value = if key == "hidden" && !blank {
                        "[redacted]".into()
                    } else {
                        redacted(value)
                    };
                    (key, value)
                })
                .collect(),
            other => other,
        }
    }

    proptest! {
        #[test]
        fn it_does_to_the_text_what_it_would_do_to_the_tree(tree in tree(), pretty in any::<bool>()) {
            let json = if pretty { serde_json::to_string_pretty(&tree) } else { serde_json::to_string(&tree) };
            let done: Value = serde_json::from_str(&redact(&json.unwrap(), &["hidden"])).unwrap();
            prop_assert_eq!(done, redacted(tree));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\"\\\\a:{}\\[\\], é]{0,40}") {
            redact(&text, &["a"]);
        }
    }
}
