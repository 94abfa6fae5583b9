//! How long whoever asks for a page waits.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// Until when a page may be read.
#[derive(Debug, Clone, Copy)]
pub(in crate::usecases) struct Deadline {
    /// Then what there is is given.
    pub(super) enough: Instant,
    /// A source that has not answered by then has failed.
    last: Option<Instant>,
}

impl Deadline {
    /// So that an answer can be given before a request of this length is over.
    pub(in crate::usecases) fn within(request: Duration) -> Self {
        let now = Instant::now();
        let margin = (request / 10).min(Duration::from_millis(500));
        Self {
            enough: now + request / 2,
            last: Some(now + (request - margin)),
        }
    }

    /// So that a page is given about then, and every source has the time it needs.
    pub(in crate::usecases) fn about(patience: Duration) -> Self {
        Self {
            enough: Instant::now() + patience,
            last: None,
        }
    }

    /// What comes in time.
    pub(super) async fn met_by<T>(self, work: impl Future<Output = T>) -> Option<T> {
        match self.last {
            Some(last) => timeout_at(last, work).await.ok(),
            None => Some(work.await),
        }
    }
}
