//! Whether the store still has what was put into it.
//!
//! One that was emptied answers like one in which nothing ever happened: limits begin anew and idempotency keys run again.
//! A mark that is put there before anything else tells the two apart.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::gateway::Gateway;
use crate::domain::error::Error;
use crate::domain::time::Timestamp;
use crate::store::{Expect, Put, keys};

/// What this instance knows of the store's memory.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    mark: Option<Bytes>,
    emptied_at: Option<Timestamp>,
}

impl Memory {
    /// Takes the mark that was found; says whether another stood there before.
    fn take(&self, mark: Bytes, now: Timestamp) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let emptied = known.mark.as_ref().is_some_and(|before| *before != mark);
        known.mark = Some(mark);
        known.emptied_at = known.emptied_at.max(emptied.then_some(now));
        emptied
    }

    /// What operators have to know.
    pub(super) fn warning(&self) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = known.emptied_at?;
        Some(format!(
            "the store was found emptied at {at}: what it held is forgotten, limits and idempotency keys among it"
        ))
    }
}

impl Gateway {
    /// Looks whether the store still has its mark, and puts one there if it has none.
    ///
    /// # Errors
    /// `store-unavailable`.
    pub(super) async fn look_for_mark(&self) -> Result<(), Error> {
        let key = keys::mark();
        let found = match self.store.get(&key).await? {
            Some(found) => found.value,
            None => {
                let fresh = Bytes::from(uuid::Uuid::now_v7().simple().to_string());
                match self.store.put(&key, fresh.clone(), None, Expect::Absent).await? {
                    Put::Stored(_) => fresh,
                    // Another instance has just put it there; it is looked at the next time.
                    Put::Conflict(_) => return Ok(()),
                }
            }
        };
        if self.memory.take(found, self.now()) {
            tracing::error!("the store was emptied: limits and idempotency keys of before are forgotten");
        }
        Ok(())
    }
}
