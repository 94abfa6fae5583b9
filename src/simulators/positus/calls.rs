//! The calls of the account: which there are, and how far each has come.

use std::collections::{HashMap, VecDeque};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use jiff::Timestamp;
use uuid::Uuid;

use super::permission::key;
use crate::simulators::json::{Object, array, nullable, optional, string};
use crate::simulators::random::Random;

/// The ledger keeps as many calls; the oldest go first.
const LEDGER_SIZE: usize = 10_000;

/// Who began a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    BusinessInitiated,
    UserInitiated,
}

impl Direction {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::BusinessInitiated => "BUSINESS_INITIATED",
            Self::UserInitiated => "USER_INITIATED",
        }
    }
}

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) id: String,
    /// The number of the account it belongs to, by its key.
    pub(super) number_id: String,
    /// The user's number, as the client or the test wrote it, in digits.
    pub(super) user: String,
    pub(super) direction: Direction,
    /// The session description that the client sent, once it did.
    pub(super) client_sdp: Option<String>,
    /// The session description of the user's phone, once it has one.
    pub(super) user_sdp: Option<String>,
    pub(super) accepted_at: Option<Timestamp>,
    pub(super) ended: bool,
}

impl Call {
    /// A call that begins to ring.
    pub(super) fn new(number_id: &str, user: &str, direction: Direction, random: &Random) -> Self {
        Self {
            id: wacid(random),
            number_id: number_id.to_owned(),
            user: user.to_owned(),
            direction,
            client_sdp: None,
            user_sdp: None,
            accepted_at: None,
            ended: false,
        }
    }

    /// Whether the call can be accepted or rejected by the business.
    pub(super) fn rings_here(&self) -> bool {
        self.direction == Direction::UserInitiated && !self.ended && self.accepted_at.is_none()
    }

    /// Whether the user's phone rings and has not given its answer.
    pub(super) fn rings_there(&self) -> bool {
        self.direction == Direction::BusinessInitiated && !self.ended && self.user_sdp.is_none()
    }

    fn pair(&self) -> (String, String) {
        (self.number_id.clone(), key(&self.user))
    }

    fn entry(&self) -> String {
        let phase = match (self.ended, self.accepted_at) {
            (true, _) => "ended",
            (false, Some(_)) => "talking",
            (false, None) => "ringing",
        };
        Object::new()
            .text("id", &self.id)
            .text("number_id", &self.number_id)
            .text("user", &self.user)
            .text("direction", self.direction.name())
            .text("phase", phase)
            .raw(
                "accepted_at",
                nullable(self.accepted_at.map(|at| string(&at.to_string()))),
            )
            .raw("client_sdp", optional(self.client_sdp.as_deref()))
            .raw("user_sdp", optional(self.user_sdp.as_deref()))
            .done()
    }
}

/// Every call that is remembered.
#[derive(Debug, Default)]
pub(super) struct Calls {
    by_id: HashMap<String, Call>,
    order: VecDeque<String>,
    /// The live call of each pair of number and user: there is never more than one.
    live: HashMap<(String, String), String>,
}

impl Calls {
    /// Takes a call in, unless one between the same two is going on.
    pub(super) fn begin(&mut self, call: Call) -> bool {
        let pair = call.pair();
        if self.live.contains_key(&pair) {
            return false;
        }
        self.live.insert(pair, call.id.clone());
        self.order.push_back(call.id.clone());
        self.by_id.insert(call.id.clone(), call);
        if self.order.len() > LEDGER_SIZE {
            let oldest = self.order.pop_front().and_then(|id| self.by_id.remove(&id));
            oldest.map(|call| self.live.remove(&call.pair()));
        }
        true
    }

    pub(super) fn get(&self, id: &str) -> Option<&Call> {
        self.by_id.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Call> {
        self.by_id.get_mut(id)
    }

    /// Ends a call and gives it back; `None` when it is over or unknown.
    pub(super) fn end(&mut self, id: &str) -> Option<Call> {
        let call = self.by_id.get_mut(id).filter(|call| !call.ended)?;
        call.ended = true;
        self.live.remove(&call.pair());
        Some(call.clone())
    }

    /// Every call, oldest first, as JSON.
    pub(super) fn ledger(&self) -> String {
        array(self.order.iter().filter_map(|id| self.by_id.get(id)).map(Call::entry))
    }
}

/// A call id: about a hundred characters that look as if they held two phone numbers, but not those of the call.
fn wacid(random: &Random) -> String {
    let (user, business) = (random.digits(10), random.digits(10));
    let unique = Uuid::now_v7().simple().to_string().to_uppercase();
    let bytes = format!("\x1c\x18\x0c55{user}\x15\x02\x00\x11\x18\x20{unique}\x1c\x18\x0c55{business}\x15\x04\x00");
    format!("wacid.{}", URL_SAFE.encode(bytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_have_one_live_call_however_the_user_is_written() {
        let random = Random::new(1);
        let call = |user| Call::new("n", user, Direction::BusinessInitiated, &random);
        let mut calls = Calls::default();
        let first = call("5543999011234");
        let id = first.id.clone();
        assert!(calls.begin(first));
        assert!(!calls.begin(call("554399011234")));
        assert!(calls.end(&id).is_some() && calls.end(&id).is_none());
        assert!(calls.begin(call("554399011234")));
    }

    #[test]
    fn the_ledger_forgets_the_oldest() {
        let random = Random::new(1);
        let mut calls = Calls::default();
        for user in 0..=LEDGER_SIZE {
            assert!(calls.begin(Call::new("n", &user.to_string(), Direction::UserInitiated, &random)));
        }
        assert_eq!(
            (calls.order.len(), calls.by_id.len(), calls.live.len()),
            (LEDGER_SIZE, LEDGER_SIZE, LEDGER_SIZE)
        );
    }
}
