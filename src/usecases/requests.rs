//! What the edge asks of the rules, already read and validated field by field.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::account::AccountName;
use crate::domain::address::Address;
use crate::domain::call::{CallKind, CallStatus, Direction, Routing};
use crate::domain::caller::Caller;
use crate::domain::delivery::DeliveryStatus;
use crate::domain::event::{Event, TypePattern};
use crate::domain::history::Window;
use crate::domain::ids::{EventId, VerificationId};
use crate::domain::phone::PhoneNumber;
use crate::domain::place::NewCall;
use crate::domain::summary::{GroupBy, SummaryRow};
use crate::domain::time::Timestamp;
use crate::domain::verification::{Channel, VerificationStatus};
use crate::domain::verification_summary::VerificationGroupBy;

/// A call to place, and the request that asks for it.
#[derive(Debug, Clone)]
pub struct PlaceCall {
    /// The call.
    pub call: NewCall,
    /// The request's identifier, kept on the object.
    pub request_id: String,
}

/// An object that was made or acted on.
#[derive(Debug, Clone)]
pub struct Accepted<T> {
    /// The object as it stands.
    pub object: T,
    /// Whether the provider surely took it; if not, its answer was lost.
    pub certain: bool,
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The objects.
    pub data: Vec<T>,
    /// Where the next page begins; none where this is the last.
    pub next_cursor: Option<String>,
}

/// How many, and from where.
#[derive(Debug, Clone)]
pub struct Paging {
    /// At most so many, 1 to 500.
    pub limit: usize,
    /// The cursor of the page before.
    pub cursor: Option<String>,
}

/// A window of a list as it was asked for.
///
/// A cursor goes on only with the same words, and with what they meant when its walk began: `today` is another day after
/// midnight.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct AskedWindow {
    /// `since` as the caller wrote it.
    pub since: Option<String>,
    /// `until` as the caller wrote it.
    pub until: Option<String>,
    /// What they mean now; none where neither is given.
    #[serde(skip)]
    pub meant: Option<Window>,
}

/// Which calls to list. An empty list of values filters nothing.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CallQuery {
    /// Where they stand.
    pub status: Vec<CallStatus>,
    /// Who started them.
    pub direction: Vec<Direction>,
    /// The accounts.
    pub account: Vec<AccountName>,
    /// What they are made of.
    pub kind: Vec<CallKind>,
    /// Who called.
    pub from: Vec<Address>,
    /// Who was called.
    pub to: Vec<Address>,
    /// Either party.
    pub number: Vec<Address>,
    /// The caller's label.
    pub tag: Vec<String>,
    /// The provider's identifier.
    pub provider_ref: Vec<String>,
    /// The request that placed them.
    pub request_id: Vec<String>,
    /// The window of their creation.
    pub window: AskedWindow,
}

/// A verification to start.
#[derive(Debug, Clone)]
pub struct NewVerification {
    /// Our identifier, made before the provider is asked.
    pub id: VerificationId,
    /// The number.
    pub to: PhoneNumber,
    /// How the code travels.
    pub channel: Channel,
    /// The name beside the code; the configured one if absent.
    pub brand: Option<String>,
    /// Digits, 4 to 10.
    pub code_length: u8,
    /// How long it lives; the configured time if absent.
    pub ttl_seconds: Option<u32>,
    /// The end user's address.
    pub client_ip: Option<std::net::IpAddr>,
    /// The caller's own label.
    pub tag: Option<String>,
    /// The account to use; chosen by routing if absent.
    pub account: Option<AccountName>,
    /// The request's identifier.
    pub request_id: String,
}

/// Which verifications to list.
#[derive(Debug, Clone, Default, Serialize)]
pub struct VerificationQuery {
    /// The numbers.
    pub to: Vec<PhoneNumber>,
    /// Where they stand.
    pub status: Vec<VerificationStatus>,
    /// The caller's label.
    pub tag: Vec<String>,
    /// The request that made them.
    pub request_id: Vec<String>,
    /// The window of their creation.
    pub window: AskedWindow,
}

/// Which events to read.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// The event to go on from.
    pub after: Option<EventId>,
    /// The types; all if empty.
    pub types: Vec<TypePattern>,
    /// What they happened to; anything if empty.
    pub subject: Vec<String>,
}

impl EventQuery {
    /// Whether the caller asks for this event and may know of it.
    pub fn wants(&self, caller: &Caller, event: &Event) -> bool {
        caller.reads(&event.tenant)
            && (self.types.is_empty() || self.types.iter().any(|types| types.matches(event.kind)))
            && (self.subject.is_empty() || self.subject.contains(&event.subject))
    }
}

/// Events in the order they were accepted.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventPage {
    /// The events.
    pub data: Vec<Event>,
    /// Where to go on: the last event that was looked at, whether it is among these or not.
    pub next_cursor: EventId,
}

/// Which deliveries to list. An empty list of values filters nothing.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DeliveryQuery {
    /// The subscriptions.
    pub subscription: Vec<String>,
    /// Where they stand.
    pub status: Vec<DeliveryStatus>,
}

/// Which deliveries to begin again; each filter that is there leaves fewer.
#[derive(Debug, Clone)]
pub struct Redeliver {
    /// The subscription.
    pub subscription: String,
    /// Of events taken since then.
    pub since: Option<Timestamp>,
    /// Where they stand.
    pub status: Option<DeliveryStatus>,
    /// Of this event.
    pub event_id: Option<EventId>,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckResult {
    /// The verification.
    pub id: VerificationId,
    /// Where it stands now.
    pub status: VerificationStatus,
    /// Whether the code was right: true exactly once in a verification's life.
    pub valid: bool,
    /// Checks left.
    pub attempts_left: u32,
}

/// Which records of the history to list. An empty list of values filters nothing.
#[derive(Debug, Clone, Default, Serialize)]
pub struct HistoryQuery {
    /// The window of `created_at`.
    pub window: AskedWindow,
    /// The accounts.
    pub account: Vec<AccountName>,
    /// The kinds of provider.
    pub provider: Vec<String>,
    /// What the calls were made of.
    pub kind: Vec<CallKind>,
    /// Who started them.
    pub direction: Vec<Direction>,
    /// How they ended.
    pub status: Vec<CallStatus>,
    /// Whether they were answered.
    pub answered: Option<bool>,
    /// Either party.
    pub number: Vec<Address>,
    /// Who called.
    pub from: Vec<Address>,
    /// Who was called.
    pub to: Vec<Address>,
    /// The agents.
    pub agent_id: Vec<String>,
    /// The campaigns.
    pub campaign_id: Vec<String>,
    /// The CRM's identifiers.
    pub external_id: Vec<String>,
    /// The caller's label.
    pub tag: Vec<String>,
    /// The provider's identifier.
    pub provider_ref: Vec<String>,
    /// Carry on where a source fails.
    pub partial: bool,
    /// Give the providers' own rows.
    pub raw: bool,
}

/// How one source of a history page did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceState {
    /// The account.
    pub account: AccountName,
    /// The report.
    #[schema(example = "chamada")]
    pub report: String,
    /// `ok` or `failed`.
    #[schema(example = "ok")]
    pub status: String,
    /// Rows of this page that came from it.
    pub rows: usize,
    /// Why it failed, or that it comes later; or how many of its rows could not be read and are left out.
    pub detail: Option<String>,
    /// Whether the provider said that the account does not have the report.
    #[serde(skip)]
    pub absent: bool,
}

impl SourceState {
    const COMES_LATER: &str = "comes later";

    /// The same of a source that failed on an earlier page and is not read before the others are at their end.
    #[must_use]
    pub(super) fn later(self) -> Self {
        Self {
            status: "failed".to_owned(),
            detail: self.detail.or_else(|| Some(Self::COMES_LATER.to_owned())),
            ..self
        }
    }

    /// Whether it failed, on this page or before.
    pub(super) fn failed(&self) -> bool {
        self.status != "ok"
    }

    /// Whether it failed on this page.
    pub(super) fn fails(&self) -> bool {
        self.failed() && self.detail.as_deref() != Some(Self::COMES_LATER)
    }
}

/// A page of the history.
#[derive(Debug, Clone)]
pub struct HistoryPage {
    /// The records, newest first.
    pub data: Vec<crate::domain::history::Record>,
    /// Where the next page begins; none where the walk is complete.
    pub next_cursor: Option<String>,
    /// The instant the walk began: nothing newer is in it.
    pub as_of: Timestamp,
    /// Whether every source answered.
    pub complete: bool,
    /// How each source did.
    pub sources: Vec<SourceState>,
}

/// What to sum up, and by what.
#[derive(Debug, Clone)]
pub struct SummaryQuery {
    /// The window of `created_at`.
    pub window: Window,
    /// Which records of it; their own window plays no part.
    pub records: HistoryQuery,
    /// By what; by nothing, everything comes to one row.
    pub group_by: Vec<GroupBy>,
}

/// Calls summed up.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Summary {
    /// The rows, ascending by their keys; a key that is not known of the calls is null and comes first.
    pub data: Vec<SummaryRow>,
    /// When they were summed up: nothing newer is in it.
    pub as_of: Timestamp,
    /// Whether every source answered.
    pub complete: bool,
    /// How each source did, and how many of its rows are in the sums.
    pub sources: Vec<SourceState>,
}

/// Which verifications to sum up, and by what.
#[derive(Debug, Clone, Default)]
pub struct VerificationSummaryQuery {
    /// The window of their creation.
    pub window: Option<Window>,
    /// By what; by nothing, everything comes to one row.
    pub group_by: Vec<VerificationGroupBy>,
}

/// What a request would do, were it not a dry run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Preview {
    /// Always true.
    pub dry_run: bool,
    /// The account that would be chosen and why; null for a test number, which none answers for.
    pub routing: Option<Routing>,
    /// What would be done.
    pub would: Would,
    /// The limits the request counts against, as they stand.
    pub limits: Vec<LimitState>,
    /// The called user's permission; only for WhatsApp.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<PermissionState>,
}

/// The provider's operation a request would become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Would {
    /// The account; null for a test number.
    pub account: Option<AccountName>,
    /// The provider's operation; `test` for a test number, to which nothing is sent.
    #[schema(example = "POST /tts")]
    pub operation: String,
}

/// How far a limit is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LimitState {
    /// The rule's configuration key.
    pub name: String,
    /// How many it allows.
    pub max: u64,
    /// In how many seconds.
    pub per_seconds: u64,
    /// How many are left.
    pub remaining: u64,
}

/// Whether a WhatsApp user may be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PermissionState {
    /// Whether a call may be started now; null where the provider could not tell.
    pub allowed: Option<bool>,
    /// The provider's word.
    pub status: Option<String>,
    /// When a limit that forbids it is lifted.
    pub resets_at: Option<Timestamp>,
}

/// An answer to be given again to whoever repeats the request with its key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Box<RawValue>,
    /// The object's path.
    pub location: Option<String>,
}

impl PartialEq for Outcome {
    fn eq(&self, other: &Self) -> bool {
        (self.status, self.body.get(), &self.location) == (other.status, other.body.get(), &other.location)
    }
}

/// What an idempotency key guards.
#[derive(Debug, Clone)]
pub struct Guarded {
    /// The `Idempotency-Key`, 1 to 255 characters.
    pub key: Option<String>,
    /// Method and path.
    pub operation: String,
    /// The request's body as parsed.
    pub body: Value,
    /// The identifier of the object that is made or acted on.
    pub object: String,
}

/// How a guarded request was answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Once {
    /// It ran now.
    Ran(Outcome),
    /// It ran before; this is its answer.
    Replayed(Outcome),
    /// It began before and its process died; the object it made or acted on.
    Orphaned(String),
}
