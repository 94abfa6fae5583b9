//! All that a query of the history finds, for those who take it away.

use std::sync::Arc;

use futures_util::stream::{self, Stream};

use super::gateway::Gateway;
use super::requests::{HistoryQuery, Paging};
use crate::domain::caller::Caller;
use crate::domain::error::Error;
use crate::domain::history::Record;

/// How many records are held at once.
const BATCH: usize = 5_000;

impl Gateway {
    /// Every record that [`Gateway::history`] lists, in its order, batch by batch. A batch is read when it is asked for, may
    /// be empty, and is the last one only where the stream ends without an error.
    pub fn export_history(
        self: Arc<Self>,
        caller: Arc<Caller>,
        query: HistoryQuery,
    ) -> impl Stream<Item = Result<Vec<Record>, Error>> + use<> {
        let from = |cursor| Paging { limit: BATCH, cursor };
        stream::try_unfold(Some(from(None)), move |paging| {
            let (gateway, caller, query) = (Arc::clone(&self), Arc::clone(&caller), query.clone());
            async move {
                let Some(paging) = paging else { return Ok(None) };
                let page = gateway.history(&caller, query, paging).await?;
                let next = page.next_cursor.map(|cursor| from(Some(cursor)));
                Ok(Some((page.data, next)))
            }
        })
    }
}
