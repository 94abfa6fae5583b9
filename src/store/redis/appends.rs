//! Appends of one turn travel together, as one command.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::super::turns::{Turn, Turns};
use super::super::{Log, Position, StoreError};
use super::link::{Again, Links};
use super::{reply, script};

/// The most that travels together, in entries and in bytes.
const TOGETHER: usize = 256;
const TOGETHER_BYTES: usize = 1024 * 1024;

/// What waits to be appended.
pub(super) struct Appends {
    links: Arc<Links>,
    turns: Arc<Turns<Log, Waiting>>,
}

struct Waiting {
    entry: Bytes,
    placed: oneshot::Sender<Result<Position, StoreError>>,
}

impl Appends {
    pub(super) fn new(links: Arc<Links>) -> Arc<Self> {
        let turns = Turns::new();
        Arc::new(Self { links, turns })
    }

    /// Appends an entry; tells where it is.
    #[expect(
        clippy::disallowed_methods,
        reason = "what travels together must not break off with one of those who wait for it"
    )]
    pub(super) async fn append(self: &Arc<Self>, log: &Log, entry: Bytes) -> Result<Position, StoreError> {
        let (placed, answer) = oneshot::channel();
        if let Some(turn) = self.turns.add(log, Waiting { entry, placed }) {
            tokio::spawn(Arc::clone(self).send_off(log.clone(), turn));
        }
        let broken_off = |_| Err(StoreError::Unavailable("an append was broken off".to_owned()));
        answer.await.unwrap_or_else(broken_off)
    }

    /// Appends entries, of which there is one at least, by one command, in their order; tells where the first is, which
    /// the others follow at once.
    pub(super) async fn append_all(&self, log: &Log, entries: &[Bytes]) -> Result<Position, StoreError> {
        let run = script::APPEND.run(&self.links, (log.as_ref(), Again::Harmful), |command| {
            for entry in entries {
                command.arg(entry.as_ref());
            }
        });
        reply::position(run.await?)
    }

    async fn send_off(self: Arc<Self>, log: Log, turn: Turn<Log, Waiting>) {
        let mut waiting = turn.take();
        while !waiting.is_empty() {
            let later = waiting.split_off(together(&waiting));
            let (entries, placed): (Vec<_>, Vec<_>) = waiting.into_iter().map(|one| (one.entry, one.placed)).unzip();
            let first = self.append_all(&log, &entries).await;
            for (behind, placed) in (0..).zip(placed) {
                // Whoever waited may have gone.
                let _ = placed.send(first.clone().map(|first| first.plus(behind)));
            }
            waiting = later;
        }
    }
}

/// How many of those who wait travel together.
fn together(waiting: &[Waiting]) -> usize {
    let mut bytes = 0;
    let fits = |one: &&Waiting| {
        bytes += one.entry.len();
        bytes <= TOGETHER_BYTES
    };
    let fitting = waiting.iter().take(TOGETHER).take_while(fits).count();
    fitting.max(1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use tokio::runtime::{Builder, Runtime};

    use super::*;
    use crate::store::keys;

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn nobody_waits_for_appends_of_a_runtime_that_ended() {
        // Nothing listens there.
        let appends = Appends::new(Arc::new(Links::open("redis://127.0.0.1:1").unwrap()));
        let (log, entry) = (keys::events(), Bytes::from_static(b"entry"));
        let mut first = Box::pin(appends.append(&log, entry.clone()));
        let ended = runtime();
        ended.block_on(async { assert!(futures_util::poll!(&mut first).is_pending()) });
        drop(ended);
        runtime().block_on(async {
            let later = async { (first.await, appends.append(&log, entry).await) };
            let (first, later) = tokio::time::timeout(Duration::from_secs(10), later).await.unwrap();
            assert!(first.is_err() && later.is_err());
        });
    }
}
