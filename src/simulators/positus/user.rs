//! What a test does in a user's place.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::calls::{Call, Direction};
use super::webhooks::Status;
use super::{Positus, sdp};
use crate::simulators::control::done;
use crate::simulators::http::{Reply, Request};
use crate::simulators::json::Object;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Incoming {
    /// The user who calls.
    from: String,
    /// The number that is called; the first of the account when absent.
    number_id: Option<String>,
    /// The offer of the user's phone; one that leads nowhere when absent.
    sdp: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    call_id: String,
    sdp: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HangUp {
    call_id: String,
}

impl Positus {
    /// Makes a user call the business.
    pub(super) fn call_in(self: &Arc<Self>, request: &Request) -> Reply {
        reply(read(request).and_then(|wish: Incoming| {
            let mut numbers = self.numbers.iter();
            let number = numbers
                .find(|number| wish.number_id.as_ref().is_none_or(|id| *id == number.id))
                .ok_or("no such number")?;
            let offer = wish.sdp.unwrap_or_else(|| sdp::offer(&self.random));
            checked(&offer)?;
            let mut call = Call::new(&number.id, &wish.from, Direction::UserInitiated, &self.random);
            call.user_sdp = Some(offer);
            let id = call.id.clone();
            if !self.office().calls.begin(call) {
                return Err("a call between these two is going on".to_owned());
            }
            self.control.spawn(self.clone().play_incoming(id.clone()));
            Ok(Reply::json(200, Object::new().text("call_id", &id).done()))
        }))
    }

    /// Takes a call of the business with the answer of the user's phone.
    pub(super) fn answer_by_hand(&self, request: &Request) -> Reply {
        reply(read(request).and_then(|Answer { call_id, sdp }| {
            checked(&sdp)?;
            let mut office = self.office();
            let call = office.calls.get_mut(&call_id).filter(|call| call.rings_there());
            call.ok_or("call_id names no call that waits for an answer")?.user_sdp = Some(sdp);
            drop(office);
            self.connect(&call_id);
            self.tell(&call_id, Status::Ringing);
            self.pick_up(&call_id);
            Ok(done())
        }))
    }

    /// Ends a call as its user does: one that the user never took is turned down.
    pub(super) fn hang_up_by_hand(&self, request: &Request) -> Reply {
        reply(read(request).and_then(|HangUp { call_id }| {
            let office = self.office();
            let call = office.calls.get(&call_id).filter(|call| !call.ended);
            let call = call.ok_or("call_id names no call that is going on")?;
            let turned_down = call.direction == Direction::BusinessInitiated && call.accepted_at.is_none();
            drop(office);
            if turned_down {
                self.reject(&call_id);
            } else {
                self.finish(&call_id, None);
            }
            Ok(done())
        }))
    }
}

fn read<T: DeserializeOwned>(request: &Request) -> Result<T, String> {
    serde_json::from_slice(&request.body).map_err(|error| error.to_string())
}

fn checked(sdp: &str) -> Result<(), String> {
    sdp::fault(sdp).map_or(Ok(()), |fault| Err(fault.to_owned()))
}

fn reply(outcome: Result<Reply, String>) -> Reply {
    outcome.unwrap_or_else(|error| Reply::json(400, Object::new().text("error", &error).done()))
}
