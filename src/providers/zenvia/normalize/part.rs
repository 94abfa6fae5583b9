//! One party's part of a call: the fields that legs, torpedoes, received calls and extensions share.

use super::super::wire::{Clock, Object};
use super::status;
use crate::domain::address::Address;
use crate::domain::call::{AnsweredBy, CallStatus, Leg, LegSide};
use crate::domain::hangup::Hangup;
use crate::domain::money::Money;
use crate::domain::time::Timestamp;

/// What an object says of one party's part.
///
/// Figures that still grow (durations, price, reason) are told only once the part is over, because a value
/// once known is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Where it stands.
    pub status: Option<CallStatus>,
    /// Whether a later object may know better how it ended: a party that declined is said to be busy, or not to have
    /// answered, until the disconnect reason is told.
    pub tentative: bool,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When the party answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Seconds talked.
    pub talk_seconds: Option<u64>,
    /// Seconds billed.
    pub billed_seconds: Option<u64>,
    /// What it cost.
    pub price: Option<Money>,
    /// The provider's words on why it ended.
    pub reason: Option<String>,
    /// Whether a machine answered.
    pub machine: bool,
}

/// What a part's own fields cannot tell of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stamps {
    /// Whether the call it belongs to has ended.
    pub over: bool,
    /// When it was started.
    pub started_at: Option<Timestamp>,
}

impl Part {
    /// Reads a part.
    pub fn read(object: &Object<'_>, stamps: Stamps) -> Self {
        let Stamps { over, started_at } = stamps;
        let reason = object.string("motivo_desconexao");
        let status = object.string("status").and_then(|word| status::read(&word, over));
        let known_reason = reason.as_deref().and_then(status::reason);
        let status = status::with_reason(status, known_reason);
        let unanswered = status.is_some_and(|status| status.is_final() && status != CallStatus::Completed);
        let tentative = unanswered && !over && known_reason.is_none();
        let over = over || status.is_some_and(CallStatus::is_final);
        let talk = object.duration("duracao_falada");
        let times = Times {
            started_at,
            total: object.duration("duracao"),
            talk,
        };
        Self {
            status,
            tentative,
            started_at,
            answered_at: answered_at(object, status, &times),
            ended_at: times.now().filter(|_| over),
            talk_seconds: talk.filter(|_| over),
            billed_seconds: object.duration("duracao_cobrada").filter(|_| over),
            price: object.money("preco").filter(|_| over),
            reason: reason.filter(|_| over),
            // Documented in 2018 as `maquina_origem`.
            machine: object
                .string("substatus")
                .is_some_and(|word| word.starts_with("maquina")),
        }
    }

    /// When it began to ring: parts are started by ringing, but one still being prepared has not begun.
    pub fn ringing_at(&self) -> Option<Timestamp> {
        self.started_at
            .filter(|_| self.status.is_some_and(|s| s.rank() >= CallStatus::Ringing.rank()))
    }

    /// Whether the party has a status and did not answer.
    pub fn is_unanswered(&self) -> bool {
        self.status.is_some() && !self.has_answered()
    }

    /// Whether the party answered.
    pub fn has_answered(&self) -> bool {
        matches!(self.status, Some(CallStatus::InProgress | CallStatus::Completed))
    }

    /// Who or what answered, as far as it is told: only machines are.
    pub fn answered_by(&self) -> Option<AnsweredBy> {
        self.machine.then_some(AnsweredBy::Machine)
    }

    /// Why it ended.
    pub fn hangup(&self) -> Option<Hangup> {
        hangup([self.reason.clone()])
    }

    /// The part as a leg of a call.
    pub fn into_leg(self, side: LegSide, address: Option<Address>) -> Leg {
        Leg {
            side,
            address,
            status: self.status,
            started_at: self.started_at,
            answered_at: self.answered_at,
            talk_seconds: self.talk_seconds,
            billed_seconds: self.billed_seconds,
            hangup: self.hangup(),
            price: self.price,
        }
    }
}

/// Why a call ended, from its parts' words in wire order: the last known one gives the cause.
pub fn hangup(reasons: impl IntoIterator<Item = Option<String>>) -> Option<Hangup> {
    let texts: Vec<String> = reasons.into_iter().flatten().collect();
    let q850 = texts.iter().rev().find_map(|text| status::reason(text));
    (!texts.is_empty()).then(|| Hangup::from_q850(q850, texts))
}

/// The times of a part, most of which are durations on the wire.
///
/// `duracao_segundos` counts from `data_inicio`: two legs of a documented call, started 17 s apart with totals 17 s apart,
/// end in the same second. `duracao_falada_segundos` counts from the answer, so the answer lies that long before the
/// end; the events that do carry `data_atendimento` agree to the second.
struct Times {
    started_at: Option<Timestamp>,
    total: Option<u64>,
    talk: Option<u64>,
}

impl Times {
    /// When the object was written: the end of a part that is over.
    fn now(&self) -> Option<Timestamp> {
        let total = i64::try_from(self.total?).ok()?;
        Some(self.started_at?.plus_seconds(total))
    }

    /// When the party answered. A documented leg talked longer than it lasted: of that one nothing is told.
    fn answered(&self) -> Option<Timestamp> {
        let until_answer = self.total?.checked_sub(self.talk?)?;
        Some(self.started_at?.plus_seconds(i64::try_from(until_answer).ok()?))
    }
}

fn answered_at(object: &Object<'_>, status: Option<CallStatus>, times: &Times) -> Option<Timestamp> {
    let answered = matches!(status, Some(CallStatus::InProgress | CallStatus::Completed));
    let told = object.time("data_atendimento", Clock::SaoPaulo);
    told.or_else(|| times.answered().filter(|_| answered))
}
