//! Adds what a request waits for the store to the request's timing.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Counter, Expect, Key, Log, Position, Put, Range, Scored, Set, SharedStore, Store, StoreError, Stored};
use crate::timing;

/// A store whose time is counted.
pub(super) struct Timed(pub(super) SharedStore);

async fn timed<T>(work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = work.await;
    timing::add_store(began.elapsed());
    done
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Store for Timed {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        timed(self.0.get(key)).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreError> {
        timed(self.0.get_many(keys)).await
    }

    async fn put(&self, key: &Key, value: Bytes, ttl: Option<Duration>, expect: Expect) -> Result<Put, StoreError> {
        timed(self.0.put(key, value, ttl, expect)).await
    }

    async fn remove(&self, key: &Key, expect: Expect) -> Result<bool, StoreError> {
        timed(self.0.remove(key, expect)).await
    }

    async fn add(&self, key: &Key, n: i64, ttl: Duration) -> Result<Counter, StoreError> {
        timed(self.0.add(key, n, ttl)).await
    }

    async fn append(&self, log: &Log, entry: Bytes) -> Result<Position, StoreError> {
        timed(self.0.append(log, entry)).await
    }

    async fn append_all(&self, log: &Log, entries: Vec<Bytes>) -> Result<(), StoreError> {
        timed(self.0.append_all(log, entries)).await
    }

    async fn read(&self, log: &Log, after: Position, limit: usize) -> Result<Vec<(Position, Bytes)>, StoreError> {
        timed(self.0.read(log, after, limit)).await
    }

    async fn end(&self, log: &Log) -> Result<Position, StoreError> {
        timed(self.0.end(log)).await
    }

    async fn wait(&self, log: &Log, after: Position, at_most: Duration) -> Result<(), StoreError> {
        self.0.wait(log, after, at_most).await
    }

    async fn trim(&self, log: &Log, before: i64) -> Result<(), StoreError> {
        timed(self.0.trim(log, before)).await
    }

    async fn strike(&self, log: &Log, position: Position) -> Result<(), StoreError> {
        timed(self.0.strike(log, position)).await
    }

    async fn index(&self, set: &Set, score: i64, member: &str, keep_from: Option<i64>) -> Result<(), StoreError> {
        timed(self.0.index(set, score, member, keep_from)).await
    }

    async fn unindex(&self, set: &Set, member: &str) -> Result<(), StoreError> {
        timed(self.0.unindex(set, member)).await
    }

    async fn range(&self, set: &Set, query: Range) -> Result<Vec<Scored>, StoreError> {
        timed(self.0.range(set, query)).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        timed(self.0.ready()).await
    }

    fn warnings(&self) -> Vec<String> {
        self.0.warnings()
    }
}
