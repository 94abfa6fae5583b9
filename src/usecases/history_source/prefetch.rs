//! Pages that are asked for while a caller still reads the page before.
//!
//! They wait in this process only: at another instance, or after a while, a page is asked for again.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Source;
use super::reading::{Ahead, Ask, Reader};

/// How many wait at most, beside those of the answers that are going out.
const MOST: usize = 64;
/// How long they are given; they are let go of when another page has come to wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// A walk as it is kept, and the number of a source in it.
type Name = ([u8; 16], usize);

/// A page, and since when it waits.
type Waiting = (Name, Instant, Ahead);

/// The pages that wait.
#[derive(Default)]
pub(in crate::usecases) struct Prefetched(Mutex<VecDeque<Waiting>>);

impl Prefetched {
    /// Lets a page wait for whoever goes on with the walk.
    pub(in crate::usecases) fn put(&self, name: Name, page: Ahead) {
        self.waiting().push_back((name, Instant::now(), page));
    }

    /// Lets go of what nobody came for: work of its own where pages are large.
    pub(in crate::usecases) fn tidy(&self) {
        let now = Instant::now();
        loop {
            let mut waiting = self.waiting();
            let is_over = |(_, since, _): &Waiting| now.duration_since(*since) >= PATIENCE;
            let over = match waiting.front() {
                Some(oldest) if waiting.len() > MOST || is_over(oldest) => waiting.pop_front(),
                _ => return,
            };
            drop(waiting);
            drop(over);
        }
    }

    /// Takes the page of a source of a walk.
    pub(in crate::usecases) fn take(&self, name: Name) -> Option<Ahead> {
        let mut waiting = self.waiting();
        let index = waiting.iter().position(|(other, ..)| *other == name)?;
        let (_, since, page) = waiting.remove(index)?;
        (since.elapsed() < PATIENCE).then_some(page)
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    /// Asks for the page that comes next.
    pub(in crate::usecases) fn read_ahead(&mut self, reader: Reader<'_>) {
        if let Some(window) = self.window.filter(|_| self.ahead.is_empty()) {
            // What the next page makes of the place where this one stops.
            let stretch = self.stretch.clone().unwrap_or_else(|| self.coming(window));
            let ahead = Some(Ask::Later);
            self.ask_ahead(Reader { ahead, ..reader }, &stretch);
        }
    }

    /// Gives up what was asked for, for whoever goes on with the walk.
    pub(in crate::usecases) fn give_up_ahead(&mut self) -> Option<Ahead> {
        Some(std::mem::take(&mut self.ahead)).filter(|ahead| !ahead.is_empty())
    }

    /// Takes up a page that was asked for.
    pub(in crate::usecases) fn take_up(&mut self, page: Option<Ahead>) {
        self.ahead = page.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(walks: std::ops::Range<usize>) -> impl Iterator<Item = Name> {
        walks.map(|walk| ([0; 16], walk))
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_comes_for_is_let_go_of_the_oldest_first() {
        let pages = Prefetched::default();
        names(0..MOST + 2).for_each(|name| pages.put(name, Ahead::default()));
        pages.tidy();
        assert!(names(0..2).all(|name| pages.take(name).is_none()));
        assert!(names(2..4).all(|name| pages.take(name).is_some()));
        tokio::time::advance(PATIENCE).await;
        pages.put(([1; 16], 0), Ahead::default());
        pages.tidy();
        assert_eq!(pages.waiting().len(), 1);
        assert!(pages.take(([1; 16], 0)).is_some());
    }
}
