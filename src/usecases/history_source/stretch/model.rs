//! A list that moves while it is read, step by step, without a gateway around it.

use std::collections::BTreeSet;

use super::*;

const SIZE: usize = 5;
const STEPS: usize = 200_000;

const DAYS: Report = Report {
    name: "model",
    code: b'm',
    kinds: &[],
    filters: &[],
    page_size: SIZE,
    instants: false,
    fields_by_campaign: false,
};
const INSTANTS: Report = Report { instants: true, ..DAYS };

type Place = (Timestamp, String);

/// A generator that gives the same again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    NewestFirst,
    OldestFirst,
    None,
}

/// What a provider lists.
struct List {
    rows: Vec<Place>,
    order: Order,
    made: u64,
}

impl List {
    fn new(dice: &mut Dice, order: Order) -> Self {
        let mut list = Self {
            rows: Vec::new(),
            order,
            made: 0,
        };
        for _ in 0..dice.below(60) {
            let at = dice.below(200);
            list.insert(dice, at);
        }
        list
    }

    /// Rows of one instant are many.
    fn insert(&mut self, dice: &mut Dice, at: u64) {
        self.made += 1;
        let row = (
            Timestamp::from_seconds(1_000 + at as i64 / 4 * 4),
            format!("{:05}", self.made),
        );
        let index = match self.order {
            Order::NewestFirst => self.rows.partition_point(|other| *other > row),
            Order::OldestFirst => self.rows.partition_point(|other| *other < row),
            Order::None => dice.below(self.rows.len() as u64 + 1) as usize,
        };
        self.rows.insert(index, row);
    }

    fn page(&self, (window, from): (Window, usize)) -> (Vec<(String, Timestamp)>, u64) {
        let inside: Vec<_> = self.rows.iter().filter(|(at, _)| window.contains(*at)).collect();
        let page = inside.iter().skip(from).take(SIZE);
        let page = page.map(|(at, id)| (id.clone(), *at)).collect();
        (page, inside.len() as u64)
    }
}

/// A row in ten cannot be read.
fn is_readable(id: &str) -> bool {
    !id.ends_with('7')
}

/// A walk over one window.
struct Model {
    list: List,
    report: Report,
    stretch: Stretch,
    shelf: BTreeSet<Place>,
    late: BTreeSet<Place>,
    given: Vec<Place>,
    frontier: Place,
}

impl Model {
    fn new(dice: &mut Dice, report: Report, order: Order) -> Self {
        let window = Window {
            since: Timestamp::from_millis(0),
            until: Timestamp::from_seconds(1_201),
        };
        Self {
            list: List::new(dice, order),
            report,
            stretch: Stretch::new(window, false),
            shelf: BTreeSet::new(),
            late: BTreeSet::new(),
            given: Vec::new(),
            frontier: (window.until, String::new()),
        }
    }

    /// Walks to the end while the list moves, and tells how many steps that were and which rows were lost.
    fn walk(mut self, dice: &mut Dice, checks: Checks) -> (usize, usize) {
        let readable = self.list.rows.iter().filter(|(_, id)| is_readable(id));
        let mut there: BTreeSet<Place> = readable.cloned().collect();
        let mut steps = 0;
        while !self.stretch.is_finished() {
            steps += 1;
            assert!(steps < 20_000, "it never ends");
            match dice.below(8) {
                0 => self.list.insert(dice, 300),
                // A row that comes in hides, by its number, one that stands out of order.
                1 if self.list.order == Order::NewestFirst || !self.report.instants => {
                    let at = dice.below(200);
                    self.list.insert(dice, at);
                }
                2 if self.may_lose_rows() => {
                    let gone = dice.below(self.list.rows.len() as u64) as usize;
                    there.remove(&self.list.rows.remove(gone));
                }
                3 | 4 => self.give(dice),
                _ => self.read(checks),
            }
        }
        self.frontier = (Timestamp::from_millis(0), String::new());
        while !self.shelf.is_empty() {
            self.give(dice);
        }
        let lost = self.judge(there.into_iter());
        (steps, lost)
    }

    /// Where one second has more rows than a page they are read by number, and a row that goes is hidden by one that comes.
    fn may_lose_rows(&self) -> bool {
        let numbered = self.report.instants && self.stretch.ask().1 > 0;
        self.list.order == Order::NewestFirst && !numbered && !self.list.rows.is_empty()
    }

    fn read(&mut self, checks: Checks) {
        let (rows, total) = self.list.page(self.stretch.ask());
        let count = rows.len();
        let rows: Vec<_> = rows.into_iter().filter(|(id, _)| is_readable(id)).collect();
        let listed = Listed {
            rows: &rows,
            count,
            more: count == SIZE,
            total: Some(total),
        };
        let Some(late) = self.stretch.take(&self.report, listed, checks) else {
            return;
        };
        for ((id, at), late) in rows.into_iter().zip(late) {
            let place = (at, id);
            if at >= Timestamp::from_seconds(1_201) {
                continue;
            }
            if self.given.last().is_none_or(|last| place < *last) {
                self.shelf.insert(place);
            } else if late {
                self.late.insert(place);
            }
        }
        if let Some(read_from) = self.stretch.read_from() {
            self.frontier = self.frontier.clone().min((read_from, String::new()));
        }
    }

    fn give(&mut self, dice: &mut Dice) {
        if self.stretch.holds_back() {
            return;
        }
        for _ in 0..dice.below(7) {
            if let Some(next) = self.shelf.pop_last_if(|next| *next >= self.frontier) {
                self.given.push(next);
            }
        }
    }

    /// Every row at most once and in order; how many are missing of those that were there from the beginning to the end.
    fn judge(&self, there: impl Iterator<Item = Place>) -> usize {
        assert!(
            self.given.windows(2).all(|pair| pair[0] > pair[1]),
            "in order, each once"
        );
        let given: BTreeSet<_> = self.given.iter().collect();
        assert!(self.late.iter().all(|late| !given.contains(late)), "none twice");
        if self.list.order != Order::None {
            assert!(
                self.late.is_empty(),
                "{:?} {} has late rows",
                self.list.order,
                self.report.instants
            );
        }
        there
            .filter(|row| !given.contains(row) && !self.late.contains(row))
            .count()
    }
}

trait PopIf {
    fn pop_last_if(&mut self, wanted: impl Fn(&Place) -> bool) -> Option<Place>;
}

impl PopIf for BTreeSet<Place> {
    fn pop_last_if(&mut self, wanted: impl Fn(&Place) -> bool) -> Option<Place> {
        if self.last().is_some_and(wanted) {
            self.pop_last()
        } else {
            None
        }
    }
}

fn losses(report: Report, order: Order, checks: Checks) -> usize {
    let mut dice = Dice(7);
    let (mut steps, mut lost) = (0, 0);
    while steps < STEPS / 6 {
        let (more, losses) = Model::new(&mut dice, report, order).walk(&mut dice, checks);
        steps += more;
        lost += losses;
    }
    lost
}

#[test]
fn no_row_is_lost_doubled_or_misplaced_while_lists_move() {
    for report in [DAYS, INSTANTS] {
        for order in [Order::NewestFirst, Order::OldestFirst, Order::None] {
            assert_eq!(losses(report, order, Checks::ALL), 0, "{order:?} {}", report.instants);
        }
    }
}

#[test]
fn without_looking_for_shifts_rows_are_lost() {
    let blind = Checks { shifts: false };
    assert!(losses(DAYS, Order::NewestFirst, blind) > 0);
    assert!(losses(INSTANTS, Order::None, blind) > 0);
}

/// However many rows cannot be read, and wherever they stand.
#[test]
fn rows_that_cannot_be_read_are_passed() {
    let window = Window {
        since: Timestamp::from_millis(0),
        until: Timestamp::from_seconds(1_000),
    };
    for report in [DAYS, INSTANTS] {
        for unreadable in [4..5, 0..5, 5..10, 1..5, 3..17, 0..30, 26..30] {
            let mut stretch = Stretch::new(window, false);
            let mut read = BTreeSet::new();
            let mut pages = 0;
            while !stretch.is_finished() {
                pages += 1;
                assert!(pages < 50, "{unreadable:?} is read for ever");
                let (window, from) = stretch.ask();
                let all = (0..30).map(|index| (index, Timestamp::from_seconds(900 - index)));
                let inside: Vec<_> = all.filter(|(_, at)| window.contains(*at)).collect();
                let page: Vec<_> = inside.iter().skip(from).take(SIZE).collect();
                let readable = page.iter().filter(|(index, _)| !unreadable.contains(index));
                let rows: Vec<_> = readable.map(|(index, at)| (index.to_string(), *at)).collect();
                let listed = Listed {
                    rows: &rows,
                    count: page.len(),
                    more: page.len() == SIZE,
                    total: Some(inside.len() as u64),
                };
                if stretch.take(&report, listed, Checks::ALL).is_some() {
                    read.extend(rows);
                }
            }
            assert_eq!(read.len(), 30 - unreadable.count());
        }
    }
}
