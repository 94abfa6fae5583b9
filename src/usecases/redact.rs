//! Takes spoken text and recording links out of a provider's row, leaving every other byte as it came.

/// What stands in the place of a text that was taken out.
const REDACTED: &str = "\"[redacted]\"";

/// Replaces the texts under `fields`, at any depth and however often a key comes, with `[redacted]`.
///
/// Works on the text itself: parsing would lose repeated keys, their order and the spelling of numbers.
pub(super) fn redact(json: &str, fields: &[&str]) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    let mut hidden_next = false;
    while let Some(quote) = rest.find('"') {
        let (before, from_quote) = rest.split_at(quote);
        out.push_str(before);
        let text = &from_quote[..text_end(from_quote)];
        rest = &from_quote[text.len()..];
        let is_key = rest.trim_start().starts_with(':');
        match (is_key, hidden_next && before_value(before)) {
            (true, _) => {
                hidden_next = fields.contains(&text.trim_matches('"'));
                out.push_str(text);
            }
            (false, true) => {
                hidden_next = false;
                out.push_str(REDACTED);
            }
            (false, false) => out.push_str(text),
        }
    }
    out.push_str(rest);
    out
}

/// Whether nothing but the colon stands between a key and the text after it.
fn before_value(between: &str) -> bool {
    between.trim() == ":"
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
mod tests {
    use super::*;

    #[test]
    fn only_the_named_texts_go() {
        let row = r#"{ "a":1.50, "mensagem" : "diga \"oi\"", "a":2, "x":{"url_gravacao":"https://h/1","n":null}, "l":["mensagem"] }"#;
        let expected = r#"{ "a":1.50, "mensagem" : "[redacted]", "a":2, "x":{"url_gravacao":"[redacted]","n":null}, "l":["mensagem"] }"#;
        assert_eq!(redact(row, &["mensagem", "url_gravacao"]), expected);
    }

    #[test]
    fn a_null_under_a_named_field_hides_nothing_else() {
        let row = r#"{"mensagem":null,"b":"kept"}"#;
        assert_eq!(redact(row, &["mensagem"]), row);
    }

    #[test]
    fn broken_text_is_survived() {
        assert_eq!(redact("{\"a\":\"b", &["a"]), "{\"a\":\"[redacted]\"");
        assert_eq!(redact("", &["a"]), "");
    }
}
