//! The calling endpoints of one number.

use std::sync::Arc;

use hyper::Method;
use serde_json::Value;

use super::calls::{Call, Direction};
use super::numbers::Number;
use super::refusal::Refusal;
use super::{Positus, User, not_found, sdp};
use crate::simulators::fate::Fate;
use crate::simulators::http::{Reply, Request};
use crate::simulators::json::{Object, array};

type Outcome = Result<Reply, Refusal>;

impl Positus {
    /// Answers a request under `/v2/whatsapp/numbers/{NUMBER_ID}/calls/`.
    pub(super) fn act(self: &Arc<Self>, request: &Request, number: &Number, action: &str) -> Reply {
        let knobs = self.knobs().clone();
        if knobs.calling_disabled {
            return Refusal::plain(400, 138_000, "Calling not enabled").reply(knobs.error_form);
        }
        let outcome = match (&request.method, action) {
            (&Method::GET, "call-permissions") => self.permission(request, number),
            (&Method::POST, "make" | "accept" | "reject" | "hang-up") => match request.json() {
                None => Err(Refusal::invalid("the body is no JSON")),
                Some(body) if action == "make" => self.make(&body, number),
                Some(body) if action == "accept" => self.accept(&body, number),
                Some(body) if action == "reject" => self.turn_down(&body, number),
                Some(body) => self.hang_up(&body, number),
            },
            _ => return not_found(),
        };
        match outcome {
            Ok(reply) => reply,
            Err(refusal) if refusal.status == 429 => refusal.reply(knobs.error_form).with_header("retry-after", "1"),
            Err(refusal) => refusal.reply(knobs.error_form),
        }
    }

    fn permission(&self, request: &Request, number: &Number) -> Outcome {
        let user = digits(request.query("user_wa_id").unwrap_or_default());
        if user.is_empty() {
            return Err(Refusal::invalid("user_wa_id is required"));
        }
        let (knobs, now) = (self.knobs().clone(), self.control.clock.now());
        let shown = Object::new()
            .text("uuid", &number.id)
            .text("waba_id", &number.waba_id)
            .text("user_wa_id", &knobs.wa_id.write(&user))
            .text("to", number.national());
        let calling = self.office().permissions.show(&user, &knobs, now);
        Ok(Reply::json(
            200,
            Object::new().raw("number", shown.done()).raw("calling", calling).done(),
        ))
    }

    fn make(self: &Arc<Self>, body: &Value, number: &Number) -> Outcome {
        let to = digits(text(body, "/to")?);
        if !(8..=15).contains(&to.len()) {
            return Err(Refusal::invalid("to is no phone number"));
        }
        let offer = text(body, "/session/sdp").or_else(|_| text(body, "/connection/webrtc/sdp"))?;
        checked(offer)?;
        let fate = Fate::of(&to);
        match fate {
            Fate::OutOfCredit => {
                return Err(Refusal::plain(
                    400,
                    131_044,
                    "Business eligibility: calling payment issue",
                ));
            }
            Fate::RateLimited => return Err(Refusal::plain(429, 130_429, "Rate limit hit")),
            _ => {}
        }
        let id = self.begin_outgoing(&to, offer, number)?;
        if self.knobs().user == User::Scripted {
            self.control.spawn(self.clone().play_outgoing(id.clone(), fate));
        }
        if fate == Fate::ReplyLost {
            return Ok(Reply::dropped());
        }
        if !self.knobs().make_returns_id {
            return Ok(success());
        }
        let call = Object::new().text("id", &id).done();
        let body = Object::new()
            .raw("success", true)
            .text("messaging_product", "whatsapp")
            .raw("calls", array([call]));
        Ok(Reply::json(200, body.done()))
    }

    fn begin_outgoing(&self, to: &str, offer: &str, number: &Number) -> Result<String, Refusal> {
        let (knobs, now) = (self.knobs().clone(), self.control.clock.now());
        let mut office = self.office();
        office.permissions.check(to, &knobs, now)?;
        let mut call = Call::new(&number.id, to, Direction::BusinessInitiated, &self.random);
        call.client_sdp = Some(offer.to_owned());
        call.user_sdp = (knobs.user == User::Scripted).then(|| sdp::answer(offer, &self.random));
        let id = call.id.clone();
        if office.calls.begin(call) {
            Ok(id)
        } else {
            Err(Refusal::plain(400, 138_003, "Duplicate call"))
        }
    }

    fn accept(self: &Arc<Self>, body: &Value, number: &Number) -> Outcome {
        let answer = text(body, "/sdp")?;
        checked(answer)?;
        let id = {
            let mut office = self.office();
            let id = ringing_here(&office.calls, body, number)?;
            if let Some(call) = office.calls.get_mut(&id) {
                call.client_sdp = Some(answer.to_owned());
                call.accepted_at = Some(self.control.clock.now());
            }
            id
        };
        if self.knobs().user == User::Scripted {
            self.control.spawn(self.clone().play_talk(id));
        }
        Ok(success())
    }

    fn turn_down(&self, body: &Value, number: &Number) -> Outcome {
        let id = ringing_here(&self.office().calls, body, number)?;
        self.finish(&id, None);
        Ok(success())
    }

    fn hang_up(&self, body: &Value, number: &Number) -> Outcome {
        let id = text(body, "/call_id")?;
        let live = self
            .office()
            .calls
            .get(id)
            .is_some_and(|call| call.number_id == number.id && !call.ended);
        if !live {
            return Err(Refusal::invalid("call_id names no call that is going on"));
        }
        self.finish(id, None);
        Ok(success())
    }
}

/// The id of the user's call that the body names, while the business may still take it.
fn ringing_here(calls: &super::calls::Calls, body: &Value, number: &Number) -> Result<String, Refusal> {
    let call = calls
        .get(text(body, "/call_id")?)
        .filter(|call| call.number_id == number.id && call.rings_here());
    call.map(|call| call.id.clone())
        .ok_or_else(|| Refusal::invalid("call_id names no call that rings here"))
}

fn checked(sdp: &str) -> Result<(), Refusal> {
    sdp::fault(sdp).map_or(Ok(()), |fault| {
        Err(Refusal::invalid(format!("SDP Validation error: {fault}")))
    })
}

/// The text at a place of the body; a refusal that names the place when it is not there.
fn text<'a>(body: &'a Value, place: &str) -> Result<&'a str, Refusal> {
    let found = body
        .pointer(place)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty());
    found.ok_or_else(|| Refusal::invalid(format!("{} is required", place[1..].replace('/', "."))))
}

fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

fn success() -> Reply {
    Reply::json(200, r#"{"success":true}"#)
}
