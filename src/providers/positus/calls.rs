//! Calls to WhatsApp users, and their end.

use async_trait::async_trait;

use super::{Positus, call_id, documented, judge, wire};
use crate::domain::address::Address;
use crate::domain::call::{CallKind, ProviderRef};
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::domain::place::{Capability, NewCall, Script};
use crate::providers::port::{Calls, Control, Offer, Target};
use crate::upstream::{Body, Exchange};

const MAKE: &str = "POST /calls/make";
const HANG_UP: &str = "POST /calls/hang-up";

#[async_trait]
impl Calls for Positus {
    fn offers(&self) -> &'static [Offer] {
        &[Offer {
            operation: Capability::Whatsapp,
            options: &[],
        }]
    }

    fn operation(&self, _kind: CallKind) -> &'static str {
        MAKE
    }

    /// The documented answer names no call: its first webhook does.
    async fn place(&self, call: &NewCall) -> Result<Option<ProviderRef>, Failure> {
        let (Address::Whatsapp(to), Script::Session(session)) = (&call.to, &call.script) else {
            return Err(Failure::new(FailureKind::Refused(Refusal::Unsupported), MAKE));
        };
        let body = Body::Json(wire::make(to, &session.sdp, &self.settings));
        let exchange = Exchange::post(MAKE, self.path("make"), body).fresh();
        self.exchange(exchange, documented::MADE, judge::made).await
    }
}

#[async_trait]
impl Control for Positus {
    fn controls(&self, kind: CallKind) -> &'static [Capability] {
        match kind {
            CallKind::Whatsapp => &[Capability::Hangup],
            _ => &[],
        }
    }

    async fn hang_up(&self, call: Target<'_>) -> Result<(), Failure> {
        let body = Body::Json(wire::about(call_id(call, HANG_UP)?));
        self.act(Exchange::post(HANG_UP, self.path("hang-up"), body)).await
    }
}
