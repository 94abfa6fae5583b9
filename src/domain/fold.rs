//! Joins what a provider says with what is known of a call.
//!
//! Final statuses absorb, a status never goes back, and a value once known stays, so a message that comes twice or late
//! changes nothing.

use super::call::{Call, CallStatus, Leg, RecordingState, SettledBy};
use super::facts::CallFacts;
use super::hangup::Hangup;
use super::time::Timestamp;

/// Folds `facts` into `call`; `taken_at` is when we took them, for messages without a time of their own.
pub fn fold(call: &mut Call, facts: CallFacts, source: SettledBy, taken_at: Timestamp) {
    keep_first(&mut call.from, facts.from);
    keep_first(&mut call.to, facts.to);
    keep_first(&mut call.tag, facts.tag);
    keep_first(&mut call.session, facts.session);
    keep_first(&mut call.answered_by, facts.answered_by);
    keep_first(&mut call.digits, facts.digits);
    join_reference(call, facts.reference);
    join_times(call, facts.ringing_at, facts.answered_at);
    join_legs(&mut call.legs, facts.legs);
    call.recording = call.recording.max_known(facts.recording);
    if let Some(status) = facts.status {
        advance(call, status, source, facts.ended_at.unwrap_or(taken_at), taken_at);
    }
    keep_first(&mut call.talk_seconds, facts.talk_seconds);
    keep_first(&mut call.billed_seconds, facts.billed_seconds);
    keep_first(&mut call.price, facts.price);
    join_hangup(&mut call.hangup, facts.hangup);
    derive_durations(call);
}

fn keep_first<T>(known: &mut Option<T>, news: Option<T>) {
    if known.is_none() {
        *known = news;
    }
}

fn join_reference(call: &mut Call, news: Option<super::call::ProviderRef>) {
    let Some(news) = news else { return };
    let known = call.provider_ref.get_or_insert_default();
    keep_first(&mut known.id, news.id);
    keep_first(&mut known.uuid, news.uuid);
}

fn join_times(call: &mut Call, ringing_at: Option<Timestamp>, answered_at: Option<Timestamp>) {
    call.ringing_at = earliest(call.ringing_at, ringing_at);
    call.answered_at = earliest(call.answered_at, answered_at);
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn advance(call: &mut Call, status: CallStatus, source: SettledBy, ended_at: Timestamp, taken_at: Timestamp) {
    if status.rank() <= call.status.rank() {
        return;
    }
    call.status = status;
    call.settled_by = Some(source);
    match status {
        CallStatus::Ringing => keep_first(&mut call.ringing_at, Some(taken_at)),
        CallStatus::InProgress => keep_first(&mut call.answered_at, Some(taken_at)),
        status if status.is_final() => keep_first(&mut call.ended_at, Some(ended_at)),
        _ => {}
    }
}

/// Our side may have asked for the end before the provider tells its cause.
fn join_hangup(known: &mut Option<Hangup>, news: Option<Hangup>) {
    let Some(news) = news else { return };
    let known = known.get_or_insert_default();
    keep_first(&mut known.by, news.by);
    if known.provider_texts.is_empty() {
        *known = Hangup { by: known.by, ..news };
    }
}

/// Legs are told anew in every message; the message that knows more of a leg wins.
fn join_legs(known: &mut Vec<Leg>, news: Vec<Leg>) {
    for leg in news {
        match known.iter_mut().find(|known| known.side == leg.side) {
            Some(old) if rank(&leg) >= rank(old) => *old = leg,
            Some(_) => {}
            None => known.push(leg),
        }
    }
    known.sort_by_key(|leg| leg.side);
}

fn rank(leg: &Leg) -> (u8, bool, bool) {
    (
        leg.status.map_or(0, CallStatus::rank),
        leg.billed_seconds.is_some(),
        leg.price.is_some(),
    )
}

fn derive_durations(call: &mut Call) {
    if let (None, Some(ringing), Some(until)) = (call.ring_seconds, call.ringing_at, call.answered_at.or(call.ended_at))
    {
        call.ring_seconds = Some(until.seconds_since(ringing));
    }
    if let (None, Some(answered), Some(ended)) = (call.talk_seconds, call.answered_at, call.ended_at) {
        call.talk_seconds = Some(ended.seconds_since(answered));
    }
}

impl RecordingState {
    fn max_known(self, news: Option<Self>) -> Self {
        news.map_or(self, |news| self.max(news))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::call::{CallKind, Direction};
    use crate::domain::ids::CallId;

    fn call() -> Call {
        Call::new(
            CallId::generate(),
            "t".into(),
            Direction::Outbound,
            CallKind::Say,
            Timestamp::from_millis(0),
        )
    }

    fn status(status: CallStatus) -> CallFacts {
        CallFacts {
            status: Some(status),
            ..CallFacts::default()
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn a_call_rings_talks_and_ends() {
        let mut call = call();
        fold(&mut call, status(CallStatus::Ringing), SettledBy::Webhook, at(1));
        fold(&mut call, status(CallStatus::InProgress), SettledBy::Webhook, at(4));
        fold(&mut call, status(CallStatus::Completed), SettledBy::Webhook, at(10));
        assert_eq!(call.status, CallStatus::Completed);
        assert_eq!((call.ring_seconds, call.talk_seconds), (Some(3), Some(6)));
        assert_eq!(call.ended_at, Some(at(10)));
        assert_eq!(call.settled_by, Some(SettledBy::Webhook));
    }

    #[test]
    fn a_final_status_never_changes_and_late_news_does_not_reopen_a_call() {
        let mut call = call();
        fold(&mut call, status(CallStatus::Busy), SettledBy::Webhook, at(2));
        let settled = call.clone();
        for late in [
            CallStatus::Ringing,
            CallStatus::InProgress,
            CallStatus::Failed,
            CallStatus::Unknown,
        ] {
            fold(&mut call, status(late), SettledBy::Poll, at(3));
        }
        assert_eq!(call, settled);
    }

    #[test]
    fn the_same_message_twice_changes_nothing() {
        let facts = CallFacts {
            status: Some(CallStatus::Completed),
            answered_at: Some(at(5)),
            ended_at: Some(at(9)),
            talk_seconds: Some(4),
            ..CallFacts::default()
        };
        let mut once = call();
        fold(&mut once, facts.clone(), SettledBy::Webhook, at(10));
        let mut twice = once.clone();
        fold(&mut twice, facts, SettledBy::Webhook, at(60));
        assert_eq!(once, twice);
    }

    #[test]
    fn any_evidence_settles_an_unknown_call() {
        let mut call = call();
        call.status = CallStatus::Unknown;
        fold(&mut call, status(CallStatus::Queued), SettledBy::Poll, at(2));
        assert_eq!(call.status, CallStatus::Queued);
    }
}
