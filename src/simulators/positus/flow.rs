//! What happens to a call after the request that began it, as time passes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::calls::{Call, Direction};
use super::webhooks::{Ending, Status, Writer};
use super::{Knobs, Positus, User};
use crate::simulators::fate::Fate;

/// How long the steps of a call take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From `make` to the connect webhook, and from there to ringing.
    pub connect: Duration,
    /// From ringing to what the user does.
    pub answer: Duration,
    /// From ringing to the end of a call that nobody takes.
    pub ring_window: Duration,
    /// From the acceptance to the user's hanging up.
    pub talk: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            connect: Duration::from_millis(300),
            answer: Duration::from_secs(3),
            ring_window: Duration::from_secs(30),
            talk: Duration::from_secs(6),
        }
    }
}

impl Pace {
    /// Tens of milliseconds, for tests. Webhooks show whole seconds, and at least one of talk.
    #[must_use]
    pub const fn quick() -> Self {
        let step = Duration::from_millis(20);
        Self {
            connect: step,
            answer: step,
            ring_window: Duration::from_millis(100),
            talk: step,
        }
    }
}

impl Positus {
    /// Plays a call that the business placed to its end.
    pub(super) async fn play_outgoing(self: Arc<Self>, id: String, fate: Fate) {
        let (knobs, pace) = (self.knobs().clone(), self.pace);
        sleep(pace.connect).await;
        if knobs.terminate_first {
            self.finish(&id, None);
        }
        self.connect(&id);
        sleep(pace.connect).await;
        if let Some(code) = knobs.fail_with {
            return self.finish(&id, Some(code));
        }
        match fate {
            // WhatsApp has no word for a busy line: the call is rejected before it rings.
            Fate::Busy => self.reject(&id),
            Fate::Declined => {
                self.tell(&id, Status::Ringing);
                sleep(pace.answer).await;
                self.reject(&id);
            }
            // Nor does it have voicemail.
            Fate::NoAnswer | Fate::Voicemail => {
                self.tell(&id, Status::Ringing);
                sleep(pace.ring_window).await;
                self.ring_out(&id);
            }
            _ => {
                self.tell(&id, Status::Ringing);
                sleep(pace.answer).await;
                self.pick_up(&id);
                sleep(pace.talk).await;
                self.finish(&id, None);
            }
        }
    }

    /// Lets a call of a user ring until it is taken or the window is over.
    pub(super) async fn play_incoming(self: Arc<Self>, id: String) {
        let Knobs {
            user, terminate_first, ..
        } = self.knobs().clone();
        if terminate_first {
            self.finish(&id, None);
        }
        self.connect(&id);
        if user == User::ByHand {
            return;
        }
        sleep(self.pace.ring_window).await;
        let rings = self.office().calls.get(&id).is_some_and(Call::rings_here);
        if rings {
            self.finish(&id, None);
        }
    }

    /// Ends an accepted call when the user has talked enough.
    pub(super) async fn play_talk(self: Arc<Self>, id: String) {
        sleep(self.pace.talk).await;
        self.finish(&id, None);
    }

    /// Ends a call and tells so, once: later attempts do nothing.
    pub(super) fn finish(&self, id: &str, broken: Option<u32>) {
        let mut office = self.office();
        let Some(call) = office.calls.end(id) else {
            return;
        };
        let now = self.control.clock.now();
        let ending = match (broken, call.accepted_at) {
            (Some(code), _) => Ending::Broken(code),
            (None, Some(start)) => Ending::Talked(start, now),
            (None, None) => Ending::InVain,
        };
        self.send("terminate", &call, |writer| writer.terminate(ending));
    }

    /// Sends the connect webhook, even when the end has overtaken it.
    pub(super) fn connect(&self, id: &str) {
        if let Some(call) = self.office().calls.get(id)
            && let Some(sdp) = &call.user_sdp
        {
            self.send("connect", call, |writer| writer.connect(sdp));
        }
    }

    /// Sends a status of a call that is not over.
    pub(super) fn tell(&self, id: &str, status: Status) {
        if let Some(call) = self.office().calls.get(id).filter(|call| !call.ended) {
            self.send("status", call, |writer| writer.status(status));
        }
    }

    /// Lets the user take a call that is not over.
    pub(super) fn pick_up(&self, id: &str) {
        let (knobs, now) = (self.knobs().clone(), self.control.clock.now());
        let office = &mut *self.office();
        let Some(call) = office.calls.get_mut(id).filter(|call| !call.ended) else {
            return;
        };
        call.accepted_at = Some(now);
        office.permissions.connected(&call.user, &knobs, now);
        self.send("status", call, |writer| writer.status(Status::Accepted));
    }

    /// Lets the user turn down a call.
    pub(super) fn reject(&self, id: &str) {
        self.tell(id, Status::Rejected);
        self.ring_out(id);
    }

    /// Ends a call that the user did not take, which counts against the permission.
    fn ring_out(&self, id: &str) {
        let (knobs, now) = (self.knobs().clone(), self.control.clock.now());
        {
            let office = &mut *self.office();
            let missed = office
                .calls
                .get(id)
                .filter(|call| !call.ended && call.direction == Direction::BusinessInitiated);
            if let Some(call) = missed {
                office.permissions.unanswered(&call.user, &knobs, now);
            }
        }
        self.finish(id, None);
    }

    fn send(&self, kind: &str, call: &Call, write: impl FnOnce(Writer<'_>) -> String) {
        let Some(number) = self.numbers.iter().find(|number| number.id == call.number_id) else {
            return;
        };
        let (knobs, now) = (self.knobs().clone(), self.control.clock.now());
        let body = write(Writer {
            call,
            number,
            knobs: &knobs,
            now,
        });
        self.control.webhooks.fire(kind, &call.id, body);
    }
}
