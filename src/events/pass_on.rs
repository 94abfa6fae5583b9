//! Bodies of another application, which came to our webhooks and are passed on to it.

use async_trait::async_trait;
use bytes::Bytes;
use url::Url;

use crate::config::Outbound as Exceptions;
use crate::domain::time::Timestamp;
use crate::upstream::{Letter, Outbound, OutboundError};
use crate::usecases::PassOn;

/// Passes bodies on over the guarded way out.
pub struct Passage(Outbound);

impl Passage {
    /// Makes a way with these exceptions; connects nowhere.
    ///
    /// # Errors
    /// Fails if TLS cannot be set up.
    pub fn new(exceptions: Exceptions) -> Result<Self, OutboundError> {
        Ok(Self(Outbound::new(exceptions)?))
    }
}

#[async_trait]
impl PassOn for Passage {
    async fn pass_on(&self, url: &Url, body: Bytes, now: Timestamp) -> bool {
        let letter = Letter {
            url: url.clone(),
            content_type: "application/json",
            headers: Vec::new(),
            body,
        };
        match self.0.post(letter, now).await {
            Ok(reply) => (200..300).contains(&reply.status),
            Err(error) => {
                tracing::warn!(%error, "a webhook's body could not be passed on");
                false
            }
        }
    }
}
