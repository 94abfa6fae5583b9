//! Who delivers to whom: one instance at a time to each subscription, each subscription by itself.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use metrics::{SharedString, gauge};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::courier::{Courier, Means, Post};
use crate::domain::error::Error;
use crate::store::{Position, SharedStore, keys};
use crate::telemetry::metric;
use crate::upstream::{Outbound, OutboundError};
use crate::usecases::Gateway;

/// How long one instance delivers to a subscription before it must say so again; after its death another takes over.
const LEASE: Duration = Duration::from_secs(8);
/// How often it says so.
const RENEWAL: Duration = Duration::from_secs(2);
/// How long nothing is looked for when nothing is there.
const LOOK: Duration = Duration::from_secs(1);
/// How long the receivers that are being asked when the gateway stops have to answer.
const GRACE: Duration = Duration::from_secs(2);
/// How often the dead are counted.
const COUNT: Duration = Duration::from_secs(10);

/// Delivers events to the subscriptions of the configuration.
pub struct Deliverer {
    gateway: Arc<Gateway>,
    store: SharedStore,
    post: Arc<dyn Post>,
}

impl Deliverer {
    /// Makes one over the store of `gateway`; connects nowhere.
    ///
    /// # Errors
    /// Fails if TLS cannot be set up.
    pub fn new(gateway: Arc<Gateway>, store: SharedStore) -> Result<Self, OutboundError> {
        let post = Arc::new(Outbound::new(gateway.config().outbound.clone())?);
        Ok(Self::posting_by(gateway, store, post))
    }

    pub(super) fn posting_by(gateway: Arc<Gateway>, store: SharedStore, post: Arc<dyn Post>) -> Self {
        Self { gateway, store, post }
    }

    /// Delivers until told to stop, then gives the receivers that are being asked 2 s to answer.
    pub async fn run(self, stop: CancellationToken) {
        let names = self.gateway.config().subscriptions.keys();
        let owners = names.filter_map(|name| {
            let means = Means {
                gateway: Arc::clone(&self.gateway),
                store: Arc::clone(&self.store),
                post: Arc::clone(&self.post),
                stop: stop.clone(),
            };
            Some(Owner {
                lease: format!("subscription/{name}"),
                label: SharedString::from(name.clone()),
                courier: Courier::new(means.clone(), name)?,
                means,
            })
        });
        join_all(owners.map(Owner::follow)).await;
    }
}

/// One subscription, and what it takes to be the only one who delivers to it.
struct Owner {
    lease: String,
    label: SharedString,
    courier: Courier,
    means: Means,
}

impl Owner {
    async fn follow(self) {
        let ended = async {
            self.means.stop.cancelled().await;
            sleep(GRACE).await;
        };
        tokio::pin!(ended);
        while !self.means.stop.is_cancelled() {
            let turn = tokio::select! {
                turn = self.turn() => turn,
                () = &mut ended => break,
            };
            if let Err(error) = turn {
                tracing::warn!(%error, subscription = &*self.label, "deliveries are held up");
                self.pause(LOOK).await;
            }
        }
        if let Err(error) = self.means.gateway.release_lease(&self.lease).await {
            tracing::warn!(%error, "the next to deliver waits until the lease runs out");
        }
    }

    async fn turn(&self) -> Result<(), Error> {
        if !self.means.gateway.hold_lease(&self.lease, LEASE).await? {
            self.pause(LOOK).await;
            return Ok(());
        }
        let served = tokio::select! {
            served = self.serve() => served,
            () = self.until_lost() => {
                tracing::warn!(subscription = &*self.label, "another instance may deliver now");
                Ok(())
            }
        };
        self.dead().set(0);
        served
    }

    async fn serve(&self) -> Result<(), Error> {
        tokio::try_join!(self.follow_log(), self.follow_due(), self.count_dead())?;
        Ok(())
    }

    async fn follow_log(&self) -> Result<(), Error> {
        let mut place = self.courier.place().await?;
        while !self.means.stop.is_cancelled() {
            match self.courier.try_new(place).await? {
                Some(reached) if reached > place => place = reached,
                Some(_) => self.wait_for_more(place).await?,
                None => self.pause(LOOK).await,
            }
        }
        Ok(())
    }

    async fn wait_for_more(&self, place: Position) -> Result<(), Error> {
        let log = keys::events();
        tokio::select! {
            waited = self.means.store.wait(&log, place, LOOK) => Ok(waited?),
            () = self.means.stop.cancelled() => Ok(()),
        }
    }

    async fn follow_due(&self) -> Result<(), Error> {
        while !self.means.stop.is_cancelled() {
            if self.courier.try_again().await? == 0 {
                self.pause(LOOK).await;
            }
        }
        Ok(())
    }

    async fn count_dead(&self) -> Result<(), Error> {
        while !self.means.stop.is_cancelled() {
            let dead = self.courier.count_dead().await?;
            self.dead().set(u32::try_from(dead).unwrap_or(u32::MAX));
            self.pause(COUNT).await;
        }
        Ok(())
    }

    fn dead(&self) -> metrics::Gauge {
        gauge!(metric::DELIVERIES_DEAD, "subscription" => self.label.clone())
    }

    /// Renews the lease as long as it can, and returns when it may be another's.
    async fn until_lost(&self) {
        let mut held = Instant::now();
        while held.elapsed() + RENEWAL < LEASE {
            sleep(RENEWAL).await;
            let asked = Instant::now();
            match self.means.gateway.hold_lease(&self.lease, LEASE).await {
                Ok(true) => held = asked,
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, subscription = &*self.label, "a lease could not be renewed"),
            }
        }
    }

    async fn pause(&self, time: Duration) {
        tokio::select! {
            () = sleep(time) => {}
            () = self.means.stop.cancelled() => {}
        }
    }
}
