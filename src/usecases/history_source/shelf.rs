//! Records that were read and not yet given: in order, some of them left in the store until they are needed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::history::Record;
use crate::usecases::history_cursor::Place;
use crate::usecases::history_kept::{new_name, written};

/// The most records of one source that memory holds.
pub(in crate::usecases) const CAPACITY: usize = 2_500;

/// How many records stand in one chunk.
const CHUNK: usize = 32;

/// For the measurement: puts the records of each list on a shelf and takes the newest of all until none is left.
pub(crate) fn merged(lists: Vec<Vec<Record>>) -> usize {
    let shelf = |records: Vec<Record>| {
        let mut shelf = Shelf::default();
        records.into_iter().for_each(|record| shelf.put(Box::new(record)));
        shelf
    };
    let mut shelves: Vec<Shelf> = lists.into_iter().map(shelf).collect();
    let newest = || {
        let best = shelves.iter_mut().filter(|shelf| shelf.head().is_some());
        best.max_by(|one, other| one.head().cmp(&other.head()))?.take()
    };
    std::iter::from_fn(newest).count()
}

/// A chunk of records in the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::usecases) struct Chunk {
    /// The end of its key.
    pub(in crate::usecases) name: String,
    /// Its newest record that was not given when it was last written of.
    newest: Place,
    /// How many of its records were not given then.
    records: usize,
}

/// What becomes of a shelf between two pages.
#[derive(Debug, Default)]
pub(in crate::usecases) struct Left<'a> {
    /// The chunks that hold something.
    pub(in crate::usecases) chunks: Vec<Chunk>,
    /// The names of those that do not any more.
    pub(in crate::usecases) spent: Vec<String>,
    /// The records of the chunks that are not in the store yet, by their names.
    pub(in crate::usecases) new: Vec<(String, Vec<&'a Record>)>,
}

/// What of a chunk is in memory.
#[derive(Debug)]
struct Opened {
    chunk: Chunk,
    /// How many of its records are on the shelf; none while it is in the store only.
    here: Option<usize>,
}

/// Records of one source.
#[derive(Debug, Default)]
pub(in crate::usecases) struct Shelf {
    /// Boxed, because a record is large and the map moves what it holds.
    records: BTreeMap<Place, (Box<Record>, Option<usize>)>,
    chunks: Vec<Opened>,
    /// Whether older records were left out because memory does not hold them.
    pruned: bool,
}

impl Shelf {
    /// A shelf of which everything is in the store.
    pub(in crate::usecases) fn of(chunks: Vec<Chunk>, pruned: bool) -> Self {
        let opened = |chunk| Opened { chunk, here: None };
        Self {
            records: BTreeMap::new(),
            chunks: chunks.into_iter().map(opened).collect(),
            pruned,
        }
    }

    /// Puts a record where it belongs, once; leaves the oldest out where there are too many.
    pub(in crate::usecases) fn put(&mut self, record: Box<Record>) {
        self.place(record, None);
    }

    fn place(&mut self, record: Box<Record>, chunk: Option<usize>) {
        let place = (record.created_at, record.id.clone());
        if self.records.contains_key(&place) {
            return;
        }
        if let Some(here) = chunk.and_then(|chunk| self.chunks[chunk].here.as_mut()) {
            *here += 1;
        }
        self.records.insert(place, (record, chunk));
        if self.records.len() > CAPACITY {
            self.pruned = true;
            if let Some((_, (_, chunk))) = self.records.pop_first() {
                self.leaves(chunk);
            }
        }
    }

    /// The newest record's place; the chunks that may hold a newer one must be [opened](Shelf::wanted) before.
    pub(in crate::usecases) fn head(&self) -> Option<&Place> {
        self.records.last_key_value().map(|(place, _)| place)
    }

    /// The oldest record's place, where older ones were left out.
    pub(in crate::usecases) fn cut(&self) -> Option<&Place> {
        self.records
            .first_key_value()
            .map(|(place, _)| place)
            .filter(|_| self.pruned)
    }

    /// Forgets that something was left out: it is read again.
    pub(in crate::usecases) fn begin_again(&mut self) {
        self.pruned = false;
    }

    /// Takes the newest record.
    pub(in crate::usecases) fn take(&mut self) -> Option<Record> {
        let (_, (record, chunk)) = self.records.pop_last()?;
        self.leaves(chunk);
        Some(*record)
    }

    /// How many records stand from `frontier` on, as far as memory knows and until there are `enough`; rather too few.
    pub(in crate::usecases) fn count_from(&self, frontier: &Place, enough: usize) -> usize {
        let here = self.records.range(frontier.clone()..).take(enough).count();
        let unopened = self.chunks.iter().filter(|opened| opened.here.is_none());
        let mut stored: Vec<_> = unopened
            .map(|opened| &opened.chunk)
            .filter(|chunk| chunk.newest >= *frontier)
            .collect();
        stored.sort_unstable_by(|one, other| one.newest.cmp(&other.newest));
        // Chunks follow one another: only the last of them may reach below, with all but its newest record.
        let last = usize::from(!stored.is_empty());
        here + last + stored.iter().skip(1).map(|chunk| chunk.records).sum::<usize>()
    }

    /// How many records are in memory.
    pub(in crate::usecases) fn len(&self) -> usize {
        self.records.len()
    }

    /// The names of the chunks that are needed now: all of them, or those that may hold the newest record.
    pub(in crate::usecases) fn wanted(&self, all: bool) -> Vec<String> {
        let unopened = || self.chunks.iter().filter(|opened| opened.here.is_none());
        let newest = unopened().map(|opened| &opened.chunk.newest).max();
        let first = match (self.head(), newest) {
            (Some(head), Some(newest)) => head.max(newest),
            (None, Some(newest)) => newest,
            (_, None) => return Vec::new(),
        };
        let needed = unopened().filter(|opened| all || opened.chunk.newest >= *first);
        needed.map(|opened| opened.chunk.name.clone()).collect()
    }

    /// Puts the records of a chunk here that come below a place.
    pub(in crate::usecases) fn open(&mut self, name: &str, records: Vec<Record>, below: Option<&Place>) {
        let Some(chunk) = self.chunks.iter().position(|opened| opened.chunk.name == name) else {
            return;
        };
        self.chunks[chunk].here = Some(0);
        for record in records {
            let given = below.is_some_and(|(at, id)| (record.created_at, &record.id) >= (*at, id));
            if !given {
                self.place(Box::new(record), Some(chunk));
            }
        }
    }

    /// What becomes of it until the next page: records that stand in no chunk are put into new ones.
    pub(in crate::usecases) fn left(&self) -> Left<'_> {
        let mut left = Left::default();
        for Opened { chunk, here } in &self.chunks {
            match here {
                Some(0) => left.spent.push(chunk.name.clone()),
                here => left.chunks.push(Chunk {
                    records: here.unwrap_or(chunk.records),
                    ..chunk.clone()
                }),
            }
        }
        let loose = self.records.iter().rev().filter(|(_, (_, chunk))| chunk.is_none());
        let loose: Vec<_> = loose.map(|(place, (record, _))| (place, record.as_ref())).collect();
        for records in loose.chunks(CHUNK) {
            let name = written(new_name());
            left.chunks.push(Chunk {
                name: name.clone(),
                newest: records[0].0.clone(),
                records: records.len(),
            });
            left.new
                .push((name, records.iter().map(|(_, record)| *record).collect()));
        }
        left
    }

    /// Whether older records were left out.
    pub(in crate::usecases) fn is_pruned(&self) -> bool {
        self.pruned
    }

    fn leaves(&mut self, chunk: Option<usize>) {
        if let Some(here) = chunk.and_then(|chunk| self.chunks[chunk].here.as_mut()) {
            *here = here.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    #[test]
    fn of_the_last_chunk_above_a_place_one_record_is_sure_to_be_there() {
        let at = |millis| (Timestamp::from_millis(millis), String::new());
        let chunk = |newest, records| Chunk {
            name: String::new(),
            newest: at(newest),
            records,
        };
        let shelf = Shelf::of(vec![chunk(300, 32), chunk(200, 32), chunk(100, 7)], false);
        let counted = [301, 300, 201, 200, 100, 99].map(|frontier| shelf.count_from(&at(frontier), 50));
        assert_eq!(counted, [0, 1, 1, 33, 65, 65]);
    }
}
