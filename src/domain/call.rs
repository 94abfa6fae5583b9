//! A call and what may become of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::account::AccountName;
use super::address::Address;
use super::hangup::Hangup;
use super::ids::CallId;
use super::money::Money;
use super::place::Session;
use super::time::Timestamp;
use super::words::words;

words! {
    /// Who started the call: our side or theirs.
    Direction {
        /// Ours.
        Outbound = "outbound",
        /// Theirs.
        Inbound = "inbound",
    }
}

words! {
    /// What a call is made of.
    CallKind {
        /// Two parties joined.
        Connect = "connect",
        /// A text spoken to one party.
        Say = "say",
        /// A recording played to one party.
        Play = "play",
        /// Several actions, a menu, or actions on digits.
        Flow = "flow",
        /// A WhatsApp call whose media is WebRTC.
        Whatsapp = "whatsapp",
        /// A call of a dialler's campaign.
        Campaign = "campaign",
        /// A call through a call-centre queue.
        Queue = "queue",
        /// A call received by a direct inward dialling number.
        Did = "did",
    }
}

words! {
    /// Where a call stands. The last six are final and never change.
    CallStatus {
        /// To be started later.
        Scheduled = "scheduled",
        /// Accepted, not ringing yet.
        Queued = "queued",
        /// Ringing.
        Ringing = "ringing",
        /// Answered and going on.
        InProgress = "in_progress",
        /// The provider's answer was lost: the call may be ringing. Not final and not a failure.
        Unknown = "unknown",
        /// Answered and over.
        Completed = "completed",
        /// The party was busy.
        Busy = "busy",
        /// Nobody answered.
        NoAnswer = "no_answer",
        /// The party declined.
        Rejected = "rejected",
        /// Ended by our side before it was answered.
        Canceled = "canceled",
        /// Could not be completed.
        Failed = "failed",
    }
}

impl CallStatus {
    /// Whether the status never changes again.
    pub const fn is_final(self) -> bool {
        self.rank() == Self::FINAL_RANK
    }

    const FINAL_RANK: u8 = 4;

    /// How far a call has come: news of a lower or equal rank changes no status.
    pub const fn rank(self) -> u8 {
        match self {
            Self::Unknown => 0,
            // Zenvia has one word, `preparando`, for a call to be started later and for one about to be dialled.
            Self::Scheduled | Self::Queued => 1,
            Self::Ringing => 2,
            Self::InProgress => 3,
            Self::Completed | Self::Busy | Self::NoAnswer | Self::Rejected | Self::Canceled | Self::Failed => {
                Self::FINAL_RANK
            }
        }
    }
}

words! {
    /// Whether a recording can be had.
    RecordingState {
        /// None was asked for.
        None = "none",
        /// One was asked for and is not there yet.
        Pending = "pending",
        /// It can be fetched.
        Available = "available",
    }
}

words! {
    /// Who or what took the call.
    AnsweredBy {
        /// A person.
        Human = "human",
        /// A voicemail or another machine.
        Machine = "machine",
    }
}

words! {
    /// What told a call's last status.
    SettledBy {
        /// The provider's answer to the request that placed it.
        Answer = "answer",
        /// The provider's webhook.
        Webhook = "webhook",
        /// The provider, asked.
        Poll = "poll",
        /// Nothing, for too long.
        Timeout = "timeout",
    }
}

words! {
    /// One of the two legs of a call.
    LegSide {
        /// Leg A, rung first.
        Caller = "caller",
        /// Leg B.
        Callee = "callee",
    }
}

/// How the provider names the call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ProviderRef {
    /// The provider's identifier, opaque.
    #[schema(example = "37794869")]
    pub id: Option<String>,
    /// A second identifier, where the provider has one.
    pub uuid: Option<String>,
}

impl ProviderRef {
    /// A reference by identifier alone.
    pub fn id(id: impl Into<String>) -> Self {
        Self {
            id: Some(id.into()),
            uuid: None,
        }
    }
}

/// One party's part of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Leg {
    /// Which leg it is.
    pub side: LegSide,
    /// Who is on it.
    pub address: Option<Address>,
    /// Where it stands.
    pub status: Option<CallStatus>,
    /// When it started to ring.
    pub started_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// Seconds talked.
    pub talk_seconds: Option<u64>,
    /// Seconds billed.
    pub billed_seconds: Option<u64>,
    /// What it cost.
    pub price: Option<Money>,
    /// Why it ended.
    pub hangup: Option<Hangup>,
}

/// An account that was passed over, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Skipped {
    /// The account.
    pub account: AccountName,
    /// Why it was not taken.
    #[schema(example = "does not support: play")]
    pub reason: String,
}

/// Which account was chosen, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Routing {
    /// The account that took the request.
    pub account: AccountName,
    /// Why it was taken.
    #[schema(example = "first in [routing] calls that can do it")]
    pub reason: String,
    /// The accounts passed over before it.
    pub skipped: Vec<Skipped>,
}

words! {
    /// How one exchange with a provider ended.
    AttemptOutcome {
        /// Begun; a process that died then leaves it so.
        Started = "started",
        /// The provider took it.
        Accepted = "accepted",
        /// The request never reached the provider.
        NotSent = "not_sent",
        /// The provider was too busy and did nothing.
        Busy = "busy",
        /// The provider refused and did nothing.
        Refused = "refused",
        /// The answer was lost: the provider may have acted.
        Interrupted = "interrupted",
        /// The answer could not be read: the provider may have acted.
        Broken = "broken",
    }
}

/// One exchange with a provider on the object's behalf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// Through which account.
    pub account: AccountName,
    /// The provider's operation.
    #[schema(example = "POST /tts")]
    pub operation: String,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// The provider's own code, where it gave one.
    pub provider_code: Option<String>,
    /// How long it took, in milliseconds.
    pub ms: Option<u64>,
}

/// A call, placed here or heard of. Unknown values are `null`, never absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Call {
    /// Our identifier.
    pub id: CallId,
    /// The tenant the call belongs to.
    pub tenant: String,
    /// The kind of provider that carries it.
    #[schema(example = "zenvia")]
    pub provider: Option<String>,
    /// The account that carries it.
    pub account: Option<AccountName>,
    /// How the provider names it; null until the provider tells.
    pub provider_ref: Option<ProviderRef>,
    /// Who started it.
    pub direction: Direction,
    /// What it is made of.
    pub kind: CallKind,
    /// Where it stands.
    pub status: CallStatus,
    /// The caller ID shown, or who called.
    pub from: Option<Address>,
    /// Who is called first.
    pub to: Option<Address>,
    /// The caller's own label.
    pub tag: Option<String>,
    /// The request that placed it.
    pub request_id: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it began to ring.
    pub ringing_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Seconds from ringing to answer or end, rounded up.
    pub ring_seconds: Option<u64>,
    /// Seconds talked, rounded up.
    pub talk_seconds: Option<u64>,
    /// Seconds billed by the provider.
    pub billed_seconds: Option<u64>,
    /// What the provider charged.
    pub price: Option<Money>,
    /// Who or what answered, where the provider tells.
    pub answered_by: Option<AnsweredBy>,
    /// Why it ended.
    pub hangup: Option<Hangup>,
    /// Digits the party pressed.
    pub digits: Option<String>,
    /// The other side's session description of a WhatsApp call.
    pub session: Option<Session>,
    /// Whether a recording can be had.
    pub recording: RecordingState,
    /// Its legs, where the provider tells of them.
    pub legs: Vec<Leg>,
    /// Which account was chosen and why; null for a call not placed here.
    pub routing: Option<Routing>,
    /// The exchanges with providers that placed it.
    pub attempts: Vec<Attempt>,
    /// What told its last status; null while nothing did.
    pub settled_by: Option<SettledBy>,
}

impl Call {
    /// Whether the provider may mean this call by `reference`: it has that identifier, or none yet.
    pub fn may_be(&self, reference: Option<&ProviderRef>) -> bool {
        let known = self.provider_ref.as_ref().and_then(|known| known.id.as_ref());
        known.is_none() || known == reference.and_then(|told| told.id.as_ref())
    }

    /// A call nothing is known of yet but where it comes from.
    pub fn new(id: CallId, tenant: String, direction: Direction, kind: CallKind, created_at: Timestamp) -> Self {
        Self {
            id,
            tenant,
            provider: None,
            account: None,
            provider_ref: None,
            direction,
            kind,
            status: CallStatus::Queued,
            from: None,
            to: None,
            tag: None,
            request_id: None,
            created_at,
            ringing_at: None,
            answered_at: None,
            ended_at: None,
            ring_seconds: None,
            talk_seconds: None,
            billed_seconds: None,
            price: None,
            answered_by: None,
            hangup: None,
            digits: None,
            session: None,
            recording: RecordingState::None,
            legs: Vec::new(),
            routing: None,
            attempts: Vec::new(),
            settled_by: None,
        }
    }
}
