//! Instants as the API tells them: UTC, milliseconds, `Z`.

use std::fmt;

use jiff::fmt::StdFmtWrite;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// An instant in UTC, cut to the millisecond.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Makes the instant from milliseconds since 1970-01-01T00:00:00Z, clamped to the years 1 to 9999.
    pub const fn from_millis(millis: i64) -> Self {
        const FIRST: i64 = -62_135_596_800_000;
        const LAST: i64 = 253_402_207_200_999;
        Self(if millis < FIRST {
            FIRST
        } else if millis > LAST {
            LAST
        } else {
            millis
        })
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Makes the instant from seconds since 1970-01-01T00:00:00Z.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Reads an RFC 3339 date-time with an offset.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(Self::from)
    }

    /// Reads a date-time without an offset as the clock of `zone` shows it.
    ///
    /// Of two instants with the same reading the earlier is taken; a reading that the zone skips is moved past the gap.
    pub fn parse_local(text: &str, zone: &TimeZone) -> Option<Self> {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        zone.to_ambiguous_timestamp(civil).compatible().ok().map(Self::from)
    }

    /// The instant `seconds` later (earlier if negative).
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_millis(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// The last instant before this one.
    pub const fn before(self) -> Self {
        Self::from_millis(self.0.saturating_sub(1))
    }

    /// Whole seconds from `earlier` to this instant, fractions rounded up; zero if `earlier` is later.
    pub fn seconds_since(self, earlier: Self) -> u64 {
        let millis = self.0.saturating_sub(earlier.0).max(0);
        u64::try_from(millis).unwrap_or(0).div_ceil(1000)
    }

    /// The instant for `jiff`.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(value: jiff::Timestamp) -> Self {
        Self::from_millis(value.as_millisecond())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PRINTER
            .print_timestamp(&self.to_jiff(), StdFmtWrite(f))
            .map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&PRINTER.timestamp_to_string(&self.to_jiff()))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 date-time"))
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples(["2026-11-22T18:00:00.000Z"])
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_in_utc_with_milliseconds() {
        let instant = Timestamp::parse("2019-09-06T14:21:33-03:00").unwrap();
        assert_eq!(instant.to_string(), "2019-09-06T17:21:33.000Z");
        assert_eq!(serde_json::to_string(&instant).unwrap(), "\"2019-09-06T17:21:33.000Z\"");
    }

    #[test]
    fn a_local_reading_follows_the_zone_and_its_daylight_saving() {
        let sao_paulo = TimeZone::get("America/Sao_Paulo").unwrap();
        let read = |text| Timestamp::parse_local(text, &sao_paulo).unwrap().to_string();
        assert_eq!(read("2016-10-17T10:00:00"), "2016-10-17T12:00:00.000Z");
        assert_eq!(read("2019-09-06T14:21:33"), "2019-09-06T17:21:33.000Z");
        assert_eq!(
            read("2017-02-18T23:30:00"),
            "2017-02-19T01:30:00.000Z",
            "the earlier of the two"
        );
        assert_eq!(read("2016-10-16T00:30:00"), "2016-10-16T03:30:00.000Z", "past the gap");
    }

    #[test]
    fn seconds_between_instants_round_up() {
        let start = Timestamp::from_millis(1_000);
        assert_eq!(Timestamp::from_millis(1_001).seconds_since(start), 1);
        assert_eq!(Timestamp::from_millis(3_000).seconds_since(start), 2);
        assert_eq!(Timestamp::from_millis(0).seconds_since(start), 0);
    }

    #[test]
    fn an_absurd_number_stays_writable() {
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-30T22:00:00.999Z");
        assert_eq!(
            Timestamp::from_seconds(i64::MIN).to_string(),
            "0001-01-01T00:00:00.000Z"
        );
    }
}
