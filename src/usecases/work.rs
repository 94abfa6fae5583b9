//! What goes on between requests.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::gateway::Gateway;
use super::idempotent::HEARTBEAT;

impl Gateway {
    /// Does the background work until told to stop.
    pub async fn work(self: Arc<Self>, stop: CancellationToken) {
        self.tell_warnings().await;
        tokio::join!(
            Arc::clone(&self).follow_inbox(stop.clone()),
            Arc::clone(&self).look_after(stop.clone()),
            self.publish(stop.clone()),
            self.tail_events(stop.clone()),
            self.retain(stop.clone()),
            self.watch_accounts(stop.clone()),
            self.watch_balances(stop.clone()),
            self.show_unsettled(stop.clone()),
            self.live(stop.clone()),
        );
    }

    /// Logs which settings of the store can lose acknowledged work. A store that is away is told of by all who need it.
    async fn tell_warnings(&self) {
        if self.ready().await.is_ok() {
            for warning in self.warnings() {
                tracing::warn!(warning, "the store can lose acknowledged work");
            }
        }
    }

    async fn live(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.heartbeat().await {
                tracing::warn!(%error, "no sign of life could be given");
            }
            tokio::select! {
                () = tokio::time::sleep(HEARTBEAT) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}
