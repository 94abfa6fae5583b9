//! Codes that the gateway makes: random, sealed, spoken by any account that can speak a text, compared here.
//!
//! A code exists in clear in memory and in what is spoken, nowhere else: what providers tell of the call that spoke it is
//! kept without its text.

use aws_lc_rs::rand;
use subtle::ConstantTimeEq as _;

use super::gateway::Gateway;
use crate::domain::address::Address;
use crate::domain::error::{Error, Failure, FailureKind, Problem};
use crate::domain::ids::CallId;
use crate::domain::place::{Action, ActionKind, NewCall, Script};
use crate::domain::verification::{Ledger, Verification};
use crate::providers::port::Code;
use crate::seal::Purpose;

/// The language that codes are spoken in.
const LANGUAGE: &str = "pt-BR";
/// Bytes from here on are passed over: 250 values are shared evenly by ten digits, 256 are not.
const EVEN: u8 = 250;

impl Gateway {
    /// Makes a code and seals it for this verification and no other.
    ///
    /// # Errors
    /// `internal` where the system gives no random numbers or there is no key to seal with.
    pub(super) fn make_code(&self, verification: &Verification) -> Result<(Code, String), Error> {
        let made = || {
            let code = random_code(verification.code_length)?;
            let sealed = self
                .sealer
                .seal(Purpose::Code, &context(verification), code.expose().as_bytes())?;
            Some((code, sealed))
        };
        made().ok_or_else(|| {
            tracing::error!("no code can be made");
            Error::new(Problem::Internal, "No code can be made.")
        })
    }

    /// The code that the gateway made for a verification; nothing where a provider made it, or it is closed.
    pub(super) fn made_code(&self, ledger: &Ledger) -> Result<Option<Code>, Failure> {
        let Some(sealed) = &ledger.code else { return Ok(None) };
        let verification = &ledger.verification;
        let open = || {
            let digits = self.sealer.open(Purpose::Code, &context(verification), sealed)?;
            Code::parse(&String::from_utf8(digits).ok()?, verification.code_length)
        };
        open().map(Some).ok_or_else(|| {
            tracing::error!(verification = %verification.id, "a code was sealed with a key that is gone");
            Failure::new(FailureKind::NotSent, "")
        })
    }
}

/// Whether two codes are the same, in a time that does not tell where they differ.
pub(super) fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// The call that speaks a code.
pub(super) fn speaking(verification: &Verification, code: &Code) -> NewCall {
    NewCall {
        id: CallId::generate(),
        to: Address::Phone(verification.to.clone()),
        from: None,
        script: Script::Actions(vec![Action {
            what: ActionKind::Say {
                text: spoken(verification.brand.as_deref(), code),
                voice: Some(LANGUAGE.to_owned()),
            },
            on_digit: None,
        }]),
        record: false,
        hang_up_on_machine: false,
        collect_digits: false,
        max_duration_seconds: None,
        schedule_at: None,
        tag: None,
        account: None,
    }
}

/// Commas make a voice pause between digits; who did not listen at once hears it again.
fn spoken(brand: Option<&str>, code: &Code) -> String {
    let digits: Vec<_> = code.expose().chars().map(String::from).collect();
    let digits = digits.join(", ");
    let whose = brand.map_or_else(String::new, |brand| format!(" {brand}"));
    format!("Seu código{whose} é: {digits}. Repetindo, seu código é: {digits}.")
}

fn context(verification: &Verification) -> Vec<u8> {
    let parts = [
        verification.tenant.as_str(),
        verification.to.as_str(),
        &verification.id.to_string(),
    ];
    let mut context = Vec::new();
    for part in parts {
        context.extend_from_slice(&(part.len() as u64).to_be_bytes());
        context.extend_from_slice(part.as_bytes());
    }
    context
}

fn random_code(length: u8) -> Option<Code> {
    let wanted = usize::from(length);
    let mut digits = String::with_capacity(wanted);
    let mut bytes = [0u8; 32];
    while digits.len() < wanted {
        rand::fill(&mut bytes).ok()?;
        let even = bytes.iter().filter(|byte| **byte < EVEN);
        digits.extend(even.map(|byte| char::from(b'0' + byte % 10)));
    }
    digits.truncate(wanted);
    Code::parse(&digits, length)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// How many codes are drawn.
    const DRAWN: usize = 300_000;

    #[test]
    fn every_digit_of_every_place_is_as_likely_and_independent_of_the_one_before() {
        let (mut places, mut pairs) = ([[0usize; 10]; 6], [[0usize; 10]; 10]);
        for _ in 0..DRAWN {
            let code = random_code(6).unwrap();
            let digits: Vec<_> = code.expose().bytes().map(|digit| usize::from(digit - b'0')).collect();
            assert_eq!(digits.len(), 6);
            for (place, digit) in digits.iter().enumerate() {
                places[place][*digit] += 1;
            }
            for pair in digits.windows(2) {
                pairs[pair[0]][pair[1]] += 1;
            }
        }
        // The limits are passed by chance once in about a hundred million runs.
        for place in places {
            assert!(chi_squared(&place) < 56.0, "{place:?}");
        }
        assert!(chi_squared(pairs.as_flattened()) < 195.0, "{pairs:?}");
        let biased: [usize; 10] = std::array::from_fn(|digit| if digit < 6 { 26 } else { 25 });
        let biased = biased.map(|share| share * DRAWN / 256);
        assert!(
            chi_squared(&biased) > 56.0,
            "the remainder of a byte would be found out"
        );
    }

    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn chi_squared(counts: &[usize]) -> f64 {
        let expected = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
        counts
            .iter()
            .map(|&count| (count as f64 - expected).powi(2) / expected)
            .sum()
    }

    #[test]
    fn every_length_is_made() {
        for length in 4..=10 {
            assert_eq!(random_code(length).unwrap().expose().len(), usize::from(length));
        }
    }

    #[test]
    fn it_is_spoken_digit_by_digit_and_again() {
        let code = Code::parse("104206", 6).unwrap();
        assert_eq!(
            spoken(Some("Acme"), &code),
            "Seu código Acme é: 1, 0, 4, 2, 0, 6. Repetindo, seu código é: 1, 0, 4, 2, 0, 6."
        );
        assert!(spoken(None, &code).starts_with("Seu código é: 1, 0"));
    }

    #[test]
    fn codes_differ_wherever_they_differ() {
        assert!(same("123456", "123456"));
        for other in ["023456", "123450", "12345", "1234567", ""] {
            assert!(!same("123456", other), "{other}");
        }
    }
}
