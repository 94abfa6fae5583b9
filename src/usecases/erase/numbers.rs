//! The spellings of a number, found in any text.

use percent_encoding::percent_decode;

use crate::domain::phone::PhoneNumber;

/// How many digits a country code has at most.
const LONGEST_COUNTRY_CODE: usize = 3;

/// What of a number's digits stands in every spelling of it.
pub(super) struct Spellings {
    digits: Vec<String>,
    /// The country code that may stand before them; empty where they begin with it.
    country: &'static str,
}

/// Digits set apart by spaces or `-.()/` at most.
#[derive(Default)]
struct Group {
    digits: String,
    /// Where each unbroken run of them begins.
    runs: Vec<usize>,
    unbroken: bool,
    /// Whether a `+` stands before them.
    international: bool,
}

impl Group {
    fn push(&mut self, digit: u8) {
        if !self.unbroken {
            self.runs.push(self.digits.len());
        }
        self.unbroken = true;
        self.digits.push(char::from(digit));
    }

    fn begin_after(&mut self, byte: u8) {
        self.digits.clear();
        self.runs.clear();
        self.unbroken = false;
        self.international = byte == b'+';
    }
}

impl Spellings {
    /// Of a Brazilian number the national digits, of a mobile also without the ninth; of any other all digits.
    pub(super) fn of(number: &PhoneNumber) -> Self {
        let spelled = [number.clone(), person(number)];
        let mut digits: Vec<_> = spelled
            .iter()
            .map(|number| number.brazilian().unwrap_or_else(|| number.digits()).to_owned())
            .collect();
        // Whoever is spelled without the ninth digit may be written with it elsewhere.
        if let Some((area, rest)) = digits[1].split_at_checked(2)
            && number.brazilian().is_some()
            && rest.len() == 8
            && rest.starts_with(['6', '7', '8', '9'])
        {
            digits.push(format!("{area}9{rest}"));
        }
        digits.sort_unstable();
        digits.dedup();
        let country = if number.brazilian().is_some() { "55" } else { "" };
        Self { digits, country }
    }

    /// Whether the number stands in a text, percent-encoded or not, be its digits set apart by spaces or `-.()/`.
    pub(super) fn stand_in(&self, text: &[u8]) -> bool {
        let mut group = Group::default();
        for byte in percent_decode(text).chain([b'\n']) {
            match byte {
                b'0'..=b'9' => group.push(byte),
                b' ' | b'-' | b'.' | b'(' | b')' | b'/' if !group.digits.is_empty() => group.unbroken = false,
                b'(' => {}
                _ if self.are_in(&group) => return true,
                _ => group.begin_after(byte),
            }
        }
        false
    }

    /// Whether the number stands in a group. It ends where a run ends: with more digits it is another one.
    fn are_in(&self, group: &Group) -> bool {
        let mut ends = group.runs.iter().skip(1).copied().chain([group.digits.len()]);
        ends.any(|end| {
            let before = |number: &String| group.digits[..end].strip_suffix(number.as_str());
            let mut found = self.digits.iter().filter_map(before);
            found.any(|before| self.may_follow(before, group))
        })
    }

    /// Whether the number may stand after these digits of a group. A country code of another country, or other digits of
    /// the same run, make it another number.
    fn may_follow(&self, before: &str, group: &Group) -> bool {
        let after_plus = group.international && before.len() <= LONGEST_COUNTRY_CODE;
        let begun = group.runs.iter().rfind(|run| **run <= before.len());
        let before = if after_plus {
            before
        } else {
            &before[begun.copied().unwrap_or(0)..]
        };
        let code = before.trim_start_matches('0');
        if matches!(code.strip_prefix(self.country), Some("" | "0")) {
            return true;
        }
        // A trunk 0, or `0` and the two digits of a carrier.
        !after_plus && (code.is_empty() || before.len() == 3 && before.starts_with('0'))
    }

    /// The number and every other way to write it in E.164.
    pub(super) fn numbers(&self, number: &PhoneNumber) -> Vec<PhoneNumber> {
        let international = |digits: &String| match number.brazilian() {
            Some(_) => PhoneNumber::lenient(&format!("+55{digits}")),
            None => Some(number.clone()),
        };
        self.digits.iter().filter_map(international).collect()
    }
}

fn person(number: &PhoneNumber) -> PhoneNumber {
    PhoneNumber::lenient(&number.person()).unwrap_or_else(|| number.clone())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn spellings(number: &str) -> Spellings {
        Spellings::of(&PhoneNumber::lenient(number).unwrap())
    }

    #[test]
    fn a_number_is_found_in_every_spelling() {
        for number in ["+5511988887777", "+551188887777"] {
            let spellings = spellings(number);
            for text in [
                r#"{"to":"+5511988887777"}"#,
                "5511988887777",
                "whatsapp:+551188887777",
                "11988887777",
                "011 98888-7777",
                "+55 (11) 98888-7777 ligou",
                "em 2026-11-22 11.98888.7777",
                "%2B5511988887777&x=1",
                "oi%205511988887777",
                "+55 (0) 11 98888-7777",
                "005511988887777",
                "01511988887777",
                "021 11 98888-7777/21 3003-1000",
                "21 3003-1000 / +5511988887777",
                "\u{e9} 1188887777",
            ] {
                assert!(spellings.stand_in(text.as_bytes()), "{number} in {text}");
            }
            for text in [
                "",
                "+5511988887778",
                "5521988887777",
                "1198888",
                "11988887,777",
                "call_1198888x7777",
            ] {
                assert!(!spellings.stand_in(text.as_bytes()), "{number} in {text}");
            }
        }
    }

    #[test]
    fn a_number_is_not_found_inside_anothers() {
        for (number, others) in [
            (
                "+5555999912345",
                [
                    "+5599912345678",
                    "5599912345678",
                    "+55 99 91234-5678",
                    "99912345678",
                    "+5599912345",
                ],
            ),
            (
                "+555532221234",
                [
                    "+55 32 2212-3456",
                    "+55 32 2212-3499 ligou",
                    "553222123412",
                    "+5532221234",
                    "155532221234",
                ],
            ),
            (
                "+551732280000",
                [
                    "1732280000000",
                    "{\"at\":1732280000123}",
                    "{\"at\":9173228000000}",
                    "at=1173228000012",
                    "+17322800001",
                ],
            ),
            (
                "+552132221234",
                [
                    "+1 213-222-1234",
                    "+12132221234",
                    "%2B2132221234",
                    "0119921322212345",
                    "+5511 2132-22123",
                ],
            ),
        ] {
            for text in others {
                assert!(!spellings(number).stand_in(text.as_bytes()), "{number} in {text}");
            }
        }
        let french = spellings("+33912345678");
        assert!(french.stand_in(b"0033912345678") && french.stand_in(b"33 9 12 34 56 78"));
        assert!(!french.stand_in(b"+5533912345678") && !french.stand_in(b"5533912345678"));
        for text in ["+55 55 3222-1234", "(55) 3222-1234", "5532221234", "555532221234"] {
            assert!(spellings("+555532221234").stand_in(text.as_bytes()), "{text}");
        }
        assert!(
            spellings("+5511111111111").stand_in(b"5511111111111"),
            "its digits repeat"
        );
    }

    #[test]
    fn a_fixed_line_and_a_foreign_number_are_written_in_one_way() {
        assert!(!spellings("+551130031000").stand_in(b"11930031000"));
        let foreign = spellings("+12025550123");
        assert!(foreign.stand_in(b"+1 202 555-0123") && !foreign.stand_in(b"+5512025550124"));
    }

    #[test]
    fn what_counts_by_the_number_is_named_by_each_way_to_write_it() {
        let number = PhoneNumber::lenient("+5511988887777").unwrap();
        let numbers = Spellings::of(&number).numbers(&number);
        let texts: Vec<_> = numbers.iter().map(PhoneNumber::as_str).collect();
        assert_eq!(texts, ["+551188887777", "+5511988887777"]);
    }
}
