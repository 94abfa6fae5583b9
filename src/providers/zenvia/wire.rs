//! What Zenvia's JSON has of its own: money, three dialects of time, durations as clocks, words with and without accents.
//!
//! New members and new words come without notice, so nothing here fails: what cannot be read is not told.

use std::borrow::Cow;
use std::sync::LazyLock;

use jiff::tz::{Offset, TimeZone};
use rust_decimal::Decimal;

use crate::domain::address::Address;
use crate::domain::money::Money;
use crate::domain::time::Timestamp;
pub(super) use crate::providers::lenient::{Object, Value};

/// The clock a stamp without an offset was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// UTC.
    Utc,
    /// Brasília time, with the daylight saving it had until 2019.
    SaoPaulo,
}

static SAO_PAULO: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::get("America/Sao_Paulo").unwrap_or_else(|_| TimeZone::fixed(Offset::constant(-3))));

impl Clock {
    /// The clock's time zone.
    pub fn zone(self) -> TimeZone {
        match self {
            Self::Utc => TimeZone::UTC,
            Self::SaoPaulo => SAO_PAULO.clone(),
        }
    }
}

/// The text of a body, whatever its bytes; PHP may have begun it with a byte order mark.
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

impl Object<'_> {
    /// An amount in reais, the only currency this provider has, exactly as it is written.
    pub(super) fn money(&self, key: &str) -> Option<Money> {
        let text = self.text(key)?;
        let exact = Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text));
        exact.ok().map(Money::brl)
    }

    /// A party: a number or an extension.
    pub(super) fn address(&self, key: &str) -> Option<Address> {
        Address::from_provider(self.text(key)?)
    }

    /// Where a recording is; some objects say `false` or a blank for none.
    pub(super) fn recording_link(&self) -> Option<String> {
        self.string("url_gravacao").filter(|link| link.starts_with("http"))
    }

    /// An instant; a stamp without an offset is read by `clock`.
    ///
    /// A stamp before 1970 is how an unset one is printed.
    pub(super) fn time(&self, key: &str, clock: Clock) -> Option<Timestamp> {
        let text = self.text(key)?;
        let instant = Timestamp::parse(text);
        instant
            .or_else(|| Timestamp::parse_local(text, &clock.zone()))
            .filter(|instant| instant.as_millis() > 0)
    }

    /// A duration in seconds: `<key>_segundos`, else `<key>` as `HH:MM:SS`, whose seconds may be 60.
    pub(super) fn duration(&self, key: &str) -> Option<u64> {
        self.seconds(&format!("{key}_segundos")).or_else(|| {
            let parts = self.text(key)?;
            parts.split(':').try_fold(0_u64, |total, part| {
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
        read(&Object::parse(json.as_bytes()).unwrap())
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
        let seconds = |json| with(json, |o| o.duration("duracao"));
        assert_eq!(seconds(r#"{"duracao_segundos":60,"duracao":"00:00:10"}"#), Some(60));
        assert_eq!(seconds(r#"{"duracao_segundos":null,"duracao":"00:00:60"}"#), Some(60));
        assert_eq!(seconds(r#"{"duracao":"01:02:03"}"#), Some(3723));
        assert_eq!(seconds(r#"{"duracao_segundos":1.2}"#), Some(2));
        assert_eq!(seconds(r#"{"duracao_segundos":-1}"#), None);
        assert_eq!(seconds(r#"{"duracao":"99999999999999999999:1"}"#), None);
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
        for unset in [
            "0000-00-00 00:00:00",
            "-0001-11-30T00:00:00-03:06",
            "0001-01-01T00:00:00Z",
            "ontem",
        ] {
            assert_eq!(read(unset, Clock::SaoPaulo), None, "{unset}");
        }
    }

    #[test]
    fn words_lose_case_and_accents() {
        assert_eq!(plain(" Não Existe "), "nao existe");
        assert_eq!(plain("INVÁLIDO"), "invalido");
    }
}
