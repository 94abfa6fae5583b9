//! Calls placed through `POST /call`: what the request may say, and what becomes of the call as time passes.
//!
//! Nothing runs in the background: where a call stands follows from the clock.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::directory::{QUEUES, agent_by_login};
use super::form::Form;
use super::page;
use super::queue_report::QueueRow;
use crate::simulators::fate::Fate;
use crate::simulators::http::Reply;
use crate::simulators::json::{Object, array, optional, string};

/// How long the steps of a call take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From placing a call to its answer, or to the end of a call that nobody answers.
    pub ring: Duration,
    /// From the answer to the end.
    pub talk: Duration,
    /// How long a hang-up that does not skip the survey leaves the call alive.
    pub survey: Duration,
    /// From a call's end until the reports list it.
    pub report_lag: Duration,
    /// From the adding of a subscriber until the dialler calls it.
    pub dial_lag: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            ring: seconds(3),
            talk: seconds(6),
            survey: seconds(2),
            report_lag: seconds(1),
            dial_lag: seconds(2),
        }
    }
}

impl Pace {
    /// Tens of milliseconds, for tests. Reports show whole seconds, rounded up.
    #[must_use]
    pub const fn quick() -> Self {
        let (step, none) = (Duration::from_millis(20), Duration::ZERO);
        Self {
            ring: step,
            talk: step,
            survey: step,
            report_lag: none,
            dial_lag: step,
        }
    }
}

/// What `POST /call` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewCall {
    pub(super) from: String,
    /// The destinations; the first to answer wins.
    pub(super) to: Vec<String>,
    pub(super) call_info: Option<String>,
}

impl NewCall {
    /// Reads the form.
    ///
    /// # Errors
    ///
    /// The refusal of a form that lacks a parameter, or whose `call_info` is no JSON.
    pub(super) fn of(form: &Form) -> Result<Self, Reply> {
        let to = form.get("to").ok_or_else(|| page::refused(400, "Missing to param."))?;
        let from = form
            .get("from")
            .ok_or_else(|| page::refused(400, "Missing from param."))?;
        let call_info = form.get("call_info");
        if call_info.is_some_and(|text| serde_json::from_str::<serde_json::Value>(text).is_err()) {
            let message = "Json_string param must be a valid json string: No JSON object could be decoded";
            return Err(page::refused(400, message));
        }
        Ok(Self {
            from: from.to_owned(),
            to: to.split(',').map(|number| number.trim().to_owned()).collect(),
            call_info: call_info.map(str::to_owned),
        })
    }

    /// The destination the call ends up with, and its fate.
    pub(super) fn outcome(&self) -> (&str, Fate) {
        let mut outcomes = self.to.iter().map(|to| (to.as_str(), Fate::of(to)));
        let first = outcomes.clone().next().unwrap_or(("", Fate::NoAnswer));
        outcomes.find(|(_, fate)| fate.connects()).unwrap_or(first)
    }
}

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Ringing,
    Talking,
    Ended,
}

/// A call that was accepted.
#[derive(Debug)]
pub(super) struct PlacedCall {
    pub(super) id: u64,
    pub(super) uuid: String,
    pub(super) new: NewCall,
    pub(super) placed_at: Timestamp,
    pub(super) ring: SignedDuration,
    pub(super) talk: SignedDuration,
    hung_up_at: Option<Timestamp>,
    transfers: Vec<String>,
}

impl PlacedCall {
    pub(super) fn new(id: u64, new: NewCall, placed_at: Timestamp, pace: &Pace) -> Self {
        Self {
            id,
            uuid: super::unreadable_uuid(),
            new,
            placed_at,
            ring: signed(pace.ring),
            talk: signed(pace.talk),
            hung_up_at: None,
            transfers: Vec::new(),
        }
    }

    /// The instant of the answer; `None` for a call that has, or will have, none.
    fn answered_at(&self) -> Option<Timestamp> {
        let at = self.placed_at + self.ring;
        let hung_up_before = self.hung_up_at.is_some_and(|end| end < at);
        (self.new.outcome().1.connects() && !hung_up_before).then_some(at)
    }

    pub(super) fn ended_at(&self) -> Timestamp {
        let alone = self
            .answered_at()
            .map_or(self.placed_at + self.ring, |at| at + self.talk);
        self.hung_up_at.map_or(alone, |at| at.min(alone))
    }

    pub(super) fn phase(&self, now: Timestamp) -> Phase {
        if now >= self.ended_at() {
            Phase::Ended
        } else if self.answered_at().is_some_and(|at| now >= at) {
            Phase::Talking
        } else {
            Phase::Ringing
        }
    }

    /// Ends the call at `at`, unless it ends before.
    pub(super) fn hang_up(&mut self, at: Timestamp) {
        self.hung_up_at = Some(self.hung_up_at.map_or(at, |before| before.min(at)));
    }

    pub(super) fn transfer(&mut self, leg: &str, destination: &str) {
        self.transfers.push(format!("{leg}:{destination}"));
    }

    /// The row that the queue report lists once the call is over. Durations are whole seconds, rounded up.
    pub(super) fn row(&self) -> QueueRow {
        let (to, fate) = self.new.outcome();
        let agent = agent_by_login(&self.new.from);
        let (answered, ended) = (self.answered_at(), self.ended_at());
        QueueRow {
            id: self.id,
            uuid: self.uuid.clone(),
            agent_id: agent.map(|agent| agent.id),
            agent_login: Some(self.new.from.clone()),
            queue_id: QUEUES[0].id,
            outbound: true,
            caller_number: agent.map_or_else(|| national(&self.new.from), |agent| agent.extension_number()),
            receiver_number: national(to),
            join: self.placed_at,
            wait_seconds: whole_seconds(answered.unwrap_or(ended).duration_since(self.placed_at)),
            talk_seconds: answered.map(|at| whole_seconds(ended.duration_since(at))),
            end_by_id: self.ending(fate, ended),
            ..QueueRow::default()
        }
    }

    fn ending(&self, fate: Fate, ended: Timestamp) -> usize {
        match fate {
            _ if self.hung_up_at == Some(ended) => 9,
            Fate::Busy => 3,
            Fate::NoAnswer => 4,
            Fate::Declined => 5,
            Fate::Voicemail => 6,
            _ => 2,
        }
    }

    /// The call in the real-time map, where its uuid is the key.
    pub(super) fn live(&self, phase: Phase) -> String {
        let row = self.row();
        Object::new()
            .text("state", if phase == Phase::Talking { "talking" } else { "ringing" })
            .raw("agent_id", crate::simulators::json::nullable(row.agent_id))
            .raw("queue_id", row.queue_id)
            .text("number", &row.receiver_number)
            .text("direction", "out")
            .done()
    }

    /// The call in the ledger of accepted calls.
    pub(super) fn entry(&self, now: Timestamp) -> String {
        let phase = match self.phase(now) {
            Phase::Ringing => "ringing",
            Phase::Talking => "talking",
            Phase::Ended => "ended",
        };
        Object::new()
            .raw("id", self.id)
            .text("uuid", &self.uuid)
            .text("from", &self.new.from)
            .raw("to", array(self.new.to.iter().map(|to| string(to))))
            .raw("call_info", optional(self.new.call_info.as_deref()))
            .text("placed_at", &self.placed_at.to_string())
            .text("phase", phase)
            .raw(
                "transfers",
                array(self.transfers.iter().map(|transfer| string(transfer))),
            )
            .done()
    }
}

/// The form in which reports show a number: digits, without the trunk's leading zero.
pub(super) fn national(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.strip_prefix('0').map(str::to_owned).unwrap_or(digits)
}

pub(super) fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// Rounds up, so that a call talked for a moment is not one without talk.
pub(super) fn whole_seconds(duration: SignedDuration) -> i64 {
    duration.as_secs() + i64::from(duration.subsec_nanos() > 0)
}
