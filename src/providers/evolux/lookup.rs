//! The state of a call of a queue or of an agent. Campaign calls can only be found in their report.

use async_trait::async_trait;

use super::judge::Told;
use super::{Evolux, documented, judge, segment, wire};
use crate::domain::call::CallKind;
use crate::domain::error::Failure;
use crate::domain::facts::CallFacts;
use crate::domain::history::Row;
use crate::providers::port::{Lookup, Target};
use crate::upstream::Exchange;

const READ: &str = "GET /api/v1/callcenter/call/{id}";

#[async_trait]
impl Lookup for Evolux {
    fn can_fetch(&self, kind: CallKind) -> bool {
        matches!(kind, CallKind::Connect | CallKind::Queue)
    }

    async fn fetch(&self, call: Target<'_>) -> Result<CallFacts, Failure> {
        let row = self.queue_call(call.reference.id.as_deref()).await?;
        // A queue call to Evolux; to us, what it was placed as.
        Ok(CallFacts {
            kind: Some(call.kind),
            ..row.facts
        })
    }
}

impl Evolux {
    /// Reads one call of a queue or of an agent by its identifier.
    pub(super) async fn queue_call(&self, id: Option<&str>) -> Result<Row, Failure> {
        let id = segment(id, READ)?;
        let exchange = Exchange::get(READ, format!("/api/v1/callcenter/call/{id}"));
        let read = |told: &Told<'_>| judge::read(told, |envelope| envelope.row(wire::queue_row));
        self.exchange(exchange, documented::QUEUE_CALL, read).await
    }
}
