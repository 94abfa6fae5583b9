//! Phone numbers in E.164.

use std::fmt;

pub use rlibphonenumber::Region;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};
use serde::{Deserialize, Serialize};

/// Every Brazilian area code (*código nacional*, Anatel).
const AREA_CODES: [u8; 67] = [
    11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 24, 27, 28, 31, 32, 33, 34, 35, 37, 38, 41, 42, 43, 44, 45, 46, 47, 48,
    49, 51, 53, 54, 55, 61, 62, 63, 64, 65, 66, 67, 68, 69, 71, 73, 74, 75, 77, 79, 81, 82, 83, 84, 85, 86, 87, 88, 89,
    91, 92, 93, 94, 95, 96, 97, 98, 99,
];

/// How many characters E.164 allows, the `+` included.
const LONGEST: usize = 16;

/// Says why a text is not a phone number; never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPhone {
    /// It cannot be read as a number at all.
    #[error("is not a phone number; give E.164 such as +5511999990000 or the national spelling")]
    Unreadable,
    /// It reads as a number that no numbering plan has.
    #[error("is not a valid phone number of its country")]
    Invalid,
}

/// A phone number in E.164: `+`, country code, national number.
///
/// `Debug` and [`PhoneNumber::masked`] show the country code and the last two digits only; `Display` and serde show all.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Reads E.164 or a national spelling of `region`, strictly.
    ///
    /// # Errors
    /// Where no country's numbering plan has the number.
    pub fn parse(text: &str, region: Region) -> Result<Self, NotAPhone> {
        // The library looks for a number inside any text; a field holds a number and nothing else.
        if !text.trim().chars().all(spells_a_number) {
            return Err(NotAPhone::Unreadable);
        }
        let number = PHONE_NUMBER_UTIL
            .parse(text, Some(region))
            .map_err(|_| NotAPhone::Unreadable)?;
        let spelled = number.format_as(PhoneNumberFormat::E164);
        // Some plans, Germany's among them, have numbers that are longer than E.164 allows.
        if !number.is_valid() || spelled.len() > LONGEST {
            return Err(NotAPhone::Invalid);
        }
        Ok(Self(spelled.into_owned()))
    }

    /// Reads a number a provider wrote, in any Brazilian or international spelling, without judging it.
    ///
    /// Providers' own samples break the numbering plan (an area code 10, a digit too many), so what they say is kept.
    /// Nothing is returned where the text does not look like a number: fewer than 8 or more than 15 digits.
    pub fn lenient(text: &str) -> Option<Self> {
        let text = text.trim();
        let international = text.starts_with('+');
        if !text.chars().all(spells_a_number) {
            return None;
        }
        let national = text
            .chars()
            .filter(char::is_ascii_digit)
            .skip_while(|digit| *digit == '0');
        let code = match national.clone().count() {
            8..=15 if international => "+",
            10 | 11 => "+55",
            12..=15 => "+",
            _ => return None,
        };
        Some(Self(code.chars().chain(national).collect()))
    }

    /// The number as `+` and digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits without the `+`.
    pub fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }

    /// The Brazilian national number, area code first; nothing for another country.
    pub fn brazilian(&self) -> Option<&str> {
        self.0.strip_prefix("+55")
    }

    /// The Brazilian area code; nothing for another country, nor for a number of no area such as 0800 or 4004.
    pub fn area_code(&self) -> Option<&str> {
        let code = self.brazilian()?.get(..2)?;
        let known = code.parse().is_ok_and(|code| AREA_CODES.binary_search(&code).is_ok());
        known.then_some(code)
    }

    /// Whether it is a Brazilian fixed line, which is written in one way: mobiles are, with and without the ninth digit, in two.
    pub fn is_brazilian_fixed_line(&self) -> bool {
        let subscriber = self.brazilian().and_then(|national| national.get(2..));
        subscriber.is_some_and(|number| number.len() == 8 && number.starts_with(['2', '3', '4', '5']))
    }

    /// The number's country, where the numbering plans tell.
    pub fn country(&self) -> Option<Region> {
        if self.brazilian().is_some() {
            return Some(Region::BR);
        }
        PHONE_NUMBER_UTIL.parse(&self.0, None).ok()?.get_region_code()
    }

    /// The number less its last four digits: the block that fraud is watched by.
    pub fn prefix(&self) -> &str {
        self.0.get(..self.0.len().saturating_sub(4)).unwrap_or_default()
    }

    /// The prefix with all but its country and area hidden.
    pub fn masked_prefix(&self) -> String {
        let (head, rest) = self.prefix().split_at_checked(5).unwrap_or((self.prefix(), ""));
        format!("{head}{}", "*".repeat(rest.len()))
    }

    /// One spelling for all numbers that reach the same WhatsApp user.
    ///
    /// Brazilian mobiles appear there with and without the ninth digit; this one is without.
    pub fn person(&self) -> String {
        match self.brazilian().map(|national| national.split_at_checked(2)) {
            Some(Some((area, subscriber))) if subscriber.len() == 9 && subscriber.starts_with('9') => {
                format!("+55{area}{}", &subscriber[1..])
            }
            _ => self.0.clone(),
        }
    }

    /// The number with all but its country code and last two digits hidden.
    pub fn masked(&self) -> String {
        let (head, rest) = self.0.split_at_checked(3).unwrap_or((&self.0, ""));
        let shown = rest.len().min(2);
        format!(
            "{head}{}{}",
            "*".repeat(rest.len() - shown),
            &rest[rest.len() - shown..]
        )
    }
}

fn spells_a_number(c: char) -> bool {
    c.is_ascii_digit() || "+-(). ".contains(c)
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_brazilian_spelling_is_one_number() {
        for text in [
            "+5511999990000",
            "11999990000",
            "011 99999-0000",
            "(11) 99999-0000",
            "015 11 99999-0000",
        ] {
            assert_eq!(
                PhoneNumber::parse(text, Region::BR).unwrap().as_str(),
                "+5511999990000",
                "{text}"
            );
        }
    }

    #[test]
    fn what_no_plan_has_is_refused() {
        assert_eq!(PhoneNumber::parse("hello", Region::BR), Err(NotAPhone::Unreadable));
        assert_eq!(PhoneNumber::parse("190", Region::BR), Err(NotAPhone::Invalid));
        // A German plan has it, E.164 does not: it has 17 digits.
        assert_eq!(
            PhoneNumber::parse("+49444825260000806", Region::BR),
            Err(NotAPhone::Invalid)
        );
        assert_eq!(
            PhoneNumber::parse("+5511999990000 ext 3", Region::BR),
            Err(NotAPhone::Unreadable)
        );
        assert_eq!(
            PhoneNumber::parse("whatsapp:+5511999990000", Region::BR),
            Err(NotAPhone::Unreadable)
        );
    }

    #[test]
    fn providers_numbers_are_kept_as_they_are() {
        let read = |text| PhoneNumber::lenient(text).map(|number| number.to_string());
        assert_eq!(read("+55108888888888").as_deref(), Some("+55108888888888"));
        assert_eq!(read("6136271444").as_deref(), Some("+556136271444"));
        assert_eq!(read("084999010101").as_deref(), Some("+5584999010101"));
        assert_eq!(read("554399951234").as_deref(), Some("+554399951234"));
        assert_eq!(read("4000"), None);
        assert_eq!(read("99999999999999999999"), None);
        assert_eq!(read("john.snow"), None);
    }

    #[test]
    fn an_area_code_is_one_of_brazil() {
        let area = |text| PhoneNumber::lenient(text).unwrap().area_code().map(str::to_owned);
        assert_eq!(area("+5511999990000").as_deref(), Some("11"));
        assert_eq!(area("084 3333-0000").as_deref(), Some("84"));
        for none in [
            "0800 123 4567",
            "+5540041234",
            "+55108888888888",
            "+12025550123",
            "+351912345678",
        ] {
            assert_eq!(area(none), None, "{none}");
        }
    }

    #[test]
    fn the_ninth_digit_does_not_make_another_person() {
        let with = PhoneNumber::lenient("5543999011234").unwrap();
        let without = PhoneNumber::lenient("554399011234").unwrap();
        assert_eq!(with.person(), without.person());
        assert_ne!(with, without);
    }

    #[test]
    fn debug_hides_the_number() {
        let number = PhoneNumber::lenient("+5511999990042").unwrap();
        assert_eq!(format!("{number:?}"), "+55*********42");
        assert_eq!(number.prefix(), "+551199999");
        assert_eq!(number.masked_prefix(), "+5511*****");
    }
}
