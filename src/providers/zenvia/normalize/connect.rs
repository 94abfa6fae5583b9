//! Calls of two legs: leg A (`origem`) is rung first, leg B (`destino`) once A has answered.

use super::super::wire::{Clock, Object};
use super::part::{Part, Stamps, hangup};
use super::{common, recording, status};
use crate::domain::address::Address;
use crate::domain::call::{AnsweredBy, CallKind, CallStatus, Direction, LegSide};
use crate::domain::facts::CallFacts;
use crate::domain::money::Money;
use crate::domain::time::Timestamp;

/// Reads the call object of lookups, reports and the webhooks of status and end.
pub fn connect(object: &Object<'_>) -> Option<CallFacts> {
    let over = is_over(object);
    let facts = common(object, CallKind::Connect, Direction::Outbound)?;
    let legs = Legs::read(object, |leg| Stamps {
        over,
        started_at: started_at(leg),
    })?;
    Some(CallFacts {
        recording: recording(object, over),
        ..legs.fill(facts, over)
    })
}

/// Reads the call object as it was documented for the end of a received call: leg A called, leg B was called.
pub fn received(object: &Object<'_>) -> Option<CallFacts> {
    let facts = CallFacts {
        direction: Some(Direction::Inbound),
        kind: Some(CallKind::Did),
        ..connect(object)?
    };
    let address = |side| facts.legs.iter().find(|leg| leg.side == side)?.address.clone();
    let (from, to) = (address(LegSide::Caller), address(LegSide::Callee));
    Some(CallFacts { from, to, ..facts })
}

/// Reads the event of a leg's change, whose stamps have no offset: the call's is UTC, the legs' are local.
pub fn call_event(object: &Object<'_>) -> Option<CallFacts> {
    let facts = common(object, CallKind::Connect, Direction::Outbound)?;
    let legs = Legs::read(object, event_stamps)?;
    Some(CallFacts {
        created_at: object.time("data_criacao", Clock::Utc),
        recording: recording(object, false),
        ..legs.fill(facts, false)
    })
}

/// An event says `ativo` while the party is connected: false before the answer too, so it tells an end only after it.
pub fn event_stamps(part: &Object<'_>) -> Stamps {
    let answered = part.string("status").is_some_and(|word| status::is_answered(&word));
    Stamps {
        over: answered && part.flag("ativo") == Some(false),
        started_at: started_at(part),
    }
}

/// `data_inicio`; events of 2018 have the leg's `data_criacao` instead.
fn started_at(leg: &Object<'_>) -> Option<Timestamp> {
    let time = |name| leg.time(name, Clock::SaoPaulo);
    time("data_inicio").or_else(|| time("data_criacao"))
}

/// A call that was created is not active yet, so `status_geral` speaks before `ativa`.
fn is_over(object: &Object<'_>) -> bool {
    match object.string("status_geral").as_deref() {
        Some("finalizada") => true,
        Some("criada" | "curso") => false,
        _ => object.flag("ativa") == Some(false),
    }
}

#[derive(Default)]
struct Party {
    part: Part,
    address: Option<Address>,
    caller_id: Option<Address>,
}

struct Legs {
    a: Party,
    b: Party,
}

impl Legs {
    /// Nothing where the object has no leg at all: it is not a call.
    fn read(object: &Object<'_>, stamps: impl Fn(&Object<'_>) -> Stamps) -> Option<Self> {
        let party = |leg: &Object<'_>| Party {
            part: Part::read(leg, stamps(leg)),
            address: leg.address("numero"),
            caller_id: leg.address("bina_origem"),
        };
        let (a, b) = (
            object.object("origem").map(&party),
            object.object("destino").map(&party),
        );
        (a.is_some() || b.is_some()).then(|| Self {
            a: a.unwrap_or_default(),
            b: b.unwrap_or_default(),
        })
    }

    /// The call is what leg B makes of it, or leg A where it had a status and did not answer.
    ///
    /// Sums and reasons wait for the end of the whole call: until then one leg may be missing from them.
    fn fill(self, facts: CallFacts, over: bool) -> CallFacts {
        let (a, b) = (&self.a.part, &self.b.part);
        let deciding = if a.is_unanswered() { a } else { b };
        let ended = deciding.status.is_some_and(CallStatus::is_final);
        CallFacts {
            // Leg A that hung up before leg B was begun.
            status: deciding
                .status
                .or((over && a.has_answered()).then_some(CallStatus::Canceled)),
            tentative: deciding.tentative,
            from: self.a.caller_id,
            to: self.a.address.clone(),
            ringing_at: a.ringing_at().or_else(|| b.ringing_at()),
            answered_at: deciding.answered_at,
            ended_at: a.ended_at.max(b.ended_at).filter(|_| over || ended),
            talk_seconds: deciding.talk_seconds,
            billed_seconds: sum(a.billed_seconds, b.billed_seconds, u64::checked_add).filter(|_| over),
            price: sum(a.price.clone(), b.price.clone(), |a, b| Money::plus(&a, &b)).filter(|_| over),
            answered_by: (a.machine || b.machine).then_some(AnsweredBy::Machine),
            hangup: hangup([a.reason.clone(), b.reason.clone()]).filter(|_| over),
            legs: vec![
                self.a.part.into_leg(LegSide::Caller, self.a.address),
                self.b.part.into_leg(LegSide::Callee, self.b.address),
            ],
            ..facts
        }
    }
}

/// The sum of what is told; nothing where it cannot be written.
fn sum<T>(a: Option<T>, b: Option<T>, add: impl Fn(T, T) -> Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => add(a, b),
        (a, b) => a.or(b),
    }
}
