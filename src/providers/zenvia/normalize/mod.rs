//! Zenvia's objects in our words: calls of two legs, torpedoes of one, calls received.
//!
//! Everything here is pure. What an object does not tell, or tells in a word nobody knows, is left out.

mod connect;
mod did;
mod part;
mod status;
mod torpedo;

use super::wire::{Clock, Object};
use crate::domain::call::{CallKind, Direction, ProviderRef, RecordingState};
use crate::domain::facts::CallFacts;
use crate::domain::place::split_tag;

pub use connect::{call_event, connect, event_stamps, received};
pub use did::{did, did_event};
pub use part::Part;
pub use status::{is_known as is_status_word, reason as disconnect_reason};
pub use torpedo::{ended_torpedo, torpedo};

/// Reads an object of a lookup or a report; nothing where it has no identifier or the kind is not this provider's.
pub fn facts(kind: CallKind, object: &Object<'_>) -> Option<CallFacts> {
    match kind {
        CallKind::Connect => connect(object),
        CallKind::Say | CallKind::Play | CallKind::Flow => torpedo(kind, object),
        CallKind::Did => did(object, Told::Asked),
        CallKind::Whatsapp | CallKind::Campaign | CallKind::Queue => None,
    }
}

/// What occasion an object was sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It was asked for, or is a row of a report.
    Asked,
    /// The call has ended.
    AtEnd,
}

/// What every object of a call has: its identifier, its label, whether it is recorded.
fn common(object: &Object<'_>, kind: CallKind, direction: Direction) -> Option<CallFacts> {
    let id = object.string("id")?;
    let (tag, echoed) = object.string("tags").map(|tags| split_tag(&tags)).unwrap_or_default();
    Some(CallFacts {
        reference: Some(ProviderRef::id(id)),
        echoed,
        direction: Some(direction),
        kind: Some(kind),
        tag,
        created_at: object.time("data_criacao", Clock::SaoPaulo),
        ..CallFacts::default()
    })
}

/// A link is a recording; none is final only once the call is over.
fn recording(object: &Object<'_>, over: bool) -> Option<RecordingState> {
    if object.recording_link().is_some() {
        return Some(RecordingState::Available);
    }
    match object.flag("gravar_audio") {
        Some(true) => Some(RecordingState::Pending),
        Some(false) => Some(RecordingState::None),
        None => (over && object.get("url_gravacao").is_some()).then_some(RecordingState::None),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
