//! What is read from the embedded store, each within one read transaction.

use std::ops::Bound;

use bytes::Bytes;
use redb::{AccessGuard, ReadTransaction, StorageError};

use super::super::{Key, Order, Position, Range, Scored, StoreError, Stored};
use super::tables::{ENTRIES, LOG_ENTRIES, LogKey, SCORES, ScoreKey, is_live, stored};
use super::unavailable;

/// Reads the values that are there at `now` (Unix ms).
pub(super) fn values(txn: &ReadTransaction, keys: &[Key], now: i64) -> Result<Vec<Option<Stored>>, StoreError> {
    let table = txn.open_table(ENTRIES).map_err(unavailable)?;
    keys.iter()
        .map(|key| match table.get(key.as_ref()).map_err(unavailable)? {
            Some(entry) if is_live(entry.value(), now) => stored(entry.value()).map(Some),
            _ => Ok(None),
        })
        .collect()
}

/// Reads the entries of a log that follow `after`.
pub(super) fn log(
    txn: &ReadTransaction,
    log: &str,
    after: Position,
    limit: usize,
) -> Result<Vec<(Position, Bytes)>, StoreError> {
    let table = txn.open_table(LOG_ENTRIES).map_err(unavailable)?;
    let from = Bound::Excluded((log, after.ms(), after.seq()));
    let to = Bound::Included((log, u64::MAX, u64::MAX));
    table
        .range::<LogKey<'_>>((from, to))
        .map_err(unavailable)?
        .take(limit)
        .map(|row| {
            let (key, entry) = row.map_err(unavailable)?;
            let (_, ms, seq) = key.value();
            Ok((Position::new(ms, seq), Bytes::copy_from_slice(entry.value())))
        })
        .collect()
}

/// Finds the last entry of a log.
pub(super) fn end(txn: &ReadTransaction, log: &str) -> Result<Position, StoreError> {
    let table = txn.open_table(LOG_ENTRIES).map_err(unavailable)?;
    let entries = table.range::<LogKey<'_>>((log, 0, 0)..=(log, u64::MAX, u64::MAX));
    let last = entries
        .map_err(unavailable)?
        .next_back()
        .transpose()
        .map_err(unavailable)?;
    Ok(last.map_or(Position::START, |(key, _)| {
        let (_, ms, seq) = key.value();
        Position::new(ms, seq)
    }))
}

/// Reads one page of a set.
pub(super) fn scores(txn: &ReadTransaction, set: &str, query: &Range) -> Result<Vec<Scored>, StoreError> {
    // The least name that follows the set's own; a member with a zero byte likewise.
    let next_set = format!("{set}\0");
    let mut from = (set, *query.scores.start(), "");
    let mut to = match query.scores.end().checked_add(1) {
        Some(end) => (set, end, ""),
        None => (next_set.as_str(), i64::MIN, ""),
    };
    let after = query.after.as_ref();
    let next_member = after.map(|(_, member)| format!("{member}\0"));
    if let (Some((score, member)), Some(next_member)) = (after, &next_member) {
        match query.order {
            Order::Ascending => from = from.max((set, *score, next_member)),
            Order::Descending => to = to.min((set, *score, member)),
        }
    }
    if from >= to {
        return Ok(Vec::new());
    }
    let table = txn.open_table(SCORES).map_err(unavailable)?;
    let rows = table.range::<ScoreKey<'_>>(from..to).map_err(unavailable)?;
    match query.order {
        Order::Ascending => rows.take(query.limit).map(scored).collect(),
        Order::Descending => rows.rev().take(query.limit).map(scored).collect(),
    }
}

type ScoreRow = (AccessGuard<'static, ScoreKey<'static>>, AccessGuard<'static, ()>);

fn scored(row: Result<ScoreRow, StorageError>) -> Result<Scored, StoreError> {
    let (key, _) = row.map_err(unavailable)?;
    let (_, score, member) = key.value();
    Ok(Scored {
        score,
        member: member.to_owned(),
    })
}
