//! Spoken texts.

use async_trait::async_trait;
use serde_json::json;
use switchboard::domain::call::{CallKind, ProviderRef};
use switchboard::domain::error::{Failure, FailureKind, Refusal};
use switchboard::domain::place::{ActionKind, Capability, NewCall, Script};
use switchboard::providers::port::{Calls, Offer};
use switchboard::upstream::{Body, Exchange};

use super::{Voz, wire};

const PLACE: &str = "POST /calls";

#[async_trait]
impl Calls for Voz {
    fn offers(&self) -> &'static [Offer] {
        &[Offer {
            operation: Capability::Say,
            options: &[Capability::MaxDuration],
        }]
    }

    fn operation(&self, _kind: CallKind) -> &'static str {
        PLACE
    }

    async fn place(&self, call: &NewCall) -> Result<Option<ProviderRef>, Failure> {
        let body = body(call).ok_or_else(|| Failure::new(FailureKind::Refused(Refusal::Unsupported), PLACE))?;
        // On a connection of its own: an idle one may be closed under our hands, and then nobody knows.
        let exchange = Exchange::post(PLACE, "/calls", Body::Json(body)).fresh();
        self.upstream.exchange(exchange, wire::placed).await.map(Some)
    }
}

fn body(call: &NewCall) -> Option<String> {
    let Script::Actions(actions) = &call.script else {
        return None;
    };
    let [action] = actions.as_slice() else { return None };
    let ActionKind::Say { text, .. } = &action.what else {
        return None;
    };
    let number = call.to.number()?;
    let body = json!({
        "to": number.digits(),
        "text": text,
        "max_seconds": call.max_duration_seconds,
        "label": call.provider_tag(),
    });
    Some(body.to_string())
}
