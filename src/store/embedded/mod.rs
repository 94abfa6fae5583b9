//! The store inside the process, in one file: redb, one writer thread, readers on their own thread.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use redb::backends::InMemoryBackend;
use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase};

use self::file::File;
use self::tables::Tables;
use self::writer::Writer;
use super::version::Versions;
use super::{Counter, Expect, Key, Log, Position, Put, Range, Scored, Set, Store, StoreError, Stored, to_ms};
use crate::clock::Clock;

mod file;
mod read;
mod tables;
mod writer;

/// The file within the directory of the store.
const FILE: &str = "store.redb";
/// Pages kept in memory; the rest is left to the page cache of the system.
const CACHE_BYTES: usize = 16 << 20;
/// Log entries dropped in one transaction, so that other writes get their turn.
const TRIM_AT_ONCE: usize = 512;

/// A store in this process.
pub(super) struct Embedded {
    // Before `file`: the writer must have ended for the file to be closed in order.
    writer: Writer,
    file: Arc<File>,
    clock: Arc<dyn Clock>,
    versions: Versions,
    warnings: &'static [&'static str],
}

impl Embedded {
    /// Opens the store in a directory, which is made if it is missing.
    pub(super) fn open(directory: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let file = directory.join(FILE);
        let named = |error: &dyn Display| StoreError::Unavailable(format!("{}: {error}", file.display()));
        std::fs::create_dir_all(directory).map_err(|error| named(&error))?;
        let db = File::open(&file).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => named(&"in use by another process"),
            error => named(&error),
        })?;
        Self::start((db, Some(file)), clock, &[])
    }

    /// Makes a store that is gone with the process.
    pub(super) fn in_memory(clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let db = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(InMemoryBackend::new())
            .map_err(unavailable)?;
        Self::start((db, None), clock, &["memory: everything is lost when the process ends"])
    }

    fn start(
        (db, path): (Database, Option<PathBuf>),
        clock: Arc<dyn Clock>,
        warnings: &'static [&'static str],
    ) -> Result<Self, StoreError> {
        let txn = db.begin_write().map_err(unavailable)?;
        let mut tables = Tables::open(&txn, clock.now_ms()).map_err(unavailable)?;
        tables.end_leases().map_err(unavailable)?;
        drop(tables);
        txn.commit().map_err(unavailable)?;
        let file = Arc::new(File::new(db, path));
        Ok(Self {
            writer: Writer::start(Arc::clone(&file), Arc::clone(&clock))?,
            file,
            clock,
            versions: Versions::default(),
            warnings,
        })
    }

    fn read_txn(&self) -> Result<ReadTransaction, StoreError> {
        self.file.database()?.begin_read().map_err(unavailable)
    }

    async fn wait_for_entry(&self, log: &Log, after: Position) -> Result<(), StoreError> {
        let mut appended = self.writer.appended();
        loop {
            appended.borrow_and_update();
            if !read::log(&self.read_txn()?, log.as_ref(), after, 1)?.is_empty() {
                return Ok(());
            }
            appended.changed().await.map_err(unavailable)?;
        }
    }
}

#[async_trait]
impl Store for Embedded {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        let found = self.get_many(std::slice::from_ref(key)).await?;
        Ok(found.into_iter().next().flatten())
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreError> {
        read::values(&self.read_txn()?, keys, self.clock.now_ms())
    }

    async fn put(&self, key: &Key, value: Bytes, ttl: Option<Duration>, expect: Expect) -> Result<Put, StoreError> {
        let (key, version) = (key.clone(), self.versions.next());
        let ttl = ttl.map(to_ms);
        self.writer
            .submit(move |tables| tables.put(key.as_ref(), &value, ttl, (expect, version)))
            .await
    }

    async fn remove(&self, key: &Key, expect: Expect) -> Result<bool, StoreError> {
        let key = key.clone();
        self.writer
            .submit(move |tables| tables.remove(key.as_ref(), expect))
            .await
    }

    async fn add(&self, key: &Key, n: i64, ttl: Duration) -> Result<Counter, StoreError> {
        let key = key.clone();
        self.writer
            .submit(move |tables| tables.add(key.as_ref(), n, to_ms(ttl)))
            .await
    }

    async fn append(&self, log: &Log, entry: Bytes) -> Result<Position, StoreError> {
        let log = log.clone();
        self.writer
            .submit(move |tables| tables.append(log.as_ref(), &entry))
            .await
    }

    async fn append_all(&self, log: &Log, entries: Vec<Bytes>) -> Result<(), StoreError> {
        let log = log.clone();
        self.writer
            .submit(move |tables| {
                for entry in &entries {
                    tables.append(log.as_ref(), entry)?;
                }
                Ok(())
            })
            .await
    }

    async fn read(&self, log: &Log, after: Position, limit: usize) -> Result<Vec<(Position, Bytes)>, StoreError> {
        read::log(&self.read_txn()?, log.as_ref(), after, limit)
    }

    async fn end(&self, log: &Log) -> Result<Position, StoreError> {
        read::end(&self.read_txn()?, log.as_ref())
    }

    async fn wait(&self, log: &Log, after: Position, at_most: Duration) -> Result<(), StoreError> {
        tokio::time::timeout(at_most, self.wait_for_entry(log, after))
            .await
            .unwrap_or(Ok(()))
    }

    async fn trim(&self, log: &Log, before: i64) -> Result<(), StoreError> {
        loop {
            let log = log.clone();
            let dropped = self
                .writer
                .submit(move |tables| tables.trim(log.as_ref(), before, TRIM_AT_ONCE))
                .await?;
            if dropped < TRIM_AT_ONCE {
                return Ok(());
            }
        }
    }

    async fn strike(&self, log: &Log, position: Position) -> Result<(), StoreError> {
        let log = log.clone();
        self.writer
            .submit(move |tables| tables.strike(log.as_ref(), position))
            .await
    }

    async fn index(&self, set: &Set, score: i64, member: &str, keep_from: Option<i64>) -> Result<(), StoreError> {
        let (set, member) = (set.clone(), member.to_owned());
        self.writer
            .submit(move |tables| tables.index(set.as_ref(), (score, &member), keep_from))
            .await
    }

    async fn unindex(&self, set: &Set, member: &str) -> Result<(), StoreError> {
        let (set, member) = (set.clone(), member.to_owned());
        self.writer
            .submit(move |tables| tables.unindex(set.as_ref(), &member))
            .await
    }

    async fn range(&self, set: &Set, query: Range) -> Result<Vec<Scored>, StoreError> {
        read::scores(&self.read_txn()?, set.as_ref(), &query)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.writer.submit(|_| Ok(())).await
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.iter().map(|text| (*text).to_owned()).collect()
    }
}

fn unavailable(error: impl Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
