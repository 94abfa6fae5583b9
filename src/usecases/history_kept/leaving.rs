//! Leftovers that are still being written while whoever asked reads their page.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// How many walks' leftovers are written at once beyond their answers; a page beyond that waits for its own.
const MOST: usize = 64;

/// Ends when they are written, or given up.
type Written = watch::Receiver<()>;

/// What is being written in this process, by the names of walks as they are kept.
#[derive(Default)]
pub(in crate::usecases) struct Leaving(Mutex<VecDeque<([u8; 16], Written)>>);

impl Leaving {
    /// Lets the leftovers of a page be written until `written` ends; waits for that where much else is being written.
    pub(in crate::usecases) async fn leave(&self, name: [u8; 16], written: Written) {
        {
            let mut writing = self.writing();
            writing.retain(|(_, written)| !is_over(written));
            if writing.len() < MOST {
                writing.push_back((name, written));
                return;
            }
        }
        over(written).await;
    }

    /// Waits until the leftovers of this name are written, if that was begun here.
    pub(in crate::usecases) async fn written(&self, name: [u8; 16]) {
        let written = {
            let writing = self.writing();
            let found = writing.iter().find(|(other, _)| *other == name);
            found.map(|(_, written)| written.clone())
        };
        if let Some(written) = written {
            over(written).await;
        }
    }

    fn writing(&self) -> MutexGuard<'_, VecDeque<([u8; 16], Written)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_over(written: &Written) -> bool {
    written.has_changed().is_err()
}

/// Nothing is ever sent: it ends with its sender.
async fn over(mut written: Written) {
    while written.changed().await.is_ok() {}
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join;
    use tokio::time::timeout;

    use super::*;

    const NAME: [u8; 16] = [7; 16];

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_waits_until_all_is_written() {
        let leaving = Leaving::default();
        let (writing, written) = watch::channel(());
        leaving.leave(NAME, written).await;
        let mut askers = Box::pin(join(leaving.written(NAME), leaving.written(NAME)));
        timeout(Duration::from_secs(1), &mut askers).await.unwrap_err();
        timeout(Duration::from_secs(1), leaving.written(NAME))
            .await
            .unwrap_err();
        drop(writing);
        askers.await;
        leaving.written(NAME).await;
    }

    #[tokio::test(start_paused = true)]
    async fn where_much_is_being_written_a_page_waits_for_its_own() {
        let leaving = Leaving::default();
        let mut all = Vec::new();
        for name in 0..MOST {
            let (writing, written) = watch::channel(());
            leaving.leave([name as u8; 16], written).await;
            all.push(writing);
        }
        let (writing, written) = watch::channel(());
        let mut left = Box::pin(leaving.leave([255; 16], written));
        timeout(Duration::from_secs(1), &mut left).await.unwrap_err();
        drop(writing);
        left.await;
    }
}
