//! A read that shows whether a key is taken.

use async_trait::async_trait;

use super::{Evolux, judge};
use crate::domain::error::Failure;
use crate::providers::port::Probe;
use crate::upstream::{Answer, Exchange};

const READ: &str = "GET /api/v1/agents";

#[async_trait]
impl Probe for Evolux {
    async fn probe(&self) -> Result<(), Failure> {
        let exchange = Exchange::get(READ, "/api/v1/agents").query("limit", "1");
        let judge = |answer: &Answer| judge::done(&judge::Told::of(answer));
        self.upstream.exchange(exchange, judge).await
    }
}
