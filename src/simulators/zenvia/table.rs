//! Rows by id and by time, the oldest forgotten when there are too many.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::Timestamp;

/// Enough for every test; a bound so that a load test does not fill the memory.
const KEPT: usize = 200_000;

/// A row that was created at some time.
pub trait Row {
    /// The provider's id.
    fn id(&self) -> u64;
    /// When it was created.
    fn created(&self) -> Timestamp;
}

/// Rows of one sort.
#[derive(Debug)]
pub struct Table<T> {
    rows: BTreeMap<u64, T>,
    by_time: BTreeSet<(Timestamp, u64)>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            by_time: BTreeSet::new(),
        }
    }
}

impl<T: Row> Table<T> {
    /// Adds a row.
    pub fn insert(&mut self, row: T) {
        self.by_time.insert((row.created(), row.id()));
        self.rows.insert(row.id(), row);
        if self.rows.len() > KEPT
            && let Some((_, oldest)) = self.by_time.pop_first()
        {
            self.rows.remove(&oldest);
        }
    }

    /// Takes a row out.
    pub fn remove(&mut self, id: u64) {
        if let Some(row) = self.rows.remove(&id) {
            self.by_time.remove(&(row.created(), id));
        }
    }

    /// The row with this id.
    pub fn get(&self, id: u64) -> Option<&T> {
        self.rows.get(&id)
    }

    /// The row with this id, to be changed; its id and creation time must stay.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        self.rows.get_mut(&id)
    }

    /// Rows created within the window, oldest first.
    pub fn within(&self, window: &Range<Timestamp>) -> impl DoubleEndedIterator<Item = &T> {
        let window = (window.start, 0)..(window.end.max(window.start), 0);
        self.by_time.range(window).filter_map(|(_, id)| self.rows.get(id))
    }
}
