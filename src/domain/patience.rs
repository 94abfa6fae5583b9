//! How long a call may be silent: when its provider is asked, and when nobody waits any longer.

use std::time::Duration;

use super::call::{AttemptOutcome, CallKind, CallStatus, SettledBy};
use super::call_file::CallFile;
use super::fold::{presume_over, settle_presumed};
use super::time::Timestamp;

/// From the loss of an answer until the provider is first asked, in milliseconds: reports list a call a moment after it
/// was made.
const FIRST_ASKED_MS: i64 = 2_000;
/// The shortest and the longest pause between two questions about a call that is searched for, in milliseconds.
const SEARCH_MS: (i64, i64) = (2_000, 60_000);
/// The same for a call whose provider tells of it only when asked.
const FOLLOW_MS: (i64, i64) = (2_000, 15_000);
/// The part of a silence that the next pause lasts: pauses grow with it, by a quarter each.
const PART_OF_SILENCE: i64 = 4;
/// How long a call may ring without news, in milliseconds: telephone networks give up after 60 s.
const RINGING_MS: i64 = 90_000;
/// How long a call may go on, or wait for its time, without news before it is asked after, in milliseconds: an end that
/// was not told is then found soon enough for billing, at six questions an hour.
const GOING_ON_MS: i64 = 600_000;
/// How long a WhatsApp call may ring without news, in milliseconds: it rings for 30 to 60 s, and nobody can be asked.
const WHATSAPP_MS: i64 = 120_000;
/// What an attempt may take beyond the longest exchange, in milliseconds.
const WRITING_MS: i64 = 10_000;
/// The least time after which an attempt's owner is taken for dead, in milliseconds.
const LONGEST_ATTEMPT_MS: i64 = 60_000;

/// How patient one is with the calls of an account.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long a call is searched for.
    pub settle: Duration,
    /// How long a call in progress may be silent before it counts as over.
    pub max_call: Duration,
    /// The longest exchange with the provider.
    pub exchange: Duration,
    /// Whether the provider can be asked about the call.
    pub asks: bool,
    /// Whether the provider tells by itself.
    pub is_told: bool,
}

impl Patience {
    /// Moves on what time alone moves on; says whether anything did.
    ///
    /// No call is ever `failed` by time. One that may have been made and of which nothing is heard is `unknown`, which is
    /// not final: what is told later still settles it. That holds for a WhatsApp call that rang, too: webhooks are repeated
    /// for days, and one that is late may tell that it was answered.
    pub fn lapse(&self, file: &mut CallFile, now: Timestamp) -> bool {
        if self.lapses_at(file).is_none_or(|at| now < at) {
            return false;
        }
        if file.presumed.is_some() {
            settle_presumed(file);
        } else if file.intent().is_some() {
            file.call.status = CallStatus::Unknown;
            if let Some(attempt) = file.call.attempts.last_mut() {
                attempt.outcome = AttemptOutcome::Interrupted;
            }
        } else if file.call.status == CallStatus::InProgress {
            presume_over(file);
        } else {
            file.call.status = CallStatus::Unknown;
            file.call.settled_by = Some(SettledBy::Timeout);
        }
        true
    }

    /// When time alone moves the call on.
    pub fn lapses_at(&self, file: &CallFile) -> Option<Timestamp> {
        if let Some(presumed) = &file.presumed {
            return Some(presumed.due_at());
        }
        if let Some(attempt) = file.intent() {
            return Some(after(attempt.at, self.attempt_ms()));
        }
        let only_told = file.call.kind == CallKind::Whatsapp && !self.asks;
        let silent = match file.call.status {
            CallStatus::InProgress => ms(self.max_call),
            CallStatus::Queued | CallStatus::Ringing if only_told => WHATSAPP_MS,
            CallStatus::Unknown | CallStatus::Queued | CallStatus::Ringing => ms(self.settle),
            // Its time has not come; final ones have none.
            _ => return None,
        };
        (!file.is_closed()).then(|| after(file.heard_at, silent))
    }

    /// From when on the provider is asked; nothing where it cannot be, or the call is not to be asked after.
    pub fn asks_from(&self, file: &CallFile) -> Option<Timestamp> {
        if !self.asks || file.is_closed() || file.intent().is_some() || file.presumed.is_some() {
            return None;
        }
        let (since, quiet, (least, most)) = match file.call.status {
            _ if is_sought(file) => (lost_at(file), FIRST_ASKED_MS, SEARCH_MS),
            _ if !self.is_told || was_found(file) => (file.heard_at, FIRST_ASKED_MS, FOLLOW_MS),
            CallStatus::Queued | CallStatus::Ringing => (file.heard_at, RINGING_MS, FOLLOW_MS),
            _ => (file.heard_at, GOING_ON_MS, FOLLOW_MS),
        };
        let first = after(since, quiet);
        let again = file.asked_at.map(|asked| {
            let silent = asked.as_millis().saturating_sub(since.as_millis());
            after(asked, (silent / PART_OF_SILENCE).clamp(least, most))
        });
        Some(again.map_or(first, |again| again.max(first)))
    }

    fn attempt_ms(&self) -> i64 {
        LONGEST_ATTEMPT_MS.max(ms(self.exchange).saturating_add(WRITING_MS))
    }
}

/// When the provider's answer, or its reference, was missed.
fn lost_at(file: &CallFile) -> Timestamp {
    let Some(attempt) = file.call.attempts.last() else {
        return file.heard_at;
    };
    let took = attempt.ms.map_or(0, |ms| i64::try_from(ms).unwrap_or(i64::MAX));
    after(attempt.at, took)
}

/// Whether it must be found before it can be followed.
pub fn is_sought(file: &CallFile) -> bool {
    file.call.status == CallStatus::Unknown || reference_is_missing(file)
}

fn reference_is_missing(file: &CallFile) -> bool {
    file.call.provider_ref.as_ref().is_none_or(|known| known.id.is_none())
}

/// Whether its answer was lost and it was found by asking: nothing says that its webhooks come.
fn was_found(file: &CallFile) -> bool {
    let lost = |outcome| matches!(outcome, AttemptOutcome::Interrupted | AttemptOutcome::Broken);
    let answer_lost = file.call.attempts.last().is_some_and(|attempt| lost(attempt.outcome));
    answer_lost && file.call.settled_by == Some(SettledBy::Poll)
}

fn after(at: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_add(ms))
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
