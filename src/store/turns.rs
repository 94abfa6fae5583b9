//! What one turn of a thread's loop brings travels together: what it costs to send is then shared by many.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

/// What waits to be sent, by the thread that waits and by where it goes.
pub(super) struct Turns<K, T> {
    threads: Box<[Mutex<Queues<K, T>>]>,
}

type Queues<K, T> = HashMap<K, Vec<T>>;

impl<K: Clone + Eq + Hash, T> Turns<K, T> {
    pub(super) fn new() -> Arc<Self> {
        let threads = (0..threads()).map(|_| Mutex::default()).collect();
        Arc::new(Self { threads })
    }

    /// Adds what is to go to `to`. Whoever is the first of a turn gets it, for a task of its own: that begins when the task
    /// that asks has yielded, where tasks take turns when all of them have, and finds what came until then. What is on its
    /// way at the same time has no order.
    pub(super) fn add(self: &Arc<Self>, to: &K, one: T) -> Option<Turn<K, T>> {
        let slot = thread() % self.threads.len();
        let mut queues = self.queues(slot);
        if let Some(queue) = queues.get_mut(to) {
            queue.push(one);
            return None;
        }
        queues.insert(to.clone(), vec![one]);
        Some(Turn {
            turns: Arc::clone(self),
            place: Some((slot, to.clone())),
        })
    }

    fn queues(&self, slot: usize) -> MutexGuard<'_, Queues<K, T>> {
        self.threads[slot].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came in one turn. Where it is dropped before it is taken, as at the end of its runtime, all of it is, so that nobody
/// waits for ever.
pub(super) struct Turn<K: Clone + Eq + Hash, T> {
    turns: Arc<Turns<K, T>>,
    place: Option<(usize, K)>,
}

impl<K: Clone + Eq + Hash, T> Turn<K, T> {
    pub(super) fn take(mut self) -> Vec<T> {
        self.all().unwrap_or_default()
    }

    fn all(&mut self) -> Option<Vec<T>> {
        let (slot, to) = self.place.take()?;
        self.turns.queues(slot).remove(&to)
    }
}

impl<K: Clone + Eq + Hash, T> Drop for Turn<K, T> {
    fn drop(&mut self) {
        drop(self.all());
    }
}

/// The number of the calling thread.
pub(super) fn thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
    }
    THREAD.with(|thread| *thread)
}

/// How many threads are told apart: a worker and a thread of the runtime for each core, the worker of the management
/// listener, and the main thread. Where there are more, some share what others have of their own.
pub(super) fn threads() -> usize {
    2 * available_parallelism().map_or(1, usize::from) + 2
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_turn_takes_all_that_came_in_it() {
        let turns = Turns::new();
        let turn = turns.add(&"a", 1).unwrap();
        let other = turns.add(&"b", 2).unwrap();
        assert!(turns.add(&"a", 3).is_none());
        assert_eq!(turn.take(), [1, 3]);
        assert_eq!(turns.add(&"a", 4).unwrap().take(), [4]);
        assert_eq!(other.take(), [2]);
    }

    #[test]
    fn what_came_in_a_turn_that_is_dropped_goes_with_it() {
        let turns = Turns::new();
        let one = Arc::new(());
        drop(turns.add(&(), Arc::clone(&one)).unwrap());
        assert_eq!(Arc::strong_count(&one), 1);
        assert!(turns.add(&(), one).is_some());
    }

    #[test]
    fn each_thread_has_turns_of_its_own() {
        let turns = Turns::new();
        let _turn = turns.add(&(), 1).unwrap();
        let other = std::thread::scope(|scope| scope.spawn(|| turns.add(&(), 2).map(Turn::take)).join());
        assert_eq!(other.unwrap(), Some(vec![2]));
    }
}
