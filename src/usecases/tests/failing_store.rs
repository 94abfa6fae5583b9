//! A store that fails when told to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::store::{
    Counter, Expect, Key, Log, Position, Put, Range, Scored, Set, SharedStore, Store, StoreError, Stored,
};

/// For how many turns of the others a write is on its way.
pub const ON_ITS_WAY: usize = 8;

/// How a store fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// One operation does not happen.
    Once,
    /// One operation happens, but its answer is lost.
    OnceUnheard,
    /// Nothing happens until it is mended.
    FromThen,
}

/// A store that fails at one operation, counted from the moment it is told.
pub struct Failing {
    pub inner: SharedStore,
    pub failure: Failure,
    left: AtomicUsize,
    /// How long each put takes.
    pub slow: Mutex<Duration>,
    /// How long each removal takes.
    pub slow_removals: Mutex<Duration>,
}

enum Fate {
    Works,
    HappensUnheard,
    Fails,
}

impl Failing {
    const MENDED: usize = usize::MAX / 2;

    pub fn new(inner: SharedStore, failure: Failure) -> Self {
        let left = AtomicUsize::new(Self::MENDED);
        Self {
            inner,
            failure,
            left,
            slow: Mutex::default(),
            slow_removals: Mutex::default(),
        }
    }

    pub fn fail_after(&self, operations: usize) {
        self.left.store(operations, Ordering::SeqCst);
    }

    pub fn mend(&self) {
        self.fail_after(Self::MENDED);
    }

    /// Counts down through zero to the greatest numbers.
    pub fn has_failed(&self) -> bool {
        self.left.load(Ordering::SeqCst) > Self::MENDED
    }

    fn fate(&self) -> Fate {
        match (self.left.fetch_sub(1, Ordering::SeqCst), self.failure) {
            (0, Failure::OnceUnheard) => Fate::HappensUnheard,
            (0, _) => Fate::Fails,
            (left, Failure::FromThen) if left > Self::MENDED => Fate::Fails,
            _ => Fate::Works,
        }
    }
}

/// Runs an operation as its fate wills.
macro_rules! fated {
    ($self:ident, $operation:expr) => {
        match $self.fate() {
            Fate::Works => $operation.await,
            Fate::HappensUnheard => {
                $operation.await?;
                Err(StoreError::Unavailable("unheard".into()))
            }
            Fate::Fails => {
                // What runs beside it goes on meanwhile.
                tokio::task::yield_now().await;
                Err(StoreError::Unavailable("away".into()))
            }
        }
    };
}

/// A write that is on its way: it happens a moment later, and even if nobody waits for it any more.
async fn sent<T: Send + 'static>(write: impl Future<Output = T> + Send + 'static) -> T {
    let written = tokio::spawn(async move {
        for _ in 0..ON_ITS_WAY {
            tokio::task::yield_now().await;
        }
        write.await
    });
    written.await.unwrap()
}

#[async_trait]
impl Store for Failing {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        fated!(self, self.inner.get(key))
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreError> {
        fated!(self, self.inner.get_many(keys))
    }

    async fn put(&self, key: &Key, value: Bytes, ttl: Option<Duration>, expect: Expect) -> Result<Put, StoreError> {
        let (inner, key) = (Arc::clone(&self.inner), key.clone());
        let slow = *self.slow.lock().unwrap();
        if !slow.is_zero() {
            tokio::time::sleep(slow).await;
        }
        fated!(self, sent(async move { inner.put(&key, value, ttl, expect).await }))
    }

    async fn remove(&self, key: &Key, expect: Expect) -> Result<bool, StoreError> {
        let slow = *self.slow_removals.lock().unwrap();
        if !slow.is_zero() {
            tokio::time::sleep(slow).await;
        }
        fated!(self, self.inner.remove(key, expect))
    }

    async fn add(&self, key: &Key, n: i64, ttl: Duration) -> Result<Counter, StoreError> {
        fated!(self, self.inner.add(key, n, ttl))
    }

    async fn append_all(&self, log: &Log, entries: Vec<Bytes>) -> Result<(), StoreError> {
        fated!(self, self.inner.append_all(log, entries))
    }

    async fn append(&self, log: &Log, entry: Bytes) -> Result<Position, StoreError> {
        fated!(self, self.inner.append(log, entry))
    }

    async fn read(&self, log: &Log, after: Position, limit: usize) -> Result<Vec<(Position, Bytes)>, StoreError> {
        fated!(self, self.inner.read(log, after, limit))
    }

    async fn end(&self, log: &Log) -> Result<Position, StoreError> {
        fated!(self, self.inner.end(log))
    }

    async fn wait(&self, log: &Log, after: Position, at_most: Duration) -> Result<(), StoreError> {
        fated!(self, self.inner.wait(log, after, at_most))
    }

    async fn trim(&self, log: &Log, before: i64) -> Result<(), StoreError> {
        fated!(self, self.inner.trim(log, before))
    }

    async fn strike(&self, log: &Log, position: Position) -> Result<(), StoreError> {
        fated!(self, self.inner.strike(log, position))
    }

    async fn index(&self, set: &Set, score: i64, member: &str, keep_from: Option<i64>) -> Result<(), StoreError> {
        let (inner, set, member) = (Arc::clone(&self.inner), set.clone(), member.to_owned());
        fated!(
            self,
            sent(async move { inner.index(&set, score, &member, keep_from).await })
        )
    }

    async fn unindex(&self, set: &Set, member: &str) -> Result<(), StoreError> {
        fated!(self, self.inner.unindex(set, member))
    }

    async fn range(&self, set: &Set, query: Range) -> Result<Vec<Scored>, StoreError> {
        fated!(self, self.inner.range(set, query))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        fated!(self, self.inner.ready())
    }

    fn warnings(&self) -> Vec<String> {
        self.inner.warnings()
    }
}
