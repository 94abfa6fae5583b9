//! Paging: the `pagination` object and the envelope around every answer.

use std::ops::Range;

use hyper::Method;

use super::dates;
use crate::simulators::http::{Reply, Request};
use crate::simulators::json::{Object, optional};

/// The most rows a page holds, and the number it holds unless asked for fewer.
pub(super) const MAX_LIMIT: usize = 50;
/// The host in every link the API prints: an internal one that no client can reach, and over plain HTTP.
pub(super) const INTERNAL_HOST: &str = "172.16.7.33";

/// A page as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    number: usize,
    pub(super) limit: usize,
}

impl Page {
    /// Reads `page` and `limit`: the limit is held within 1 to [`MAX_LIMIT`], and page 0 is page 1.
    pub(super) fn of(request: &Request) -> Self {
        let read = |key, absent| request.query(key).and_then(|text| text.parse().ok()).unwrap_or(absent);
        Self {
            number: read("page", 1).max(1),
            limit: read("limit", MAX_LIMIT).clamp(1, MAX_LIMIT),
        }
    }

    /// The rows of this page; none past the end.
    pub(super) fn cut<T>(self, rows: &[T]) -> &[T] {
        &rows[self.places(rows.len())]
    }

    /// The places of this page's rows among so many.
    pub(super) fn places(self, total: usize) -> Range<usize> {
        let start = (self.number - 1).saturating_mul(self.limit).min(total);
        start..total.min(start.saturating_add(self.limit))
    }
}

/// How one list writes its links.
#[derive(Debug, Clone, Copy)]
pub(super) struct Links<'a> {
    /// The path, which may gain a trailing slash.
    pub(super) path: &'a str,
    /// `max_limit` as printed, which is not always the true one.
    pub(super) max_limit: usize,
    /// The query to repeat: whatever was asked, less the token, the limit and the page.
    pub(super) query: &'a [(String, String)],
}

impl Links<'_> {
    /// Writes the pagination object of a page that holds `items` of `total` rows.
    pub(super) fn pagination(&self, page: Page, items: usize, total: usize) -> String {
        let last = total.div_ceil(page.limit).max(1);
        let next = (page.number < last).then(|| self.to(page.number + 1));
        let previous = (page.number > 1).then(|| self.to(page.number - 1));
        Object::new()
            .raw("max_limit", self.max_limit)
            .raw("limit", page.limit)
            .text("first_url", &self.to(1))
            .raw("next_url", optional(next.as_deref()))
            .raw("items", items)
            .text("last_url", &self.to(last))
            .raw("total", total)
            .text("current_url", &self.to(page.number))
            .raw("prev_url", optional(previous.as_deref()))
            .done()
    }

    fn to(&self, number: usize) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.query).append_pair("page", &number.to_string());
        format!("http://{INTERNAL_HOST}{}?{}", self.path, query.finish())
    }
}

/// The query that a report's links repeat; dates come back as the edges they were taken for.
pub(super) fn repeated(request: &Request, window: dates::Window) -> Vec<(String, String)> {
    let kept = request
        .query
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "token" | "limit" | "page"));
    kept.map(|(key, value)| {
        let value = match key.as_str() {
            "start_date" => dates::echo(window.since),
            "end_date" => dates::echo(window.until),
            _ => value.clone(),
        };
        (key.clone(), value)
    })
    .collect()
}

/// `{"meta": …, "data": …}`; a success without data has `meta` only.
pub(super) fn ok(data: Option<String>) -> Reply {
    let body = Object::new().raw("meta", meta(200, "OK"));
    Reply::json(
        200,
        data.into_iter().fold(body, |body, data| body.raw("data", data)).done(),
    )
}

/// A page: `pagination`, `meta` and `data` in that order.
pub(super) fn listed(pagination: String, data: String) -> Reply {
    let body = Object::new()
        .raw("pagination", pagination)
        .raw("meta", meta(200, "OK"))
        .raw("data", data);
    Reply::json(200, body.done())
}

/// HTTP 201 over a `meta.status` of 200: the two disagree on every creation.
pub(super) fn created(data: Option<String>) -> Reply {
    let body = Object::new().raw("meta", meta(200, "Created"));
    Reply::json(
        201,
        data.into_iter().fold(body, |body, data| body.raw("data", data)).done(),
    )
}

/// A refusal; HTTP status and `meta.status` agree.
pub(super) fn refused(status: u16, message: &str) -> Reply {
    Reply::json(status, Object::new().raw("meta", meta(status, message)).done())
}

/// The answer to a path, or a method, that does not exist.
pub(super) fn unknown(request: &Request) -> Reply {
    match request.method {
        Method::GET | Method::POST | Method::PUT | Method::DELETE => refused(404, "Not found"),
        _ => refused(405, "Method not allowed"),
    }
}

/// The `meta` object.
pub(super) fn meta(status: u16, message: &str) -> String {
    Object::new().raw("status", status).text("message", message).done()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(number: usize, limit: usize) -> Page {
        Page { number, limit }
    }

    #[test]
    fn a_page_past_the_end_is_empty() {
        let rows: Vec<u8> = (0..5).collect();
        assert_eq!(page(2, 3).cut(&rows), [3, 4]);
        assert!(page(3, 3).cut(&rows).is_empty());
        assert!(page(usize::MAX, 50).cut(&rows).is_empty());
    }

    #[test]
    fn links_are_internal_and_null_at_the_ends() {
        let query = [("start_date".to_owned(), "2020-01-11T00:00:00+00:00".to_owned())];
        let links = Links {
            path: "/x",
            max_limit: 50,
            query: &query,
        };
        let first = links.pagination(page(1, 3), 3, 5);
        let base = "http://172.16.7.33/x?start_date=2020-01-11T00%3A00%3A00%2B00%3A00&page=";
        assert!(first.contains(&format!(r#""next_url":"{base}2""#)));
        assert!(first.ends_with(r#""prev_url":null}"#));
        let last = links.pagination(page(2, 3), 2, 5);
        assert!(last.contains(r#""next_url":null,"items":2"#) && last.contains(&format!(r#""prev_url":"{base}1""#)));
    }
}
