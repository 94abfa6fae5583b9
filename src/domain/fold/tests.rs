use proptest::prelude::*;

use super::*;
use crate::domain::call::{CallKind, Direction, LegSide};
use crate::domain::ids::CallId;

fn file() -> CallFile {
    CallFile::new(Call::new(
        CallId::generate(),
        "t".into(),
        Direction::Outbound,
        CallKind::Say,
        at(0),
    ))
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
    let mut file = file();
    fold(&mut file, status(CallStatus::Ringing), SettledBy::Webhook, at(1));
    fold(&mut file, status(CallStatus::InProgress), SettledBy::Webhook, at(4));
    fold(&mut file, status(CallStatus::Completed), SettledBy::Webhook, at(10));
    let call = file.call;
    assert_eq!(call.status, CallStatus::Completed);
    assert_eq!((call.ring_seconds, call.talk_seconds), (Some(3), Some(6)));
    assert_eq!(call.ended_at, Some(at(10)));
    assert_eq!(call.settled_by, Some(SettledBy::Webhook));
}

#[test]
fn a_final_status_never_changes_and_late_news_does_not_reopen_a_call() {
    let mut file = file();
    let ended = CallFacts {
        ended_at: Some(at(2)),
        ..status(CallStatus::Busy)
    };
    fold(&mut file, ended, SettledBy::Webhook, at(2));
    let settled = file.call.clone();
    for late in [
        CallStatus::Ringing,
        CallStatus::InProgress,
        CallStatus::Failed,
        CallStatus::Unknown,
    ] {
        fold(&mut file, status(late), SettledBy::Poll, at(3));
    }
    assert_eq!(file.call, settled);
}

#[test]
fn the_same_message_twice_changes_nothing() {
    let facts = CallFacts {
        answered_at: Some(at(5)),
        ended_at: Some(at(9)),
        talk_seconds: Some(4),
        ..status(CallStatus::Completed)
    };
    let mut once = file();
    fold(&mut once, facts.clone(), SettledBy::Webhook, at(10));
    let mut twice = once.clone();
    fold(&mut twice, facts, SettledBy::Webhook, at(60));
    assert_eq!(once, twice);
}

#[test]
fn any_evidence_settles_an_unknown_call() {
    let mut file = file();
    file.call.status = CallStatus::Unknown;
    fold(&mut file, status(CallStatus::Queued), SettledBy::Poll, at(2));
    assert_eq!(file.call.status, CallStatus::Queued);
}

#[test]
fn a_call_that_was_declined_is_rejected_whichever_of_its_two_ends_comes_first() {
    let declined = CallFacts {
        ended_at: Some(at(7)),
        hangup: Some(Hangup::from_q850(Some(21), vec!["REJECTED".into()])),
        ..status(CallStatus::Rejected)
    };
    let terminated = CallFacts {
        tentative: true,
        ended_at: Some(at(8)),
        hangup: Some(Hangup::from_q850(Some(19), vec!["FAILED".into()])),
        ..status(CallStatus::NoAnswer)
    };
    let mut told = file();
    fold(&mut told, declined.clone(), SettledBy::Webhook, at(7));
    fold(&mut told, terminated.clone(), SettledBy::Webhook, at(8));
    let mut turned = CallFile::new(told.call.clone());
    turned.call = Call::new(
        told.call.id,
        "t".into(),
        Direction::Outbound,
        CallKind::Say,
        told.call.created_at,
    );
    fold(&mut turned, terminated, SettledBy::Webhook, at(8));
    assert_eq!(turned.call.status, CallStatus::Queued, "only presumed");
    fold(&mut turned, declined, SettledBy::Webhook, at(7));
    assert_eq!(turned, told);
    assert_eq!(
        (told.call.status, told.call.ended_at),
        (CallStatus::Rejected, Some(at(7)))
    );
}

#[test]
fn a_presumed_end_is_shown_once_it_is_held_to_be_true() {
    let mut file = file();
    let terminated = CallFacts {
        tentative: true,
        ended_at: Some(at(8)),
        ..status(CallStatus::NoAnswer)
    };
    fold(&mut file, terminated, SettledBy::Webhook, at(9));
    settle_presumed(&mut file);
    assert_eq!(
        (file.call.status, file.call.ended_at),
        (CallStatus::NoAnswer, Some(at(8)))
    );
    assert_eq!(file.call.settled_by, Some(SettledBy::Webhook));
    let settled = file.clone();
    settle_presumed(&mut file);
    assert_eq!(file, settled);
}

#[test]
fn a_call_in_progress_that_is_given_up_was_completed_after_nobody_knows_how_long() {
    let mut file = file();
    fold(&mut file, status(CallStatus::Ringing), SettledBy::Webhook, at(1));
    fold(&mut file, status(CallStatus::InProgress), SettledBy::Webhook, at(4));
    presume_over(&mut file);
    let call = &file.call;
    assert_eq!(
        (call.status, call.settled_by),
        (CallStatus::Completed, Some(SettledBy::Timeout))
    );
    assert_eq!(
        (call.ring_seconds, call.talk_seconds, call.ended_at),
        (None, None, None)
    );
}

/// How a provider tells of calls.
#[derive(Debug, Clone, Copy)]
enum Style {
    /// Events of each leg, then the whole call.
    Legs,
    /// Undated steps, and the end of an unanswered call told twice, once in general words.
    Steps,
    /// Rows of a report.
    Rows,
}

/// What truly became of a call.
#[derive(Debug, Clone)]
struct Truth {
    style: Style,
    end: CallStatus,
    rang_at: i64,
    ring: i64,
    talk: i64,
}

#[derive(Debug, Clone)]
struct Message {
    facts: CallFacts,
    source: SettledBy,
    taken_at: Timestamp,
    /// Whether the end is certain once this came, or came and was held to be true.
    tells_end: bool,
}

impl Truth {
    fn answered(&self) -> bool {
        self.end == CallStatus::Completed
    }

    /// Everything that may be told of the call; the last message is an answer to a question.
    fn messages(&self) -> Vec<Message> {
        let (rang, picked_up) = (at(self.rang_at), at(self.rang_at + self.ring));
        let over = at(self.rang_at + self.ring + if self.answered() { self.talk } else { 0 });
        let dated = !matches!(self.style, Style::Steps);
        let ringing = CallFacts {
            ringing_at: Some(rang).filter(|_| dated),
            legs: self.legs(CallStatus::Ringing),
            ..status(CallStatus::Ringing)
        };
        let in_progress = CallFacts {
            ringing_at: Some(rang).filter(|_| dated),
            answered_at: Some(picked_up),
            legs: self.legs(CallStatus::InProgress),
            ..status(CallStatus::InProgress)
        };
        let end = CallFacts {
            answered_at: Some(picked_up).filter(|_| self.answered()),
            ended_at: Some(over),
            talk_seconds: u64::try_from(self.talk).ok().filter(|_| self.answered()),
            billed_seconds: Some(60).filter(|_| dated),
            hangup: Some(Hangup::from_q850(Some(16), vec![self.end.to_string()])),
            legs: self.legs(self.end),
            ..status(self.end)
        };
        let general = CallFacts {
            tentative: true,
            ended_at: Some(at(self.rang_at + self.ring + 1)),
            hangup: None,
            legs: self.legs(CallStatus::NoAnswer),
            ..status(CallStatus::NoAnswer)
        };
        let mut told = vec![(ringing, false)];
        if self.answered() {
            told.push((in_progress, false));
        } else if !matches!(self.style, Style::Rows) {
            told.push((general, self.end == CallStatus::NoAnswer));
        }
        told.extend([(end.clone(), true), (end, true)]);
        let count = told.len();
        let message = |(index, (facts, tells_end)): (usize, (CallFacts, bool))| Message {
            facts,
            source: if index + 1 == count {
                SettledBy::Poll
            } else {
                SettledBy::Webhook
            },
            taken_at: at(self.rang_at + self.ring + 3 * i64::try_from(index).unwrap()),
            tells_end,
        };
        told.into_iter().enumerate().map(message).collect()
    }

    fn legs(&self, status: CallStatus) -> Vec<Leg> {
        let leg = Leg {
            side: LegSide::Callee,
            address: None,
            status: Some(status),
            started_at: Some(at(self.rang_at)),
            answered_at: None,
            talk_seconds: None,
            billed_seconds: None,
            price: None,
            hangup: None,
        };
        vec![leg; usize::from(matches!(self.style, Style::Legs))]
    }
}

/// What the messages of a call come to, whatever their order.
fn model(file: &CallFile, truth: &Truth, told: &[Message]) -> Call {
    let first = |time: fn(&CallFacts) -> Option<Timestamp>| told.iter().filter_map(|told| time(&told.facts)).min();
    let ends = told.iter().filter(|told| told.facts.status == Some(truth.end));
    let end = ends.min_by_key(|told| told.facts.tentative).unwrap();
    let answered_at = first(|facts| facts.answered_at);
    let rings = told
        .iter()
        .filter(|told| told.facts.status == Some(CallStatus::Ringing));
    let noticed = rings.map(|told| told.taken_at).min();
    let limit = answered_at.or(end.facts.ended_at);
    let ringing_at = first(|facts| facts.ringing_at).or(noticed.filter(|at| Some(*at) <= limit));
    let until = answered_at.or(end.facts.ended_at);
    let mut call = file.call.clone();
    call.status = truth.end;
    call.ringing_at = ringing_at;
    call.answered_at = answered_at;
    call.ended_at = end.facts.ended_at;
    call.ring_seconds = ringing_at.map(|at| until.unwrap().seconds_since(at));
    call.talk_seconds = end.facts.talk_seconds;
    call.billed_seconds = end.facts.billed_seconds;
    call.hangup.clone_from(&end.facts.hangup);
    let of_leg = |told: &Message| told.facts.legs.first().cloned();
    call.legs = told
        .iter()
        .filter_map(of_leg)
        .max_by_key(|leg| leg.status.map(telling))
        .into_iter()
        .collect();
    call
}

fn truth() -> impl Strategy<Value = Truth> {
    let style = prop_oneof![Just(Style::Legs), Just(Style::Steps), Just(Style::Rows)];
    let ends = [
        CallStatus::Completed,
        CallStatus::Busy,
        CallStatus::NoAnswer,
        CallStatus::Rejected,
        CallStatus::Canceled,
        CallStatus::Failed,
    ];
    (style, 0..ends.len(), 0..3_i64, 0..9_i64, 1..9_i64).prop_map(move |(style, end, rang_at, ring, talk)| Truth {
        style,
        end: ends[end],
        rang_at,
        ring,
        talk,
    })
}

/// Messages in the order they come: any order, some twice, some never; where none tells the end, it is asked for.
fn history(truth: &Truth, picks: &[usize]) -> Vec<Message> {
    let messages = truth.messages();
    let mut history: Vec<Message> = picks
        .iter()
        .map(|pick| messages[pick % messages.len()].clone())
        .collect();
    if !history.iter().any(|told| told.tells_end) {
        history.extend(messages.last().cloned());
    }
    history
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100_000))]

    #[test]
    fn news_in_any_order_makes_the_same_call(truth in truth(), picks in prop::collection::vec(0..60_usize, 0..9)) {
        let told = history(&truth, &picks);
        let mut folded = file();
        let expected = model(&folded, &truth, &told);
        let mut shown = None;
        for Message { facts, source, taken_at, .. } in told {
            fold(&mut folded, facts, source, taken_at);
            let end = shown.get_or_insert(folded.call.status);
            if !end.is_final() {
                *end = folded.call.status;
            }
            prop_assert_eq!(*end, folded.call.status);
        }
        settle_presumed(&mut folded);
        prop_assert!(folded.call.settled_by.is_some());
        folded.call.settled_by = None;
        prop_assert_eq!(folded.call, expected);
    }
}
