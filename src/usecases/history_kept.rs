//! What a walk has read and not given, left in the store so that whoever gives the next page need not read it again.
//!
//! Nothing here is needed: a walk goes on from its cursor alone, and what is gone is read again. A page writes what it read
//! beyond its end once, in chunks, and where each source stands; the next page opens the chunks it needs and writes where
//! the sources stand then. Every name is made by chance, so two requests with one cursor do not meet. Values are sealed, and
//! bound to the tenant and the query.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tracing::warn;
use uuid::Uuid;

use super::gateway::Gateway;
use super::history_source::Kept;
use super::history_source::shelf::{Chunk, Shelf};
use super::list::CURSOR_SECONDS;
use crate::domain::caller::Caller;
use crate::domain::history::Record;
use crate::seal::Purpose;
use crate::store::{Expect, StoreError, keys};

/// How many records stand in one chunk.
const CHUNK: usize = 32;

/// Where the sources of a walk stand.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct KeptWalk {
    /// The sources by their number.
    pub(super) sources: Vec<(usize, Kept)>,
    /// Records that came to light too late for their place.
    pub(super) aside: Vec<Chunk>,
    /// What nobody needs any more once this has been read.
    pub(super) spent: Vec<String>,
}

/// Whose walk it is, and which.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    /// The caller.
    pub(super) caller: &'a Caller,
    /// The walk's name.
    pub(super) walk: &'a str,
}

impl Owner<'_> {
    fn context(&self, name: &str) -> Vec<u8> {
        [&self.caller.tenant, self.walk, name].join("\n").into_bytes()
    }
}

/// A name that nobody else makes.
pub(super) fn new_name() -> [u8; 16] {
    *Uuid::now_v7().as_bytes()
}

/// A name as it stands in a key.
pub(super) fn written(name: [u8; 16]) -> String {
    Uuid::from_bytes(name).simple().to_string()
}

impl Gateway {
    /// Where a walk's sources stand; nothing where that is not kept.
    pub(super) async fn kept_walk(&self, owner: Owner<'_>, name: [u8; 16]) -> Result<Option<KeptWalk>, StoreError> {
        let mut read = self.kept(owner, &[written(name)]).await?;
        Ok(read.pop().flatten())
    }

    /// The records of chunks; nothing for one that is gone.
    pub(super) async fn kept_records(
        &self,
        owner: Owner<'_>,
        names: &[String],
    ) -> Result<Vec<Option<Vec<Record>>>, StoreError> {
        self.kept(owner, names).await
    }

    /// Writes the records of a shelf that stand in no chunk yet; every chunk that still holds something, and the names of
    /// those that do not.
    pub(super) async fn keep_shelf(
        &self,
        owner: Owner<'_>,
        shelf: &Shelf,
    ) -> Result<(Vec<Chunk>, Vec<String>), StoreError> {
        let (mut chunks, spent) = shelf.chunks();
        let loose = shelf.loose();
        let writes = loose.chunks(CHUNK).filter_map(|records| {
            let newest = records.first()?;
            let chunk = Chunk {
                name: written(new_name()),
                newest: (newest.created_at, newest.id.clone()),
            };
            Some((chunk, records))
        });
        let writes: Vec<_> = writes.collect();
        let puts = writes
            .iter()
            .map(|(chunk, records)| self.keep(owner, &chunk.name, records));
        futures_util::future::try_join_all(puts).await?;
        chunks.extend(writes.into_iter().map(|(chunk, _)| chunk));
        Ok((chunks, spent))
    }

    /// Writes where a walk's sources stand.
    pub(super) async fn keep_walk(&self, owner: Owner<'_>, name: [u8; 16], kept: &KeptWalk) -> Result<(), StoreError> {
        self.keep(owner, &written(name), kept).await
    }

    /// Takes away what nobody needs any more. What stays for some reason ends by itself.
    pub(super) async fn forget_spent(&self, names: &[String]) {
        let removals = names
            .iter()
            .map(async |name| self.store.remove(&keys::history_kept(name), Expect::Any).await);
        for removed in futures_util::future::join_all(removals).await {
            if let Err(error) = removed {
                warn!(%error, "what a walk no longer needs could not be removed");
            }
        }
    }

    async fn keep<T: Serialize + ?Sized>(&self, owner: Owner<'_>, name: &str, value: &T) -> Result<(), StoreError> {
        let plain = serde_json::to_vec(value).map_err(|_| StoreError::Corrupt("a kept walk".to_owned()))?;
        let Some(sealed) = self.sealer.seal(Purpose::History, &owner.context(name), &plain) else {
            return Ok(());
        };
        let keep = std::time::Duration::from_secs(CURSOR_SECONDS.unsigned_abs());
        let key = keys::history_kept(name);
        self.store.put(&key, sealed.into(), Some(keep), Expect::Any).await?;
        Ok(())
    }

    async fn kept<T: DeserializeOwned>(
        &self,
        owner: Owner<'_>,
        names: &[String],
    ) -> Result<Vec<Option<T>>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<_> = names.iter().map(keys::history_kept).collect();
        let stored = self.store.get_many(&keys).await?;
        let read = |(name, stored): (&String, Option<crate::store::Stored>)| {
            let stored = stored?;
            let sealed = std::str::from_utf8(&stored.value).ok()?;
            let plain = self.sealer.open(Purpose::History, &owner.context(name), sealed)?;
            serde_json::from_slice(&plain).ok()
        };
        Ok(names.iter().zip(stored).map(read).collect())
    }
}
