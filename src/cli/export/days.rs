//! The window of an export, day by day: each is one request, so little is read twice after an interruption.

use jiff::tz::TimeZone;

use crate::api::{Days, When, Wrong};
use crate::domain::history::Window;
use crate::domain::time::Timestamp;

/// What the two ends mean now.
///
/// # Errors
/// Where one cannot be read, or they are in the wrong order.
pub(super) fn range(since: &str, until: &str, zone: TimeZone, now: Timestamp) -> anyhow::Result<Window> {
    let days = Days::new(zone, now);
    let read = |name: &str, text: &str| -> anyhow::Result<When> {
        days.read(text)
            .map_err(|Wrong { detail, .. }| anyhow::anyhow!("--{name} {detail}"))
    };
    let (first, last) = (read("since", since)?, read("until", until)?);
    anyhow::ensure!(first.start <= last.last(), "--until must be after --since");
    Ok(Window {
        since: first.start,
        until: last.end,
    })
}

/// The days of a window, the newest first, as the records are listed. They end where the clocks of the zone show midnight.
pub(super) fn split(window: Window, zone: &TimeZone) -> Vec<Window> {
    let mut days = Vec::new();
    let mut until = window.until;
    while until > window.since {
        let since = midnight_before(until, zone).unwrap_or(window.since).max(window.since);
        days.push(Window { since, until });
        until = since;
    }
    days
}

/// The last midnight before an instant.
fn midnight_before(at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let start = at.before().to_jiff().to_zoned(zone.clone()).start_of_day().ok()?;
    Some(start.timestamp().into()).filter(|start| *start < at)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("America/Sao_Paulo").unwrap()
    }

    fn meant(since: &str, until: &str) -> anyhow::Result<Window> {
        // 22 November 2026, 01:30 in UTC: still the 21st in São Paulo.
        range(since, until, zone(), Timestamp::parse("2026-11-22T01:30:00Z").unwrap())
    }

    #[test]
    fn whole_days_are_included_at_both_ends() {
        let window = meant("yesterday", "today").unwrap();
        assert_eq!(window.since.to_string(), "2026-11-20T03:00:00.000Z");
        assert_eq!(window.until.to_string(), "2026-11-22T03:00:00.000Z");
        assert!(meant("today", "yesterday").is_err());
        assert!(meant("soon", "today").unwrap_err().to_string().starts_with("--since "));
    }

    #[test]
    fn a_window_is_split_at_midnights_without_a_gap() {
        // The last night of October 2018 has no midnight in São Paulo: the clocks went from 00:00 to 01:00 on the 4th of November.
        let window = meant("2018-11-02T12:00:00Z", "2018-11-05").unwrap();
        let days = split(window, &zone());
        let starts: Vec<_> = days.iter().map(|day| day.since.to_string()).collect();
        let expected = [
            "2018-11-05T02:00:00.000Z",
            "2018-11-04T03:00:00.000Z",
            "2018-11-03T03:00:00.000Z",
            "2018-11-02T12:00:00.000Z",
        ];
        assert_eq!(starts, expected);
        assert_eq!(days[0].until, window.until);
        assert!(days.windows(2).all(|two| two[0].since == two[1].until));
    }

    #[test]
    fn an_empty_window_has_no_days() {
        assert!(split(meant("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z").unwrap(), &zone()).is_empty());
        assert_eq!(split(meant("2020-01-01", "2020-12-31").unwrap(), &zone()).len(), 366);
    }
}
