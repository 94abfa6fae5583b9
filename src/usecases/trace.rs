//! What happened to a call or a verification, put together in one timeline from everything that is kept of it.
//!
//! Nothing here is written for its sake: the object tells of its attempts, the inbox of its webhooks, the log of its
//! events, and the ledger of their deliveries. Numbers are masked; codes, texts and bodies are not in it at all.

mod found;

use serde::Serialize;
use serde_json::{Value, json};

use super::delivery_ledger::{DeliveryLedger, name};
use super::gateway::Gateway;
use super::raw::Received;
use super::take_webhook::{Content, Taken};
use crate::domain::address::Address;
use crate::domain::call::{Attempt, Call};
use crate::domain::call_file::CallFile;
use crate::domain::delivery::Delivery;
use crate::domain::error::{Error, Problem};
use crate::domain::event::Event;
use crate::domain::ids::{CallId, EventId, VerificationId};
use crate::domain::phone::PhoneNumber;
use crate::domain::time::Timestamp;
use crate::domain::verification::Verification;
use crate::store::{Position, keys};
use crate::telemetry::mask_digits;

use found::Found;

/// How many entries of a log are read at once.
const BATCH: usize = 2_000;
/// How many entries of the log of events are looked through.
const MOST_SEARCHED: usize = 500_000;
/// How far the clocks of gateways and store may be apart, in milliseconds.
const SKEW_MS: u64 = 10_000;
/// For how long after something was last heard of a closed object events of it are looked for, in seconds.
const AFTERMATH: i64 = 900;
/// How many entries of the inbox are looked through for a webhook whose time is known.
const NEARBY: usize = 500;

/// What happened to something, oldest first.
#[derive(Debug, Clone, Serialize)]
pub struct Trace {
    /// What was asked for.
    pub id: String,
    /// The calls and verifications that it is about, their numbers masked.
    pub objects: Vec<Value>,
    /// What happened to them, in order.
    pub timeline: Vec<Step>,
    /// Whether everything that is kept was looked through.
    pub complete: bool,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// When, by the clock of whoever noted it.
    pub at: Timestamp,
    /// How long after the one before, in milliseconds.
    pub gap_ms: i64,
    /// `object`, `attempt`, `send`, `webhook`, `event` or `delivery`.
    pub kind: &'static str,
    /// The call or verification.
    pub subject: String,
    /// What happened.
    pub what: String,
    /// What else is known.
    pub detail: Value,
}

impl Step {
    fn new(at: Timestamp, (kind, subject): (&'static str, &str), what: &str, detail: Value) -> Self {
        Self {
            at,
            gap_ms: 0,
            kind,
            subject: subject.to_owned(),
            what: what.to_owned(),
            detail,
        }
    }
}

impl Gateway {
    /// Everything that is known of a call, a verification, an event's object, or what a request made.
    ///
    /// # Errors
    /// `not-found` where nothing is kept of it; `store-unavailable`.
    pub async fn trace(&self, id: &str) -> Result<Trace, Error> {
        let found = self.find_traced(id).await?;
        let (mut objects, mut timeline) = (Vec::new(), Vec::new());
        for call in &found.calls {
            objects.push(summary_of_call(&call.call));
            timeline.extend(steps_of_call(&call.call));
            timeline.extend(self.webhooks_of(&call.call).await?);
        }
        for verification in &found.verifications {
            objects.push(summary_of_verification(verification));
            timeline.extend(steps_of_verification(verification));
        }
        let (events, complete) = self.events_of_traced(&found).await?;
        timeline.extend(events);
        if timeline.is_empty() {
            return Err(Error::new(Problem::NotFound, "Nothing is kept of it."));
        }
        timeline.sort_by_key(|step| step.at);
        let mut before = None;
        for step in &mut timeline {
            let at = step.at.as_millis();
            step.gap_ms = before.map_or(0, |before| at.saturating_sub(before));
            before = Some(at);
        }
        Ok(Trace {
            id: id.to_owned(),
            objects,
            timeline,
            complete,
        })
    }

    /// The objects that an identifier is about.
    async fn find_traced(&self, id: &str) -> Result<Found, Error> {
        let mut found = Found::default();
        let mut subject = id.to_owned();
        if let Ok(event) = id.parse::<EventId>() {
            let (position, json) = self.find_event(event).await?.ok_or_else(Error::not_found)?;
            let event = serde_json::from_slice::<Event>(&json).map_err(|_| Error::not_found())?;
            subject = event.subject;
            found.since = Some(logged_at(position));
        }
        if let Ok(call) = subject.parse::<CallId>() {
            found.calls.extend(self.hold_call(call).await?.map(|held| held.object));
            found.since = Some(call.made_at());
        } else if let Ok(verification) = subject.parse::<VerificationId>() {
            let held = self.hold_ledger(verification).await?;
            found.verifications.extend(held.map(|held| held.object.verification));
            found.since = Some(verification.made_at());
        } else if found.since.is_none() {
            self.find_by_request(&subject, &mut found).await?;
        }
        found.subjects.push(subject);
        found.name_subjects();
        Ok(found)
    }

    /// The webhooks that were kept of a call, with the kind that the inbox still knows.
    async fn webhooks_of(&self, call: &Call) -> Result<Vec<Step>, Error> {
        let (id, mut steps) = (call.id.to_string(), Vec::new());
        for received in self.received_of(call.id).await? {
            let kind = self.kind_of(&received).await?;
            let what = kind.as_ref().map_or("taken", |kind| kind.as_deref().unwrap_or("all"));
            let detail = json!({ "account": call.account, "bytes": received.bytes() });
            steps.push(Step::new(received.at, ("webhook", &id), what, detail));
        }
        Ok(steps)
    }

    /// The kind named in the URL that a webhook came to, where it still stands in the inbox.
    async fn kind_of(&self, received: &Received) -> Result<Option<Option<String>>, Error> {
        let at = u64::try_from(received.at.as_millis()).unwrap_or_default();
        let from = Position::new(at.saturating_sub(SKEW_MS / 100), 0);
        let entries = self.store.read(&keys::inbox(), from, NEARBY).await?;
        let taken = entries
            .iter()
            .filter_map(|(_, entry)| serde_json::from_slice::<Taken>(entry).ok());
        let same = |taken: &Taken| match &taken.content {
            Content::News(said) => said
                .iter()
                .any(|said| said.raw.as_ref().is_some_and(|raw| received.is(raw))),
            Content::Unreadable(_) => false,
        };
        Ok(taken
            .filter(|taken| taken.at == received.at)
            .find(same)
            .map(|taken| taken.kind))
    }

    /// The events of what was found and their deliveries; whether the log was looked through as far as there may be any.
    async fn events_of_traced(&self, found: &Found) -> Result<(Vec<Step>, bool), Error> {
        let Some(since) = found.since else {
            return Ok((Vec::new(), true));
        };
        let until = found.closed_at().map(|at| at.plus_seconds(AFTERMATH).as_millis());
        let since = u64::try_from(since.as_millis()).unwrap_or_default();
        let mut position = Position::new(since.saturating_sub(SKEW_MS), 0);
        let (mut steps, ledger) = (Vec::new(), self.deliveries_kept());
        for _ in 0..MOST_SEARCHED / BATCH {
            let entries = self.store.read(&keys::events(), position, BATCH).await?;
            let count = entries.len();
            for (at, entry) in entries {
                position = at;
                let text = std::str::from_utf8(&entry).unwrap_or_default();
                if !found.subjects.iter().any(|subject| text.contains(subject)) {
                    continue;
                }
                let event = serde_json::from_str::<Event>(text).ok();
                if let Some(event) = event.filter(|event| found.subjects.contains(&event.subject)) {
                    steps.push(step_of_event(&event, at));
                    steps.extend(self.deliveries_of(&ledger, &event).await?);
                }
            }
            let reached = i64::try_from(position.ms()).unwrap_or(i64::MAX);
            if count < BATCH || until.is_some_and(|until| reached > until) {
                return Ok((steps, true));
            }
        }
        Ok((steps, false))
    }

    async fn deliveries_of(&self, ledger: &DeliveryLedger, event: &Event) -> Result<Vec<Step>, Error> {
        let names: Vec<_> = self
            .config
            .subscriptions
            .keys()
            .map(|subscription| name(event.id, subscription))
            .collect();
        let held = ledger.read(&names).await?;
        let deliveries = held.into_iter().flatten().map(|held| held.record.delivery);
        Ok(deliveries.map(|delivery| step_of_delivery(&delivery)).collect())
    }
}

fn summary_of_call(call: &Call) -> Value {
    json!({
        "id": call.id, "tenant": call.tenant, "kind": call.kind, "direction": call.direction, "status": call.status,
        "provider": call.provider, "account": call.account, "provider_ref": call.provider_ref,
        "from": call.from.as_ref().map(masked),
        "to": call.to.as_ref().map(masked),
        "request_id": call.request_id, "routing": call.routing, "settled_by": call.settled_by,
        "hangup": call.hangup.as_ref().map(|hangup| &hangup.cause),
    })
}

/// A party without its number.
fn masked(party: &Address) -> String {
    party
        .number()
        .map_or_else(|| mask_digits(&party.to_string()), PhoneNumber::masked)
}

fn summary_of_verification(verification: &Verification) -> Value {
    let Verification {
        id,
        tenant,
        channel,
        status,
        ..
    } = verification;
    json!({
        "id": id, "tenant": tenant, "channel": channel, "status": status, "to": verification.to.masked(),
        "request_id": verification.request_id, "routing": verification.routing,
        "attempts_left": verification.attempts_left, "expires_at": verification.expires_at,
    })
}

fn steps_of_call(call: &Call) -> Vec<Step> {
    let id = call.id.to_string();
    let made = Step::new(
        call.created_at,
        ("object", &id),
        "made",
        json!({ "request_id": call.request_id }),
    );
    let reached = [
        (call.ringing_at, "ringing"),
        (call.answered_at, "answered"),
        (call.ended_at, "ended"),
    ];
    let reached = reached
        .into_iter()
        .filter_map(|(at, what)| Some(Step::new(at?, ("object", &id), what, json!({ "by": "provider" }))));
    let mut steps = vec![made];
    steps.extend(reached);
    steps.extend(call.attempts.iter().map(|attempt| step_of_attempt(&id, attempt)));
    steps
}

fn steps_of_verification(verification: &Verification) -> Vec<Step> {
    let id = verification.id.to_string();
    let mut steps = vec![Step::new(
        verification.created_at,
        ("object", &id),
        "made",
        json!({ "request_id": verification.request_id }),
    )];
    steps.extend(verification.sends.iter().map(|send| {
        let detail = json!({
            "channel": send.channel, "account": send.account, "provider_ref": send.provider_ref, "status": send.status,
        });
        Step::new(send.at, ("send", &id), "sent", detail)
    }));
    let approved = verification.approved_at;
    steps.extend(approved.map(|at| Step::new(at, ("object", &id), "approved", Value::Null)));
    steps.extend(
        verification
            .attempts
            .iter()
            .map(|attempt| step_of_attempt(&id, attempt)),
    );
    steps
}

fn step_of_attempt(id: &str, attempt: &Attempt) -> Step {
    let detail = json!({
        "account": attempt.account, "outcome": attempt.outcome, "provider_code": attempt.provider_code, "ms": attempt.ms,
    });
    Step::new(attempt.at, ("attempt", id), &attempt.operation, detail)
}

/// When an event came into the log.
fn logged_at(position: Position) -> Timestamp {
    Timestamp::from_millis(i64::try_from(position.ms()).unwrap_or(i64::MAX))
}

/// When an event came into the log, and what it says of the object's status.
fn step_of_event(event: &Event, position: Position) -> Step {
    let data: Value = serde_json::from_str(event.data.get()).unwrap_or_default();
    let detail = json!({ "event": event.id, "time": event.time, "status": data["status"], "account": event.account() });
    Step::new(
        logged_at(position),
        ("event", &event.subject),
        event.kind.as_str(),
        detail,
    )
}

fn step_of_delivery(delivery: &Delivery) -> Step {
    let at = delivery.last_attempt_at.unwrap_or(delivery.created_at);
    let detail = json!({
        "event": delivery.event_id, "type": delivery.kind, "subscription": delivery.subscription,
        "attempts": delivery.attempts, "last_status": delivery.last_status, "last_error": delivery.last_error,
        "next_at": delivery.next_at,
    });
    Step::new(at, ("delivery", &delivery.subject), delivery.status.as_str(), detail)
}
