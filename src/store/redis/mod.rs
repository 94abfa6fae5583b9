//! The store in Redis: a server, a master known to sentinels, or a cluster.
//!
//! Values are strings that start with their version, counters are integers, logs are streams, sets
//! are sorted sets. The time is that of the server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use deadpool_redis::redis::{Cmd, Value, cmd};
use futures_util::future::try_join_all;
use tokio::time::Instant;

use self::appends::Appends;
use self::link::{Again, Links};
use self::tail::Tails;
use super::version::Versions;
use super::{
    Counter, Expect, Key, Log, Order, Position, Put, Range, Scored, Set, Store, StoreError, Stored, from_ms, keys,
    to_ms,
};

mod appends;
mod link;
mod pool;
mod reply;
mod script;
mod settings;
mod silence;
mod tail;

/// What any wait is cut to, for there is an end to the time one can add to.
const LONGEST_WAIT: Duration = Duration::from_secs(366 * 24 * 3600);

/// A store in Redis.
pub(super) struct Redis {
    links: Arc<Links>,
    appends: Arc<Appends>,
    tails: Tails,
    versions: Versions,
    warnings: Mutex<Vec<String>>,
}

impl Redis {
    /// Makes a store of the Redis at `url`, which is not connected to before it is used.
    pub(super) fn open(url: &str) -> Result<Self, StoreError> {
        let links = Arc::new(Links::open(url)?);
        Ok(Self {
            appends: Appends::new(Arc::clone(&links)),
            links,
            tails: Tails::default(),
            versions: Versions::default(),
            warnings: Mutex::default(),
        })
    }

    async fn read_answer(&self, command: &Cmd) -> Result<Value, StoreError> {
        Ok(self.links.send(command, Again::Harmless).await?)
    }

    async fn write_answer(&self, command: &Cmd) -> Result<Value, StoreError> {
        Ok(self.links.send(command, Again::Harmful).await?)
    }
}

#[async_trait]
impl Store for Redis {
    async fn get(&self, key: &Key) -> Result<Option<Stored>, StoreError> {
        let mut command = cmd("GET");
        command.arg(key.as_ref());
        reply::stored(self.read_answer(&command).await?)
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, StoreError> {
        try_join_all(keys.iter().map(|key| self.get(key))).await
    }

    async fn put(&self, key: &Key, value: Bytes, ttl: Option<Duration>, expect: Expect) -> Result<Put, StoreError> {
        let version = self.versions.next();
        let value = reply::with_head(version, &value);
        if let Expect::Version(expected) = expect {
            let answer = script::REPLACE
                .run(&self.links, (key.as_ref(), Again::Harmful), |command| {
                    command.arg(&reply::head(expected)).arg(value.as_ref());
                    ttl.map(|ttl| command.arg(to_ms(ttl)));
                })
                .await?;
            return match answer {
                Value::Int(_) => Ok(Put::Stored(version)),
                found => Ok(Put::Conflict(reply::stored(found)?)),
            };
        }
        let mut command = cmd("SET");
        command.arg(key.as_ref()).arg(value.as_ref());
        if expect == Expect::Absent {
            command.arg("NX");
        }
        if let Some(ttl) = ttl {
            command.arg("PX").arg(to_ms(ttl));
        }
        match self.write_answer(&command).await? {
            Value::Nil => Ok(Put::Conflict(self.get(key).await?)),
            _ => Ok(Put::Stored(version)),
        }
    }

    async fn remove(&self, key: &Key, expect: Expect) -> Result<bool, StoreError> {
        let answer = match expect {
            Expect::Absent => return Ok(false),
            Expect::Any => {
                let mut command = cmd("DEL");
                command.arg(key.as_ref());
                self.write_answer(&command).await?
            }
            Expect::Version(version) => {
                let key = (key.as_ref(), Again::Harmful);
                let removal = script::REMOVE.run(&self.links, key, |command| {
                    command.arg(&reply::head(version));
                });
                removal.await?
            }
        };
        Ok(reply::number(answer)? > 0)
    }

    async fn add(&self, key: &Key, n: i64, ttl: Duration) -> Result<Counter, StoreError> {
        let key = (key.as_ref(), Again::Harmful);
        let addition = script::ADD.run(&self.links, key, |command| {
            command.arg(n).arg(to_ms(ttl));
        });
        let (total, left) = reply::numbers(addition.await?)?;
        Ok(Counter {
            total,
            expires_in: from_ms(left),
        })
    }

    async fn append(&self, log: &Log, entry: Bytes) -> Result<Position, StoreError> {
        self.appends.append(log, entry).await
    }

    async fn append_all(&self, log: &Log, entries: Vec<Bytes>) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.appends.append_all(log, &entries).await.map(drop)
    }

    async fn read(&self, log: &Log, after: Position, limit: usize) -> Result<Vec<(Position, Bytes)>, StoreError> {
        let Some(from) = after.next().filter(|_| limit > 0) else {
            return Ok(Vec::new());
        };
        let mut command = cmd("XRANGE");
        command.arg(log.as_ref()).arg(from.to_string()).arg("+");
        command.arg("COUNT").arg(limit);
        reply::entries(self.read_answer(&command).await?)
    }

    async fn end(&self, log: &Log) -> Result<Position, StoreError> {
        let entries = reply::entries(self.read_answer(&reply::last_entry(log)).await?)?;
        Ok(entries.first().map_or(Position::START, |(position, _)| *position))
    }

    async fn wait(&self, log: &Log, after: Position, at_most: Duration) -> Result<(), StoreError> {
        let until = Instant::now() + at_most.min(LONGEST_WAIT);
        let tail = self.tails.of(log);
        let mut moves = tail.moves();
        while self.read(log, after, 1).await?.is_empty() && Instant::now() < until {
            tail.moved(&self.links, log, (&mut moves, until)).await?;
        }
        Ok(())
    }

    async fn trim(&self, log: &Log, before: i64) -> Result<(), StoreError> {
        let mut command = cmd("XTRIM");
        command.arg(log.as_ref()).arg("MINID").arg("=").arg(before.max(0));
        self.write_answer(&command).await.map(drop)
    }

    async fn strike(&self, log: &Log, position: Position) -> Result<(), StoreError> {
        let mut command = cmd("XDEL");
        command.arg(log.as_ref()).arg(position.to_string());
        self.write_answer(&command).await.map(drop)
    }

    async fn index(&self, set: &Set, score: i64, member: &str, keep_from: Option<i64>) -> Result<(), StoreError> {
        if let Some(from) = keep_from {
            let key = (set.as_ref(), Again::Harmful);
            let indexing = script::INDEX.run(&self.links, key, |command| {
                command.arg(score).arg(member).arg(from);
            });
            return Ok(indexing.await.map(drop)?);
        }
        let mut command = cmd("ZADD");
        command.arg(set.as_ref()).arg(score).arg(member);
        self.write_answer(&command).await.map(drop)
    }

    async fn unindex(&self, set: &Set, member: &str) -> Result<(), StoreError> {
        let mut command = cmd("ZREM");
        command.arg(set.as_ref()).arg(member);
        self.write_answer(&command).await.map(drop)
    }

    async fn range(&self, set: &Set, query: Range) -> Result<Vec<Scored>, StoreError> {
        let last = query.order == Order::Descending;
        let key = (set.as_ref(), Again::Harmless);
        let reading = script::RANGE.run(&self.links, key, |command| {
            command.arg(*query.scores.start()).arg(*query.scores.end());
            command.arg(if last { "last" } else { "first" }).arg(query.limit);
            if let Some((score, member)) = &query.after {
                command.arg(*score).arg(member);
            }
        });
        let mut found = reply::scored(reading.await?)?;
        if last {
            found.reverse();
        }
        Ok(found)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let mut command = cmd("SET");
        command.arg(keys::probe().as_ref()).arg("").arg("PX").arg(1000);
        self.write_answer(&command).await?;
        let warnings = settings::warnings(&self.links).await;
        *self.warnings.lock().unwrap_or_else(PoisonError::into_inner) = warnings;
        Ok(())
    }

    fn warnings(&self) -> Vec<String> {
        let warnings = self.warnings.lock();
        warnings.unwrap_or_else(PoisonError::into_inner).clone()
    }
}
