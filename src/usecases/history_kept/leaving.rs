//! Leftovers that are still being written while whoever asked reads their page.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::JoinHandle;

/// How many walks' leftovers are written at once beyond their answers; a page beyond that waits for its own.
const MOST: usize = 64;

/// The name of a walk as it is kept, and the work that writes it.
type Writing = ([u8; 16], JoinHandle<()>);

/// What is being written in this process.
#[derive(Default)]
pub(in crate::usecases) struct Leaving(Mutex<VecDeque<Writing>>);

impl Leaving {
    /// Lets the leftovers of a page be written; waits for that where much else is being written.
    pub(in crate::usecases) async fn leave(&self, name: [u8; 16], work: JoinHandle<()>) {
        let refused = {
            let mut writing = self.writing();
            writing.retain(|(_, work)| !work.is_finished());
            if writing.len() < MOST {
                writing.push_back((name, work));
                None
            } else {
                Some(work)
            }
        };
        if let Some(work) = refused {
            // A work that panicked has left nothing, which is read again.
            let _ = work.await;
        }
    }

    /// Waits until the leftovers of this name are written, if that was begun here.
    pub(in crate::usecases) async fn written(&self, name: [u8; 16]) {
        let work = {
            let mut writing = self.writing();
            let index = writing.iter().position(|(other, _)| *other == name);
            index.and_then(|index| writing.remove(index))
        };
        if let Some((_, work)) = work {
            let _ = work.await;
        }
    }

    fn writing(&self) -> MutexGuard<'_, VecDeque<Writing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
