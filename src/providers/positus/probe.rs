//! A read that shows whether a key is taken.

use async_trait::async_trait;

use super::{Positus, judge};
use crate::domain::error::Failure;
use crate::providers::port::Probe;
use crate::upstream::{Answer, Exchange};

const READ: &str = "GET /workspaces";

#[async_trait]
impl Probe for Positus {
    async fn probe(&self) -> Result<(), Failure> {
        let taken = |answer: &Answer| judge::read(answer, |_| Some(()));
        self.upstream.exchange(Exchange::get(READ, "/workspaces"), taken).await
    }
}
