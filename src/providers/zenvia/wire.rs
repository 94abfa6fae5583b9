//! Zenvia's JSON, read member by member.
//!
//! The same member is a number here and a text there, `null`, `""`, `"-"` and absence mean the same, and
//! new members come without notice. So nothing here fails but the parse: what cannot be read is not told.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use jiff::tz::{Offset, TimeZone};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::domain::address::Address;
use crate::domain::money::Money;
use crate::domain::time::Timestamp;

/// The clock a stamp without an offset was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// UTC.
    Utc,
    /// Brasília time, with the daylight saving it had until 2019.
    SaoPaulo,
}

static SAO_PAULO: LazyLock<TimeZone> = LazyLock::new(|| {
    TimeZone::get("America/Sao_Paulo").unwrap_or_else(|_| TimeZone::fixed(Offset::constant(-3)))
});

impl Clock {
    /// The clock's time zone.
    pub fn zone(self) -> TimeZone {
        match self {
            Self::Utc => TimeZone::UTC,
            Self::SaoPaulo => SAO_PAULO.clone(),
        }
    }
}

/// The text of a body, which PHP may have begun with a byte order mark.
pub fn body_text(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body))
}

/// The word in lower case and without accents: Zenvia's own texts differ in both.
pub fn plain(word: &str) -> String {
    let letter = |c: char| match c {
        'á' | 'à' | 'â' | 'ã' => 'a',
        'é' | 'ê' => 'e',
        'í' => 'i',
        'ó' | 'ô' | 'õ' => 'o',
        'ú' | 'ü' => 'u',
        'ç' => 'c',
        other => other,
    };
    word.trim().to_lowercase().chars().map(letter).collect()
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// A JSON object whose members are looked up by name and keep the text they came as.
pub struct Object<'a>(Vec<(Name<'a>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(24);
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl<'a> Object<'a> {
    /// Reads an object; nothing where the text is not one.
    pub fn parse(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// The member as it was written; of a name given twice the last, as every common parser reads it.
    pub fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().rev().find(|(known, _)| known.0 == name);
        found.map(|(_, value)| *value)
    }

    /// A text, or a number as it was written; blank and `-` are nothing.
    pub fn text(&self, name: &str) -> Option<String> {
        let json = self.raw(name)?.get();
        let text = match json.as_bytes().first()? {
            b'"' => serde_json::from_str(json).ok()?,
            b'-' | b'0'..=b'9' => json.to_owned(),
            _ => return None,
        };
        let text = text.trim();
        (!text.is_empty() && text != "-").then(|| text.to_owned())
    }

    /// A number, exactly as it was written.
    pub fn decimal(&self, name: &str) -> Option<Decimal> {
        let text = self.text(name)?;
        Decimal::from_str_exact(&text)
            .or_else(|_| Decimal::from_scientific(&text))
            .ok()
    }

    /// An amount in reais, the only currency this provider has.
    pub fn money(&self, name: &str) -> Option<Money> {
        self.decimal(name).map(Money::brl)
    }

    /// A whole number, fractions rounded up; nothing below zero.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.decimal(name)?.ceil().to_u64()
    }

    /// Yes or no, as `true`, `"true"`, `1` or `"1"`.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.raw(name)?.get().trim_matches('"') {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// An object within this one.
    pub fn object(&self, name: &str) -> Option<Object<'a>> {
        Self::parse(self.raw(name)?.get())
    }

    /// The elements of an array, each as it was written.
    pub fn array(&self, name: &str) -> Option<Vec<&'a RawValue>> {
        serde_json::from_str(self.raw(name)?.get()).ok()
    }

    /// A party: a number or an extension.
    pub fn address(&self, name: &str) -> Option<Address> {
        Address::from_provider(&self.text(name)?)
    }

    /// An instant; a stamp without an offset is read by `clock`.
    ///
    /// A stamp before 1970 is how an unset one is printed.
    pub fn time(&self, name: &str, clock: Clock) -> Option<Timestamp> {
        let text = self.text(name)?;
        let instant = Timestamp::parse(&text);
        instant
            .or_else(|| Timestamp::parse_local(&text, &clock.zone()))
            .filter(|instant| instant.as_millis() > 0)
    }

    /// A duration in seconds: `<name>_segundos`, else `<name>` as `HH:MM:SS`, whose seconds may be 60.
    pub fn seconds(&self, name: &str) -> Option<u64> {
        self.count(&format!("{name}_segundos")).or_else(|| {
            self.text(name)?.split(':').try_fold(0_u64, |total, part| {
                total.checked_mul(60)?.checked_add(part.parse().ok()?)
            })
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn with<T>(json: &str, read: impl FnOnce(&Object<'_>) -> T) -> T {
        read(&Object::parse(json).unwrap())
    }

    #[test]
    fn identifiers_are_texts_whether_written_as_number_or_text() {
        for json in [r#"{"id":37787430}"#, r#"{"id":"37787430"}"#, r#"{"\u0069d": " 37787430 "}"#] {
            assert_eq!(with(json, |o| o.text("id")).as_deref(), Some("37787430"), "{json}");
        }
    }

    #[test]
    fn blank_values_are_not_told() {
        for value in ["null", "\"\"", "\"  \"", "\"-\"", "true", "[]", "{}"] {
            let json = format!(r#"{{"x":{value}}}"#);
            assert_eq!(with(&json, |o| o.text("x")), None, "{value}");
        }
        assert_eq!(with("{}", |o| o.text("x")), None);
    }

    #[test]
    fn money_is_exact() {
        for (value, amount) in [
            ("0.35", "0.35"),
            ("\"56.8616\"", "56.8616"),
            ("0.1", "0.1"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("12345678901234567890.12", "12345678901234567890.12"),
            ("1e-1", "0.1"),
            ("-3.5", "-3.5"),
        ] {
            let money = with(&format!(r#"{{"preco":{value}}}"#), |o| o.money("preco"));
            assert_eq!(money.unwrap().amount.to_string(), amount, "{value}");
        }
        assert_eq!(with(r#"{"preco":"grátis"}"#, |o| o.money("preco")), None);
        assert_eq!(with(r#"{"preco":1e999999999}"#, |o| o.money("preco")), None);
    }

    #[test]
    fn durations_prefer_the_seconds_and_understand_the_clock() {
        let seconds = |json| with(json, |o| o.seconds("duracao"));
        assert_eq!(seconds(r#"{"duracao_segundos":60,"duracao":"00:00:10"}"#), Some(60));
        assert_eq!(seconds(r#"{"duracao_segundos":null,"duracao":"00:00:60"}"#), Some(60));
        assert_eq!(seconds(r#"{"duracao":"01:02:03"}"#), Some(3723));
        assert_eq!(seconds(r#"{"duracao_segundos":1.2}"#), Some(2));
        assert_eq!(seconds(r#"{"duracao_segundos":-1}"#), None);
        assert_eq!(seconds(r#"{"duracao":"99999999999999999999:1"}"#), None);
    }

    #[test]
    fn flags_come_as_booleans_texts_and_numbers() {
        for (value, flag) in [
            ("true", Some(true)),
            ("\"true\"", Some(true)),
            ("1", Some(true)),
            ("0", Some(false)),
            ("\"false\"", Some(false)),
            ("null", None),
        ] {
            assert_eq!(with(&format!(r#"{{"x":{value}}}"#), |o| o.flag("x")), flag, "{value}");
        }
    }

    #[test]
    fn every_dialect_of_time_is_one_instant() {
        let read = |text: &str, clock| {
            let json = format!(r#"{{"t":"{text}"}}"#);
            with(&json, |o| o.time("t", clock)).map(|t| t.to_string())
        };
        for (text, clock) in [
            ("2019-09-06T14:21:33-03:00", Clock::Utc),
            ("2019-09-06T14:21:33.000-03:00", Clock::Utc),
            ("2019-09-06T17:21:33Z", Clock::SaoPaulo),
            ("2019-09-06T17:21:33", Clock::Utc),
            ("2019-09-06T14:21:33", Clock::SaoPaulo),
            ("2019-09-06 14:21:33", Clock::SaoPaulo),
        ] {
            assert_eq!(read(text, clock).as_deref(), Some("2019-09-06T17:21:33.000Z"), "{text}");
        }
        assert_eq!(
            read("2016-10-17T18:02:20", Clock::SaoPaulo).as_deref(),
            Some("2016-10-17T20:02:20.000Z"),
            "daylight saving"
        );
        for unset in ["0000-00-00 00:00:00", "-0001-11-30T00:00:00-03:06", "0001-01-01T00:00:00Z", "ontem"] {
            assert_eq!(read(unset, Clock::SaoPaulo), None, "{unset}");
        }
    }

    #[test]
    fn words_lose_case_and_accents() {
        assert_eq!(plain(" Não Existe "), "nao existe");
        assert_eq!(plain("INVÁLIDO"), "invalido");
    }

    #[test]
    fn only_an_object_is_an_object() {
        for json in ["", "[]", "null", "1", "{", "{} x", r#"{"a":}"#] {
            assert!(Object::parse(json).is_none(), "{json}");
        }
        assert_eq!(with(r#"{"a":1,"a":2}"#, |o| o.text("a")).as_deref(), Some("2"));
    }
}
