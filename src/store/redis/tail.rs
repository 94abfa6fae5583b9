//! Waiting for a log to grow: of all who wait on it, one asks Redis, over a connection of its own,
//! and tells the rest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_redis::redis::cmd;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::{Instant, timeout_at};

use super::super::{Log, Position, StoreError};
use super::link::{Links, Trouble};
use super::pool::Held;
use super::reply;

/// How long Redis is asked to hold an answer back; well under the time it has to answer.
const BLOCK: Duration = Duration::from_millis(250);

/// The logs that are or were waited on.
#[derive(Default)]
pub(super) struct Tails(Mutex<HashMap<Log, Arc<Tail>>>);

impl Tails {
    /// Finds the end of a log.
    pub(super) fn of(&self, log: &Log) -> Arc<Tail> {
        let mut tails = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tails.entry(log.clone()).or_default())
    }
}

/// The end of one log.
#[derive(Default)]
pub(super) struct Tail {
    moved: watch::Sender<()>,
    lead: AsyncMutex<Lead>,
}

/// What the one who asks works with, and leaves to the next.
#[derive(Default)]
struct Lead {
    held: Option<Held>,
    newest: Position,
}

impl Tail {
    /// Subscribes to the moves of the end.
    pub(super) fn moves(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    /// Returns when the end has moved since `moves` was last looked at, or at `until`.
    pub(super) async fn moved(
        &self,
        links: &Links,
        log: &Log,
        (moves, until): (&mut watch::Receiver<()>, Instant),
    ) -> Result<(), StoreError> {
        let mut lead = tokio::select! {
            biased;
            _ = moves.changed() => return Ok(()),
            lead = timeout_at(until, self.lead.lock()) => match lead {
                Ok(lead) => lead,
                Err(_) => return Ok(()),
            },
        };
        let asked = lead.ask(links, log, until).await;
        match asked {
            Ok(true) => self.moved.send_replace(()),
            Ok(false) => {}
            Err(trouble) => {
                // The next one starts with a new connection.
                if let Some(broken) = lead.held.take() {
                    broken.discard();
                }
                return Err(trouble.into());
            }
        }
        Ok(())
    }
}

impl Lead {
    /// Asks until the end is not where it was last seen, or until `until`; says whether it moved.
    async fn ask(&mut self, links: &Links, log: &Log, until: Instant) -> Result<bool, Trouble> {
        if self.held.is_none() {
            self.held = Some(links.own().await?);
        }
        let Some(held) = &self.held else {
            return Ok(false);
        };
        let mut connection = held.share();
        let newest = reply::last_entry(log);
        loop {
            let entries = reply::entries(connection.send(&newest).await?)?;
            let end = entries.first().map_or(Position::START, |(position, _)| *position);
            if end != self.newest {
                self.newest = end;
                return Ok(true);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            // Redis takes 0 for ever.
            let block = left.min(BLOCK).as_millis().max(1) as u64;
            let mut beyond = cmd("XREAD");
            beyond.arg("BLOCK").arg(block).arg("COUNT").arg(1);
            beyond.arg("STREAMS").arg(log.as_ref()).arg(end.to_string());
            connection.send(&beyond).await?;
        }
    }
}
