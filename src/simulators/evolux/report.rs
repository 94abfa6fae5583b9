//! What the two call reports share: rows kept in order of time, and the walk from a query to a page.

use jiff::Timestamp;

use super::dates::Window;
use super::page::{self, Links, MAX_LIMIT, Page};
use crate::simulators::http::{Reply, Request};

/// A row of a report.
pub(super) trait Row {
    /// The row's number.
    fn id(&self) -> u64;
    /// When the call began: what the rows are sorted by and the dates of a query choose from.
    fn began(&self) -> Timestamp;
}

/// Rows, oldest first, since the newest row is nearly always the next to come.
#[derive(Debug)]
pub(super) struct Report<R>(Vec<R>);

impl<R: Row> Report<R> {
    pub(super) fn new(mut rows: Vec<R>) -> Self {
        rows.sort_by_key(|row| (row.began(), row.id()));
        Self(rows)
    }

    pub(super) fn insert(&mut self, row: R) {
        let key = (row.began(), row.id());
        let place = self.0.partition_point(|other| (other.began(), other.id()) <= key);
        self.0.insert(place, row);
    }

    pub(super) fn find(&self, id: &str) -> Option<&R> {
        let id: u64 = id.parse().ok()?;
        self.0.iter().rev().find(|row| row.id() == id)
    }

    /// The rows that began within the window, newest first.
    fn within(&self, window: Window) -> impl Iterator<Item = &R> {
        let start = self.0.partition_point(|row| row.began() < window.since);
        let end = self.0.partition_point(|row| row.began() <= window.until);
        self.0[start..end.max(start)].iter().rev()
    }

    /// The page a query asks for, newest first, and its pagination object.
    ///
    /// # Errors
    ///
    /// The refusal of a query whose dates cannot be read.
    pub(super) fn page(&self, query: Query<'_>, takes: impl Fn(&R) -> bool) -> Result<(String, Vec<&R>), Reply> {
        let Query { request, path, now } = query;
        let window = Window::of(request, now).map_err(|key| page::refused(400, &format!("Invalid {key} param.")))?;
        let found: Vec<_> = self.within(window).filter(|row| takes(row)).collect();
        let page = Page::of(request);
        let shown = page.cut(&found).to_vec();
        let repeated = page::repeated(request, window);
        let links = Links {
            path,
            max_limit: MAX_LIMIT,
            query: &repeated,
        };
        Ok((links.pagination(page, shown.len(), found.len()), shown))
    }
}

/// A request for a page of a report.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<'a> {
    pub(super) request: &'a Request,
    /// The report's path, for its links.
    pub(super) path: &'a str,
    pub(super) now: Timestamp,
}

impl<'a> Query<'a> {
    /// The first value of a parameter that was given and is not empty.
    pub(super) fn one(&self, key: &str) -> Option<&'a str> {
        self.request.query(key).filter(|value| !value.is_empty())
    }

    /// Whether a parameter is absent or equal to `value`.
    pub(super) fn equals(&self, key: &str, value: &str) -> bool {
        self.one(key).is_none_or(|asked| asked == value)
    }

    /// Whether a repeatable parameter is absent or names this id. A comma list is one value and names nothing.
    pub(super) fn names(&self, key: &str, id: u64) -> bool {
        let mut given = self
            .request
            .query
            .iter()
            .filter(|(name, value)| name == key && !value.is_empty())
            .peekable();
        given.peek().is_none() || given.any(|(_, value)| value.parse() == Ok(id))
    }
}
