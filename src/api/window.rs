//! `since` and `until`: instants, or whole days in the configured zone.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::values::Wrong;
use crate::domain::time::Timestamp;

/// The days of one zone, seen from one instant.
pub struct Days {
    zone: TimeZone,
    now: Timestamp,
}

/// What one end of a window is given as: an instant, where start and end are one, or a whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    /// Where a window that has it as its first begins.
    pub start: Timestamp,
    /// Where a window that has it as its last ends.
    pub end: Timestamp,
}

impl When {
    /// All time.
    pub const ALWAYS: Self = Self {
        start: Timestamp::from_millis(i64::MIN),
        end: Timestamp::from_millis(i64::MAX),
    };

    /// The instant itself, or the last one of the day.
    pub fn last(self) -> Timestamp {
        self.start.max(Timestamp::from_millis(self.end.as_millis() - 1))
    }
}

impl Days {
    /// The days of `zone`, today being the day of `now` there.
    pub fn new(zone: TimeZone, now: Timestamp) -> Self {
        Self { zone, now }
    }

    /// Reads an instant, a date, `today` or `yesterday`.
    pub fn read(&self, text: &str) -> Result<When, Wrong> {
        let day = match text {
            "today" => Some(self.date()),
            "yesterday" => self.date().yesterday().ok(),
            _ if text.len() == 10 => text.parse().ok(),
            _ => None,
        };
        let when = match day {
            Some(day) => self.day(day),
            None => Timestamp::parse(text).map(|instant| When {
                start: instant,
                end: instant,
            }),
        };
        when.ok_or_else(|| {
            Wrong::invalid("is not an RFC 3339 date-time with an offset, a date such as 2026-11-22, today or yesterday")
        })
    }

    /// The day of now.
    pub fn today(&self) -> Option<When> {
        self.day(self.date())
    }

    fn date(&self) -> Date {
        self.now.to_jiff().to_zoned(self.zone.clone()).date()
    }

    fn day(&self, day: Date) -> Option<When> {
        let start = |day: Date| {
            day.to_zoned(self.zone.clone())
                .ok()
                .map(|start| Timestamp::from(start.timestamp()))
        };
        let next = day.checked_add(1.day()).ok()?;
        Some(When {
            start: start(day)?,
            end: start(next)?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// 22 November 2026, 01:30 in UTC: still the 21st in São Paulo.
    fn days() -> Days {
        Days::new(
            TimeZone::get("America/Sao_Paulo").unwrap(),
            Timestamp::parse("2026-11-22T01:30:00Z").unwrap(),
        )
    }

    fn read(text: &str) -> (String, String) {
        let when = days().read(text).unwrap();
        (when.start.to_string(), when.end.to_string())
    }

    #[test]
    fn a_day_is_whole_and_of_the_zone() {
        let day = |start: &str, end: &str| (format!("{start}T03:00:00.000Z"), format!("{end}T03:00:00.000Z"));
        assert_eq!(read("today"), day("2026-11-21", "2026-11-22"));
        assert_eq!(read("yesterday"), day("2026-11-20", "2026-11-21"));
        assert_eq!(read("2026-02-28"), day("2026-02-28", "2026-03-01"));
    }

    #[test]
    fn a_day_of_a_clock_change_has_another_length() {
        assert_eq!(
            read("2018-11-04"),
            ("2018-11-04T03:00:00.000Z".into(), "2018-11-05T02:00:00.000Z".into())
        );
    }

    #[test]
    fn an_instant_is_itself() {
        let instant = "2026-11-21T12:00:00.000Z".to_owned();
        assert_eq!(read("2026-11-21T09:00:00-03:00"), (instant.clone(), instant));
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "",
            "tomorrow",
            "Today",
            "2026-11-21T09:00:00",
            "2026-13-01",
            "2026-02-30",
            "21/11/2026",
            "1763730000",
            "20261121",
        ] {
            assert!(days().read(text).is_err(), "{text}");
        }
    }
}
