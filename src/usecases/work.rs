//! What goes on between requests.

use tokio_util::sync::CancellationToken;

use super::current::Current;
use super::gateway::Gateway;
use super::idempotent::HEARTBEAT;

impl Current {
    /// Does the background work until told to stop.
    pub async fn work(&self, stop: CancellationToken) {
        let first = self.load();
        first.tell_warnings().await;
        tokio::join!(
            self.keep_doing(&stop, Gateway::follow_inbox),
            self.keep_doing(&stop, Gateway::look_after),
            self.keep_doing(&stop, |gateway, end| async move { gateway.retain(end).await }),
            self.watch_accounts(stop.clone()),
            self.watch_balances(stop.clone()),
            self.keep_doing(&stop, |gateway, end| async move { gateway.show_unsettled(end).await }),
            self.share_key_uses(stop.clone()),
            // What no configuration changes goes on without a pause.
            first.publish(stop.clone()),
            first.tail_events(stop.clone()),
            first.live(stop.clone()),
        );
    }
}

impl Gateway {
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
            let (alive, looked) = tokio::join!(self.heartbeat(), self.look_for_mark());
            if let Err(error) = alive {
                tracing::warn!(%error, "no sign of life could be given");
            }
            if let Err(error) = looked {
                tracing::warn!(%error, "whether the store was emptied is not known now");
            }
            tokio::select! {
                () = tokio::time::sleep(HEARTBEAT) => {}
                () = stop.cancelled() => {}
            }
        }
        if let Err(error) = self.last_heartbeat().await {
            tracing::warn!(%error, "this instance is thought to live for a while yet");
        }
    }
}
