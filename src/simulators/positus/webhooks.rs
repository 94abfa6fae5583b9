//! The bodies of call webhooks.

use jiff::Timestamp;

use super::calls::{Call, Direction};
use super::knobs::{Envelope, Knobs, SdpLabel, SdpPlace, Timestamps, UnansweredDuration};
use super::numbers::Number;
use super::refusal;
use crate::simulators::json::{Object, array};

/// A status of a call that the business placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ringing,
    Accepted,
    Rejected,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was talked from one instant to the other.
    Talked(Timestamp, Timestamp),
    /// Nobody took it.
    InVain,
    /// It broke, with a code.
    Broken(u32),
}

/// Writes webhooks about one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writer<'a> {
    pub(super) call: &'a Call,
    pub(super) number: &'a Number,
    pub(super) knobs: &'a Knobs,
    pub(super) now: Timestamp,
}

impl Writer<'_> {
    /// The webhook that brings the call's id and the other side's session description.
    pub(super) fn connect(&self, sdp: &str) -> String {
        let outgoing = self.call.direction == Direction::BusinessInitiated;
        let label = match self.knobs.sdp_label {
            SdpLabel::ByDirection if outgoing => "answer",
            SdpLabel::ByDirection | SdpLabel::Offer => "offer",
            SdpLabel::Answer => "answer",
        };
        let mut object = self.parties("connect");
        if !self.knobs.bare_connect {
            object = object
                .raw("timestamp", self.instant(self.now))
                .text("direction", self.call.direction.name());
        }
        if self.knobs.sdp_place != SdpPlace::Session {
            let webrtc = Object::new().text("sdp", sdp).done();
            object = object.raw("connection", Object::new().raw("webrtc", webrtc).done());
        }
        if self.knobs.sdp_place != SdpPlace::Connection {
            object = object.raw("session", Object::new().text("sdp_type", label).text("sdp", sdp).done());
        }
        self.enveloped("calls", object.done(), None)
    }

    /// The webhook of a status.
    pub(super) fn status(&self, status: Status) -> String {
        let status = match status {
            Status::Ringing => "RINGING",
            Status::Accepted => "ACCEPTED",
            Status::Rejected => "REJECTED",
        };
        let object = Object::new()
            .text("id", &self.call.id)
            .text("type", "call")
            .text("status", status)
            .raw("timestamp", self.instant(self.now))
            .text("recipient_id", &self.user());
        self.enveloped("statuses", object.done(), None)
    }

    /// The webhook of a call's end. A call that was talked lasts at least one second.
    pub(super) fn terminate(&self, ending: Ending) -> String {
        let object = self.parties("terminate");
        let (object, status) = match ending {
            Ending::Talked(start, end) => {
                let seconds = (end.as_second() - start.as_second()).max(1);
                let (start, end) = (start.as_second(), start.as_second() + seconds);
                let object = object
                    .raw("timestamp", self.seconds(end))
                    .text("direction", self.call.direction.name())
                    .raw("start_time", self.seconds(start))
                    .raw("end_time", self.seconds(end))
                    .raw("duration", seconds);
                (object, "COMPLETED")
            }
            Ending::InVain | Ending::Broken(_) => {
                let object = object
                    .raw("timestamp", self.instant(self.now))
                    .text("direction", self.call.direction.name());
                let zero = self.knobs.unanswered_duration == UnansweredDuration::Zero;
                (if zero { object.raw("duration", 0) } else { object }, "FAILED")
            }
        };
        let error = match ending {
            Ending::Broken(code) => Some(error(code)),
            _ => None,
        };
        self.enveloped("calls", object.text("status", status).done(), error)
    }

    fn parties(&self, event: &str) -> Object {
        let (user, business) = (self.user(), self.number.phone.clone());
        let (from, to) = match self.call.direction {
            Direction::BusinessInitiated => (business, user),
            Direction::UserInitiated => (user, business),
        };
        Object::new()
            .text("id", &self.call.id)
            .text("from", &from)
            .text("to", &to)
            .text("event", event)
    }

    fn user(&self) -> String {
        self.knobs.wa_id.write(&self.call.user)
    }

    fn instant(&self, at: Timestamp) -> String {
        self.seconds(at.as_second())
    }

    fn seconds(&self, seconds: i64) -> String {
        match self.knobs.timestamps {
            Timestamps::Text => format!("\"{seconds}\""),
            Timestamps::Number => seconds.to_string(),
        }
    }

    fn enveloped(&self, key: &str, item: String, error: Option<String>) -> String {
        let news = |object: Object| {
            let object = object.raw(key, array([item.as_str()]));
            match &error {
                Some(error) => object.raw("errors", array([error])),
                None => object,
            }
        };
        match self.knobs.envelope {
            Envelope::Flat => news(Object::new()).done(),
            Envelope::Meta => self.meta(news),
        }
    }

    fn meta(&self, news: impl FnOnce(Object) -> Object) -> String {
        let number = Object::new()
            .text("display_phone_number", &self.number.phone)
            .text("phone_number_id", &self.number.phone_number_id)
            .done();
        let contact = Object::new()
            .raw("profile", Object::new().text("name", "Cliente").done())
            .text("wa_id", &self.user())
            .done();
        let value = Object::new()
            .text("messaging_product", "whatsapp")
            .raw("metadata", number)
            .raw("contacts", array([contact]));
        let change = Object::new()
            .text("field", "calls")
            .raw("value", news(value).done())
            .done();
        let entry = Object::new()
            .text("id", &self.number.waba_id)
            .raw("changes", array([change]))
            .done();
        Object::new()
            .text("object", "whatsapp_business_account")
            .raw("entry", array([entry]))
            .done()
    }
}

fn error(code: u32) -> String {
    let title = refusal::title(code);
    Object::new()
        .raw("code", code)
        .text("message", title)
        .text(
            "href",
            "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
        )
        .raw("error_data", Object::new().text("details", title).done())
        .done()
}
