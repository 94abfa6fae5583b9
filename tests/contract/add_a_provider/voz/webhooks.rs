//! News of calls.

use serde::Deserialize;
use switchboard::domain::call::{CallKind, CallStatus, ProviderRef};
use switchboard::domain::facts::CallFacts;
use switchboard::domain::place::split_tag;
use switchboard::domain::time::Timestamp;
use switchboard::providers::port::{Authentic, News, Notice, Unreadable, Webhooks};

use super::Voz;

#[derive(Deserialize)]
struct Event {
    call: String,
    state: String,
    label: Option<String>,
    at: i64,
}

impl Webhooks for Voz {
    /// One URL serves all of them.
    fn kinds(&self) -> &'static [&'static str] {
        &[]
    }

    /// Nothing of an event is spoken or leads to a recording.
    fn redacted_fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn parse(&self, webhook: &Authentic<'_>) -> Result<Vec<Notice>, Unreadable> {
        let event: Event = serde_json::from_slice(webhook.body).map_err(|_| Unreadable::Malformed)?;
        let raw = String::from_utf8_lossy(webhook.body).into_owned();
        let news = News::Call(Box::new(facts(event)));
        Ok(vec![Notice { news, raw }])
    }
}

fn facts(event: Event) -> CallFacts {
    let at = Some(Timestamp::from_seconds(event.at));
    let (tag, echoed) = event.label.map_or((None, None), |label| split_tag(&label));
    let facts = CallFacts {
        reference: Some(ProviderRef::id(event.call)),
        echoed,
        kind: Some(CallKind::Say),
        tag,
        ..CallFacts::default()
    };
    match event.state.as_str() {
        "ringing" => CallFacts {
            status: Some(CallStatus::Ringing),
            ringing_at: at,
            ..facts
        },
        "answered" => CallFacts {
            status: Some(CallStatus::InProgress),
            answered_at: at,
            ..facts
        },
        "ended" => CallFacts {
            status: Some(CallStatus::Completed),
            ended_at: at,
            ..facts
        },
        "missed" => CallFacts {
            status: Some(CallStatus::NoAnswer),
            ended_at: at,
            ..facts
        },
        // A word nobody knows says only that there is such a call.
        _ => facts,
    }
}
