//! Acts on live calls of two legs; a torpedo can only be left to end.

use crate::upstream::Method;
use async_trait::async_trait;
use serde_json::{Value, json};

use super::calls::party;
use super::{Zenvia, documented, judge, path_to, unsupported};
use crate::domain::address::Address;
use crate::domain::call::{CallKind, LegSide};
use crate::domain::error::Failure;
use crate::domain::place::Capability;
use crate::providers::port::{Control, MonitorMode, Target};
use crate::upstream::{Body, Exchange};

const HANG_UP: &str = "DELETE /chamada/{id}";
const TRANSFER: &str = "POST /chamada/{id}/transfer";
const MONITOR: &str = "POST /chamada/{id}/escuta";

#[async_trait]
impl Control for Zenvia {
    fn controls(&self, kind: CallKind) -> &'static [Capability] {
        match kind {
            CallKind::Connect => &[Capability::Hangup, Capability::Transfer, Capability::Monitor],
            _ => &[],
        }
    }

    async fn hang_up(&self, call: Target<'_>) -> Result<(), Failure> {
        let path = path_to(HANG_UP, call.reference)?;
        let exchange = Exchange {
            method: Method::DELETE,
            ..Exchange::post(HANG_UP, path, Body::Empty)
        };
        self.exchange(exchange, documented::DONE, judge::done).await
    }

    async fn transfer(&self, call: Target<'_>, to: &Address, leg: LegSide) -> Result<(), Failure> {
        let leg = match leg {
            LegSide::Caller => "origem",
            LegSide::Callee => "destino",
        };
        self.act(TRANSFER, call, to, |number| json!({ "numero": number, "perna": leg }))
            .await
    }

    async fn monitor(&self, call: Target<'_>, to: &Address, mode: MonitorMode) -> Result<(), Failure> {
        let mode = match mode {
            MonitorMode::Listen => 1,
            MonitorMode::Whisper => 2,
            MonitorMode::Barge => 3,
        };
        self.act(MONITOR, call, to, |number| json!({ "numero": number, "modo": mode }))
            .await
    }
}

impl Zenvia {
    /// Posts an act that brings `to` into the call.
    async fn act(
        &self,
        operation: &'static str,
        call: Target<'_>,
        to: &Address,
        body: impl FnOnce(String) -> Value + Send,
    ) -> Result<(), Failure> {
        let path = path_to(operation, call.reference)?;
        let number = party(to).map_err(|why| unsupported(operation, why))?;
        let exchange = Exchange::post(operation, path, Body::Json(body(number).to_string())).fresh();
        self.exchange(exchange, documented::DONE, judge::done).await
    }
}
