//! A dialler report that is too long to be kept: each row is computed from its place when it is asked for.

use jiff::{SignedDuration, Timestamp};

use super::dates::Window;
use super::dialer::{self, DialerRow, Person};
use super::knobs::Knobs;
use super::page::{self, Links, MAX_LIMIT, Page};
use crate::simulators::http::{Reply, Request};
use crate::simulators::json::{Object, array};

const PATH: &str = "/api/v1/dialer/calls_history";
const DAY: i64 = 86_400;
/// The number of the oldest row.
const FIRST_ID: i64 = 48_000_000;

/// Answered calls, spread evenly over some days. Filters other than the dates choose nothing among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bulk {
    /// How many there are.
    pub rows: u32,
    /// Over how many days.
    pub days: u32,
    /// The instant after the newest, a whole second.
    pub until: Timestamp,
}

/// Whether this is a question for the report.
pub(super) fn is_asked(request: &Request) -> bool {
    request.path == PATH
}

/// What was asked for, so that it can be asked for again.
pub(super) fn target(request: &Request) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(&request.query);
    format!("{PATH}?{}", query.finish())
}

impl Bulk {
    /// A page of the report, newest first.
    pub(super) fn page(&self, request: &Request, knobs: &Knobs, now: Timestamp) -> Reply {
        let Ok(window) = Window::of(request, now) else {
            return page::refused(400, "Invalid date.");
        };
        let newest = self.first(|at| at <= window.until);
        let found = usize::try_from(self.first(|at| at < window.since) - newest).unwrap_or(0);
        let page = Page::of(request);
        let places = page.places(found);
        let repeated = page::repeated(request, window);
        let links = Links {
            path: PATH,
            max_limit: MAX_LIMIT,
            query: &repeated,
        };
        let pagination = links.pagination(page, places.len(), found);
        let rows = places.map(|place| {
            let row = self.row(newest + i64::try_from(place).unwrap_or(0));
            dialer::write(&row, knobs, false)
        });
        page::listed(pagination, array(rows))
    }

    /// The first place, from the newest on, whose time fits; times only get earlier.
    fn first(&self, fits: impl Fn(Timestamp) -> bool) -> i64 {
        let (mut low, mut high) = (0, i64::from(self.rows));
        while low < high {
            let middle = (low + high) / 2;
            if fits(self.at(middle)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    fn at(&self, place: i64) -> Timestamp {
        let back = 1 + place * i64::from(self.days) * DAY / i64::from(self.rows);
        self.until - SignedDuration::from_secs(back)
    }

    fn id(&self, place: i64) -> u64 {
        u64::try_from(FIRST_ID + i64::from(self.rows) - 1 - place).unwrap_or(0)
    }

    fn row(&self, place: i64) -> DialerRow {
        let id = self.id(place);
        DialerRow {
            id,
            uuid: format!("{id:08x}-3827-11ec-8190-5f7aar43ds2"),
            start_time: self.at(place),
            talk_seconds: Some(3 + place % 300),
            subscriber: Person {
                external_id: id.to_string(),
                number: format!("849{:08}", place % 100_000_000),
                name: format!("Cliente {}", place % 1_000),
            },
            ..DialerRow::default()
        }
    }

    /// How many rows there are, when, and two sums of their numbers: lost, doubled or foreign rows give others.
    pub(super) fn told(&self) -> Reply {
        let ids = (0..i64::from(self.rows)).map(|place| self.id(place));
        let (sum, squares) = ids.fold((0_u64, 0_u64), |(sum, squares), id| {
            (sum.wrapping_add(id), squares.wrapping_add(id.wrapping_mul(id)))
        });
        let since = self.until - SignedDuration::from_hours(24 * i64::from(self.days));
        let told = Object::new()
            .raw("rows", self.rows)
            .text("since", &since.to_string())
            .text("until", &self.until.to_string())
            .raw("sum", sum)
            .raw("squares", squares);
        Reply::json(200, told.done())
    }
}
