//! The red control of the races: a store that reads, compares and writes instead of doing so in one step.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use switchboard::store::{
    Counter, Expect, Key, Log, Position, Put, Range, Scored, Set, SharedStore, Store, StoreError, Stored,
};

/// Breaks [`Store::put`] and nothing else.
pub struct Naive(pub SharedStore);

#[async_trait]
impl Store for Naive {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        self.0.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.0.get_many(keys).await
    }

    async fn put(&self, key: &Key, value: Bytes, ttl: Option<Duration>, expect: Expect) -> Result<Put, StoreError> {
        if let Expect::Version(expected) = expect {
            let found = self.0.get(key).await?;
            if found.as_ref().is_none_or(|found| found.version != expected) {
                return Ok(Put::Conflict(found));
            }
            return self.0.put(key, value, ttl, Expect::Any).await;
        }
        self.0.put(key, value, ttl, expect).await
    }

    async fn remove(&self, key: &Key, expect: Expect) -> Result<bool, StoreError> {
        self.0.remove(key, expect).await
    }

    async fn add(&self, key: &Key, n: i64, ttl: Duration) -> Result<Counter, StoreError> {
        self.0.add(key, n, ttl).await
    }

    async fn append_all(&self, log: &Log, entries: Vec<Bytes>) -> Result<(), StoreError> {
        self.0.append_all(log, entries).await
    }

    async fn append(&self, log: &Log, entry: Bytes) -> Result<Position, StoreError> {
        self.0.append(log, entry).await
    }

    async fn read(&self, log: &Log, after: Position, limit: usize) -> Result<Vec<(Position, Bytes)>, StoreError> {
        self.0.read(log, after, limit).await
    }

    async fn end(&self, log: &Log) -> Result<Position, StoreError> {
        self.0.end(log).await
    }

    async fn wait(&self, log: &Log, after: Position, at_most: Duration) -> Result<(), StoreError> {
        self.0.wait(log, after, at_most).await
    }

    async fn trim(&self, log: &Log, before: i64) -> Result<(), StoreError> {
        self.0.trim(log, before).await
    }

    async fn strike(&self, log: &Log, position: Position) -> Result<(), StoreError> {
        self.0.strike(log, position).await
    }

    async fn index(&self, set: &Set, score: i64, member: &str, keep_from: Option<i64>) -> Result<(), StoreError> {
        self.0.index(set, score, member, keep_from).await
    }

    async fn unindex(&self, set: &Set, member: &str) -> Result<(), StoreError> {
        self.0.unindex(set, member).await
    }

    async fn range(&self, set: &Set, query: Range) -> Result<Vec<Scored>, StoreError> {
        self.0.range(set, query).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.0.ready().await
    }

    fn warnings(&self) -> Vec<String> {
        self.0.warnings()
    }
}
