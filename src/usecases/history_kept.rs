//! What a walk has read and not given, left in the store so that whoever gives the next page need not read it again.
//!
//! Nothing here is needed: a walk goes on from its cursor alone, and what is gone is read again. A page leaves what it read
//! beyond its end once, in chunks, and where each source stands; the next page opens the chunks it needs and leaves where
//! the sources stand then. Every name is made by chance, so two requests with one cursor do not meet. Values are sealed, and
//! bound to the tenant and the query.

pub(super) mod leaving;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tracing::warn;
use uuid::Uuid;

use super::gateway::Gateway;
use super::history_source::Kept;
use super::history_source::shelf::Chunk;
use super::list::CURSOR_SECONDS;
use crate::domain::caller::Caller;
use crate::domain::history::Record;
use crate::seal::{Purpose, Sealer};
use crate::store::{Expect, SharedStore, StoreError, Stored, keys};

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

/// A name that nobody else makes.
pub(super) fn new_name() -> [u8; 16] {
    *Uuid::now_v7().as_bytes()
}

/// A name as it stands in a key.
pub(super) fn written(name: [u8; 16]) -> String {
    Uuid::from_bytes(name).simple().to_string()
}

/// What is left of one walk in the store.
#[derive(Clone)]
pub(super) struct Leftovers {
    store: SharedStore,
    sealer: Arc<Sealer>,
    tenant: String,
    /// The walk's name.
    pub(super) walk: String,
}

impl Gateway {
    /// What is left of a caller's walk of this name.
    pub(super) fn leftovers(&self, caller: &Caller, walk: &str) -> Leftovers {
        Leftovers {
            store: SharedStore::clone(&self.store),
            sealer: Arc::clone(&self.sealer),
            tenant: caller.tenant.clone(),
            walk: walk.to_owned(),
        }
    }
}

impl Leftovers {
    /// Where the sources stand; nothing where that is not kept.
    pub(super) async fn walk(&self, name: [u8; 16]) -> Result<Option<KeptWalk>, StoreError> {
        let mut read = self.read(&[written(name)]).await?;
        Ok(read.pop().flatten())
    }

    /// The records of chunks; nothing for one that is gone.
    pub(super) async fn records(&self, names: &[String]) -> Result<Vec<Option<Vec<Record>>>, StoreError> {
        self.read(names).await
    }

    /// Writes where the sources stand, and chunks of records with it.
    pub(super) async fn write(
        &self,
        (name, walk): (&str, &KeptWalk),
        chunks: &[(String, Vec<&Record>)],
    ) -> Result<(), StoreError> {
        let mut sealed = vec![(name, self.sealed(name, walk)?)];
        for (name, records) in chunks {
            sealed.push((name, self.sealed(name, records)?));
        }
        // All at once: a store that waits for its disk does so once.
        let keep = Some(Duration::from_secs(CURSOR_SECONDS.unsigned_abs()));
        let puts = sealed.into_iter().filter_map(|(name, sealed)| Some((name, sealed?)));
        let puts = puts.map(async |(name, sealed)| {
            let key = keys::history_kept(name);
            self.store.put(&key, sealed.into(), keep, Expect::Any).await
        });
        try_join_all(puts).await.map(drop)
    }

    /// Takes away what nobody needs any more. What stays for some reason ends by itself.
    pub(super) async fn forget(&self, names: &[String]) {
        let removals = names
            .iter()
            .map(async |name| self.store.remove(&keys::history_kept(name), Expect::Any).await);
        for removed in join_all(removals).await {
            if let Err(error) = removed {
                warn!(%error, "what a walk no longer needs could not be removed");
            }
        }
    }

    fn context(&self, name: &str) -> Vec<u8> {
        [&self.tenant, &self.walk, name].join("\n").into_bytes()
    }

    /// A value as it is kept under a name; nothing where no key is valid.
    fn sealed<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<Option<String>, StoreError> {
        let plain = serde_json::to_vec(value).map_err(|_| StoreError::Corrupt("a kept walk".to_owned()))?;
        Ok(self.sealer.seal(Purpose::History, &self.context(name), &plain))
    }

    async fn read<T: DeserializeOwned>(&self, names: &[String]) -> Result<Vec<Option<T>>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<_> = names.iter().map(keys::history_kept).collect();
        let stored = self.store.get_many(&keys).await?;
        let read = |(name, stored): (&String, Option<Stored>)| {
            let stored = stored?;
            let sealed = std::str::from_utf8(&stored.value).ok()?;
            let plain = self.sealer.open(Purpose::History, &self.context(name), sealed)?;
            serde_json::from_slice(&plain).ok()
        };
        Ok(names.iter().zip(stored).map(read).collect())
    }
}
