//! Appends that wait at the same time travel together: what a command costs is then shared by many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::super::{Log, Position, StoreError};
use super::link::{Again, Links, thread};
use super::{reply, script};

/// The most that travels together, in entries and in bytes.
const TOGETHER: usize = 256;
const TOGETHER_BYTES: usize = 1024 * 1024;

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
            let flush = Flush {
                appends: Arc::clone(self),
                place: (slot, log.clone()),
                begun: false,
            };
            // It begins when this turn is over, and finds all that came in it.
            tokio::spawn(flush.run());
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

    fn waiting(&self, slot: usize) -> MutexGuard<'_, Queues> {
        self.threads[slot].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What sends a queue off. Where it is dropped before it begins, as at the end of its runtime, it takes the queue with it,
/// so that nobody waits for ever.
struct Flush {
    appends: Arc<Appends>,
    place: (usize, Log),
    begun: bool,
}

impl Flush {
    async fn run(mut self) {
        let mut waiting = self.take();
        while !waiting.is_empty() {
            let later = waiting.split_off(together(&waiting));
            let (entries, placed): (Vec<_>, Vec<_>) = waiting.into_iter().map(|one| (one.entry, one.placed)).unzip();
            let first = self.appends.append_all(&self.place.1, &entries).await;
            for (behind, placed) in (0..).zip(placed) {
                // Whoever waited may have gone.
                let _ = placed.send(first.clone().map(|first| first.plus(behind)));
            }
            waiting = later;
        }
    }

    fn take(&mut self) -> Vec<Waiting> {
        self.begun = true;
        let (slot, log) = &self.place;
        let queue = self.appends.waiting(*slot).remove(log);
        queue.unwrap_or_default()
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        if !self.begun {
            self.take();
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
