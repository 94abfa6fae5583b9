//! What a provider says about one call, in our words, before it is joined with what is known.

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::call::{AnsweredBy, CallKind, CallStatus, Direction, Leg, ProviderRef, RecordingState};
use super::hangup::Hangup;
use super::ids::CallId;
use super::money::Money;
use super::place::Session;
use super::time::Timestamp;

/// What one message of a provider says about one call. `None` means the message does not tell.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CallFacts {
    /// How the provider names the call.
    pub reference: Option<ProviderRef>,
    /// Our identifier, echoed in the provider's tag.
    pub echoed: Option<CallId>,
    /// Who started it.
    pub direction: Option<Direction>,
    /// What it is made of.
    pub kind: Option<CallKind>,
    /// Where it stands.
    pub status: Option<CallStatus>,
    /// Whether another message may know better how it ended: a final status is then only presumed.
    pub tentative: bool,
    /// Who called, or the caller ID shown.
    pub from: Option<Address>,
    /// Who was called.
    pub to: Option<Address>,
    /// The caller's label, our identifier taken out.
    pub tag: Option<String>,
    /// When the provider made it.
    pub created_at: Option<Timestamp>,
    /// When it began to ring.
    pub ringing_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Seconds talked.
    pub talk_seconds: Option<u64>,
    /// Seconds billed.
    pub billed_seconds: Option<u64>,
    /// What it cost.
    pub price: Option<Money>,
    /// Who or what answered.
    pub answered_by: Option<AnsweredBy>,
    /// Why it ended.
    pub hangup: Option<Hangup>,
    /// Digits pressed.
    pub digits: Option<String>,
    /// The other side's session description.
    pub session: Option<Session>,
    /// Whether a recording can be had.
    pub recording: Option<RecordingState>,
    /// Its legs.
    pub legs: Vec<Leg>,
}
