//! What a caller writes to start, check and resend a verification.

use std::net::IpAddr;

use utoipa::ToSchema;

use crate::api::object::Object;
use crate::api::openapi::IpAddress;
use crate::api::values::{account, ip_address, line, phone, tag, word};
use crate::domain::account::AccountName;
use crate::domain::ids::VerificationId;
use crate::domain::phone::{PhoneNumber, Region};
use crate::domain::verification::Channel;
use crate::usecases::requests::NewVerification;

/// How long a brand is at most, in characters.
const MAX_BRAND: usize = 60;
/// How many digits a code has unless the caller says otherwise.
const CODE_LENGTH: u8 = 6;

/// A verification to start.
#[derive(Debug, ToSchema)]
#[schema(as = NewVerification)]
pub struct NewVerificationBody {
    /// The number, in E.164 or any national spelling.
    #[schema(value_type = String, min_length = 1, max_length = 40, example = "(11) 98888-7777")]
    to: PhoneNumber,
    /// How the code travels.
    channel: Channel,
    /// The name spoken or written beside the code; the configured one if absent.
    #[schema(
        min_length = 1,
        max_length = 60,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]+$",
        example = "Acme"
    )]
    brand: Option<String>,
    /// How many digits the code has.
    #[schema(minimum = 4, maximum = 10, default = 6)]
    code_length: Option<u8>,
    /// How long the code can be checked, in seconds; the configured time if absent.
    #[schema(minimum = 60, maximum = 3600)]
    ttl_seconds: Option<u32>,
    /// The end user's address, not your server's: what sends are limited by.
    #[schema(value_type = Option<IpAddress>)]
    client_ip: Option<IpAddr>,
    /// A label of your own.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f]+$",
        example = "signup"
    )]
    tag: Option<String>,
    /// The account to use; chosen by routing if absent.
    account: Option<AccountName>,
}

/// A code that someone typed.
#[derive(ToSchema)]
pub struct Check {
    /// The digits; spaces and hyphens are ignored.
    #[schema(max_length = 32, pattern = "^[ -]*([0-9][ -]*){4,10}$", example = "123456")]
    pub code: String,
}

/// How to send again.
#[derive(Debug, ToSchema)]
pub struct Resend {
    /// How the code travels; as before if absent.
    pub channel: Option<Channel>,
    /// The account to use; chosen by routing if absent.
    pub account: Option<AccountName>,
}

impl NewVerificationBody {
    /// Reads the body; national numbers are those of `region`.
    pub fn read(object: &mut Object<'_>, region: Region) -> Option<Self> {
        let to = object.required("to", phone(region));
        let channel = object.required("channel", word);
        let brand = object.optional("brand", line(1..=MAX_BRAND));
        let code_length = object.number("code_length", 4..=10);
        let ttl_seconds = object.number("ttl_seconds", 60..=3600);
        let client_ip = object.optional("client_ip", ip_address);
        let tag = object.optional("tag", tag);
        let account = object.optional("account", account);
        Some(Self {
            to: to?,
            channel: channel?,
            brand,
            code_length: code_length.and_then(|length| u8::try_from(length).ok()),
            ttl_seconds: ttl_seconds.and_then(|seconds| u32::try_from(seconds).ok()),
            client_ip,
            tag,
            account,
        })
    }

    /// The verification, under a new identifier.
    pub fn into_verification(self, request_id: String) -> NewVerification {
        NewVerification {
            id: VerificationId::generate(),
            to: self.to,
            channel: self.channel,
            brand: self.brand,
            code_length: self.code_length.unwrap_or(CODE_LENGTH),
            ttl_seconds: self.ttl_seconds,
            client_ip: self.client_ip,
            tag: self.tag,
            account: self.account,
            request_id,
        }
    }
}

impl Check {
    /// Reads the body; how many digits there must be, only the verification knows.
    pub fn read(object: &mut Object<'_>) -> Option<Self> {
        Some(Self {
            code: object.required("code", line(1..=32))?,
        })
    }
}

impl Resend {
    /// Reads the body.
    pub fn read(object: &mut Object<'_>) -> Option<Self> {
        let channel = object.optional("channel", word);
        let account = object.optional("account", account);
        Some(Self { channel, account })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::object;

    fn read(body: &Value) -> Result<NewVerification, Vec<(String, &'static str)>> {
        let body = object::read(body, |object| NewVerificationBody::read(object, Region::BR));
        let fields = |field: crate::domain::error::FieldError| (field.pointer, field.code);
        body.map(|body| body.into_verification("r".into()))
            .map_err(|error| error.context.fields.into_iter().map(fields).collect())
    }

    #[test]
    fn the_shortest_body_gets_its_defaults() {
        let new = read(&json!({"to": "(11) 98888-7777", "channel": "sms"})).unwrap();
        assert_eq!(
            (new.to.as_str(), new.code_length, new.ttl_seconds),
            ("+5511988887777", 6, None)
        );
    }

    #[test]
    fn every_field_has_its_bounds() {
        let wrong = |name: &str, value: Value| {
            let mut body = json!({"to": "+5511988887777", "channel": "voice"});
            body[name] = value;
            read(&body).map_err(|fields| fields[0].1)
        };
        for (name, least, most) in [("code_length", 4, 10), ("ttl_seconds", 60, 3600)] {
            assert!(wrong(name, json!(least)).is_ok() && wrong(name, json!(most)).is_ok());
            assert_eq!(wrong(name, json!(least - 1)).unwrap_err(), "too_small");
            assert_eq!(wrong(name, json!(most + 1)).unwrap_err(), "too_large");
        }
        assert!(wrong("brand", json!("é".repeat(60))).is_ok());
        assert_eq!(wrong("brand", json!("é".repeat(61))).unwrap_err(), "too_long");
        assert!(wrong("client_ip", json!("2001:db8::1")).is_ok());
        assert_eq!(wrong("client_ip", json!("1.2.3")).unwrap_err(), "invalid");
        assert_eq!(wrong("channel", json!("email")).unwrap_err(), "invalid");
        assert_eq!(wrong("to", json!("ext:4000")).unwrap_err(), "invalid");
        assert_eq!(wrong("to", json!("1".repeat(41))).unwrap_err(), "too_long");
        assert_eq!(wrong("code", json!("123456")).unwrap_err(), "unknown");
    }

    #[test]
    fn all_that_is_wrong_is_named() {
        let fields = read(&json!({"to": "x", "ttl_seconds": 1, "tag": "a b"})).unwrap_err();
        let names: Vec<_> = fields.iter().map(|(pointer, code)| (pointer.as_str(), *code)).collect();
        assert_eq!(
            names,
            [
                ("/to", "invalid"),
                ("/channel", "missing"),
                ("/ttl_seconds", "too_small"),
                ("/tag", "invalid")
            ]
        );
    }
}
