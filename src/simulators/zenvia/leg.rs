//! One telephone that is called: its course and what it costs.

use std::borrow::Cow;

use jiff::Timestamp;

use super::numbers;
use super::text;
use crate::simulators::json::{Object, nullable, optional};

/// `motivo_desconexao` of a call that ended by being hung up.
pub const NORMAL: &str = "16. normal";
/// `motivo_desconexao` while nothing is known.
pub const UNDEFINED: &str = "indefinido";

/// A leg of a call, or the single leg of a torpedo.
#[derive(Debug, Clone)]
pub struct Leg {
    /// The number as the client wrote it.
    pub number: String,
    /// Caller id shown to this leg.
    pub caller_id: Option<String>,
    /// The provider's word; `None` prints as `null`, which finished legs of a webphone have.
    pub status: Option<Cow<'static, str>>,
    /// `motivo_desconexao`.
    pub reason: Cow<'static, str>,
    /// When the leg was planned.
    pub created: Timestamp,
    /// When it began to ring.
    pub started: Option<Timestamp>,
    /// When it was answered.
    pub answered: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
}

impl Leg {
    /// A leg that has not rung yet.
    pub fn planned(number: String, caller_id: Option<String>, created: Timestamp) -> Self {
        Self {
            number,
            caller_id,
            status: Some("preparando".into()),
            reason: UNDEFINED.into(),
            created,
            started: None,
            answered: None,
            ended: None,
        }
    }

    /// It begins to ring.
    pub fn ring(&mut self, now: Timestamp) {
        self.started = Some(now);
        self.status = Some("chamando".into());
    }

    /// Somebody answers.
    pub fn answer(&mut self, now: Timestamp) {
        self.answered = Some(now);
        self.status = Some("atendida".into());
    }

    /// It is over. An answered leg keeps its status; another takes the given status and reason.
    pub fn end(&mut self, now: Timestamp, (status, reason): (&'static str, &'static str)) {
        self.ended = Some(now);
        if self.answered.is_some() {
            self.reason = NORMAL.into();
            return;
        }
        self.status = Some(status.into());
        self.reason = if self.started.is_some() { reason } else { UNDEFINED }.into();
    }

    /// Answered and still connected.
    pub fn connected(&self) -> bool {
        self.answered.is_some() && self.ended.is_none()
    }

    /// `ramal`, `movel` or `fixo`.
    pub fn kind(&self) -> &'static str {
        numbers::line_kind(&self.number)
    }

    /// What has been spent so far.
    pub fn figures(&self, now: Timestamp) -> Figures {
        let until = self.ended.unwrap_or(now);
        let spoken = self.answered.map_or(0, |answered| seconds(answered, until).max(1));
        let minutes = (spoken + 59) / 60;
        let rate = match self.kind() {
            "movel" => 35,
            "fixo" => 10,
            _ => 0,
        };
        Figures {
            total: self.started.map_or(0, |_| seconds(self.created, until).max(spoken)),
            spoken,
            billed: minutes * 60,
            price: Price(minutes * rate),
            answered: self.answered.is_some(),
            over: self.ended.is_some(),
        }
    }
}

/// Every second begun counts.
fn seconds(from: Timestamp, until: Timestamp) -> i64 {
    let ms = until.duration_since(from).as_millis().max(0);
    i64::try_from((ms + 999) / 1000).unwrap_or(i64::MAX)
}

/// Hundredths of the account's currency; prints as a JSON number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price(pub i64);

impl std::fmt::Display for Price {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0 as f64 / 100.0)
    }
}

/// Durations in seconds, and the price.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Since creation.
    pub total: i64,
    /// Since it was answered.
    pub spoken: i64,
    /// By the minute begun.
    pub billed: i64,
    /// For the minutes billed.
    pub price: Price,
    /// Whether it was ever answered.
    pub answered: bool,
    /// Whether it is over.
    pub over: bool,
}

impl Figures {
    /// The six duration keys; billed and talked are `null` while `known` is false.
    pub fn write(&self, object: Object, known: bool) -> Object {
        // One documented row bills a minute as `00:00:60`, so a simulated one in seven does.
        let billed_text = if self.billed == 60 && self.total % 7 == 0 {
            "00:00:60".to_owned()
        } else {
            text::clock(self.billed)
        };
        let (billed, billed_text) = (known.then_some(self.billed), known.then_some(billed_text));
        let (spoken, spoken_text) = (known.then_some(self.spoken), known.then(|| text::clock(self.spoken)));
        object
            .raw("duracao_segundos", self.total)
            .text("duracao", &text::clock(self.total))
            .raw("duracao_cobrada_segundos", nullable(billed))
            .raw("duracao_cobrada", optional(billed_text.as_deref()))
            .raw("duracao_falada_segundos", nullable(spoken))
            .raw("duracao_falada", optional(spoken_text.as_deref()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_567_790_000 + second).unwrap()
    }

    #[test]
    fn a_talk_is_billed_by_the_minute_begun() {
        let mut leg = Leg::planned("+5510999999999".into(), None, at(0));
        leg.ring(at(0));
        leg.answer(at(10));
        leg.end(at(71), ("cancelada", NORMAL));
        let figures = leg.figures(at(500));
        assert_eq!((figures.total, figures.spoken, figures.billed), (71, 61, 120));
        assert_eq!(figures.price.to_string(), "0.7");
        assert_eq!(leg.status.unwrap(), "atendida");
    }

    #[test]
    fn an_unanswered_leg_costs_nothing_and_one_never_rung_has_no_reason() {
        let mut leg = Leg::planned("+551033334444".into(), None, at(0));
        leg.end(at(5), ("cancelada", NORMAL));
        assert_eq!(leg.reason, UNDEFINED);
        let figures = leg.figures(at(5));
        assert_eq!(
            (figures.total, figures.billed, figures.price.to_string().as_str()),
            (0, 0, "0")
        );
    }
}
