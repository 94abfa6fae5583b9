//! A call as it is stored: what callers see, and what is known besides.

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::call::{Attempt, AttemptOutcome, Call, CallStatus, SettledBy};
use super::hangup::Hangup;
use super::time::Timestamp;

/// How long a presumed end waits for better news, in milliseconds: Meta sends `REJECTED` and the `terminate` of one call
/// within a second of each other, in either order, and Zenvia the end of a leg and the end of its call.
pub const HELD_BACK_MS: i64 = 3_000;

/// A call as it is stored, with what no caller sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFile {
    /// What callers see.
    pub call: Call,
    /// How it ends unless something better is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presumed: Option<Presumed>,
    /// When the provider says that things happened.
    #[serde(default, skip_serializing_if = "Times::is_empty")]
    pub told: Times,
    /// When we took the messages that say so, for those that the provider does not date.
    #[serde(default, skip_serializing_if = "Times::is_empty")]
    pub taken: Times,
    /// Seconds talked, as the provider counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_talk: Option<u64>,
    /// When something was last heard of it.
    pub heard_at: Timestamp,
    /// Where its trace goes on, as a W3C `traceparent`, if the request that placed it was traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// When its provider was last asked about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// Who the first party is joined with, where that is all the call does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joins: Option<Address>,
}

/// When a call came how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Times {
    /// When it began to ring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ringing_at: Option<Timestamp>,
    /// When it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl Times {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An end that was told by a message which may not be the last word on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presumed {
    /// The status the call ends with.
    pub status: CallStatus,
    /// When it ended, if the message tells.
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    pub hangup: Option<Hangup>,
    /// What told it.
    pub source: SettledBy,
    /// When the first such message was taken.
    pub taken_at: Timestamp,
}

impl Presumed {
    /// When it is held to be true.
    pub const fn due_at(&self) -> Timestamp {
        Timestamp::from_millis(self.taken_at.as_millis().saturating_add(HELD_BACK_MS))
    }
}

impl CallFile {
    /// The file of a call of which nothing was heard since it was made.
    pub fn new(call: Call) -> Self {
        let heard_at = call.created_at;
        Self {
            call,
            presumed: None,
            told: Times::default(),
            taken: Times::default(),
            told_talk: None,
            heard_at,
            trace: None,
            asked_at: None,
            joins: None,
        }
    }

    /// The attempt under way, if its owner has not written what came of it.
    pub fn intent(&self) -> Option<&Attempt> {
        let last = self.call.attempts.last()?;
        (last.outcome == AttemptOutcome::Started && self.call.status == CallStatus::Queued).then_some(last)
    }

    /// Whether it is unknown for good, as far as we may ask: only evidence that comes by itself still settles it.
    pub fn is_given_up(&self) -> bool {
        self.call.status == CallStatus::Unknown && self.call.settled_by == Some(SettledBy::Timeout)
    }

    /// Whether nothing more will happen to it by itself.
    pub fn is_closed(&self) -> bool {
        self.call.status.is_final() || self.is_given_up()
    }
}
