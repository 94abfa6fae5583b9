//! Jobs that only one instance may do at a time.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::gateway::Gateway;
use crate::domain::error::{Error, Problem};
use crate::store::{Expect, Put, StoreError, keys};

/// How long an instance leads after it last said so; after its death another takes over.
const LEASE: Duration = Duration::from_secs(4);
/// How often a leader says that it lives.
const RENEW: Duration = Duration::from_secs(1);
/// How long an instance that does not lead, or whose work failed, waits before it tries again.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a lease is given back where it is renewed meanwhile.
const RELEASES: usize = 3;

/// A job that goes on until it fails.
pub(super) type Work<'a> = BoxFuture<'a, Result<Infallible, Error>>;

impl Gateway {
    /// Has this instance do a job whenever no other does, until told to stop.
    ///
    /// `work` begins anew each time the lead is taken, and is dropped as soon as it may be lost: it must be of a kind that
    /// can be broken off anywhere and done again.
    pub(super) async fn lead<'a>(&self, name: &str, stop: &CancellationToken, work: impl Fn() -> Work<'a>) {
        while !stop.is_cancelled() {
            let failed = tokio::select! {
                failed = self.lead_once(name, work()) => failed,
                () = stop.cancelled() => break,
            };
            if let Err(error) = failed {
                tracing::warn!(%error, job = name, "a job cannot be done now");
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = stop.cancelled() => {}
            }
        }
        if let Err(error) = self.release_lease(name).await {
            tracing::warn!(%error, job = name, "whoever takes over waits until the lease runs out");
        }
    }

    async fn lead_once(&self, name: &str, work: Work<'_>) -> Result<(), Error> {
        if !self.hold_lease(name, LEASE).await? {
            return Ok(());
        }
        tokio::select! {
            failed = work => failed.map(|never| match never {}),
            lost = self.lose_lease(name) => lost,
        }
    }

    /// Returns when the lease is another's, or may be.
    async fn lose_lease(&self, name: &str) -> Result<(), Error> {
        loop {
            tokio::time::sleep(RENEW).await;
            let renewed = tokio::time::timeout(RENEW, self.hold_lease(name, LEASE)).await;
            if !renewed
                .map_err(|_| Error::new(Problem::StoreUnavailable, "The lease could not be renewed in time."))??
            {
                return Ok(());
            }
        }
    }

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
        // A renewal that was broken off may still be on its way.
        for _ in 0..RELEASES {
            let held = self.store.get(&key).await?;
            let Some(held) = held.filter(|held| held.value == self.instance) else {
                break;
            };
            if self.store.remove(&key, Expect::Version(held.version)).await? {
                break;
            }
        }
        Ok(())
    }
}
