//! The date forms the reports take, and the offset styles their rows print.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::simulators::http::Request;

/// How a row writes its UTC offset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offsets {
    /// `+00:00`, as newer servers print it.
    #[default]
    Full,
    /// `+00`, as older servers print it; RFC 3339 does not allow it.
    HourOnly,
}

impl Offsets {
    /// Writes an instant of a row, cut to whole seconds.
    pub(super) fn write(self, at: Timestamp) -> String {
        let offset = if self == Self::Full { "+00:00" } else { "+00" };
        format!("{}{offset}", at.strftime("%Y-%m-%dT%H:%M:%S"))
    }
}

/// The start times a query asks for, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

impl Window {
    /// Reads `start_date` and `end_date`. Whichever is absent is an edge of the current UTC day.
    ///
    /// # Errors
    ///
    /// The name of the parameter that is no date.
    pub(super) fn of(request: &Request, now: Timestamp) -> Result<Self, &'static str> {
        let today = day(TimeZone::UTC.to_datetime(now).date()).unwrap_or(Self { since: now, until: now });
        let given = |key: &'static str| match request.query(key) {
            None | Some("") => Ok(None),
            Some(text) => parse(text).ok_or(key).map(Some),
        };
        Ok(Self {
            since: given("start_date")?.map_or(today.since, |window| window.since),
            until: given("end_date")?.map_or(today.until, |window| window.until),
        })
    }
}

/// Writes an edge as the pagination links echo it: microseconds when there are any, and always a full offset.
pub(super) fn echo(edge: Timestamp) -> String {
    format!("{}+00:00", edge.strftime("%Y-%m-%dT%H:%M:%S%.f"))
}

/// Reads `dd/mm/yyyy`, `yyyy-mm-dd` or ISO 8601. A date is the whole UTC day; a time without an offset is UTC.
fn parse(text: &str) -> Option<Window> {
    if let Ok(date) = Date::strptime("%d/%m/%Y", text).or_else(|_| Date::strptime("%Y-%m-%d", text)) {
        return day(date);
    }
    let instant = text.parse::<Timestamp>().ok();
    let at = instant.or_else(|| TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok())?;
    Some(Window { since: at, until: at })
}

/// From midnight to a microsecond before the next one.
fn day(date: Date) -> Option<Window> {
    let since = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    let until = since
        .checked_add(SignedDuration::from_hours(24) - SignedDuration::from_micros(1))
        .ok()?;
    Some(Window { since, until })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_date_is_its_utc_day_in_either_form() {
        for text in ["11/01/2020", "2020-01-11"] {
            let window = parse(text).unwrap();
            assert_eq!(echo(window.since), "2020-01-11T00:00:00+00:00");
            assert_eq!(echo(window.until), "2020-01-11T23:59:59.999999+00:00");
        }
    }

    #[test]
    fn instants_keep_their_offset_and_fraction() {
        assert_eq!(
            parse("2024-08-01T03:00:00.000Z").unwrap().since,
            at("2024-08-01T03:00:00Z")
        );
        assert_eq!(
            parse("2024-08-01T00:00:00-03:00").unwrap().since,
            at("2024-08-01T03:00:00Z")
        );
        assert_eq!(parse("2024-08-01T03:00:00").unwrap().since, at("2024-08-01T03:00:00Z"));
        assert_eq!(
            parse("2024-08-02T02:59:59.999Z").unwrap().until,
            at("2024-08-02T02:59:59.999Z")
        );
    }

    #[test]
    fn an_offset_whose_plus_became_a_space_is_no_date() {
        assert!(parse("2024-08-01T00:00:00 00:00").is_none());
        assert!(parse("yesterday").is_none());
    }

    #[test]
    fn rows_print_both_offset_styles() {
        let moment = at("2021-10-28T19:41:33.25Z");
        assert_eq!(Offsets::Full.write(moment), "2021-10-28T19:41:33+00:00");
        assert_eq!(Offsets::HourOnly.write(moment), "2021-10-28T19:41:33+00");
    }
}
