//! The documented samples, and short ways to write what they mean. For tests.
#![allow(clippy::unwrap_used)]

use super::wire::Object;
use crate::domain::address::Address;
use crate::domain::hangup::Hangup;
use crate::domain::money::Money;
use crate::domain::time::Timestamp;

macro_rules! samples {
    ($($name:literal),* $(,)?) => {
        /// Every sample by name.
        pub const SAMPLES: &[(&str, &str)] = &[$((
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/zenvia/", $name, ".json")),
        )),*];
    };
}

samples![
    "audio",
    "audio-end",
    "audio-report",
    "balance",
    "call",
    "call-2016",
    "call-end",
    "call-event",
    "call-event-2018",
    "call-report",
    "call-status",
    "code-sent",
    "code-valid",
    "conference-event",
    "did",
    "did-end",
    "did-end-flat",
    "did-event",
    "did-event-2018",
    "did-report",
    "extension-event",
    "extension-event-2018",
    "flow",
    "flow-end",
    "flow-report",
    "sms-reply",
    "sms-status",
    "tts",
    "tts-end",
    "tts-report",
    "voicemail",
];

pub fn sample(name: &str) -> &'static str {
    SAMPLES.iter().find(|(known, _)| *known == name).unwrap().1
}

/// `dados` of a sample that is an envelope.
pub fn data(name: &str) -> String {
    Object::parse(sample(name).as_bytes())
        .unwrap()
        .get("dados")
        .unwrap()
        .get()
        .to_owned()
}

/// The rows of a sample that is a report.
pub fn rows(name: &str) -> Vec<String> {
    let data = data(name);
    let data = Object::parse(data.as_bytes()).unwrap();
    let rows = data.list("relatorio").unwrap();
    rows.iter().map(|row| row.get().to_owned()).collect()
}

pub fn at(text: &str) -> Option<Timestamp> {
    Some(Timestamp::parse(text).unwrap())
}

/// A party as the API writes it.
pub fn party(text: &str) -> Option<Address> {
    Some(serde_json::from_value(text.into()).unwrap())
}

pub fn brl(amount: &str) -> Option<Money> {
    Some(Money::brl(amount.parse().unwrap()))
}

pub fn hangup<const N: usize>(q850: Option<u8>, texts: [&str; N]) -> Option<Hangup> {
    Some(Hangup::from_q850(q850, texts.map(str::to_owned).to_vec()))
}
