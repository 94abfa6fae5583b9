//! Appends that wait at the same time travel together: what a command costs is then shared by many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::super::{Log, Position, StoreError};
use super::link::{Again, Links, thread};
use super::{reply, script};

/// The most that travels together.
const TOGETHER: usize = 256;

/// What waits to be appended, by the thread that waits: what one turn of its loop brings makes one command.
pub(super) struct Appends {
    links: Arc<Links>,
    threads: Box<[Mutex<Queues>]>,
}

type Queues = HashMap<Log, Vec<Waiting>>;

struct Waiting {
    entry: Bytes,
    placed: oneshot::Sender<Result<Position, StoreError>>,
}

impl Appends {
    pub(super) fn new(links: Arc<Links>) -> Arc<Self> {
        let threads = (0..links.threads()).map(|_| Mutex::default()).collect();
        Arc::new(Self { links, threads })
    }

    /// Appends an entry; tells where it is.
    #[expect(
        clippy::disallowed_methods,
        reason = "what travels together must not break off with one of those who wait for it"
    )]
    pub(super) async fn append(self: &Arc<Self>, log: &Log, entry: Bytes) -> Result<Position, StoreError> {
        let (placed, answer) = oneshot::channel();
        let slot = thread() % self.threads.len();
        let first = {
            let mut waiting = self.waiting(slot);
            let queue = waiting.entry(log.clone()).or_default();
            queue.push(Waiting { entry, placed });
            queue.len() == 1
        };
        if first {
            let (appends, log) = (Arc::clone(self), log.clone());
            // It begins when this turn is over, and finds all that came in it.
            tokio::spawn(async move { appends.flush(slot, &log).await });
        }
        let broken_off = |_| Err(StoreError::Unavailable("an append was broken off".to_owned()));
        answer.await.unwrap_or_else(broken_off)
    }

    async fn flush(&self, slot: usize, log: &Log) {
        let mut waiting = self.waiting(slot).remove(log).unwrap_or_default();
        while !waiting.is_empty() {
            let later = waiting.split_off(waiting.len().min(TOGETHER));
            let (entries, placed): (Vec<_>, Vec<_>) = waiting.into_iter().map(|one| (one.entry, one.placed)).unzip();
            let answers = match self.append_all(log, &entries).await {
                Ok(positions) => positions.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error); placed.len()],
            };
            for (placed, answer) in placed.into_iter().zip(answers) {
                // Whoever waited may have gone.
                let _ = placed.send(answer);
            }
            waiting = later;
        }
    }

    /// Appends entries by one command, in their order; tells where they are.
    pub(super) async fn append_all(&self, log: &Log, entries: &[Bytes]) -> Result<Vec<Position>, StoreError> {
        let run = script::APPEND.run(&self.links, (log.as_ref(), Again::Harmful), |command| {
            for entry in entries {
                command.arg(entry.as_ref());
            }
        });
        reply::positions(run.await?)
    }

    fn waiting(&self, slot: usize) -> MutexGuard<'_, Queues> {
        self.threads[slot].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
