//! Jobs that only one instance may do at a time.

use std::time::Duration;

use bytes::Bytes;

use super::gateway::Gateway;
use crate::store::{Expect, Put, StoreError, keys};

impl Gateway {
    /// Holds a lease for this instance, newly or still; says whether it does.
    ///
    /// # Errors
    /// The store's; it may hold it all the same.
    pub async fn hold_lease(&self, name: &str, length: Duration) -> Result<bool, StoreError> {
        let key = keys::lease(name);
        let owner = Bytes::from(self.instance.clone());
        match self
            .store
            .put(&key, owner.clone(), Some(length), Expect::Absent)
            .await?
        {
            Put::Stored(_) => Ok(true),
            Put::Conflict(Some(held)) if held.value == owner => {
                let renewed = self
                    .store
                    .put(&key, owner, Some(length), Expect::Version(held.version))
                    .await?;
                Ok(matches!(renewed, Put::Stored(_)))
            }
            Put::Conflict(_) => Ok(false),
        }
    }

    /// Gives a lease back, if this instance holds it.
    ///
    /// # Errors
    /// The store's: the lease then ends by itself.
    pub async fn release_lease(&self, name: &str) -> Result<(), StoreError> {
        let key = keys::lease(name);
        let held = self.store.get(&key).await?;
        if let Some(held) = held.filter(|held| held.value == self.instance) {
            self.store.remove(&key, Expect::Version(held.version)).await?;
        }
        Ok(())
    }
}
