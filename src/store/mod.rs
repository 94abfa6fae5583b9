//! The only door to state: a few primitives, each over one key.
//!
//! Rules live in the use cases; a store only promises the following, the same on every backend.
//!
//! * **One winner.** [`Store::put`] compares and sets; of any number of concurrent puts that expect
//!   the same thing, one stores. A version is never used twice, so a stale one never matches again,
//!   not even after the key was removed or expired and came back.
//! * **One key each.** No operation touches two keys, so a Redis Cluster needs nothing special.
//! * **An error is not a no.** [`StoreError::Unavailable`] from a write means that it may or may not
//!   have happened. Reads are sent again when a connection breaks; writes never are, unless Redis
//!   said that it did nothing.
//! * **Bounded.** A Redis that answers nothing is reported within 600 ms, and to nearly everybody who asks after that at
//!   once, until it answers again; of a cluster each command is. A writer that cannot keep up is reported at once.
//!
//! # What is durable when
//!
//! | Backend | A write that returned `Ok` |
//! |---|---|
//! | `embedded:DIR` | is on disk (`fsync`): it survives `kill -9` and the loss of power |
//! | `memory:` | is lost with the process |
//! | Redis, `appendonly yes`, `appendfsync always` | is on disk: it survives both |
//! | Redis, `appendfsync everysec` | survives `kill -9` of Redis; the loss of power takes up to about 1 s of writes |
//! | Redis, `appendonly no`, or `appendfsync no` | may be lost |
//! | Redis, `maxmemory-policy` other than `noeviction` | may be evicted when memory is short |
//! | Redis with replicas | may be lost by a failover that happens before a replica has it |
//!
//! The backends that can lose acknowledged work say so in [`Store::warnings`].

use std::fmt;
use std::num::ParseIntError;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::clock::Clock;

mod embedded;
pub mod keys;
mod redis;
mod timed;
mod turns;
mod version;

use embedded::Embedded;
pub use keys::{Key, Log, Set};
use redis::Redis;
pub use version::Version;

/// A store as it is handed around.
pub type SharedStore = Arc<dyn Store>;

/// State that outlives a request.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads a value; `None` if there is none or it has expired.
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError>;

    /// Reads many values at once, in the order of `keys`; not one snapshot.
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreError>;

    /// Writes a value if the key is as expected, to live for `ttl` from now, or for ever.
    async fn put(&self, key: &Key, value: Bytes, ttl: Option<Duration>, expect: Expect) -> Result<Put, StoreError>;

    /// Removes a value or a counter if the key is as expected; `false` if nothing was removed.
    async fn remove(&self, key: &Key, expect: Expect) -> Result<bool, StoreError>;

    /// Adds `n` to a counter and returns its new total; `n` = 0 reads it, and makes none where there is none.
    ///
    /// A counter lives for the `ttl` of the call that made it, which later calls do not renew: a
    /// fixed window. A key holds a value or a counter, never both in turn; using one as the other
    /// is [`StoreError::Corrupt`], as is a total beyond `i64`.
    async fn add(&self, key: &Key, n: i64, ttl: Duration) -> Result<Counter, StoreError>;

    /// Appends to a log and returns where; every later append has a greater position.
    async fn append(&self, log: &Log, entry: Bytes) -> Result<Position, StoreError>;

    /// Appends to a log in the order given, at the cost of one operation. Where it fails, any of them may be in the log.
    async fn append_all(&self, log: &Log, entries: Vec<Bytes>) -> Result<(), StoreError>;

    /// Reads at most `limit` entries that follow `after`, ascending.
    async fn read(&self, log: &Log, after: Position, limit: usize) -> Result<Vec<(Position, Bytes)>, StoreError>;

    /// Tells where the last entry of a log is; [`Position::START`] while it has none.
    async fn end(&self, log: &Log) -> Result<Position, StoreError>;

    /// Returns once the log may hold something after `after`, or when `at_most` has passed.
    async fn wait(&self, log: &Log, after: Position, at_most: Duration) -> Result<(), StoreError>;

    /// Drops the entries appended before `before` (Unix ms); positions stay as they are.
    async fn trim(&self, log: &Log, before: i64) -> Result<(), StoreError>;

    /// Takes one entry out of a log; the others stay where they are. No error if it is not in it.
    async fn strike(&self, log: &Log, position: Position) -> Result<(), StoreError>;

    /// Puts a member into a set, or moves it to its new score.
    ///
    /// Scores lie within ±2⁵³ and are usually Unix ms. With `keep_from`, members below that score
    /// leave the set in the same operation.
    async fn index(&self, set: &Set, score: i64, member: &str, keep_from: Option<i64>) -> Result<(), StoreError>;

    /// Takes a member out of a set; no error if it is not in it.
    async fn unindex(&self, set: &Set, member: &str) -> Result<(), StoreError>;

    /// Reads one page of a set in the order of score, then bytes of the member.
    async fn range(&self, set: &Set, query: Range) -> Result<Vec<Scored>, StoreError>;

    /// Succeeds if the store can be reached and written to now.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Names the settings that can lose acknowledged work, as the last [`Store::ready`] found them.
    fn warnings(&self) -> Vec<String>;
}

/// Opens the store that `url` names, without waiting for a server; see [`Store::ready`].
///
/// `url` is one of `embedded:DIRECTORY`, `memory:`, `redis://HOST`, `rediss://HOST`,
/// `redis+sentinel://HOST,HOST/MASTER`, `redis+cluster://HOST,HOST`. `clock` tells a store in this
/// process when things expire and were appended; Redis goes by its own.
///
/// # Errors
///
/// [`StoreError::Unavailable`] if the URL is not one of these or the directory cannot be used.
pub fn open(url: &str, clock: Arc<dyn Clock>) -> Result<SharedStore, StoreError> {
    let store: SharedStore = match url.split_once(':') {
        Some(("memory", "")) => Arc::new(Embedded::in_memory(clock)?),
        Some(("embedded", directory)) if !directory.is_empty() => {
            Arc::new(Embedded::open(Path::new(directory), clock)?)
        }
        _ => Arc::new(Redis::open(url)?),
    };
    Ok(Arc::new(timed::Timed(store)))
}

/// A value and the version to expect when replacing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The bytes as they were put.
    pub value: Bytes,
    /// Changes with every put.
    pub version: Version,
}

/// What a key must be for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Anything.
    Any,
    /// Without a value.
    Absent,
    /// Exactly as it was read.
    Version(Version),
}

/// How a [`Store::put`] ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// The value is stored, under this version.
    Stored(Version),
    /// Nothing was written; this is there now.
    Conflict(Option<Stored>),
}

/// The state of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// The sum of everything added since the counter was made.
    pub total: i64,
    /// How long until the counter starts again from nothing.
    pub expires_in: Duration,
}

/// A place in a log: Unix milliseconds of the append, then a number within that millisecond.
///
/// It is written `ms-seq`, as a Redis stream writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    ms: u64,
    seq: u64,
}

impl Position {
    /// Comes before every entry.
    pub const START: Self = Self { ms: 0, seq: 0 };

    /// Makes the position of the entry `seq` of the millisecond `ms` (Unix).
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// Returns the position `n` numbers further on in its millisecond.
    const fn plus(self, n: u64) -> Self {
        Self::new(self.ms, self.seq.saturating_add(n))
    }

    /// Returns the position right after this one, if there is any.
    fn next(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => Some(Self::new(self.ms.checked_add(1)?, 0)),
        }
    }

    /// Returns the position right before this one, at which a reading of this entry begins.
    pub const fn before(self) -> Self {
        match self.seq.checked_sub(1) {
            Some(seq) => Self { seq, ..self },
            None => Self::new(self.ms.saturating_sub(1), u64::MAX),
        }
    }

    /// Returns when the entry was appended, in Unix milliseconds of the store's clock.
    pub const fn ms(self) -> u64 {
        self.ms
    }

    /// Returns the number of the entry within its millisecond.
    pub const fn seq(self) -> u64 {
        self.seq
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// A text that is not a [`Position`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a position is written ms-seq")]
pub struct NotAPosition;

impl From<ParseIntError> for NotAPosition {
    fn from(_: ParseIntError) -> Self {
        Self
    }
}

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (ms, seq) = text.split_once('-').ok_or(NotAPosition)?;
        Ok(Self::new(ms.parse()?, seq.parse()?))
    }
}

/// Which page of a set to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The scores wanted, both ends included.
    pub scores: RangeInclusive<i64>,
    /// Which end comes first.
    pub order: Order,
    /// The last member of the page before, which itself is not returned; it may have left the set.
    pub after: Option<(i64, String)>,
    /// The most members to return.
    pub limit: usize,
}

/// The direction of a [`Range`], over scores and members alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The lowest score first.
    Ascending,
    /// The highest score first.
    Descending,
}

/// A member of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scored {
    /// Where it stands.
    pub score: i64,
    /// What stands there.
    pub member: String,
}

/// Why a store could not answer; never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store could not be reached, opened or written to; a write may have happened.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What the store holds is not what this program writes there.
    #[error("the store holds something unexpected: {0}")]
    Corrupt(String),
}

/// Rounds a lifetime to whole milliseconds, at least one: none at all is not a lifetime.
fn to_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).map_or(i64::MAX, |ms| ms.max(1))
}

fn from_ms(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests;
