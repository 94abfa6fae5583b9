//! What every use case works with.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tracing::Instrument as _;
use uuid::Uuid;

use super::accounts::Balances;
use super::delivery_ledger::DeliveryLedger;
use super::history_kept::leaving::Leaving;
use super::history_source::campaigns::KnownCampaigns;
use super::history_source::prefetch::Prefetched;
use super::history_source::stretch::Checks;
use super::memory::Memory;
use super::permissions::Permissions;
use super::publish::Publisher;
use super::read_events::Tail;
use super::received::Received;
use super::take_webhook::PassOn;
use crate::clock::Clock;
use crate::config::{Config, Moment};
use crate::domain::account::AccountName;
use crate::domain::caller::Caller;
use crate::domain::error::{Error, Problem};
use crate::domain::time::Timestamp;
use crate::providers::registry::{Accounts, Entry};
use crate::seal::Sealer;
use crate::spans;
use crate::store::{SharedStore, StoreError};
use crate::timing;

/// The rules over one configuration, one store and its accounts.
pub struct Gateway {
    pub(super) config: Arc<Config>,
    pub(super) store: SharedStore,
    pub(super) accounts: Accounts,
    pub(super) sealer: Arc<Sealer>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) instance: String,
    pub(super) publisher: Arc<Publisher>,
    pub(super) tail: Arc<Tail>,
    pub(super) pass_on: Option<Arc<dyn PassOn>>,
    pub(super) balances: Arc<Balances>,
    /// What is checked of the providers' lists; tests that must fail leave something out.
    pub(super) history_checks: Checks,
    pub(super) known_campaigns: Arc<KnownCampaigns>,
    pub(super) prefetched: Arc<Prefetched>,
    pub(super) leaving: Arc<Leaving>,
    pub(super) permissions: Arc<Permissions>,
    pub(super) received: Arc<Received>,
    pub(super) memory: Arc<Memory>,
    /// When what other gateways know of the keys was last learned.
    pub(super) key_uses_known: Arc<Moment>,
    unfinished: TaskTracker,
}

impl Gateway {
    /// Puts the parts together; opens nothing.
    pub fn new(
        config: Arc<Config>,
        store: SharedStore,
        accounts: Accounts,
        sealer: Sealer,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let instance = Uuid::now_v7().simple().to_string();
        Self {
            config,
            store,
            accounts,
            sealer: Arc::new(sealer),
            clock,
            instance,
            publisher: Arc::new(Publisher::new()),
            tail: Arc::new(Tail::new()),
            pass_on: None,
            balances: Arc::default(),
            history_checks: Checks::ALL,
            known_campaigns: Arc::default(),
            prefetched: Arc::default(),
            leaving: Arc::default(),
            permissions: Arc::default(),
            received: Arc::default(),
            memory: Arc::default(),
            key_uses_known: Arc::default(),
            unfinished: TaskTracker::new(),
        }
    }

    /// The gateway over another configuration, with everything that outlives one: the same store, instance and work under
    /// way, and what is remembered between requests. Without a sealer of its own it keeps this one's.
    #[must_use]
    pub fn under(&self, config: Arc<Config>, accounts: Accounts, sealer: Option<Sealer>) -> Self {
        Self {
            config,
            accounts,
            sealer: sealer.map_or_else(|| Arc::clone(&self.sealer), Arc::new),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            instance: self.instance.clone(),
            publisher: Arc::clone(&self.publisher),
            tail: Arc::clone(&self.tail),
            pass_on: self.pass_on.clone(),
            balances: Arc::clone(&self.balances),
            history_checks: self.history_checks,
            known_campaigns: Arc::clone(&self.known_campaigns),
            prefetched: Arc::clone(&self.prefetched),
            leaving: Arc::clone(&self.leaving),
            permissions: Arc::clone(&self.permissions),
            received: Arc::clone(&self.received),
            memory: Arc::clone(&self.memory),
            // What others know of keys that this one did not have was not asked for yet.
            key_uses_known: Arc::default(),
            unfinished: self.unfinished.clone(),
        }
    }

    /// The same gateway, which passes on by `way` what comes to its webhooks and is another application's.
    #[must_use]
    pub fn passing_on(self, way: Arc<dyn PassOn>) -> Self {
        Self {
            pass_on: Some(way),
            ..self
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_ms())
    }

    /// What became of each event that is to be delivered.
    pub fn deliveries_kept(&self) -> DeliveryLedger {
        DeliveryLedger::new(Arc::clone(&self.store), &self.config.retention)
    }

    /// Runs `work` to its end even if whoever waits for it goes away.
    ///
    /// A side effect that has begun must be seen through: what is dropped half-way goes on in the background, and
    /// [`Gateway::finish`] waits for it.
    pub fn see_through<F>(&self, work: F) -> SeenThrough<F>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        SeenThrough {
            work: Some(Box::pin(work)),
            unfinished: self.unfinished.clone(),
        }
    }

    /// Starts work that ends when nobody waits for it any more, or by itself. Its waits count where it was started.
    pub(super) fn start_aside<F>(&self, work: F) -> AbortOnDropHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        AbortOnDropHandle::new(
            self.unfinished
                .spawn(spans::inherit(timing::inherit(work)).in_current_span()),
        )
    }

    /// Waits for everything that [`Gateway::see_through`] still runs in the background.
    pub async fn finish(&self) {
        self.unfinished.close();
        self.unfinished.wait().await;
    }

    /// Whether the store can be reached and written to.
    ///
    /// # Errors
    /// `store-unavailable`.
    pub async fn ready(&self) -> Result<(), Error> {
        Ok(self.store.ready().await?)
    }

    /// The settings of the store that can lose acknowledged work, as the last [`Gateway::ready`] found them, and whether
    /// it was emptied since this instance began.
    pub fn warnings(&self) -> Vec<String> {
        self.store.warnings().into_iter().chain(self.memory.warning()).collect()
    }

    /// The account, if it exists.
    pub(super) fn entry(&self, account: &AccountName) -> Result<&Entry, Error> {
        self.accounts.get(account).ok_or_else(|| {
            Error::new(
                Problem::ProviderUnavailable,
                "The account that carries this is no longer configured.",
            )
        })
    }

    /// Refuses callers who read everything and act for nobody.
    pub(super) fn acting(caller: &Caller) -> Result<(), Error> {
        if caller.reads_all() {
            return Err(Error::new(
                Problem::Forbidden,
                "A token for every tenant may only read.",
            ));
        }
        Ok(())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        Self::new(Problem::StoreUnavailable, "The store cannot be reached.")
            .retry_after(std::time::Duration::from_secs(1))
    }
}

/// Work that outlives whoever waits for it; see [`Gateway::see_through`].
pub struct SeenThrough<F: Future + Send + 'static>
where
    F::Output: Send,
{
    work: Option<Pin<Box<F>>>,
    unfinished: TaskTracker,
}

impl<F> Future for SeenThrough<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Taken out while it is polled: work that panics is not gone on with.
        let Some(mut work) = self.work.take() else {
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.work = Some(work);
        }
        polled
    }
}

impl<F> Drop for SeenThrough<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn drop(&mut self) {
        let Some(work) = self.work.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let rest = async move {
                work.await;
            };
            self.unfinished
                .spawn_on(spans::inherit(rest).in_current_span(), &runtime);
        }
    }
}
