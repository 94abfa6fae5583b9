//! What Evolux writes: the envelope around every answer, and the forms its values take. Pure; never panics.

mod cause;
mod dialer;
mod listing;
mod queue;

use crate::domain::history::{Named, Row};
use crate::domain::time::Timestamp;
use crate::providers::lenient::{Object, Value};
use crate::providers::port::ReportPage;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

pub(super) use cause::is_known as is_cause;
pub(super) use dialer::{ended_by as dialer_ended_by, row as dialer_row};
pub(super) use listing::listing;
pub(super) use queue::{direction, ended_by as queue_ended_by, row as queue_row};

/// Reads one row of a report; nothing where it is no row.
pub(super) type ReadRow = fn(&Value<'_>) -> Option<Row>;

/// The envelope around an answer, whose `meta` has the last word: the HTTP status may disagree with it.
pub(super) struct Envelope<'a> {
    /// `meta.status`.
    pub status: Option<u16>,
    /// `meta.message`.
    pub message: Option<String>,
    /// All of it.
    pub body: Object<'a>,
}

impl<'a> Envelope<'a> {
    /// Reads a body; nothing where it is no JSON object.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let body = Object::parse(body)?;
        let meta = body.object("meta");
        Some(Self {
            status: meta.and_then(|meta| u16::try_from(meta.integer("status")?).ok()),
            message: meta.and_then(|meta| meta.string("message")),
            body,
        })
    }

    /// The row under `data`.
    pub fn row(&self, read: ReadRow) -> Option<Row> {
        read(self.data()?)
    }

    /// The page under `data`: a list, or an object that holds it as `calls`.
    ///
    /// Nothing where there is no list though the page is not said to be empty: servers have answered 200 over an
    /// incomplete body.
    pub fn page(&self, read: ReadRow) -> Option<ReportPage> {
        let Some(listed) = self.rows() else {
            return self.is_empty().then(ReportPage::default);
        };
        let rows: Vec<Row> = listed.iter().filter_map(read).collect();
        let told = self.body.object("pagination");
        let ended = told.is_some_and(|told| told.has("next_url") && told.text("next_url").is_none());
        Some(ReportPage {
            more: !listed.is_empty() && !ended,
            unreadable: listed.len() - rows.len(),
            absent: None,
            total: told.and_then(|told| u64::try_from(told.integer("total")?).ok()),
            rows,
        })
    }

    fn data(&self) -> Option<&Value<'a>> {
        self.body.get("data").filter(|data| !data.is_null())
    }

    fn rows(&self) -> Option<&[Value<'a>]> {
        let data = self.data()?;
        data.list().or_else(|| Object::of(data)?.list("calls"))
    }

    fn is_empty(&self) -> bool {
        self.body
            .object("pagination")
            .is_some_and(|told| told.integer("items") == Some(0) || told.integer("total") == Some(0))
    }
}

/// Reads a moment with any offset, or without one: UTC then, as the days of the reports are.
fn moment(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).or_else(|| utc(text.parse().ok()?))
}

/// Reads a time of the day.
fn time_of(day: Option<Date>, text: &str) -> Option<Timestamp> {
    utc(day?.to_datetime(text.parse::<Time>().ok()?))
}

fn utc(civil: DateTime) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(civil).ok().map(Timestamp::from)
}

/// Something named by an identifier and a name; nothing where both are blank.
fn named(id: Option<String>, name: Option<String>) -> Option<Named> {
    (id.is_some() || name.is_some()).then_some(Named { id, name })
}

#[cfg(test)]
mod tests;
