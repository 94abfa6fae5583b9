//! Texts of requests read into the words of the domain, the same in bodies and in queries.

use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::domain::account::AccountName;
use crate::domain::address::Address;
use crate::domain::phone::{PhoneNumber, Region};
use crate::domain::time::Timestamp;

/// What is wrong with a value; the sentence follows the field's name and never repeats the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The stable word.
    pub code: &'static str,
    /// The rest of the sentence.
    pub detail: String,
}

impl Wrong {
    /// A wrong value.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// A value that is not of its kind.
    pub fn invalid(detail: impl Display) -> Self {
        Self::new("invalid", detail.to_string())
    }
}

/// The longest label of a caller's own, in characters.
pub const TAG_LENGTH: usize = 100;

/// The longest address, in characters.
const MAX_ADDRESS: usize = 128;
/// The longest spelling of a phone number, in characters.
const MAX_PHONE: usize = 40;

/// Any text of so many characters, without control characters but line breaks and tabs.
pub fn text(length: RangeInclusive<usize>) -> impl Fn(&str) -> Result<String, Wrong> {
    move |text| {
        let count = text.chars().count();
        if count < *length.start() {
            return Err(too_few(*length.start(), "characters"));
        }
        if count > *length.end() {
            return Err(Wrong::new(
                "too_long",
                format!("must have at most {} characters", length.end()),
            ));
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(Wrong::invalid("must not contain control characters"));
        }
        Ok(text.to_owned())
    }
}

/// Fewer than `least` of `what`.
pub fn too_few(least: usize, what: &str) -> Wrong {
    match least {
        1 => Wrong::new("too_small", "must not be empty"),
        least => Wrong::new("too_small", format!("must have at least {least} {what}")),
    }
}

/// A text on one line.
pub fn line(length: RangeInclusive<usize>) -> impl Fn(&str) -> Result<String, Wrong> {
    let read = text(length);
    move |text| {
        let line = read(text)?;
        if line.chars().any(char::is_control) {
            return Err(Wrong::invalid("must be on one line"));
        }
        Ok(line)
    }
}

/// A label of the caller's own: at most 100 characters, no spaces.
pub fn tag(text: &str) -> Result<String, Wrong> {
    let tag = line(1..=TAG_LENGTH)(text)?;
    if tag.chars().any(char::is_whitespace) {
        return Err(Wrong::invalid("must not contain spaces"));
    }
    Ok(tag)
}

/// A word of a closed vocabulary, or an identifier.
pub fn word<T: FromStr<Err: Display>>(text: &str) -> Result<T, Wrong> {
    text.parse().map_err(Wrong::invalid)
}

/// An address of the Internet.
pub fn ip_address(text: &str) -> Result<IpAddr, Wrong> {
    text.parse()
        .map_err(|_| Wrong::invalid("is not an IPv4 or IPv6 address"))
}

/// `true` or `false`.
pub fn truth(text: &str) -> Result<bool, Wrong> {
    text.parse().map_err(|_| Wrong::invalid("must be true or false"))
}

/// The name of an account.
pub fn account(text: &str) -> Result<AccountName, Wrong> {
    text.parse()
        .map_err(|_| Wrong::invalid("is not the name of an account: 1 to 40 lower-case letters, digits and hyphens"))
}

/// A party; numbers may be written as in `region`.
pub fn address(region: Region) -> impl Fn(&str) -> Result<Address, Wrong> {
    move |text| {
        let text = line(1..=MAX_ADDRESS)(text)?;
        Address::parse(&text, region).map_err(Wrong::invalid)
    }
}

/// A phone number; it may be written as in `region`.
pub fn phone(region: Region) -> impl Fn(&str) -> Result<PhoneNumber, Wrong> {
    move |text| {
        let text = line(1..=MAX_PHONE)(text)?;
        PhoneNumber::parse(&text, region).map_err(Wrong::invalid)
    }
}

/// An instant with its offset.
pub fn instant(text: &str) -> Result<Timestamp, Wrong> {
    Timestamp::parse(text)
        .ok_or_else(|| Wrong::invalid("is not an RFC 3339 date-time with an offset, such as 2026-11-22T18:00:00Z"))
}

/// A whole number in decimal digits within `range`.
pub fn count(range: RangeInclusive<i64>) -> impl Fn(&str) -> Result<i64, Wrong> {
    move |text| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        within(number.ok_or_else(|| Wrong::invalid("must be a whole number"))?, &range)
    }
}

/// Refuses a number outside `range`.
pub fn within(number: i64, range: &RangeInclusive<i64>) -> Result<i64, Wrong> {
    if number < *range.start() {
        return Err(Wrong::new("too_small", format!("must be at least {}", range.start())));
    }
    if number > *range.end() {
        return Err(Wrong::new("too_large", format!("must be at most {}", range.end())));
    }
    Ok(number)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::call::CallStatus;

    #[test]
    fn a_text_is_as_long_as_it_may_be() {
        let read = text(1..=3);
        assert_eq!(read("çãé").unwrap(), "çãé");
        assert_eq!(read("").unwrap_err().code, "too_small");
        assert_eq!(read("abcd").unwrap_err().code, "too_long");
        assert_eq!(read("a\0").unwrap_err().code, "invalid");
        assert!(read("a\nb").is_ok());
        assert!(line(1..=3)("a\nb").is_err());
    }

    #[test]
    fn a_tag_has_no_spaces() {
        assert!(tag("order-7/ç").is_ok());
        assert!(tag(&"x".repeat(100)).is_ok());
        for refused in ["", "a b", "a\u{a0}b", "a\tb", &"x".repeat(101)] {
            assert!(tag(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn a_number_is_digits_within_its_range() {
        let read = count(1..=500);
        assert_eq!(read("500").unwrap(), 500);
        assert_eq!(read("0").unwrap_err().code, "too_small");
        assert_eq!(read("501").unwrap_err().code, "too_large");
        for refused in ["", "+1", "-1", "1.0", "1e2", " 1", "0x1", "99999999999999999999"] {
            assert_eq!(read(refused).unwrap_err().code, "invalid", "{refused:?}");
        }
    }

    #[test]
    fn a_word_outside_its_vocabulary_is_told_the_vocabulary() {
        assert_eq!(word::<CallStatus>("busy").unwrap(), CallStatus::Busy);
        assert!(word::<CallStatus>("BUSY").unwrap_err().detail.contains("completed"));
    }

    #[test]
    fn what_is_wrong_is_told_without_the_value() {
        let wrong = phone(Region::BR)("+55119999").unwrap_err();
        assert!(!wrong.detail.contains("119999"), "{}", wrong.detail);
    }
}
