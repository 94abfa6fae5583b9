//! The one thread that writes: everything queued becomes one transaction, one `fsync` serves all.
//!
//! Operations come to it [turn](super::super::turns) by turn, and so do their answers go back: whoever waits is told by its
//! own thread, which need not be woken once for each.

use std::cell::Cell;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redb::{ReadableDatabase, ReadableTable};
use tokio::sync::{Semaphore, oneshot, watch};

use super::super::turns::{Turn, Turns};
use super::file::File;
use super::tables::{EXPIRIES, Fault, Tables};
use super::{StoreError, unavailable};
use crate::clock::Clock;

/// Operations waiting for the writer; more are refused, so that memory stays bounded.
pub(super) const QUEUE: usize = 4096;
/// From how many operations on nothing is added to a transaction, so that the first does not wait for ever on the rest.
const BATCH: usize = 1024;
/// How long without a write counts as a quiet moment.
const QUIET: Duration = Duration::from_secs(1);
/// How long nothing is written after a failure: opening the file again costs more the larger it is.
const REST: Duration = Duration::from_secs(1);
/// Expired entries removed along with each write: more than it can make, so that none pile up.
const SWEEP_ALONG: usize = 2;
/// Expired entries removed in a transaction of their own.
const SWEEP_ALONE: usize = 512;

/// Applies one operation, and leaves behind what tells its caller how the commit went.
type Job = Box<dyn FnOnce(&mut Tables<'_>, &mut Vec<Answer>) -> Result<(), StoreError> + Send>;
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// The operations of one turn; `done` takes what tells their callers how the commit went, and that.
struct Jobs {
    jobs: Vec<Job>,
    done: oneshot::Sender<(Vec<Answer>, Result<(), StoreError>)>,
}

/// The way to the writer thread; dropping it ends the thread once the queue is written.
pub(super) struct Writer {
    turns: Arc<Turns<(), Job>>,
    places: Arc<Semaphore>,
    queue: Option<Arc<Sender<Jobs>>>,
    appended: watch::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(file: Arc<File>, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let (sender, queue) = channel();
        let (append, appended) = watch::channel(());
        let worker = Worker {
            file,
            clock,
            queue,
            append,
            rests_until: Cell::new(None),
        };
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || worker.run())
            .map_err(unavailable)?;
        Ok(Self {
            turns: Turns::new(),
            places: Arc::new(Semaphore::new(QUEUE)),
            queue: Some(Arc::new(sender)),
            appended,
            thread: Some(thread),
        })
    }

    /// Applies an operation and returns when it is on disk.
    #[expect(
        clippy::disallowed_methods,
        reason = "what travels together must not break off with one of those who wait for it"
    )]
    pub(super) async fn submit<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Tables<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| StoreError::Unavailable("too many writes wait".to_owned()))?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |tables, answers| {
            drop(place);
            let (outcome, lost) = match operation(tables) {
                Ok(value) => (Ok(value), Ok(())),
                Err(Fault::Refused(error)) => (Err(error), Ok(())),
                Err(Fault::Storage(error)) => {
                    let error = unavailable(error);
                    (Err(error.clone()), Err(error))
                }
            };
            answers.push(Box::new(move |committed| {
                // A caller that no longer listens still had its write done.
                let _ = answer.send(committed.and(outcome));
            }));
            lost
        });
        if let Some(turn) = self.turns.add(&(), job) {
            let queue = self.queue.as_ref().map(Arc::downgrade).unwrap_or_default();
            tokio::spawn(send_off(queue, turn));
        }
        answered
            .await
            .map_err(|_| StoreError::Unavailable("the writer gave up on a write".to_owned()))?
    }

    /// Changes whenever a log may have grown.
    pub(super) fn appended(&self) -> watch::Receiver<()> {
        self.appended.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has nothing left to write.
            let _ = thread.join();
        }
    }
}

/// Sends a turn to the writer, unless that has ended, and tells whoever waits what became of it.
async fn send_off(queue: Weak<Sender<Jobs>>, turn: Turn<(), Job>) {
    let (done, committed) = oneshot::channel();
    let jobs = Jobs {
        jobs: turn.take(),
        done,
    };
    // Held no longer than this: the writer ends when nobody can send any more.
    let _ = queue.upgrade().map(|queue| queue.send(jobs));
    if let Ok((answers, committed)) = committed.await {
        answers.into_iter().for_each(|answer| answer(committed.clone()));
    }
}

/// What opening the file costs if the process is killed right after a commit.
#[derive(PartialEq)]
enum Repair {
    /// Reads the whole file, about a second per GiB; the commit itself is cheaper.
    Full,
    /// Next to nothing: the commit also saves which pages are free, which costs more the larger
    /// the file is.
    Quick,
}

struct Worker {
    file: Arc<File>,
    clock: Arc<dyn Clock>,
    queue: Receiver<Jobs>,
    append: watch::Sender<()>,
    /// Until when nothing is written, after a failure.
    rests_until: Cell<Option<Instant>>,
}

impl Worker {
    fn run(self) {
        let mut settled = false;
        loop {
            match self.queue.recv_timeout(QUIET) {
                // Whoever waits for what is dropped is told that it did not happen.
                Ok(first) if self.rests() => drop(first),
                Ok(first) => {
                    self.commit(first);
                    settled = false;
                }
                Err(RecvTimeoutError::Timeout) if self.rests() => {}
                Err(RecvTimeoutError::Timeout) => settled = self.settle(settled),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Whether the file failed and is not to be written to yet. One that could not be opened again is tried once more when
    /// its rest is over.
    fn rests(&self) -> bool {
        let Some(until) = self.rests_until.get() else {
            return false;
        };
        if Instant::now() < until {
            return true;
        }
        if self.file.database().is_err() {
            self.recover();
            return true;
        }
        self.rests_until.set(None);
        false
    }

    /// Opens the file again after a failure, so that what is there can be read, and leaves it alone for a while.
    fn recover(&self) {
        if let Err(error) = self.file.reopen() {
            tracing::error!(%error, "the file of the store cannot be opened again yet");
        }
        self.rests_until.set(Some(Instant::now() + REST));
    }

    fn commit(&self, first: Jobs) {
        let mut turns = Vec::new();
        let committed = self.transaction(Repair::Full, |tables| {
            let mut applied = 0;
            let mut next = Some(first);
            while let Some(Jobs { jobs, done }) = next {
                applied += jobs.len();
                turns.push((done, Vec::with_capacity(jobs.len())));
                if let Some((_, answers)) = turns.last_mut() {
                    jobs.into_iter().try_for_each(|job| job(tables, answers))?;
                }
                next = (applied < BATCH).then(|| self.queue.try_recv().ok()).flatten();
            }
            tables.sweep(SWEEP_ALONG * applied).map_err(unavailable)?;
            Ok(())
        });
        if let Err(error) = &committed {
            tracing::error!(%error, "the file of the store failed");
            self.recover();
        }
        for (done, answers) in turns {
            // Where nobody of a turn waits any more its writes were done all the same.
            let _ = done.send((answers, committed.clone()));
        }
    }

    fn transaction(
        &self,
        repair: Repair,
        apply: impl FnOnce(&mut Tables<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut txn = self.file.database()?.begin_write().map_err(unavailable)?;
        txn.set_quick_repair(repair == Repair::Quick);
        let mut tables = Tables::open(&txn, self.clock.now_ms()).map_err(unavailable)?;
        apply(&mut tables)?;
        let appended = tables.finish().map_err(unavailable)?;
        txn.commit().map_err(unavailable)?;
        if appended {
            self.append.send_replace(());
        }
        Ok(())
    }

    /// Uses a quiet moment to remove what has expired and to make a later crash cheap to repair;
    /// returns whether the last commit is now such a one.
    fn settle(&self, settled: bool) -> bool {
        let done = self.anything_expired().and_then(|expired| {
            if settled && !expired {
                return Ok(());
            }
            self.transaction(Repair::Quick, |tables| {
                tables.sweep(SWEEP_ALONE).map_err(unavailable)?;
                Ok(())
            })
        });
        if let Err(error) = &done {
            tracing::warn!(%error, "expired entries could not be removed");
            self.recover();
        }
        done.is_ok()
    }

    fn anything_expired(&self) -> Result<bool, StoreError> {
        let txn = self.file.database()?.begin_read().map_err(unavailable)?;
        let table = txn.open_table(EXPIRIES).map_err(unavailable)?;
        let first = table.first().map_err(unavailable)?;
        Ok(first.is_some_and(|(key, _)| key.value().0 <= self.clock.now_ms()))
    }
}
