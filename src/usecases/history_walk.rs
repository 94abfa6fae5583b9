//! A walk over the history within this process: for what streams or sums up whole windows.

use std::sync::Arc;
use std::time::Duration;

use super::gateway::Gateway;
use super::history_kept::Leftovers;
use super::history_merge::{Deadline, Merge};
use super::history_source::reading::{Ask, Reader};
use super::requests::{HistoryPage, HistoryQuery};
use crate::domain::caller::Caller;
use crate::domain::error::Error;

/// After how long a page is given as it is: whoever waits for one sees that the walk goes on.
const PATIENCE: Duration = Duration::from_secs(10);

/// A walk whose sources stay open between its pages.
///
/// It leaves nothing in the store, asks for the next page of a report while the one before is taken, and holds no more than
/// a page or two of each source.
pub struct HistoryWalk {
    gateway: Arc<Gateway>,
    caller: Caller,
    query: HistoryQuery,
    leftovers: Leftovers,
    merge: Merge,
}

impl Gateway {
    /// Opens a walk over the history; nothing is read before it is asked for.
    ///
    /// # Errors
    /// As [`Gateway::history`].
    pub async fn walk_history(self: &Arc<Self>, caller: &Caller, query: HistoryQuery) -> Result<HistoryWalk, Error> {
        let (merge, leftovers) = self.open_walk(caller, &query, None).await?;
        Ok(HistoryWalk {
            gateway: Arc::clone(self),
            caller: caller.clone(),
            query,
            leftovers,
            merge,
        })
    }
}

impl HistoryWalk {
    /// The next page, of at most `limit` records; nothing where the walk is complete. A page may be short, even empty, where
    /// the sources are slow or have little of what is asked for.
    ///
    /// # Errors
    /// `source-unavailable` unless a partial answer is asked for; where a source did not answer the same page may be asked
    /// for again.
    pub async fn next(&mut self, limit: usize) -> Result<Option<HistoryPage>, Error> {
        if self.merge.is_over() {
            return Ok(None);
        }
        let reader = Reader {
            gateway: &self.gateway,
            caller: &self.caller,
            query: &self.query,
            checks: self.gateway.history_checks,
            ahead: Some(Ask::AtOnce),
        };
        let page = self
            .merge
            .page(reader, &self.leftovers, (limit, Deadline::about(PATIENCE)))
            .await?;
        Ok(Some(page))
    }
}
