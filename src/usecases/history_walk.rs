//! A walk over the history within this process: for what streams or sums up whole windows.

use std::sync::Arc;

use futures_util::future::join_all;

use super::gateway::Gateway;
use super::history_kept::Owner;
use super::history_merge::{Merge, is_unfiltered};
use super::history_source::reading::Reader;
use super::requests::{HistoryPage, HistoryQuery};
use crate::domain::caller::Caller;
use crate::domain::error::Error;

/// A walk whose sources stay open between its pages.
///
/// It leaves nothing in the store, asks for the next page of a report while the one before is taken, and holds no more than
/// a page or two of each source.
pub struct HistoryWalk {
    gateway: Arc<Gateway>,
    caller: Caller,
    query: HistoryQuery,
    name: String,
    merge: Merge,
}

impl Gateway {
    /// Opens a walk over the history, at its beginning or where `cursor` says; nothing is read before it is asked for.
    ///
    /// # Errors
    /// As [`Gateway::history`].
    pub async fn walk_history(
        self: &Arc<Self>,
        caller: &Caller,
        query: HistoryQuery,
        cursor: Option<&str>,
    ) -> Result<HistoryWalk, Error> {
        let (merge, name) = self.open_walk(caller, &query, cursor).await?;
        Ok(HistoryWalk {
            gateway: Arc::clone(self),
            caller: caller.clone(),
            query,
            name,
            merge,
        })
    }
}

impl HistoryWalk {
    /// The next page, of at most `limit` records; nothing where the walk is complete. A page may be short, even empty.
    ///
    /// Its cursor continues the walk in another process, at the cost of reading again what is read beyond it.
    ///
    /// # Errors
    /// `source-unavailable` unless a partial answer is asked for. After an error the same page may be asked for again:
    /// nothing is lost.
    pub async fn next(&mut self, limit: usize) -> Result<Option<HistoryPage>, Error> {
        if self.merge.is_over() {
            return Ok(None);
        }
        let reader = Reader {
            gateway: &self.gateway,
            caller: &self.caller,
            query: &self.query,
            checks: self.gateway.history_checks,
            ahead: true,
        };
        let owner = Owner {
            caller: &self.caller,
            walk: &self.name,
        };
        let mut page = self.merge.page(reader, owner, (limit, None)).await?;
        self.merge.walk.kept = None;
        if !self.merge.is_over() {
            page.next_cursor = Some(self.gateway.walk_cursor(&self.caller, &self.name, &self.merge)?);
        }
        Ok(Some(page))
    }

    /// How many rows the providers list in the window; nothing unless every one of them tells, and nothing is filtered.
    pub async fn total(&self) -> Option<u64> {
        if !is_unfiltered(&self.query) {
            return None;
        }
        let totals = self
            .merge
            .sources
            .iter()
            .map(|source| source.total(&self.gateway, &self.query));
        join_all(totals).await.into_iter().sum()
    }
}
