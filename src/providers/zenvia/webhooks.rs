//! Webhooks: fourteen kinds told apart by the URL they are sent to, because their bodies carry no type.

use super::Zenvia;
use super::normalize::{self, Told};
use super::signals;
use super::wire::{Object, body_text};
use super::{REDACTED, documented};
use crate::domain::call::CallKind;
use crate::domain::facts::CallFacts;
use crate::providers::port::{Authentic, News, Notice, Unreadable, Webhooks};
use crate::providers::shape;
use crate::upstream::Drift;

/// The kinds, in the order of Zenvia's panel.
pub(super) const KINDS: &[&str] = &[
    "call-event",
    "extension-event",
    "did-event",
    "conference-event",
    "sms-status",
    "sms-reply",
    "balance",
    "voicemail",
    "call-status",
    "tts-end",
    "call-end",
    "did-end",
    "flow-end",
    "audio-end",
];

impl Webhooks for Zenvia {
    fn kinds(&self) -> &'static [&'static str] {
        KINDS
    }

    fn redacted_fields(&self) -> &'static [&'static str] {
        REDACTED
    }

    fn parse(&self, webhook: &Authentic<'_>) -> Result<Vec<Notice>, Unreadable> {
        let kind = KINDS.iter().find(|kind| webhook.kind == Some(kind));
        let kind = kind.ok_or(Unreadable::Malformed)?;
        let (notice, drift) = parse(kind, webhook.body)?;
        self.upstream.note_drift(kind, &drift);
        Ok(vec![notice])
    }
}

fn parse(kind: &str, body: &[u8]) -> Result<(Notice, Drift), Unreadable> {
    let text = body_text(body);
    let object = Object::parse(text.as_bytes()).ok_or(Unreadable::Malformed)?;
    let news = read(kind, &object).ok_or(Unreadable::Malformed)?;
    let drift = shape::drift(&object, documented::webhook(kind, &object));
    let raw = text.into_owned();
    Ok((Notice { news, raw }, drift))
}

fn read(kind: &str, object: &Object<'_>) -> Option<News> {
    let call = |facts: Option<CallFacts>| facts.map(|facts| News::Call(Box::new(facts)));
    match kind {
        "call-event" => call(normalize::call_event(object)),
        "extension-event" => signals::extension(object).map(News::Signal),
        "did-event" => call(normalize::did_event(object)),
        "conference-event" => signals::conference(object).map(News::Signal),
        "sms-status" => signals::sms_status(object).map(News::Signal),
        "sms-reply" => signals::sms_reply(object).map(News::Signal),
        "balance" => signals::balance(object).map(News::Signal),
        "voicemail" => signals::voicemail(object).map(News::Signal),
        "call-status" | "call-end" => call(normalize::connect(object)),
        "tts-end" => call(normalize::ended_torpedo(CallKind::Say, object)),
        "flow-end" => call(normalize::ended_torpedo(CallKind::Flow, object)),
        "audio-end" => call(normalize::ended_torpedo(CallKind::Play, object)),
        // Documented as an outbound call's object, sent by live systems as a received call's.
        "did-end" if object.object("origem").is_some() => call(normalize::received(object)),
        "did-end" => call(normalize::did(object, Told::AtEnd)),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod fuzz;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
