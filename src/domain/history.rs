//! Past calls as providers list them, in one vocabulary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::account::AccountName;
use super::address::Address;
use super::call::{
    AnsweredBy, Attempt, CallKind, CallStatus, Direction, Leg, ProviderRef, RecordingState, Routing, SettledBy,
};
use super::facts::CallFacts;
use super::hangup::Hangup;
use super::ids::CallId;
use super::money::Money;
use super::place::Session;
use super::time::Timestamp;
use super::words::words;

words! {
    /// Where a record comes from.
    RecordSource {
        /// A provider's report.
        Report = "report",
        /// What webhooks told.
        Webhook = "webhook",
    }
}

/// Instants from `since` (included) to `until` (excluded).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first instant.
    pub since: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

impl Window {
    /// Whether the instant lies inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.since <= at && at < self.until
    }
}

/// Something with an identifier and a name at the provider.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
pub struct Named {
    /// The provider's identifier.
    pub id: Option<String>,
    /// The name.
    pub name: Option<String>,
}

/// The person a campaign called, as the CRM knows them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Subscriber {
    /// The CRM's identifier.
    pub external_id: Option<String>,
    /// The number dialled.
    pub number: Option<Address>,
    /// The name.
    pub name: Option<String>,
}

/// Answers to a survey after the call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Survey {
    /// Customer satisfaction.
    pub csat: Option<i64>,
    /// Net promoter score.
    pub nps: Option<i64>,
}

/// One row of a provider's report in our words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// The provider's identifier of the row, unique within its report.
    pub id: String,
    /// What the row says of the call.
    pub facts: CallFacts,
    /// The agent who took it.
    pub agent: Option<Named>,
    /// The campaign it belongs to.
    pub campaign: Option<Named>,
    /// The queue it went through.
    pub queue: Option<Named>,
    /// Who was called, as the CRM knows them.
    pub subscriber: Option<Subscriber>,
    /// The campaign's own fields; `None` where the provider did not tell.
    pub custom_fields: Option<BTreeMap<String, String>>,
    /// The survey after the call.
    pub survey: Option<Survey>,
    /// How the agent classified the call.
    pub classification: Option<String>,
    /// What came of it.
    pub outcome: Option<String>,
    /// The trunk that carried it.
    pub trunk: Option<String>,
    /// The row as the provider sent it, byte for byte.
    pub raw: String,
}

/// A past call. Unknown values are `null`, never absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Record {
    /// Identifies the record for ever: the same provider row has the same one.
    #[schema(max_length = 120, pattern = "^rec_[A-Za-z0-9_-]+$")]
    pub id: String,
    /// Our call, where it was placed here.
    pub call_id: Option<CallId>,
    /// The tenant who owns the account, or who placed the call.
    pub tenant: String,
    /// The kind of provider.
    pub provider: String,
    /// The account.
    pub account: AccountName,
    /// How the provider names the call.
    pub provider_ref: Option<ProviderRef>,
    /// Who started it.
    pub direction: Direction,
    /// What it was made of.
    pub kind: CallKind,
    /// How it ended, or where it stands.
    pub status: CallStatus,
    /// Who called, or the caller ID shown.
    pub from: Option<Address>,
    /// Who was called.
    pub to: Option<Address>,
    /// The caller's label.
    pub tag: Option<String>,
    /// The request that placed it.
    pub request_id: Option<String>,
    /// When the provider made it: the time the list is sorted by.
    pub created_at: Timestamp,
    /// When it began to ring.
    pub ringing_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Seconds from ringing to answer or end.
    pub ring_seconds: Option<u64>,
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
    pub recording: RecordingState,
    /// Its legs.
    pub legs: Vec<Leg>,
    /// Which account was chosen and why.
    pub routing: Option<Routing>,
    /// The exchanges with providers that placed it.
    pub attempts: Vec<Attempt>,
    /// What told its last status.
    pub settled_by: Option<SettledBy>,
    /// The agent who took it.
    pub agent: Option<Named>,
    /// The campaign it belongs to.
    pub campaign: Option<Named>,
    /// The queue it went through.
    pub queue: Option<Named>,
    /// Who was called, as the CRM knows them.
    pub subscriber: Option<Subscriber>,
    /// The campaign's own fields; null: the provider did not tell.
    pub custom_fields: Option<BTreeMap<String, String>>,
    /// The survey after the call.
    pub survey: Option<Survey>,
    /// How the agent classified the call.
    pub classification: Option<String>,
    /// What came of it.
    pub outcome: Option<String>,
    /// The trunk that carried it.
    pub trunk: Option<String>,
    /// The Brazilian area code of the other party.
    pub area_code: Option<String>,
    /// Where this gateway gives the recording.
    pub recording_url: Option<String>,
    /// Where the record comes from.
    pub source: RecordSource,
    /// Changes exactly when the provider's row does.
    pub row_hash: String,
    /// The provider's row, spoken text and recording links redacted; where webhooks are the only source, their last 20
    /// messages of the call, oldest first, one after the other. Only with `include=raw`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

impl Record {
    /// Whether the call was answered, as far as its provider tells.
    pub fn is_answered(&self) -> bool {
        self.answered_at.is_some() || self.status == CallStatus::Completed
    }
}
