//! Torpedoes: `tts`, `audio` and `composto` call one number, and their fields are flat.

use super::super::wire::{Clock, Object};
use super::part::{Part, Stamps};
use super::{common, recording, status};
use crate::domain::call::{CallKind, CallStatus, Direction};
use crate::domain::facts::CallFacts;

/// Reads a torpedo of a lookup or a report, which says nowhere whether it is over.
pub fn torpedo(kind: CallKind, object: &Object<'_>) -> Option<CallFacts> {
    read(kind, object, has_ended(object))
}

/// Reads a torpedo from the webhook of its end.
pub fn ended_torpedo(kind: CallKind, object: &Object<'_>) -> Option<CallFacts> {
    read(kind, object, true)
}

/// An answered torpedo is over once it was disconnected for a known reason or something was billed: in samples either may lack.
fn has_ended(object: &Object<'_>) -> bool {
    let answered = object.string("status").is_some_and(|word| status::is_answered(&word));
    let disconnected = object
        .string("motivo_desconexao")
        .and_then(|text| status::reason(&text))
        .is_some();
    let billed = object.duration("duracao_cobrada").is_some_and(|seconds| seconds > 0);
    answered && (disconnected || billed)
}

fn read(kind: CallKind, object: &Object<'_>, over: bool) -> Option<CallFacts> {
    let facts = common(object, kind, Direction::Outbound)?;
    let part = Part::read(
        object,
        Stamps {
            over,
            started_at: object.time("data_inicio", Clock::SaoPaulo),
        },
    );
    let over = over || part.status.is_some_and(CallStatus::is_final);
    Some(CallFacts {
        status: part.status,
        tentative: part.tentative,
        from: object.address("bina"),
        to: object.address("numero_destino"),
        ringing_at: part.ringing_at(),
        answered_at: part.answered_at,
        ended_at: part.ended_at,
        talk_seconds: part.talk_seconds,
        billed_seconds: part.billed_seconds,
        answered_by: part.answered_by(),
        hangup: part.hangup(),
        price: part.price,
        digits: object.string("resposta"),
        recording: recording(object, over),
        ..facts
    })
}
