//! The tables of the embedded store, and what one write does to them.

use std::collections::HashMap;
use std::ops::Bound;

use bytes::Bytes;
use redb::{AccessGuard, ReadableTable, StorageError, Table, TableDefinition, TableError, WriteTransaction};

use super::super::{Counter, Expect, Position, Put, StoreError, Stored, Version, from_ms, keys};

/// key -> (version, or none for a counter; Unix ms of expiry; bytes)
pub(super) const ENTRIES: TableDefinition<&str, Entry<'static>> = TableDefinition::new("entries");
/// (Unix ms of expiry, key), a row for every entry that expires
pub(super) const EXPIRIES: TableDefinition<(i64, &str), ()> = TableDefinition::new("expiries");
/// (log, ms, seq) -> entry
pub(super) const LOG_ENTRIES: TableDefinition<LogKey<'static>, &[u8]> = TableDefinition::new("log_entries");
/// log -> (ms, seq) given last, which outlives the entry
const LOG_ENDS: TableDefinition<&str, (u64, u64)> = TableDefinition::new("log_ends");
/// (set, score, member), in the order they are read
pub(super) const SCORES: TableDefinition<ScoreKey<'static>, ()> = TableDefinition::new("scores");
/// (set, member) -> score
const MEMBERS: TableDefinition<(&str, &str), i64> = TableDefinition::new("members");

pub(super) type Entry<'a> = (Option<u64>, i64, &'a [u8]);
pub(super) type LogKey<'a> = (&'a str, u64, u64);
pub(super) type ScoreKey<'a> = (&'a str, i64, &'a str);

/// The expiry of an entry that does not expire.
const NEVER: i64 = i64::MAX;

/// Why an operation was not applied.
pub(super) enum Fault {
    /// It makes no sense for what is stored; nothing was changed and the transaction goes on.
    Refused(StoreError),
    /// The tables could not be read or written; the transaction is lost.
    Storage(StorageError),
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// Every table, open for one write transaction at one time of day.
pub(super) struct Tables<'txn> {
    now: i64,
    entries: Table<'txn, &'static str, Entry<'static>>,
    expiries: Table<'txn, (i64, &'static str), ()>,
    log_entries: Table<'txn, LogKey<'static>, &'static [u8]>,
    log_ends: Table<'txn, &'static str, (u64, u64)>,
    scores: Table<'txn, ScoreKey<'static>, ()>,
    members: Table<'txn, (&'static str, &'static str), i64>,
    /// The ends of the logs that have grown in this transaction, which are written once.
    grown: HashMap<String, (u64, u64)>,
}

impl<'txn> Tables<'txn> {
    /// Opens the tables, making those that do not exist yet; `now` is Unix ms.
    pub(super) fn open(txn: &'txn WriteTransaction, now: i64) -> Result<Self, TableError> {
        Ok(Self {
            now,
            entries: txn.open_table(ENTRIES)?,
            expiries: txn.open_table(EXPIRIES)?,
            log_entries: txn.open_table(LOG_ENTRIES)?,
            log_ends: txn.open_table(LOG_ENDS)?,
            scores: txn.open_table(SCORES)?,
            members: txn.open_table(MEMBERS)?,
            grown: HashMap::new(),
        })
    }

    /// Ends every lease: one process at a time has the file, so whoever held one before is dead.
    pub(super) fn end_leases(&mut self) -> Result<(), StorageError> {
        let lease = keys::lease("");
        let mut ended = Vec::new();
        for entry in self.entries.range(lease.as_ref()..)? {
            let name = entry?.0.value().to_owned();
            if !name.starts_with(lease.as_ref()) {
                break;
            }
            ended.push(name);
        }
        ended.iter().try_for_each(|name| self.erase(name))
    }

    /// Writes what is written once, and says whether a log has grown.
    pub(super) fn finish(mut self) -> Result<bool, StorageError> {
        for (log, end) in &self.grown {
            self.log_ends.insert(log.as_str(), end)?;
        }
        Ok(!self.grown.is_empty())
    }

    pub(super) fn put(
        &mut self,
        key: &str,
        value: &[u8],
        ttl_ms: Option<i64>,
        (expect, version): (Expect, Version),
    ) -> Result<Put, Fault> {
        let found = self.live(key)?.map(|entry| entry.value().0);
        let as_expected = match (expect, found) {
            (Expect::Any, _) | (Expect::Absent, None) => true,
            (Expect::Version(version), Some(Some(found))) => found == version.to_u64(),
            _ => false,
        };
        if !as_expected {
            let found = self.live(key)?.map(|entry| stored(entry.value()));
            return found.transpose().map(Put::Conflict).map_err(Fault::Refused);
        }
        let expires_at = ttl_ms.map_or(NEVER, |ttl| self.now.saturating_add(ttl));
        self.write(key, (Some(version.to_u64()), expires_at, value))?;
        Ok(Put::Stored(version))
    }

    pub(super) fn remove(&mut self, key: &str, expect: Expect) -> Result<bool, Fault> {
        let as_expected = match (self.live(key)?, expect) {
            (Some(_), Expect::Any) => true,
            (Some(entry), Expect::Version(version)) => entry.value().0 == Some(version.to_u64()),
            _ => false,
        };
        if as_expected {
            self.erase(key)?;
        }
        Ok(as_expected)
    }

    pub(super) fn add(&mut self, key: &str, n: i64, ttl_ms: i64) -> Result<Counter, Fault> {
        let (before, expires_at) = match self.live(key)? {
            None if n == 0 => {
                return Ok(Counter {
                    total: 0,
                    expires_in: from_ms(ttl_ms),
                });
            }
            None => (0, self.now.saturating_add(ttl_ms)),
            Some(entry) => {
                let entry = entry.value();
                (count(entry).map_err(Fault::Refused)?, entry.1)
            }
        };
        let total = before
            .checked_add(n)
            .ok_or_else(|| Fault::Refused(StoreError::Corrupt("a counter beyond 64 bits".to_owned())))?;
        self.write(key, (None, expires_at, &total.to_be_bytes()))?;
        Ok(Counter {
            total,
            expires_in: from_ms(expires_at.saturating_sub(self.now)),
        })
    }

    pub(super) fn append(&mut self, log: &str, entry: &[u8]) -> Result<Position, Fault> {
        let (last_ms, last_seq) = match self.grown.get(log) {
            Some(end) => *end,
            None => self.log_ends.get(log)?.map_or((0, 0), |end| end.value()),
        };
        // A clock set back does not set the log back.
        let ms = u64::try_from(self.now).unwrap_or(0).max(last_ms);
        let seq = if ms == last_ms { last_seq + 1 } else { 0 };
        self.log_entries.insert((log, ms, seq), entry)?;
        match self.grown.get_mut(log) {
            Some(end) => *end = (ms, seq),
            None => drop(self.grown.insert(log.to_owned(), (ms, seq))),
        }
        Ok(Position::new(ms, seq))
    }

    /// Drops at most `limit` of the entries appended before `before`; returns how many.
    pub(super) fn trim(&mut self, log: &str, before: i64, limit: usize) -> Result<usize, Fault> {
        let before = u64::try_from(before).unwrap_or(0);
        let old = self
            .log_entries
            .range::<LogKey<'_>>((log, 0, 0)..(log, before, 0))?
            .take(limit)
            .map(|row| row.map(|(key, _)| (key.value().1, key.value().2)))
            .collect::<Result<Vec<_>, _>>()?;
        for (ms, seq) in &old {
            self.log_entries.remove((log, *ms, *seq))?;
        }
        Ok(old.len())
    }

    pub(super) fn strike(&mut self, log: &str, position: Position) -> Result<(), Fault> {
        self.log_entries.remove((log, position.ms(), position.seq()))?;
        Ok(())
    }

    pub(super) fn index(
        &mut self,
        set: &str,
        (score, member): (i64, &str),
        keep_from: Option<i64>,
    ) -> Result<(), Fault> {
        self.unindex(set, member)?;
        self.members.insert((set, member), score)?;
        self.scores.insert((set, score, member), ())?;
        keep_from.map_or(Ok(()), |from| self.drop_below(set, from))
    }

    pub(super) fn unindex(&mut self, set: &str, member: &str) -> Result<(), Fault> {
        let score = self.members.remove((set, member))?.map(|score| score.value());
        if let Some(score) = score {
            self.scores.remove((set, score, member))?;
        }
        Ok(())
    }

    fn drop_below(&mut self, set: &str, from: i64) -> Result<(), Fault> {
        let old = self
            .scores
            .range::<ScoreKey<'_>>((set, i64::MIN, "")..(set, from, ""))?
            .map(|row| row.map(|(key, _)| (key.value().1, key.value().2.to_owned())))
            .collect::<Result<Vec<_>, _>>()?;
        for (score, member) in &old {
            self.scores.remove((set, *score, member.as_str()))?;
            self.members.remove((set, member.as_str()))?;
        }
        Ok(())
    }

    /// Removes at most `limit` entries that have expired; returns how many.
    pub(super) fn sweep(&mut self, limit: usize) -> Result<usize, StorageError> {
        let due = (Bound::Unbounded, Bound::Excluded((self.now.saturating_add(1), "")));
        let expired = self
            .expiries
            .range::<(i64, &str)>(due)?
            .take(limit)
            .map(|row| row.map(|(key, _)| key.value().1.to_owned()))
            .collect::<Result<Vec<_>, _>>()?;
        for key in &expired {
            self.erase(key)?;
        }
        Ok(expired.len())
    }

    fn live(&self, key: &str) -> Result<Option<AccessGuard<'_, Entry<'static>>>, StorageError> {
        let entry = self.entries.get(key)?;
        Ok(entry.filter(|entry| is_live(entry.value(), self.now)))
    }

    fn write(&mut self, key: &str, entry: Entry<'_>) -> Result<(), StorageError> {
        let replaced = self.entries.insert(key, entry)?.map(|old| old.value().1);
        if let Some(expires_at) = replaced.filter(|at| *at != entry.1) {
            self.expiries.remove((expires_at, key))?;
        }
        if entry.1 != NEVER && replaced != Some(entry.1) {
            self.expiries.insert((entry.1, key), ())?;
        }
        Ok(())
    }

    fn erase(&mut self, key: &str) -> Result<(), StorageError> {
        let erased = self.entries.remove(key)?.map(|old| old.value().1);
        if let Some(expires_at) = erased {
            self.expiries.remove((expires_at, key))?;
        }
        Ok(())
    }
}

/// Says whether an entry is still there at `now` (Unix ms).
pub(super) fn is_live(entry: Entry<'_>, now: i64) -> bool {
    entry.1 > now
}

/// Reads an entry as a value.
pub(super) fn stored((version, _, bytes): Entry<'_>) -> Result<Stored, StoreError> {
    let version = version.ok_or_else(|| StoreError::Corrupt("a counter, not a value".to_owned()))?;
    Ok(Stored {
        value: Bytes::copy_from_slice(bytes),
        version: Version::from_u64(version),
    })
}

fn count((version, _, bytes): Entry<'_>) -> Result<i64, StoreError> {
    match (version, <[u8; 8]>::try_from(bytes)) {
        (None, Ok(total)) => Ok(i64::from_be_bytes(total)),
        _ => Err(StoreError::Corrupt("a value, not a counter".to_owned())),
    }
}
