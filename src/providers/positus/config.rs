//! What a Positus account is configured with.

use url::Url;

use crate::config::{Account, E164, Faults, Format, HTTP_URL};
use crate::domain::phone::PhoneNumber;
use crate::domain::place::SessionType;
use crate::upstream::Credential;

/// How a token is sent.
pub(super) const CREDENTIAL: Credential = Credential {
    header: "authorization",
    prefix: "Bearer ",
};

/// Where the API is, unless the account says otherwise.
const BASE_URL: &str = "https://api.positus.global/v2";

const NUMBER_ID: Format<String> = Format {
    what: "the key Positus gives a number",
    example: "5dbbbf01-2f92-4389-b512-45de86c4a66f",
    // It becomes part of a path.
    parse: |text| {
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        plain.then(|| text.to_owned())
    },
};

const SDP_TYPE: Format<SessionType> = Format {
    what: "offer or answer",
    example: "offer",
    parse: |text| text.parse().ok(),
};

const FORM: Format<Form> = Format {
    what: "both, session or connection",
    example: "both",
    parse: |text| {
        let known = [
            ("both", Form::Both),
            ("session", Form::Session),
            ("connection", Form::Connection),
        ];
        known.into_iter().find(|(word, _)| *word == text).map(|(_, form)| form)
    },
};

/// Where a new call carries its session description: the documentation shows two places and names neither as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// In both places.
    Both,
    /// In `session`.
    Session,
    /// In `connection.webrtc`.
    Connection,
}

/// The settings only Positus has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// Where the API is.
    pub base_url: Url,
    /// The key Positus gives the number.
    pub number_id: String,
    /// The number itself: webhooks that name no direction are told apart by it.
    pub number: PhoneNumber,
    /// Where webhook bodies that are not about calls go.
    pub forward_url: Option<Url>,
    /// What a new call's session description is called; the documentation's sample says `answer`.
    pub sdp_type: SessionType,
    /// Where a new call carries it.
    pub form: Form,
}

impl Settings {
    /// Reads `number_id`, `number`, `forward_url`, `sdp_type` and `body`.
    ///
    /// # Errors
    /// Every fault found.
    pub fn read(account: &Account) -> Result<Self, Faults> {
        let settings = account.settings.read(|reader| {
            let number_id = reader.required("number_id", &NUMBER_ID);
            let number = reader.required("number", &E164);
            let forward_url = reader.optional("forward_url", &HTTP_URL);
            let sdp_type = reader.optional("sdp_type", &SDP_TYPE).unwrap_or(SessionType::Offer);
            let form = reader.optional("body", &FORM).unwrap_or(Form::Both);
            Some(Self {
                base_url: account.base_url.clone().or_else(|| BASE_URL.parse().ok())?,
                number_id: number_id?,
                number: PhoneNumber::lenient(&number?)?,
                forward_url,
                sdp_type,
                form,
            })
        })?;
        // What is missing is among the faults already.
        settings.ok_or_else(|| Faults(Vec::new()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::providers::testing::{account, faulty};

    const BASE: &str = "provider = 'positus'\nnumber_id = '5dbbbf01-2f92'\nnumber = '+551122361741'\n";

    #[test]
    fn a_number_and_its_key_are_enough() {
        let expected = Settings {
            base_url: "https://api.positus.global/v2".parse().unwrap(),
            number_id: "5dbbbf01-2f92".into(),
            number: PhoneNumber::lenient("+551122361741").unwrap(),
            forward_url: None,
            sdp_type: SessionType::Offer,
            form: Form::Both,
        };
        assert_eq!(Settings::read(&account(BASE)).unwrap(), expected);
    }

    #[test]
    fn the_rest_may_be_said() {
        let text = format!(
            "{BASE}base_url = 'http://127.0.0.1:9103/v2'\nsdp_type = 'answer'\nbody = 'session'\nforward_url = 'https://chat.example.com/in'"
        );
        let settings = Settings::read(&account(&text)).unwrap();
        assert_eq!(settings.base_url.as_str(), "http://127.0.0.1:9103/v2");
        assert_eq!((settings.sdp_type, settings.form), (SessionType::Answer, Form::Session));
        assert_eq!(settings.forward_url.unwrap().as_str(), "https://chat.example.com/in");
    }

    #[test]
    fn every_fault_is_told() {
        let text = "provider = 'positus'\nnumber_id = 'a/b'\nsdp_type = 'x'\nbody = 'x'";
        let expected = ["number_id", "number", "sdp_type", "body"];
        assert_eq!(
            faulty(Settings::read(&account(text))),
            expected.map(|key| format!("accounts.tested.{key}"))
        );
    }
}
