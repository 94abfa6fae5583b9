//! Recordings. Rows link them by a host inside the tenant's network; they are fetched from the account's own host.

use async_trait::async_trait;

use super::{Evolux, judge, segment};
use crate::domain::call::CallKind;
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::providers::port::{Recording, Recordings, Target};
use crate::upstream::{Answer, Exchange, Rejection};

const DIALER: &str = "GET /api/v1/dialer/call/{id}/recording";
const QUEUE: &str = "GET /api/v1/callcenter/call/{id}/recording";

#[async_trait]
impl Recordings for Evolux {
    async fn open(&self, call: Target<'_>, range: Option<&str>) -> Result<Recording, Failure> {
        let (operation, list) = match call.kind {
            CallKind::Campaign => (DIALER, "dialer"),
            _ => (QUEUE, "callcenter"),
        };
        let id = segment(call.reference.id.as_deref(), operation)?;
        let mut exchange = Exchange::get(operation, format!("/api/v1/{list}/call/{id}/recording"));
        exchange.range = range.map(str::to_owned);
        let streamed = self.upstream.open(exchange, rejection).await?;
        Ok(Recording {
            status: streamed.status,
            content_type: streamed
                .content_type
                .unwrap_or_else(|| "application/octet-stream".to_owned()),
            content_length: streamed.content_length,
            content_range: streamed.content_range,
            body: streamed.body,
        })
    }
}

fn rejection(answer: &Answer) -> Rejection {
    match judge::done(&judge::Told::of(answer)) {
        Err(rejection) if rejection.kind == FailureKind::Refused(Refusal::NotFound) => Rejection {
            kind: FailureKind::Refused(Refusal::NoRecording),
            ..rejection
        },
        Err(rejection) => rejection,
        Ok(()) => Rejection::broken(),
    }
}
