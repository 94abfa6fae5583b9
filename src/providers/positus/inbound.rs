//! Calls from WhatsApp users, taken or declined.

use async_trait::async_trait;

use super::{Positus, call_id, wire};
use crate::domain::error::Failure;
use crate::domain::place::Session;
use crate::providers::port::{Inbound, Target};
use crate::upstream::{Body, Exchange};

const ACCEPT: &str = "POST /calls/accept";
const REJECT: &str = "POST /calls/reject";

#[async_trait]
impl Inbound for Positus {
    async fn accept(&self, call: Target<'_>, session: &Session) -> Result<(), Failure> {
        let body = Body::Json(wire::accept(call_id(call, ACCEPT)?, &session.sdp));
        self.act(Exchange::post(ACCEPT, self.path("accept"), body)).await
    }

    async fn reject(&self, call: Target<'_>) -> Result<(), Failure> {
        let body = Body::Json(wire::about(call_id(call, REJECT)?));
        self.act(Exchange::post(REJECT, self.path("reject"), body)).await
    }
}
