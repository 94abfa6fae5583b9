//! All that a query of the history finds, for those who take it away.

use std::sync::Arc;

use futures_util::stream::{self, Stream};

use super::gateway::Gateway;
use super::history_walk::HistoryWalk;
use super::requests::HistoryQuery;
use crate::domain::caller::Caller;
use crate::domain::error::Error;
use crate::domain::history::Record;

/// How many records are held at once.
const BATCH: usize = 100;

impl Gateway {
    /// Every record that [`Gateway::history`] lists, in its order, batch by batch. A batch is read when it is asked for, may
    /// be empty, and is the last one only where the stream ends without an error.
    pub fn export_history(
        self: Arc<Self>,
        caller: Arc<Caller>,
        query: HistoryQuery,
    ) -> impl Stream<Item = Result<Vec<Record>, Error>> + use<> {
        stream::try_unfold(None, move |walk: Option<HistoryWalk>| {
            let (gateway, caller, query) = (Arc::clone(&self), Arc::clone(&caller), query.clone());
            async move {
                let mut walk = match walk {
                    Some(walk) => walk,
                    None => gateway.walk_history(&caller, query).await?,
                };
                let page = walk.next(BATCH).await?;
                Ok(page.map(|page| (page.data, Some(walk))))
            }
        })
    }
}
