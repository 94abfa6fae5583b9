//! The forms Positus and the Meta API behind it write and take. Pure; never panics.

use serde_json::{Value, json};

use super::config::{Form, Settings};
use crate::domain::address::Address;
use crate::domain::phone::PhoneNumber;
use crate::domain::time::Timestamp;
use crate::providers::lenient::{self, Object};

/// The body that starts a call.
pub(super) fn make(to: &PhoneNumber, sdp: &str, settings: &Settings) -> String {
    let mut body = json!({ "to": to.digits() });
    let session = || json!({ "sdp_type": settings.sdp_type, "sdp": sdp });
    let connection = || json!({ "webrtc": { "sdp": sdp } });
    if settings.form != Form::Connection {
        body["session"] = session();
    }
    if settings.form != Form::Session {
        body["connection"] = connection();
    }
    body.to_string()
}

/// The body that takes a call: here the session description stands alone.
pub(super) fn accept(call_id: &str, sdp: &str) -> String {
    json!({ "call_id": call_id, "sdp": sdp }).to_string()
}

/// The body that declines or ends a call.
pub(super) fn about(call_id: &str) -> String {
    Value::from_iter([("call_id", call_id)]).to_string()
}

/// An instant in Unix seconds, a number or a text.
pub(super) fn unix(object: &Object<'_>, key: &str) -> Option<Timestamp> {
    object.integer(key).map(Timestamp::from_seconds)
}

/// A party: a number without its sign, or what a user without one is known by.
pub(super) fn party(text: &str) -> Address {
    match PhoneNumber::lenient(text) {
        Some(number) => Address::Whatsapp(number),
        None => Address::Other(text.chars().take(120).collect()),
    }
}

/// What an error says, in whichever of the forms it comes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Its code.
    pub code: Option<i64>,
    /// Meta's finer code.
    pub subcode: Option<i64>,
    /// Its words.
    pub message: Option<String>,
}

impl Told {
    /// Reads an answer's body: Meta's `error`, an `errors` list, a validator's `errors` by field, or only a `message`.
    pub fn read(body: &Object<'_>) -> Self {
        if let Some(error) = body
            .object("error")
            .or_else(|| body.objects("errors").into_iter().next())
        {
            return Self::of(error);
        }
        let of_field = || body.object("errors")?.entries().find_map(|(_, told)| first_text(told));
        let message = of_field()
            .or_else(|| body.string("message"))
            .or_else(|| body.string("error"));
        Self {
            message,
            ..Self::default()
        }
    }

    /// Reads one error object.
    pub fn of(error: &Object<'_>) -> Self {
        let words = ["title", "message"].iter().find_map(|key| error.string(key));
        let details = error
            .string("details")
            .or_else(|| error.object("error_data")?.string("details"))
            .filter(|details| Some(details) != words.as_ref());
        let words: Vec<String> = [words, details].into_iter().flatten().collect();
        Self {
            code: error.integer("code"),
            subcode: error.integer("error_subcode"),
            message: (!words.is_empty()).then(|| words.join(": ")),
        }
    }
}

fn first_text(value: &lenient::Value<'_>) -> Option<String> {
    let first = value.list().and_then(<[_]>::first).unwrap_or(value);
    first.text().map(str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::place::SessionType;

    const SDP: &str = "v=0\r\ns=-\r\n";

    fn made(form: Form, sdp_type: SessionType) -> Value {
        let settings = Settings {
            base_url: "http://127.0.0.1".parse().unwrap(),
            number_id: "n".into(),
            number: PhoneNumber::lenient("+551122361741").unwrap(),
            forward_url: None,
            sdp_type,
            form,
        };
        let to = PhoneNumber::lenient("+5543999011234").unwrap();
        serde_json::from_str(&make(&to, SDP, &settings)).unwrap()
    }

    #[test]
    fn a_call_is_made_with_digits_and_the_description_where_it_is_wanted() {
        let session = json!({ "sdp_type": "offer", "sdp": SDP });
        let connection = json!({ "webrtc": { "sdp": SDP } });
        let both = json!({ "to": "5543999011234", "session": session, "connection": connection });
        assert_eq!(made(Form::Both, SessionType::Offer), both);
        let one = json!({ "to": "5543999011234", "session": session });
        assert_eq!(made(Form::Session, SessionType::Offer), one);
        let other = json!({ "to": "5543999011234", "connection": connection });
        assert_eq!(made(Form::Connection, SessionType::Offer), other);
        assert_eq!(made(Form::Both, SessionType::Answer)["session"]["sdp_type"], "answer");
    }

    #[test]
    fn the_other_bodies_are_flat() {
        assert_eq!(
            accept("wacid.1", SDP),
            r#"{"call_id":"wacid.1","sdp":"v=0\r\ns=-\r\n"}"#
        );
        assert_eq!(about("wacid.1"), r#"{"call_id":"wacid.1"}"#);
    }

    #[test]
    fn an_error_is_read_in_every_form() {
        let told = |json: &str| Told::read(&Object::parse(json.as_bytes()).unwrap());
        let of = |code, subcode, message: &str| Told {
            code,
            subcode,
            message: Some(message.into()),
        };
        assert_eq!(
            told(r#"{"message":"Unauthenticated."}"#),
            of(None, None, "Unauthenticated.")
        );
        assert_eq!(
            told(r#"{"errors":[{"code":1008,"title":"Required parameter is missing","details":"to"}],"message":"no"}"#),
            of(Some(1008), None, "Required parameter is missing: to"),
        );
        assert_eq!(
            told(
                r#"{"error":{"message":"(#138006) No permission","type":"OAuthException","code":"138006","error_subcode":2593090,"error_data":{"details":"No approved call permission from the recipient"},"fbtrace_id":"x"}}"#
            ),
            of(
                Some(138_006),
                Some(2_593_090),
                "(#138006) No permission: No approved call permission from the recipient"
            ),
        );
        assert_eq!(
            told(r#"{"message":"The given data was invalid.","errors":{"to":["The to field is required."]}}"#),
            of(None, None, "The to field is required."),
        );
        assert_eq!(told(r#"{"success":false}"#), Told::default());
        assert_eq!(told(r#"{"error":"nope","errors":[]}"#), of(None, None, "nope"));
    }
}
