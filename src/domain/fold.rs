//! Joins what a provider says with what is known of a call.
//!
//! The same messages give the same call in whatever order and however often they come: statuses only go forward and a
//! final one never changes, a time is the first or the last that was told, a figure the greatest. An end that a later
//! message may correct is only presumed, and shown when nothing better came for [`HELD_BACK_MS`].
//!
//! [`HELD_BACK_MS`]: super::call_file::HELD_BACK_MS

use super::call::{Call, CallStatus, Leg, ProviderRef, SettledBy};
use super::call_file::{CallFile, Presumed, Times};
use super::facts::CallFacts;
use super::hangup::Hangup;
use super::money::Money;
use super::time::Timestamp;

/// Folds `facts` into a call; `taken_at` is when we took them, for messages without a time of their own.
pub fn fold(file: &mut CallFile, facts: CallFacts, source: SettledBy, taken_at: Timestamp) {
    let (facts, presumed) = split_end(facts, source, taken_at);
    let call = &mut file.call;
    keep_first(&mut call.from, facts.from);
    keep_first(&mut call.to, facts.to);
    keep_first(&mut call.tag, facts.tag);
    keep_first(&mut call.session, facts.session);
    keep_first(&mut call.answered_by, facts.answered_by);
    keep_first(&mut call.digits, facts.digits);
    if call.routing.is_none() {
        // Not placed here but heard of: the first message may not have told who called whom, and how.
        call.direction = call.direction.max(facts.direction.unwrap_or(call.direction));
        call.kind = call.kind.max(facts.kind.unwrap_or(call.kind));
    }
    join_reference(call, facts.reference);
    join_legs(&mut call.legs, facts.legs);
    call.recording = facts.recording.map_or(call.recording, |news| news.max(call.recording));
    call.billed_seconds = call.billed_seconds.max(facts.billed_seconds);
    join_price(&mut call.price, facts.price);
    file.told.ringing_at = earliest(file.told.ringing_at, facts.ringing_at);
    file.told.answered_at = earliest(file.told.answered_at, facts.answered_at);
    match facts.status {
        Some(CallStatus::Ringing) => file.taken.ringing_at = earliest(file.taken.ringing_at, Some(taken_at)),
        Some(CallStatus::InProgress) => file.taken.answered_at = earliest(file.taken.answered_at, Some(taken_at)),
        _ => {}
    }
    if let Some(status) = facts.status {
        advance(call, status, source);
    }
    // What contradicts the end that was shown tells nothing of that end.
    let told_of_this_end = |status: CallStatus| !status.is_final() || status == file.call.status;
    if facts.status.is_none_or(told_of_this_end) {
        file.told.ended_at = file.told.ended_at.max(facts.ended_at);
        file.told_talk = file.told_talk.max(facts.talk_seconds);
        join_hangup(&mut file.call.hangup, facts.hangup);
        if facts.status.is_some_and(CallStatus::is_final) {
            file.taken.ended_at = earliest(file.taken.ended_at, Some(taken_at));
        }
    }
    presume(file, presumed);
    show_times(file);
}

/// Holds a presumed end to be true; nothing where there is none.
pub fn settle_presumed(file: &mut CallFile) {
    let Some(end) = file.presumed.take() else { return };
    advance(&mut file.call, end.status, end.source);
    file.told.ended_at = file.told.ended_at.max(end.ended_at);
    file.taken.ended_at = earliest(file.taken.ended_at, Some(end.taken_at));
    join_hangup(&mut file.call.hangup, end.hangup);
    show_times(file);
}

/// Parts what is certain from an end that is not.
fn split_end(facts: CallFacts, source: SettledBy, taken_at: Timestamp) -> (CallFacts, Option<Presumed>) {
    match facts.status {
        Some(status) if facts.tentative && status.is_final() => {
            let presumed = Presumed {
                status,
                ended_at: facts.ended_at,
                hangup: facts.hangup,
                source,
                taken_at,
            };
            let certain = CallFacts {
                status: None,
                ended_at: None,
                hangup: None,
                ..facts
            };
            (certain, Some(presumed))
        }
        _ => (facts, None),
    }
}

/// Of several presumed ends the one that says more is kept.
fn presume(file: &mut CallFile, news: Option<Presumed>) {
    if file.call.status.is_final() {
        file.presumed = None;
        return;
    }
    let Some(news) = news else { return };
    let Some(known) = file.presumed.take() else {
        file.presumed = Some(news);
        return;
    };
    let taken_at = known.taken_at.min(news.taken_at);
    let (mut better, other) = if telling(news.status) > telling(known.status) {
        (news, known)
    } else {
        (known, news)
    };
    if better.status == other.status {
        better.ended_at = better.ended_at.max(other.ended_at);
        join_hangup(&mut better.hangup, other.hangup);
    }
    better.taken_at = taken_at;
    file.presumed = Some(better);
}

/// How much a status says. Of final ones, that nobody answered is what providers say when they know nothing else.
fn telling(status: CallStatus) -> (u8, u8) {
    let among_final = match status {
        CallStatus::NoAnswer => 0,
        CallStatus::Failed => 1,
        CallStatus::Canceled => 2,
        CallStatus::Busy => 3,
        CallStatus::Rejected => 4,
        _ => 5,
    };
    (status.rank(), among_final)
}

fn advance(call: &mut Call, status: CallStatus, source: SettledBy) {
    if status.rank() > call.status.rank() {
        call.status = status;
        call.settled_by = Some(source);
    }
}

fn keep_first<T>(known: &mut Option<T>, news: Option<T>) {
    if known.is_none() {
        *known = news;
    }
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn join_reference(call: &mut Call, news: Option<ProviderRef>) {
    let Some(news) = news else { return };
    let known = call.provider_ref.get_or_insert_default();
    keep_first(&mut known.id, news.id);
    keep_first(&mut known.uuid, news.uuid);
}

fn join_price(known: &mut Option<Money>, news: Option<Money>) {
    let Some(news) = news else { return };
    let less = |known: &Money| known.currency == news.currency && known.amount < news.amount;
    if known.as_ref().is_none_or(less) {
        *known = Some(news);
    }
}

/// Our side may have asked for the end before the provider tells its cause. A named cause says more than words.
fn join_hangup(known: &mut Option<Hangup>, news: Option<Hangup>) {
    let Some(news) = news else { return };
    let known = known.get_or_insert_default();
    keep_first(&mut known.by, news.by);
    let says = |hangup: &Hangup| (hangup.q850.is_some(), hangup.provider_texts.len());
    if says(&news) > says(known) {
        *known = Hangup { by: known.by, ..news };
    }
}

/// Legs are told anew in every message.
fn join_legs(known: &mut Vec<Leg>, news: Vec<Leg>) {
    for leg in news {
        match known.iter_mut().find(|known| known.side == leg.side) {
            Some(old) => join_leg(old, leg),
            None => known.push(leg),
        }
    }
    known.sort_by_key(|leg| leg.side);
}

fn join_leg(known: &mut Leg, news: Leg) {
    keep_first(&mut known.address, news.address);
    if news.status.map(telling) > known.status.map(telling) {
        known.status = news.status;
    }
    known.started_at = earliest(known.started_at, news.started_at);
    known.answered_at = earliest(known.answered_at, news.answered_at);
    known.talk_seconds = known.talk_seconds.max(news.talk_seconds);
    known.billed_seconds = known.billed_seconds.max(news.billed_seconds);
    join_price(&mut known.price, news.price);
    join_hangup(&mut known.hangup, news.hangup);
}

/// Shows the times that were told, else those at which we took the news as far as they fit, and what follows from them.
fn show_times(file: &mut CallFile) {
    let CallFile {
        call,
        told,
        taken,
        told_talk,
        ..
    } = file;
    let not_after = |limit: Option<Timestamp>| move |at: &Timestamp| limit.is_none_or(|limit| *at <= limit);
    let shown = Times {
        ended_at: told.ended_at.or(taken.ended_at).filter(|_| call.status.is_final()),
        answered_at: told.answered_at.or(taken.answered_at.filter(not_after(told.ended_at))),
        ringing_at: told.ringing_at.or(taken
            .ringing_at
            .filter(not_after(earliest(told.answered_at, told.ended_at)))),
    };
    call.ringing_at = shown.ringing_at;
    call.answered_at = shown.answered_at;
    call.ended_at = shown.ended_at;
    let until = shown.answered_at.or(shown.ended_at);
    call.ring_seconds = shown.ringing_at.zip(until).map(|(from, to)| to.seconds_since(from));
    let talked = shown.answered_at.zip(shown.ended_at);
    let talked = talked.filter(|_| call.status == CallStatus::Completed);
    call.talk_seconds = told_talk.or_else(|| talked.map(|(from, to)| to.seconds_since(from)));
    // Given up in the middle: how long it lasted is not known.
    if call.status == CallStatus::Completed && shown.ended_at.is_none() {
        call.ring_seconds = None;
    }
}

/// Closes a call in progress of which nothing was heard for too long: it was answered, and how long it lasted is not known.
pub fn presume_over(file: &mut CallFile) {
    advance(&mut file.call, CallStatus::Completed, SettledBy::Timeout);
    show_times(file);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
