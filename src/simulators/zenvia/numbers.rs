//! Telephone numbers as the provider reads them, and the fate their last digits choose.

/// What a number is: a mobile, a landline or an extension of the account's own exchange.
pub fn line_kind(number: &str) -> &'static str {
    match national(number) {
        Some(national) if national.len() == 11 => "movel",
        Some(_) => "fixo",
        None => "ramal",
    }
}

/// DDD and number: `+55`, `55` or nothing may stand before them.
pub fn national(number: &str) -> Option<&str> {
    let digits = number.strip_prefix("+55").unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match (digits.len(), digits.strip_prefix("55")) {
        (10 | 11, _) => Some(digits),
        (12 | 13, Some(national)) if !number.starts_with('+') => Some(national),
        _ => None,
    }
}

/// Whether this is an extension: three or four digits.
pub fn is_extension(number: &str) -> bool {
    matches!(number.len(), 3 | 4) && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// One spelling for all spellings of a number, for look-ups by people: separators and the country code are dropped.
pub fn key(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    national(&digits).map_or_else(|| digits.clone(), str::to_owned)
}

/// What becomes of a call, chosen by the number's last digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Answered, talked, ended by the callee.
    Answered,
    /// `…0001`.
    Busy,
    /// `…0002`.
    NoAnswer,
    /// `…0003`.
    Declined,
    /// `…0004`: carried out, but the connection closes with no byte answered.
    ReplyLost,
    /// `…0005`: a machine answers.
    Voicemail,
    /// `…0006`: refused before anything is done.
    OutOfCredit,
    /// `…0007`: refused before anything is done.
    RateLimited,
}

impl Fate {
    /// The fate of a call to this number. Extensions are always answered.
    pub fn of(number: &str) -> Self {
        let Some(national) = national(number) else {
            return Self::Answered;
        };
        match &national[national.len() - 4..] {
            "0001" => Self::Busy,
            "0002" => Self::NoAnswer,
            "0003" => Self::Declined,
            "0004" => Self::ReplyLost,
            "0005" => Self::Voicemail,
            "0006" => Self::OutOfCredit,
            "0007" => Self::RateLimited,
            _ => Self::Answered,
        }
    }

    /// Status and `motivo_desconexao` of a leg that nobody answers; `None` when somebody does.
    pub fn unanswered(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Busy => Some(("ocupado", "17. ocupado")),
            Self::NoAnswer => Some(("sem resposta", "19. sem resposta - mas chamou")),
            // The exchange under the provider reports a decline as busy; only the reason tells.
            Self::Declined => Some(("ocupado", "21. chamada rejeitada")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_spellings_of_a_number_and_no_fourth() {
        for number in ["+5510999999999", "5510999999999", "10999999999"] {
            assert_eq!(national(number), Some("10999999999"), "{number}");
        }
        assert_eq!(national("+551033334444"), Some("1033334444"));
        // A national number of DDD 55 is not a country code.
        assert_eq!(national("55999999999"), Some("55999999999"));
        for number in [
            "",
            "+",
            "999999999",
            "+55108888888888",
            "+15551234567",
            "(10) 99999-9999",
        ] {
            assert_eq!(national(number), None, "{number}");
        }
    }

    #[test]
    fn a_key_ignores_spelling() {
        assert_eq!(key(" 55 (10) 99999-9999"), key("+5510999999999"));
    }

    #[test]
    fn kinds_of_lines() {
        assert_eq!(line_kind("+5510999999999"), "movel");
        assert_eq!(line_kind("1033334444"), "fixo");
        assert_eq!(line_kind("4000"), "ramal");
    }
}
