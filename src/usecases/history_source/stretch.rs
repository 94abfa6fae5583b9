//! How one window of a report is read, page by page, so that no row is passed over; pure.
//!
//! No provider promises an order, and lists move while they are read. A list is taken to be newest first until a page
//! proves otherwise, because such a list can be given while it is read:
//!
//! * A report that takes **instants** is asked for what is not newer than the oldest row read, and always for the first
//!   page of it: what comes in above moves nothing. How many rows the next page must tell of is known; fewer mean that
//!   newer ones stand further down, and the instants of the page before are read again. (Only where the first page is newest
//!   first, a later one is not, and an old row is listed between the two, is a newer row hidden by that number.) A
//!   second with more rows than a page is read by page numbers, and again from its beginning where rows went away.
//! * A report of whole **days** is read by offset, each page from the last row of the page before. Where that row is not
//!   found again the list has become shorter above it, and the page is read again from further up.
//! * A page that is **not newest first** ends this: the rest of the window is read before anything more of it is given,
//!   and so are the older windows. Only as many rows are kept as memory may hold; older ones are read again in their turn.
//!   Rows that come to light above the walk's place are late.

use serde::{Deserialize, Serialize};

use crate::domain::history::Window;
use crate::domain::time::Timestamp;
use crate::providers::port::Report;

/// How many of the last page's rows are looked for in the next one; any of them proves that none was passed over.
const TAIL: usize = 4;
/// How many pages may follow one another and tell nothing new before the provider is taken to repeat itself.
pub(super) const MOST_FRUITLESS: usize = 10_000;
/// The shortest window that is cut in half, in milliseconds: rows are dated to the second.
const SHORTEST: i64 = 2_000;

/// A page, as far as its order goes.
#[derive(Debug, Clone, Copy)]
pub(in crate::usecases) struct Listed<'a> {
    /// Identifier and time of the rows that have both, as listed.
    pub(in crate::usecases) rows: &'a [(String, Timestamp)],
    /// How many were listed, whether they can be read or not.
    pub(in crate::usecases) count: usize,
    /// Whether another page may follow.
    pub(in crate::usecases) more: bool,
    /// Rows in all pages, where the provider tells.
    pub(in crate::usecases) total: Option<u64>,
}

/// A window of a report and how far it is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::usecases) struct Stretch {
    window: Window,
    from: usize,
    /// Whether all of it must be read before any of it may be given.
    whole: bool,
    /// Whether rows above the walk's place may be ones that were never given.
    late: bool,
    /// Whether it was begun in the middle, so that those rows cannot be told from the ones that were.
    resumed: bool,
    /// The time of the last row listed.
    oldest: Option<Timestamp>,
    /// The last rows listed; all those of its instants where the report takes instants.
    tail: Vec<String>,
    /// How many rows the next page must tell of at least.
    expected: Option<u64>,
    /// Instants that are to be read again.
    again: Option<Again>,
    /// Where the window ended before it was cut to what is not read.
    cut_from: Timestamp,
    finished: bool,
    disordered: bool,
    listed: usize,
    fruitless: usize,
}

impl Stretch {
    /// A window that is to be read; as a whole before any of it is given, if its report is known to be in no order.
    pub(in crate::usecases) fn new(window: Window, whole: bool) -> Self {
        Self {
            window,
            from: 0,
            whole,
            late: false,
            resumed: false,
            oldest: None,
            tail: Vec::new(),
            expected: None,
            again: None,
            cut_from: window.until,
            finished: false,
            disordered: whole,
            listed: 0,
            fruitless: 0,
        }
    }

    /// The same, of which some was given by a walk that is gone on with from its cursor alone.
    #[must_use]
    pub(in crate::usecases) fn resumed(self) -> Self {
        Self { resumed: true, ..self }
    }

    /// Whether rows that were given can be told from rows that were not.
    pub(in crate::usecases) fn tells_late(&self) -> bool {
        !self.resumed
    }

    /// What is to be asked for next: a window, and after how many of its rows.
    pub(in crate::usecases) fn ask(&self) -> (Window, usize) {
        let again = self.again.map(|again| (again.window, again.from));
        again.unwrap_or((self.window, self.from))
    }

    /// How many rows that has, if the list has not changed since the page before; nothing where that cannot be told.
    pub(in crate::usecases) fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// Takes a page, and tells of each row whether it may never have been given though it stands above the walk's place;
    /// nothing where rows may have been passed over, so that what [`Stretch::ask`] now says is to be asked for instead.
    pub(in crate::usecases) fn take(&mut self, report: &Report, page: Listed<'_>, checks: Checks) -> Option<Vec<bool>> {
        self.fruitless += 1;
        let taken = match (self.again, report.instants) {
            (Some(again), _) => self.take_again(again, page),
            (None, true) => self.take_instants(page, checks),
            (None, false) => self.take_days(report, page, checks),
        };
        if taken.is_some() {
            self.listed += page.count;
        }
        taken
    }

    /// Everything of the window from here on is read; nothing while that cannot be told.
    pub(in crate::usecases) fn read_from(&self) -> Option<Timestamp> {
        if self.finished {
            return Some(self.window.since);
        }
        let in_order = !self.whole && self.again.is_none();
        self.oldest.filter(|_| in_order).map(next)
    }

    /// Whether the window is read to its end.
    pub(in crate::usecases) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether nothing of it may be given before all of it is read.
    pub(in crate::usecases) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether nothing of it may be given now: what is to come may be newer than what is read.
    pub(in crate::usecases) fn holds_back(&self) -> bool {
        !self.finished && (self.whole || self.again.is_some())
    }

    /// Whether the report has proved to be in another order than newest first.
    pub(in crate::usecases) fn is_disordered(&self) -> bool {
        self.disordered
    }

    /// Whether the provider repeats itself.
    pub(in crate::usecases) fn is_endless(&self) -> bool {
        self.fruitless > MOST_FRUITLESS
    }

    /// How many rows were listed.
    pub(in crate::usecases) fn listed(&self) -> usize {
        self.listed
    }

    /// Has the rest read before more is given: so many rows are of one instant that memory does not hold them.
    pub(in crate::usecases) fn read_whole(&mut self) {
        self.whole = true;
    }

    /// Cuts a window in half that is to be read as a whole and has more rows than can be held; the newer half is read.
    pub(in crate::usecases) fn halve(&mut self) -> bool {
        let (since, until) = (self.window.since.as_millis(), self.window.until.as_millis());
        if !self.whole || self.from > 0 || until - since <= SHORTEST {
            return false;
        }
        self.window.since = Timestamp::from_millis(since + (until - since) / 2);
        self.expected = None;
        true
    }

    fn take_days(&mut self, report: &Report, page: Listed<'_>, checks: Checks) -> Option<Vec<bool>> {
        let joined = self.joined(page);
        if joined.is_none() && checks.shifts {
            self.from = self.from.saturating_sub(report.page_size);
            return None;
        }
        let joined = joined.unwrap_or(0);
        // From the top again, what was given stands among what was not.
        self.resumed |= self.late && self.from == 0;
        let followed = self.late.then_some(joined);
        let broken = self.note_order(page).filter(|_| self.late);
        let first = followed.or(broken).unwrap_or(page.rows.len());
        // The last row that can be read stands here or further down: the next page begins where it is found again. Where there
        // is at most one nothing would be passed, so the next page is taken as it comes.
        match page.rows.len().saturating_sub(1) {
            0 => {
                self.pass(page, page.count);
                self.tail.clear();
            }
            passed => {
                self.pass(page, passed);
                self.tail = last(page.rows, TAIL);
            }
        }
        Some((0..page.rows.len()).map(|index| index >= first).collect())
    }

    /// The first row of a page that may follow the page before it: behind a row that was on both, or what is newer than all
    /// that is left. Where nothing can be compared it is taken to follow.
    fn joined(&self, page: Listed<'_>) -> Option<usize> {
        if self.from == 0 || self.tail.is_empty() || (page.rows.is_empty() && page.count > 0) {
            return Some(0);
        }
        let known = page.rows.iter().rposition(|(id, _)| self.tail.contains(id));
        let newer = || {
            let oldest = self.oldest.filter(|_| !self.whole)?;
            page.rows.first().filter(|(_, at)| *at > oldest)?;
            Some(page.rows.partition_point(|(_, at)| *at > oldest))
        };
        known.map(|index| index + 1).or_else(newer)
    }

    fn take_instants(&mut self, page: Listed<'_>, checks: Checks) -> Option<Vec<bool>> {
        let fewer = self
            .expected
            .zip(page.total)
            .is_some_and(|(expected, total)| total < expected);
        if fewer && checks.shifts {
            self.expected = None;
            if self.from > 0 {
                self.from = 0;
                return None;
            }
            if !self.whole && self.cut_from > self.window.until {
                // Down to the second at which it was cut: behind a row of that, a newer one is out of order.
                let since = self.window.until.plus_seconds(-1);
                self.again = Some(Again {
                    window: Window {
                        since,
                        until: self.cut_from,
                    },
                    from: 0,
                    oldest: self.cut_from,
                });
                return None;
            }
        }
        self.note_order(page);
        if self.from == 0 {
            self.tail.clear();
        }
        self.tail.extend(page.rows.iter().map(|(id, _)| id.clone()));
        match page.rows.last() {
            Some((_, oldest)) if !self.whole && second_after(*oldest) < self.window.until => self.cut(page, *oldest),
            _ => {
                self.expected = page.total;
                self.pass(page, page.count);
            }
        }
        Some(vec![false; page.rows.len()])
    }

    /// Goes on with what is not newer than the oldest row.
    fn cut(&mut self, page: Listed<'_>, oldest: Timestamp) {
        let until = second_after(oldest);
        let of_it = page.rows.iter().filter(|(_, at)| *at < until).count();
        let passed = u64::try_from(self.from + page.count - of_it).unwrap_or(0);
        self.expected = page.total.map(|total| total.saturating_sub(passed));
        self.oldest = Some(oldest);
        self.cut_from = self.window.until;
        self.window.until = until;
        self.from = 0;
        self.finished = !page.more;
        self.fruitless = 0;
    }

    /// Reads instants again of which rows seem to have been passed over. One that stands behind all of those that were
    /// read, and is newer than one of them, may never have been given; one in its order was not there before.
    fn take_again(&mut self, mut again: Again, page: Listed<'_>) -> Option<Vec<bool>> {
        let known = page.rows.iter().rposition(|(id, _)| self.tail.contains(id));
        let mut late = Vec::with_capacity(page.rows.len());
        for (index, (_, at)) in page.rows.iter().enumerate() {
            let behind = known.is_none_or(|known| index > known);
            late.push(behind && *at > again.oldest);
            again.oldest = again.oldest.min(*at);
        }
        if late.contains(&true) {
            (self.disordered, self.whole) = (true, true);
        }
        self.tail.extend(page.rows.iter().map(|(id, _)| id.clone()));
        again.from += page.count;
        self.again = page.more.then_some(again);
        Some(late)
    }

    /// Where a page is not newest first; from then on the window is read as a whole.
    fn note_order(&mut self, page: Listed<'_>) -> Option<usize> {
        let mut newest = None;
        let broken = page
            .rows
            .iter()
            .position(|(_, at)| newest.replace(*at).is_some_and(|before: Timestamp| *at > before));
        if broken.is_some() && !self.disordered {
            (self.disordered, self.whole, self.late) = (true, true, true);
        }
        broken
    }

    /// Goes on `rows` further down.
    fn pass(&mut self, page: Listed<'_>, rows: usize) {
        let oldest = page.rows.last().map(|(_, at)| *at);
        let older = match (self.oldest, oldest) {
            (Some(known), Some(at)) => at < known,
            (None, at) => at.is_some(),
            (Some(_), None) => false,
        };
        if older {
            self.oldest = oldest;
            self.fruitless = 0;
        }
        self.from += rows;
        self.finished = !page.more;
    }
}

/// Instants that are read again, and how far.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Again {
    window: Window,
    from: usize,
    oldest: Timestamp,
}

/// What is checked while pages are read; a test that must fail leaves something out.
#[derive(Debug, Clone, Copy)]
pub(in crate::usecases) struct Checks {
    /// Whether rows may have been passed over because the list moved.
    pub(in crate::usecases) shifts: bool,
}

impl Checks {
    /// All of them.
    pub(in crate::usecases) const ALL: Self = Self { shifts: true };
}

/// The first instant after `at`.
fn next(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis() + 1)
}

/// The second that ends after `at`: rows may be dated to the second and found by what is finer.
pub(in crate::usecases) fn second_after(at: Timestamp) -> Timestamp {
    Timestamp::from_seconds(at.as_millis().div_euclid(1_000) + 1)
}

fn last(rows: &[(String, Timestamp)], count: usize) -> Vec<String> {
    let tail = &rows[rows.len().saturating_sub(count)..];
    tail.iter().map(|(id, _)| id.clone()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod model;
