//! The configuration in force: one gateway is replaced by another, and nothing is held up.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::gateway::Gateway;
use crate::domain::time::Timestamp;

/// How the last try to take over a configuration ended.
#[derive(Debug, Clone)]
pub struct Reload {
    /// When it was.
    pub at: Timestamp,
    /// What kept it from being taken over; nothing if it was.
    pub faults: Vec<String>,
}

/// The gateway over the configuration in force.
///
/// Whoever takes it keeps it for as long as one request or one round lasts, and so sees one configuration from beginning
/// to end.
pub struct Current {
    gateway: ArcSwap<Gateway>,
    changed: watch::Sender<()>,
    last: ArcSwap<Option<Reload>>,
}

impl Current {
    /// Begins with this one.
    pub fn new(gateway: Arc<Gateway>) -> Arc<Self> {
        Arc::new(Self {
            gateway: ArcSwap::new(gateway),
            changed: watch::Sender::new(()),
            last: ArcSwap::default(),
        })
    }

    /// The gateway in force.
    pub fn load(&self) -> Arc<Gateway> {
        self.gateway.load_full()
    }

    /// Puts another gateway in force, for whoever asks from now on.
    pub fn replace(&self, gateway: Arc<Gateway>) {
        self.gateway.store(gateway);
        self.changed.send_replace(());
    }

    /// Notes how a try to take over a configuration ended.
    pub fn note(&self, reload: Reload) {
        self.last.store(Arc::new(Some(reload)));
    }

    /// How the last try ended; nothing if there was none since the start.
    pub fn last_reload(&self) -> Option<Reload> {
        self.last.load().as_ref().clone()
    }

    /// Does a job with the gateway in force until told to stop: it is told to end, and begun anew, with every other one.
    pub async fn keep_doing<F: Future<Output = ()>>(
        &self,
        stop: &CancellationToken,
        job: impl Fn(Arc<Gateway>, CancellationToken) -> F,
    ) {
        let mut changes = self.changed.subscribe();
        while !stop.is_cancelled() {
            changes.mark_unchanged();
            let end = stop.child_token();
            let job = job(self.load(), end.clone());
            tokio::pin!(job);
            tokio::select! {
                () = &mut job => {
                    // It had nothing to do, or was told to stop.
                    tokio::select! {
                        _ = changes.changed() => {}
                        () = stop.cancelled() => {}
                    }
                }
                // The sender lives as long as this value.
                _ = changes.changed() => {
                    end.cancel();
                    job.await;
                }
            }
        }
    }
}
