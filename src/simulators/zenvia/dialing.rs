//! What happens to a call or torpedo after it was accepted, in Tokio time.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Zenvia;
use super::calls::{Call, Phase};
use super::events;
use super::leg::{NORMAL, UNDEFINED};
use super::numbers::Fate;
use super::state::Live;
use super::torpedoes::Torpedo;

/// A machine is recognised within this time, whatever the pace.
const DETECTION: Duration = Duration::from_secs(3);
/// Status and `motivo_desconexao` of legs nobody answered because the call was hung up.
const CANCELLED: (&str, &str) = ("cancelada", NORMAL);

impl Zenvia {
    /// Dials a call in the background.
    pub(super) fn run_call(self: &Arc<Self>, id: u64, wait: Duration, fate: Fate) {
        let hangup = self.go_live(id);
        let app = self.clone();
        self.control.spawn(async move {
            let outcome = tokio::select! {
                () = hangup.cancelled() => CANCELLED,
                outcome = app.converse(id, wait, fate) => outcome,
            };
            app.end_call(id, outcome);
        });
    }

    async fn converse(&self, id: u64, wait: Duration, fate: Fate) -> (&'static str, &'static str) {
        sleep(wait).await;
        self.change_call(id, |call, now| {
            call.phase = Phase::Live;
            call.origin.ring(now);
        });
        sleep(self.pace.ring).await;
        if self.machine_at_origin(id) {
            self.change_call(id, |call, now| call.origin.answer(now));
            sleep(self.pace.talk.min(DETECTION)).await;
            return ("cancelada", UNDEFINED);
        }
        self.change_call(id, |call, now| {
            call.origin.answer(now);
            call.destination.ring(now);
        });
        sleep(self.pace.ring).await;
        if let Some(outcome) = fate.unanswered() {
            return outcome;
        }
        self.change_call(id, |call, now| call.destination.answer(now));
        sleep(self.pace.talk).await;
        CANCELLED
    }

    fn machine_at_origin(&self, id: u64) -> bool {
        let state = self.state();
        let call = state.calls.get(id);
        call.is_some_and(|call| call.detects_machine && Fate::of(&call.origin.number) == Fate::Voicemail)
    }

    fn end_call(&self, id: u64, outcome: (&'static str, &'static str)) {
        self.change_call(id, |call, now| {
            call.end(now, outcome);
            if call.record && call.destination.answered.is_some() {
                call.recording = Some(self.new_recording(id));
            }
        });
        let now = self.control.clock.now();
        let mut state = self.state();
        state.live.remove(&id);
        let body = state.calls.get(id).map(|call| call.webhook_json(self.account, now));
        drop(state);
        self.fire("call-end", id, body);
    }

    /// Changes a call and tells of it: every change in real time, the status as often as the provider limits it.
    pub(super) fn change_call(&self, id: u64, change: impl FnOnce(&mut Call, Timestamp)) {
        let now = self.control.clock.now();
        let mut guard = self.state();
        let state = &mut *guard;
        let Some(call) = state.calls.get_mut(id) else {
            return;
        };
        change(call, now);
        let event = events::call_event(call, self.account, now);
        let status = state
            .live
            .get_mut(&id)
            .is_some_and(|live| live.status_is_due(self.pace.status_every))
            .then(|| call.webhook_json(self.account, now));
        drop(guard);
        self.fire("call-event", id, Some(event));
        self.fire("call-status", id, status);
    }

    /// Calls the single telephone of a torpedo in the background.
    pub(super) fn run_torpedo(self: &Arc<Self>, id: u64, fate: Fate) {
        let app = self.clone();
        self.control.spawn(async move {
            let outcome = app.announce(id, fate).await;
            app.end_torpedo(id, outcome);
        });
    }

    async fn announce(&self, id: u64, fate: Fate) -> (&'static str, &'static str) {
        self.change_torpedo(id, |torpedo, now| torpedo.leg.ring(now));
        sleep(self.pace.ring).await;
        if let Some(outcome) = fate.unanswered() {
            return outcome;
        }
        let machine = fate == Fate::Voicemail;
        let (mut detected, digits) = (false, self.knobs().dtmf);
        self.change_torpedo(id, |torpedo, now| {
            torpedo.leg.answer(now);
            detected = machine && torpedo.detects_machine;
            if torpedo.wants_response && !machine {
                torpedo.response = Some(digits);
            }
        });
        let talk = self.pace.talk;
        sleep(if detected { talk.min(DETECTION) } else { talk }).await;
        CANCELLED
    }

    fn change_torpedo(&self, id: u64, change: impl FnOnce(&mut Torpedo, Timestamp)) {
        let now = self.control.clock.now();
        if let Some(torpedo) = self.state().torpedoes.get_mut(id) {
            change(torpedo, now);
        }
    }

    fn end_torpedo(&self, id: u64, outcome: (&'static str, &'static str)) {
        self.change_torpedo(id, |torpedo, now| {
            torpedo.leg.end(now, outcome);
            if torpedo.record && torpedo.leg.answered.is_some() {
                torpedo.recording = Some(self.new_recording(id));
            }
        });
        let now = self.control.clock.now();
        let state = self.state();
        let Some(torpedo) = state.torpedoes.get(id) else {
            return;
        };
        let (kind, body) = (torpedo.kind.webhook(), torpedo.webhook_json(now));
        drop(state);
        self.fire(kind, id, Some(body));
    }

    fn go_live(&self, id: u64) -> CancellationToken {
        let hangup = CancellationToken::new();
        self.state().live.insert(
            id,
            Live {
                hangup: hangup.clone(),
                told: None,
            },
        );
        hangup
    }
}

impl Live {
    /// Whether another status webhook may be sent now; if so, it counts as sent.
    fn status_is_due(&mut self, every: Duration) -> bool {
        let due = self.told.is_none_or(|told| told.elapsed() >= every);
        if due {
            self.told = Some(Instant::now());
        }
        due
    }
}
