//! Pages that are asked for while a caller still reads the page before.
//!
//! They wait in this process only: at another instance, or after a while, a page is asked for again.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Source;
use super::reading::{Ahead, Ask, Reader};

/// How many wait at most.
const MOST: usize = 64;
/// How long they wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// A walk as it is kept, and the number of a source in it.
type Name = ([u8; 16], usize);

/// The pages that wait.
#[derive(Default)]
pub(in crate::usecases) struct Prefetched(Mutex<VecDeque<(Name, Instant, Ahead)>>);

impl Prefetched {
    /// Lets a page wait for whoever goes on with the walk.
    pub(in crate::usecases) fn put(&self, name: Name, page: Ahead) {
        let now = Instant::now();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|(_, since, _)| now.duration_since(*since) < PATIENCE);
        if waiting.len() >= MOST {
            waiting.pop_front();
        }
        waiting.push_back((name, now, page));
    }

    /// Takes the page of a source of a walk.
    pub(in crate::usecases) fn take(&self, name: Name) -> Option<Ahead> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = waiting.iter().position(|(other, ..)| *other == name)?;
        let (_, since, page) = waiting.remove(index)?;
        (since.elapsed() < PATIENCE).then_some(page)
    }
}

impl Source {
    /// Asks for the page that the next `limit` records need, if one is needed.
    pub(in crate::usecases) fn next_page(&mut self, reader: Reader<'_>, limit: usize) -> Option<Ahead> {
        let window = self.window.filter(|_| self.may_hold(None))?;
        if self.ahead.is_empty() && !self.shelf.has(limit, &self.frontier) {
            // What the next page makes of the place where this one stops.
            let stretch = self.stretch.clone().unwrap_or_else(|| self.coming(window));
            let ahead = Some(Ask::Later);
            self.ask_ahead(Reader { ahead, ..reader }, &stretch);
        }
        Some(std::mem::take(&mut self.ahead)).filter(|ahead| !ahead.is_empty())
    }

    /// Takes up a page that was asked for.
    pub(in crate::usecases) fn take_up(&mut self, page: Option<Ahead>) {
        self.ahead = page.unwrap_or_default();
    }
}
