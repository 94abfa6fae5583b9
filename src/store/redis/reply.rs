//! Reading what Redis answers, without copying the values.

use bytes::{BufMut, Bytes, BytesMut};
use deadpool_redis::redis::{Cmd, Value, cmd, from_redis_value};

use super::super::{Log, Position, Scored, StoreError, Stored, Version};

/// What a value starts with; a counter starts with a digit or a sign.
const MARK: u8 = b'v';
const HEAD: usize = 1 + size_of::<u64>();

/// The bytes that stand before a value: a mark, and its version.
pub(super) fn head(version: Version) -> [u8; HEAD] {
    let mut head = [MARK; HEAD];
    head[1..].copy_from_slice(&version.to_u64().to_be_bytes());
    head
}

/// Asks for the last entry of a log.
pub(super) fn last_entry(log: &Log) -> Cmd {
    let mut command = cmd("XREVRANGE");
    command.arg(log.as_ref()).arg("+").arg("-").arg("COUNT").arg(1);
    command
}

/// Puts the head before a value.
pub(super) fn with_head(version: Version, value: &[u8]) -> Bytes {
    let mut whole = BytesMut::with_capacity(HEAD + value.len());
    whole.put_slice(&head(version));
    whole.put_slice(value);
    whole.freeze()
}

/// Reads a value, or that there is none.
pub(super) fn stored(answer: Value) -> Result<Option<Stored>, StoreError> {
    let whole = match answer {
        Value::Nil => return Ok(None),
        Value::BulkString(whole) => Bytes::from(whole),
        _ => return Err(corrupt("not a value")),
    };
    match whole.first_chunk::<HEAD>() {
        Some([MARK, version @ ..]) => Ok(Some(Stored {
            version: Version::from_u64(u64::from_be_bytes(*version)),
            value: whole.slice(HEAD..),
        })),
        _ => Err(corrupt("a counter, not a value")),
    }
}

/// Reads a number.
pub(super) fn number(answer: Value) -> Result<i64, StoreError> {
    from_redis_value(answer).map_err(|_| corrupt("not a number"))
}

/// Reads two numbers.
pub(super) fn numbers(answer: Value) -> Result<(i64, i64), StoreError> {
    from_redis_value(answer).map_err(|_| corrupt("not two numbers"))
}

/// Reads the place of a log entry.
pub(super) fn position(answer: Value) -> Result<Position, StoreError> {
    let text: String = from_redis_value(answer).map_err(|_| corrupt("not a position"))?;
    text.parse().map_err(|_| corrupt("not a position"))
}

/// Reads log entries: `[[position, [field, entry]], …]`.
pub(super) fn entries(answer: Value) -> Result<Vec<(Position, Bytes)>, StoreError> {
    items(answer)?.into_iter().map(entry).collect()
}

fn entry(answer: Value) -> Result<(Position, Bytes), StoreError> {
    let [place, fields] = exactly(items(answer)?)?;
    let [_, value] = exactly(items(fields)?)?;
    match value {
        Value::BulkString(bytes) => Ok((position(place)?, Bytes::from(bytes))),
        _ => Err(corrupt("not a log entry")),
    }
}

/// Reads the members of a set with their scores.
pub(super) fn scored(answer: Value) -> Result<Vec<Scored>, StoreError> {
    let pairs: Vec<(String, f64)> = from_redis_value(answer).map_err(|_| corrupt("not members with scores"))?;
    let scored = pairs.into_iter().map(|(member, score)| Scored {
        // Redis keeps scores as floating point, exact within ±2⁵³.
        score: score as i64,
        member,
    });
    Ok(scored.collect())
}

fn items(answer: Value) -> Result<Vec<Value>, StoreError> {
    match answer {
        Value::Array(items) => Ok(items),
        Value::Nil => Ok(Vec::new()),
        _ => Err(corrupt("not a list")),
    }
}

fn exactly<const N: usize>(items: Vec<Value>) -> Result<[Value; N], StoreError> {
    items.try_into().map_err(|_| corrupt("not a log entry"))
}

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(what.to_owned())
}
