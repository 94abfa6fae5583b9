//! News of calls: flat, as Positus documents them, or in Meta's envelope.

use url::Url;

use super::wire::{Told, party, unix};
use super::{Positus, documented};
use crate::domain::address::Address;
use crate::domain::call::{CallKind, CallStatus, Direction, ProviderRef};
use crate::domain::facts::CallFacts;
use crate::domain::hangup::{Hangup, HangupBy};
use crate::domain::phone::PhoneNumber;
use crate::domain::place::{Session, SessionType, split_tag};
use crate::providers::lenient::{Object, Value};
use crate::providers::port::{Authentic, News, Notice, Unreadable, Webhooks};

/// One URL takes all of them.
const ENDPOINT: &str = "webhook";

impl Webhooks for Positus {
    fn kinds(&self) -> &'static [&'static str] {
        &[]
    }

    fn forward_url(&self) -> Option<&Url> {
        self.settings.forward_url.as_ref()
    }

    /// Nothing of a body is spoken, and recordings are not theirs.
    fn redacted_fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn parse(&self, webhook: &Authentic<'_>) -> Result<Vec<Notice>, Unreadable> {
        let notices = parse(webhook.body, &self.settings.number)?;
        self.upstream.note_drift(ENDPOINT, &documented::webhook(webhook.body));
        Ok(notices)
    }
}

/// Reads a body for the account whose number is `own`.
fn parse(body: &[u8], own: &PhoneNumber) -> Result<Vec<Notice>, Unreadable> {
    let mut notices = Vec::new();
    let mut unread = false;
    let body = Object::parse(body).ok_or(Unreadable::Malformed)?;
    for value in values(&body) {
        let errors = error_texts(value);
        let calls = value.list("calls").unwrap_or_default().iter();
        let calls = calls.map(|raw| Some((call_facts(Object::of(raw)?, &errors, own)?, raw)));
        let statuses = value.list("statuses").unwrap_or_default().iter();
        let statuses = statuses.filter_map(|raw| Some((Object::of(raw).filter(|status| is_of_a_call(status))?, raw)));
        let statuses = statuses.map(|(status, raw)| Some((status_facts(status)?, raw)));
        for told in calls.chain(statuses) {
            unread |= told.is_none();
            notices.extend(told.map(notice));
        }
    }
    match (notices.is_empty(), unread) {
        (true, true) => Err(Unreadable::Malformed),
        (true, false) => Err(Unreadable::NotOurs),
        (false, _) => Ok(notices),
    }
}

/// One body may tell of several people's calls, so each keeps its own part of it.
fn notice((facts, raw): (CallFacts, &Value<'_>)) -> Notice {
    Notice {
        news: News::Call(Box::new(facts)),
        raw: raw.get().to_owned(),
    }
}

/// The objects that hold calls and statuses: the body itself, or the values in Meta's envelope.
pub(super) fn values<'v, 'a>(body: &'v Object<'a>) -> Vec<&'v Object<'a>> {
    if body.has("entry") { unwrapped(body) } else { vec![body] }
}

/// The values in Meta's envelope.
fn unwrapped<'v, 'a>(body: &'v Object<'a>) -> Vec<&'v Object<'a>> {
    let changes = body
        .objects("entry")
        .into_iter()
        .flat_map(|entry| entry.objects("changes"));
    changes.filter_map(|change| change.object("value")).collect()
}

/// Statuses of chat messages come the same way.
pub(super) fn is_of_a_call(status: &Object<'_>) -> bool {
    let has_call_id = || status.text("id").is_some_and(|id| id.starts_with("wacid."));
    status.text("type").is_some_and(|kind| kind == "call") || has_call_id()
}

fn error_texts(value: &Object<'_>) -> Vec<String> {
    let told = value.objects("errors");
    told.into_iter()
        .map(Told::of)
        .filter_map(|told| match (told.code, told.message) {
            (Some(code), Some(message)) => Some(format!("{code} {message}")),
            (code, message) => message.or_else(|| code.map(|code| code.to_string())),
        })
        .collect()
}

/// What a `connect` or a `terminate` says; of any other event only what call it is about.
fn call_facts(call: &Object<'_>, errors: &[String], own: &PhoneNumber) -> Option<CallFacts> {
    let from = call.text("from").or_else(|| call.text("from_user_id")).map(party);
    let to = call.text("to").map(party);
    let direction = direction(call, from.as_ref(), to.as_ref(), own);
    let (tag, echoed) = call.text("biz_opaque_callback_data").map_or((None, None), split_tag);
    let facts = CallFacts {
        reference: Some(ProviderRef::id(call.string("id")?)),
        echoed,
        direction,
        kind: Some(CallKind::Whatsapp),
        from,
        to,
        tag,
        ..CallFacts::default()
    };
    Some(match call.text("event") {
        Some("connect") => connected(call, facts),
        Some("terminate") => terminated(call, facts, errors),
        _ => facts,
    })
}

/// Who started the call; where it is not told, our number tells by its place.
fn direction(call: &Object<'_>, from: Option<&Address>, to: Option<&Address>, own: &PhoneNumber) -> Option<Direction> {
    let own = Address::Whatsapp(own.clone());
    let is_own = |party: Option<&Address>| party.is_some_and(|party| party.same_party(&own));
    match call.text("direction") {
        Some("BUSINESS_INITIATED") => Some(Direction::Outbound),
        Some("USER_INITIATED") => Some(Direction::Inbound),
        _ if is_own(from) => Some(Direction::Outbound),
        _ if is_own(to) => Some(Direction::Inbound),
        _ => None,
    }
}

/// The user's offer, or the user's answer to ours: the call rings from now on.
fn connected(call: &Object<'_>, facts: CallFacts) -> CallFacts {
    let at = unix(call, "timestamp");
    CallFacts {
        status: Some(CallStatus::Ringing),
        created_at: at,
        ringing_at: at,
        session: session(call, facts.direction),
        ..facts
    }
}

/// Whoever starts a call offers: the label is not to be trusted, the documented sample has the wrong one.
fn session(call: &Object<'_>, direction: Option<Direction>) -> Option<Session> {
    let session = call.object("session");
    let webrtc = || call.object("connection")?.object("webrtc")?.verbatim("sdp");
    let sdp = session.and_then(|session| session.verbatim("sdp")).or_else(webrtc)?;
    let label = || session?.text("sdp_type")?.parse().ok();
    let kind = match direction {
        Some(Direction::Outbound) => SessionType::Answer,
        Some(Direction::Inbound) => SessionType::Offer,
        None => label().unwrap_or(SessionType::Offer),
    };
    Some(Session { kind, sdp })
}

/// The end of a call. It has a duration only where somebody took it, and `FAILED` is also said where nobody did.
///
/// A user who declines makes a status `REJECTED` and, before or after it, a terminate that knows nothing of that; so a
/// terminate of an unanswered call is not the last word.
fn terminated(call: &Object<'_>, facts: CallFacts, errors: &[String]) -> CallFacts {
    let own_errors = error_texts(call);
    let errors: Vec<&String> = errors.iter().chain(&own_errors).collect();
    let (start, end) = (unix(call, "start_time"), unix(call, "end_time"));
    let talked = call
        .seconds("duration")
        .or_else(|| Some(end?.seconds_since(start?)))
        .filter(|seconds| *seconds > 0);
    let word = call.string("status");
    let status = match (word.as_deref(), talked) {
        (Some("COMPLETED"), Some(_)) => CallStatus::Completed,
        (Some("REJECTED"), _) => CallStatus::Rejected,
        (Some("FAILED"), _) if !errors.is_empty() => CallStatus::Failed,
        _ => CallStatus::NoAnswer,
    };
    let answered = status == CallStatus::Completed;
    CallFacts {
        status: Some(status),
        tentative: !matches!(status, CallStatus::Completed | CallStatus::Rejected),
        answered_at: start.filter(|_| answered),
        ended_at: end.or_else(|| unix(call, "timestamp")),
        talk_seconds: talked.filter(|_| answered),
        hangup: Some(hangup(
            status,
            word.into_iter().chain(errors.into_iter().cloned()).collect(),
        )),
        ..facts
    }
}

/// A step of a call that we placed; only those have statuses.
fn status_facts(status: &Object<'_>) -> Option<CallFacts> {
    let at = unix(status, "timestamp");
    let facts = CallFacts {
        reference: Some(ProviderRef::id(status.string("id")?)),
        direction: Some(Direction::Outbound),
        kind: Some(CallKind::Whatsapp),
        to: status.text("recipient_id").map(party),
        ..CallFacts::default()
    };
    let word = status.string("status");
    Some(match word.as_deref() {
        Some("RINGING") => CallFacts {
            status: Some(CallStatus::Ringing),
            ringing_at: at,
            ..facts
        },
        Some("ACCEPTED") => CallFacts {
            status: Some(CallStatus::InProgress),
            answered_at: at,
            ..facts
        },
        Some("REJECTED") => {
            let hangup = hangup(CallStatus::Rejected, word.into_iter().collect());
            CallFacts {
                status: Some(CallStatus::Rejected),
                ended_at: at,
                hangup: Some(Hangup {
                    by: Some(HangupBy::Callee),
                    ..hangup
                }),
                ..facts
            }
        }
        _ => facts,
    })
}

/// The cause that a status stands for; of a failure only the words are known.
fn hangup(status: CallStatus, texts: Vec<String>) -> Hangup {
    let q850 = match status {
        CallStatus::Completed => Some(16),
        CallStatus::NoAnswer => Some(19),
        CallStatus::Rejected => Some(21),
        _ => None,
    };
    Hangup::from_q850(q850, texts)
}

#[cfg(test)]
mod tests;
