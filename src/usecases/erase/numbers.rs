//! The spellings of a number, found in any text.

use crate::domain::phone::PhoneNumber;

/// What of a number's digits stands in every spelling of it.
pub(super) struct Spellings(Vec<String>);

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
        Self(digits)
    }

    /// Whether the number stands in a text, be its digits set apart by spaces or `-.()/`.
    pub(super) fn stand_in(&self, text: &[u8]) -> bool {
        let mut group = String::new();
        for byte in text.iter().chain(b"\n") {
            match byte {
                b'0'..=b'9' => group.push(char::from(*byte)),
                b' ' | b'-' | b'.' | b'(' | b')' | b'/' if !group.is_empty() => {}
                _ if group.is_empty() => {}
                _ => {
                    if self.0.iter().any(|digits| group.contains(digits)) {
                        return true;
                    }
                    group.clear();
                }
            }
        }
        false
    }

    /// The number and every other way to write it in E.164.
    pub(super) fn numbers(&self, number: &PhoneNumber) -> Vec<PhoneNumber> {
        let international = |digits: &String| match number.brazilian() {
            Some(_) => PhoneNumber::lenient(&format!("+55{digits}")),
            None => Some(number.clone()),
        };
        self.0.iter().filter_map(international).collect()
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
