//! The issuer of tokens, asked over the network.

use std::sync::Arc;

use async_trait::async_trait;
use url::Url;

use crate::api::{Issuer, Publication};
use crate::domain::time::Timestamp;
use crate::upstream;
use crate::usecases::Gateway;

/// Asks the issuer as the configuration in force allows.
pub(super) struct Published(pub(super) Arc<Gateway>);

#[async_trait]
impl Issuer for Published {
    async fn fetch(&self, url: &Url) -> Result<Publication, String> {
        let exceptions = self.0.config().outbound.clone();
        let document = upstream::fetch(url, exceptions).await;
        let document = document.map_err(|error| error.to_string())?;
        Ok(Publication {
            body: document.body,
            max_age: document.max_age,
        })
    }

    fn now(&self) -> Timestamp {
        self.0.now()
    }
}
