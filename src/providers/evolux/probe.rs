//! A read that shows whether a key is taken.

use async_trait::async_trait;

use super::{Evolux, judge};
use crate::domain::error::Failure;
use crate::providers::port::Probe;
use crate::upstream::Exchange;

const READ: &str = "GET /api/v1/agents";

#[async_trait]
impl Probe for Evolux {
    async fn probe(&self) -> Result<(), Failure> {
        let exchange = Exchange::get(READ, "/api/v1/agents").query("limit", "1");
        self.upstream.exchange(exchange, judge::done).await
    }
}
