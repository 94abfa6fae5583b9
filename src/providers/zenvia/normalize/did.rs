//! Calls received by a DID: flat, with the extension that took them beside.

use super::super::wire::{Clock, Object};
use super::connect::event_stamps;
use super::part::{Part, Stamps};
use super::{Told, common, recording};
use crate::domain::address::Address;
use crate::domain::call::{CallKind, CallStatus, Direction, Leg, LegSide};
use crate::domain::facts::CallFacts;

/// Reads a received call of a lookup, a report or the webhook of its end.
pub fn did(object: &Object<'_>, told: Told) -> Option<CallFacts> {
    let over = told == Told::AtEnd || object.flag("ativa") == Some(false);
    let started_at = object.time("data_inicio", Clock::SaoPaulo);
    let facts = fill(object, Stamps { over, started_at })?;
    // The object has no `data_criacao`.
    Some(CallFacts {
        created_at: facts.created_at.or(started_at),
        ..facts
    })
}

/// Reads the event of a received call.
///
/// In its 2018 shape, with both numbers and the extension as an object, `data_criacao` is UTC; in the shape documented
/// since it is local. `data_atendimento` is local in both.
pub fn did_event(object: &Object<'_>) -> Option<CallFacts> {
    let shape_of_2018 = object.object("ramal").is_some() || object.string("numero_destino").is_some();
    let clock = if shape_of_2018 { Clock::Utc } else { Clock::SaoPaulo };
    let created_at = object.time("data_criacao", clock);
    let facts = fill(
        object,
        Stamps {
            started_at: created_at,
            ..event_stamps(object)
        },
    )?;
    Some(CallFacts { created_at, ..facts })
}

fn fill(object: &Object<'_>, stamps: Stamps) -> Option<CallFacts> {
    let facts = common(object, CallKind::Did, Direction::Inbound)?;
    let part = Part::read(object, stamps);
    let over = stamps.over || part.status.is_some_and(CallStatus::is_final);
    Some(CallFacts {
        status: part.status,
        tentative: part.tentative,
        from: object.address("numero_origem"),
        to: object.address("numero_destino"),
        // A received call rings from its first moment.
        ringing_at: stamps.started_at,
        answered_at: part.answered_at,
        ended_at: part.ended_at,
        talk_seconds: part.talk_seconds,
        billed_seconds: part.billed_seconds,
        answered_by: part.answered_by(),
        hangup: part.hangup(),
        price: part.price,
        recording: recording(object, over),
        legs: extension(object).into_iter().collect(),
        ..facts
    })
}

/// The extension that took the call: a number, a text, or an object with a course of its own.
fn extension(object: &Object<'_>) -> Option<Leg> {
    if let Some(leg) = object.object("ramal") {
        let address = leg.string("numero").map(Address::Extension);
        return Some(Part::read(leg, event_stamps(leg)).into_leg(LegSide::Callee, address));
    }
    let address = object.string("ramal").map(Address::Extension)?;
    Some(Part::default().into_leg(LegSide::Callee, Some(address)))
}
