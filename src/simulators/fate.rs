//! What becomes of a simulated call, chosen by the last digits of its destination.

/// The end a destination number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Rings, is answered, talks and ends.
    Answered,
    /// `…0001`: the line is busy.
    Busy,
    /// `…0002`: rings until the ring window is over.
    NoAnswer,
    /// `…0003`: rings and is declined.
    Declined,
    /// `…0004`: acts as if answered, but the request that started it gets no answer.
    ReplyLost,
    /// `…0005`: a machine takes the call.
    Voicemail,
    /// `…0006`: refused, the account cannot pay.
    OutOfCredit,
    /// `…0007`: refused with 429.
    RateLimited,
}

impl Fate {
    /// Reads the fate from the final four digits; signs and spaces between them do not count.
    #[must_use]
    pub fn of(number: &str) -> Self {
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        match digits.get(digits.len().saturating_sub(4)..) {
            Some("0001") => Self::Busy,
            Some("0002") => Self::NoAnswer,
            Some("0003") => Self::Declined,
            Some("0004") => Self::ReplyLost,
            Some("0005") => Self::Voicemail,
            Some("0006") => Self::OutOfCredit,
            Some("0007") => Self::RateLimited,
            _ => Self::Answered,
        }
    }

    /// Tells whether somebody, or a machine, picks up.
    #[must_use]
    pub const fn connects(self) -> bool {
        matches!(self, Self::Answered | Self::ReplyLost | Self::Voicemail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_four_digits_decide() {
        assert_eq!(Fate::of("5584990000001"), Fate::Busy);
        assert_eq!(Fate::of("+55 84 99000-0007"), Fate::RateLimited);
        assert_eq!(Fate::of("84990000010"), Fate::Answered);
        assert_eq!(Fate::of("0001"), Fate::Busy);
        assert_eq!(Fate::of("1"), Fate::Answered);
    }
}
