//! Retention: logs forget what is older than they are kept; everything else expires by itself.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::gateway::Gateway;
use crate::domain::error::Error;
use crate::store::keys;

/// How often the logs are trimmed.
const EVERY: Duration = Duration::from_secs(3600);
/// The name of the one who trims.
const TRIMMER: &str = "retention";

impl Gateway {
    /// Trims the logs until told to stop; of several instances one does.
    pub(super) async fn retain(&self, stop: CancellationToken) {
        let work = || {
            let work = async {
                loop {
                    self.trim_logs().await?;
                    tokio::time::sleep(EVERY).await;
                }
            };
            work.boxed()
        };
        self.lead(TRIMMER, &stop, work).await;
    }

    /// Forgets what is older than `[retention]` keeps it; what waits to be applied is never forgotten.
    pub(super) async fn trim_logs(&self) -> Result<(), Error> {
        let kept = &self.config.retention;
        let applied = i64::try_from(self.inbox_position().await?.ms()).unwrap_or(i64::MAX);
        let inbox = self.before(kept.raw).min(applied);
        self.store.trim(&keys::events(), self.before(kept.events)).await?;
        self.store.trim(&keys::dead_letters(), self.before(kept.dead)).await?;
        self.store.trim(&keys::inbox(), inbox).await?;
        Ok(())
    }

    fn before(&self, kept: Duration) -> i64 {
        let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
        self.now().as_millis().saturating_sub(kept)
    }
}
