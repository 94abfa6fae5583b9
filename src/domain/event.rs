//! What happened, as callers are told: CloudEvents 1.0.

use std::str::FromStr;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::account::AccountName;
use super::call::{AttemptOutcome, Call, CallStatus, Direction, RecordingState};
use super::ids::EventId;
use super::time::Timestamp;
use super::verification::{Verification, VerificationStatus};
use super::words::words;

words! {
    /// What kind of thing happened.
    EventType {
        /// A provider took the call.
        CallQueued = "call.queued",
        /// The call began to ring.
        CallRinging = "call.ringing",
        /// The call was answered.
        CallAnswered = "call.answered",
        /// Somebody calls us.
        CallIncoming = "call.incoming",
        /// The other side's session description is known.
        CallSession = "call.session",
        /// A recording can be fetched.
        CallRecording = "call.recording",
        /// The provider's answer was lost: the call may be ringing.
        CallUnknown = "call.unknown",
        /// The call reached its final status.
        CallEnded = "call.ended",
        /// A code was sent.
        VerificationSent = "verification.sent",
        /// The right code came.
        VerificationApproved = "verification.approved",
        /// No code could be sent.
        VerificationFailed = "verification.failed",
        /// The time was over.
        VerificationExpired = "verification.expired",
        /// The attempts were spent.
        VerificationExhausted = "verification.exhausted",
        /// Its owner cancelled it.
        VerificationCanceled = "verification.canceled",
        /// News of a text message's delivery.
        SmsStatus = "sms.status",
        /// A reply to a text message.
        SmsReply = "sms.reply",
        /// A voicemail was left.
        VoicemailReceived = "voicemail.received",
        /// A party joined a conference.
        ConferenceJoined = "conference.joined",
        /// A party left a conference.
        ConferenceLeft = "conference.left",
        /// Something else happened in a conference.
        ConferenceChanged = "conference.changed",
        /// News of an extension's call.
        ExtensionStatus = "extension.status",
        /// An account's credit is low.
        AccountBalanceLow = "account.balance_low",
        /// A provider refused a key.
        AccountKeyRejected = "account.key_rejected",
        /// Another key took over.
        AccountKeyRotated = "account.key_rotated",
        /// An account fails.
        AccountUnhealthy = "account.unhealthy",
        /// An account works again.
        AccountHealthy = "account.healthy",
        /// A webhook could not be read.
        WebhookUnreadable = "webhook.unreadable",
    }
}

/// One event. It is serialised as a CloudEvent in structured JSON, with `tenant` as an extension attribute.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// The same in every repeat.
    pub id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// The account it came through, as a path; the gateway itself where there is none.
    pub source: String,
    /// What it happened to: our identifier of a call or verification, else the provider's, or the account.
    pub subject: String,
    /// Who may know.
    pub tenant: String,
    /// When it happened by the provider's clock, or when it was taken where the provider does not say.
    pub time: Timestamp,
    /// The whole object after the change, or the fields in our words.
    pub data: Box<RawValue>,
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut event = serializer.serialize_struct("Event", 9)?;
        event.serialize_field("specversion", "1.0")?;
        event.serialize_field("id", &self.id)?;
        event.serialize_field("source", &self.source)?;
        event.serialize_field("type", &self.kind)?;
        event.serialize_field("subject", &self.subject)?;
        event.serialize_field("time", &self.time)?;
        event.serialize_field("datacontenttype", "application/json")?;
        event.serialize_field("tenant", &self.tenant)?;
        event.serialize_field("data", &self.data)?;
        event.end()
    }
}

impl PartialSchema for Event {
    fn schema() -> RefOr<Schema> {
        let text = |example: &str| ObjectBuilder::new().schema_type(Type::String).examples([example]);
        let data = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("The whole object after the change, or the fields in our words."))
            .additional_properties(Some(AdditionalProperties::FreeForm(true)));
        ObjectBuilder::new()
            .description(Some("What happened, as a CloudEvent 1.0 in structured JSON."))
            .property("specversion", text("1.0").enum_values(Some(["1.0"])))
            .property("id", EventId::schema())
            .property("source", text("/accounts/zenvia-br"))
            .property("type", EventType::schema())
            .property("subject", text("call_0199a2b0c3d47e5f8a9b0c1d2e3f4a5b"))
            .property("time", Timestamp::schema())
            .property(
                "datacontenttype",
                text("application/json").enum_values(Some(["application/json"])),
            )
            .property("tenant", text("acme"))
            .property("data", data)
            .required("specversion")
            .required("id")
            .required("source")
            .required("type")
            .required("subject")
            .required("time")
            .required("datacontenttype")
            .required("tenant")
            .required("data")
            .into()
    }
}

impl ToSchema for Event {}

impl Event {
    /// Whether `json`, an event as it is serialised here, is the one with this identifier; nothing else of it is read.
    pub fn has_id(json: &[u8], id: EventId) -> bool {
        let text = id.to_string();
        json.strip_prefix(br#"{"specversion":"1.0","id":""#)
            .is_some_and(|rest| rest.starts_with(text.as_bytes()))
    }

    /// The account it came through.
    pub fn account(&self) -> Option<AccountName> {
        self.source.strip_prefix("/accounts/")?.parse().ok()
    }

    /// The `source` of what came through an account, or of the gateway's own.
    pub fn source_of(account: Option<&str>) -> String {
        account.map_or_else(|| "/".to_owned(), |account| format!("/accounts/{account}"))
    }
}

/// Which types of events are meant: one, a family such as `call.*`, or all (`*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypePattern(String);

impl TypePattern {
    /// Whether events of this type are meant.
    pub fn matches(&self, kind: EventType) -> bool {
        match self.0.strip_suffix('*') {
            Some(family) => kind.as_str().starts_with(family),
            None => self.0 == kind.as_str(),
        }
    }
}

impl FromStr for TypePattern {
    type Err = NoSuchType;

    fn from_str(text: &str) -> Result<Self, NoSuchType> {
        let pattern = Self(text.to_owned());
        let is_family = text == "*" || text.ends_with(".*");
        let known = EventType::ALL.iter().any(|kind| pattern.matches(*kind));
        let is_type = text.parse::<EventType>().is_ok();
        if is_type || (is_family && known) {
            Ok(pattern)
        } else {
            Err(NoSuchType)
        }
    }
}

/// A text that means no type of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an event type, a family such as call.*, or *")]
pub struct NoSuchType;

/// What happened to an object, and when if the object tells.
pub type Happened = (EventType, Option<Timestamp>);

/// Tells what a change of a call means to those who follow it; nothing for a call that is only intended.
pub fn of_call(before: Option<&Call>, after: &Call) -> Vec<Happened> {
    let mut happened = Vec::new();
    let status_before = before.filter(|call| !is_intent(call)).map(|call| call.status);
    let first = status_before.is_none();
    // Who calls may be told later than that there is a call.
    let incoming = after.direction == Direction::Inbound
        && before.is_none_or(|call| call.direction != Direction::Inbound && !call.status.is_final());
    if incoming {
        happened.push((EventType::CallIncoming, Some(after.created_at)));
    }
    let told = before.and_then(|call| call.session.as_ref());
    if after.session.as_ref() != told && !incoming {
        happened.push((EventType::CallSession, None));
    }
    // A webhook may overtake the provider's answer, and tells of a call that is still an intent then.
    let seen = status_before.or_else(|| before.map(|call| call.status));
    let news = match after.status {
        CallStatus::Queued | CallStatus::Scheduled if first && !is_intent(after) => {
            (after.direction == Direction::Outbound).then_some((EventType::CallQueued, Some(after.created_at)))
        }
        CallStatus::Queued | CallStatus::Scheduled => None,
        status if seen == Some(status) => None,
        CallStatus::Ringing => {
            (after.direction == Direction::Outbound).then_some((EventType::CallRinging, after.ringing_at))
        }
        CallStatus::InProgress => Some((EventType::CallAnswered, after.answered_at)),
        CallStatus::Unknown => Some((EventType::CallUnknown, None)),
        _ => None,
    };
    happened.extend(news);
    if after.recording == RecordingState::Available && before.is_none_or(|call| call.recording != after.recording) {
        happened.push((EventType::CallRecording, None));
    }
    if after.status.is_final() && !before.is_some_and(|call| call.status.is_final()) {
        happened.push((EventType::CallEnded, after.ended_at));
    }
    happened
}

/// Whether nothing was told of a call yet: neither has a provider answered, nor did a webhook overtake the answer.
pub fn is_untold(call: &Call) -> bool {
    is_intent(call) && matches!(call.status, CallStatus::Queued | CallStatus::Scheduled)
}

/// Whether no provider has answered yet.
fn is_intent(call: &Call) -> bool {
    call.attempts
        .last()
        .is_some_and(|attempt| attempt.outcome == AttemptOutcome::Started)
}

/// Tells what a change of a verification means to those who follow it.
pub fn of_verification(before: Option<&Verification>, after: &Verification) -> Vec<Happened> {
    let mut happened = Vec::new();
    if sent(after) > before.map_or(0, sent) {
        happened.push((EventType::VerificationSent, after.sends.last().map(|send| send.at)));
    }
    let closed = match after.status {
        VerificationStatus::Pending => None,
        VerificationStatus::Approved => Some((EventType::VerificationApproved, after.approved_at)),
        VerificationStatus::Expired => Some((EventType::VerificationExpired, Some(after.expires_at))),
        VerificationStatus::Exhausted => Some((EventType::VerificationExhausted, None)),
        VerificationStatus::Canceled => Some((EventType::VerificationCanceled, None)),
        VerificationStatus::Failed => Some((EventType::VerificationFailed, None)),
    };
    let was = before.map_or(VerificationStatus::Pending, |verification| verification.status);
    happened.extend(closed.filter(|_| was != after.status));
    happened
}

/// How many codes may be on their way. A send is written before it is tried, and counts once it was.
fn sent(verification: &Verification) -> usize {
    let tried = verification.attempts.iter().filter(|attempt| {
        matches!(
            attempt.outcome,
            AttemptOutcome::Accepted | AttemptOutcome::Interrupted | AttemptOutcome::Broken
        )
    });
    let pretended = verification.sends.iter().filter(|send| send.account.is_none());
    tried.count() + pretended.count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::call::{Attempt, CallKind};
    use crate::domain::ids::CallId;
    use crate::domain::place::{Session, SessionType};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn call(direction: Direction, outcome: Option<AttemptOutcome>) -> Call {
        let mut call = Call::new(CallId::generate(), "t".into(), direction, CallKind::Say, at(0));
        call.attempts.extend(outcome.map(|outcome| Attempt {
            at: at(0),
            account: "one".parse().unwrap(),
            operation: "POST /tts".into(),
            outcome,
            provider_code: None,
            ms: None,
        }));
        call
    }

    fn in_status(call: &Call, status: CallStatus) -> Call {
        Call { status, ..call.clone() }
    }

    fn kinds(before: Option<&Call>, after: &Call) -> Vec<EventType> {
        of_call(before, after).into_iter().map(|(kind, _)| kind).collect()
    }

    #[test]
    fn an_intent_is_told_once_it_is_taken() {
        let intent = call(Direction::Outbound, Some(AttemptOutcome::Started));
        let taken = Call {
            id: intent.id,
            ..call(Direction::Outbound, Some(AttemptOutcome::Accepted))
        };
        assert_eq!(kinds(None, &intent), []);
        assert_eq!(kinds(Some(&intent), &taken), [EventType::CallQueued]);
        assert_eq!(kinds(Some(&taken), &taken), []);
    }

    #[test]
    fn a_lost_answer_is_told() {
        let intent = call(Direction::Outbound, Some(AttemptOutcome::Started));
        let lost = in_status(
            &call(Direction::Outbound, Some(AttemptOutcome::Interrupted)),
            CallStatus::Unknown,
        );
        assert_eq!(kinds(Some(&intent), &lost), [EventType::CallUnknown]);
    }

    #[test]
    fn news_that_overtakes_the_answer_is_told_once() {
        let intent = call(Direction::Outbound, Some(AttemptOutcome::Started));
        let told = in_status(&intent, CallStatus::Ringing);
        let taken = in_status(
            &call(Direction::Outbound, Some(AttemptOutcome::Accepted)),
            CallStatus::Ringing,
        );
        assert_eq!(kinds(Some(&intent), &told), [EventType::CallRinging]);
        assert_eq!(kinds(Some(&told), &taken), []);
    }

    #[test]
    fn a_call_ends_once_whatever_it_skipped() {
        let taken = call(Direction::Outbound, Some(AttemptOutcome::Accepted));
        let mut over = in_status(&taken, CallStatus::Busy);
        over.ended_at = Some(at(9));
        assert_eq!(of_call(Some(&taken), &over), [(EventType::CallEnded, Some(at(9)))]);
        let with_audio = Call {
            recording: RecordingState::Available,
            ..over.clone()
        };
        assert_eq!(kinds(Some(&over), &with_audio), [EventType::CallRecording]);
    }

    #[test]
    fn whoever_calls_us_is_told_of_with_what_they_offer() {
        let mut ringing = in_status(&call(Direction::Inbound, None), CallStatus::Ringing);
        ringing.session = Some(Session {
            kind: SessionType::Offer,
            sdp: "v=0".into(),
        });
        assert_eq!(kinds(None, &ringing), [EventType::CallIncoming]);
        let answered = in_status(&ringing, CallStatus::InProgress);
        assert_eq!(kinds(Some(&ringing), &answered), [EventType::CallAnswered]);
        assert_eq!(
            kinds(None, &in_status(&ringing, CallStatus::NoAnswer)),
            [EventType::CallIncoming, EventType::CallEnded]
        );
    }

    #[test]
    fn who_calls_may_be_told_later_than_that_there_is_a_call() {
        let heard_of = in_status(&call(Direction::Outbound, None), CallStatus::Ringing);
        let told = Call {
            direction: Direction::Inbound,
            session: Some(Session {
                kind: SessionType::Offer,
                sdp: "v=0".into(),
            }),
            ..heard_of.clone()
        };
        assert_eq!(kinds(Some(&heard_of), &told), [EventType::CallIncoming]);
    }

    #[test]
    fn the_answer_of_the_other_side_is_told_of_by_itself() {
        let taken = call(Direction::Outbound, Some(AttemptOutcome::Accepted));
        let mut answered = taken.clone();
        answered.session = Some(Session {
            kind: SessionType::Answer,
            sdp: "v=0".into(),
        });
        assert_eq!(kinds(Some(&taken), &answered), [EventType::CallSession]);
    }

    #[test]
    fn a_pattern_means_one_type_a_family_or_all() {
        let means = |pattern: &str, kind| pattern.parse::<TypePattern>().unwrap().matches(kind);
        assert!(means("*", EventType::SmsReply));
        assert!(means("call.*", EventType::CallEnded));
        assert!(!means("call.*", EventType::SmsReply));
        assert!(means("call.ended", EventType::CallEnded));
        assert!(!means("call.ended", EventType::CallQueued));
        for wrong in ["", "call", "call.", "call.e*", "cal.*", ".*", "call.started", "**"] {
            assert_eq!(wrong.parse::<TypePattern>(), Err(NoSuchType), "{wrong}");
        }
    }

    #[test]
    fn it_is_written_as_a_cloud_event() {
        let event = Event {
            id: EventId::at(0),
            kind: EventType::CallEnded,
            source: Event::source_of(Some("zenvia-br")),
            subject: "call_1".into(),
            tenant: "acme".into(),
            time: at(0),
            data: RawValue::from_string(r#"{"id":"call_1"}"#.into()).unwrap(),
        };
        let text = serde_json::to_string(&event).unwrap();
        let wire: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(wire["specversion"], "1.0");
        assert_eq!(wire["type"], "call.ended");
        assert_eq!(wire["source"], "/accounts/zenvia-br");
        assert_eq!(wire["time"], "1970-01-01T00:00:00.000Z");
        assert_eq!(wire["data"]["id"], "call_1");
        assert!(Event::has_id(text.as_bytes(), event.id) && !Event::has_id(text.as_bytes(), EventId::at(0)));
        let back: Event = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
    }
}
