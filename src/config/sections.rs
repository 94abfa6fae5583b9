//! The small sections: `[retention]`, `[telemetry]`, `[phone]`, `[history]`, `[calls]`.

use std::time::Duration;

use jiff::tz::TimeZone;
use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};
use tracing::Level;
use url::Url;

use super::format::{Format, HTTP_URL};
use super::limits::Rate;
use super::reader::Reader;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const TEN_YEARS_IN_DAYS: u64 = 3653;

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Calls.
    pub calls: Duration,
    /// The event log.
    pub events: Duration,
    /// Verifications.
    pub verifications: Duration,
    /// Provider messages as they came.
    pub raw: Duration,
    /// Messages that could not be read, and deliveries given up.
    pub dead: Duration,
}

impl Retention {
    pub(super) fn read(mut reader: Reader<'_>) -> Self {
        let mut days = |key| {
            let days: u64 = reader.integer(key, 1..=TEN_YEARS_IN_DAYS);
            Duration::from_secs(days * DAY)
        };
        let (calls, events) = (days("calls_days"), days("events_days"));
        let (raw, dead) = (days("raw_days"), days("dead_days"));
        let hours: u64 = reader.integer("verifications_hours", 1..=TEN_YEARS_IN_DAYS * 24);
        Self {
            calls,
            events,
            verifications: Duration::from_secs(hours * HOUR),
            raw,
            dead,
        }
    }
}

/// What the gateway tells about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// How log lines look.
    pub log_format: LogFormat,
    /// The least severe level that is logged.
    pub log_level: Level,
    /// Where traces go over OTLP; `None`: nowhere.
    pub otlp_endpoint: Option<Url>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For eyes.
    Pretty,
}

const OTLP_VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

const LEVEL: Format<Level> = Format {
    what: "one of error, warn, info, debug, trace",
    example: "info",
    parse: |text| text.parse().ok(),
};

impl Telemetry {
    pub(super) fn read(mut reader: Reader<'_>) -> Self {
        let formats = [("json", LogFormat::Json), ("pretty", LogFormat::Pretty)];
        Self {
            log_format: reader.choice("log_format", &formats).unwrap_or_default(),
            log_level: reader.required("log_level", &LEVEL).unwrap_or(Level::INFO),
            otlp_endpoint: otlp_endpoint(&mut reader),
        }
    }
}

/// Falls back on the variable that OpenTelemetry defines.
fn otlp_endpoint(reader: &mut Reader<'_>) -> Option<Url> {
    if let Some(configured) = reader.optional("otlp_endpoint", &HTTP_URL) {
        return Some(configured);
    }
    let text = reader.environment(OTLP_VARIABLE).filter(|text| !text.is_empty())?;
    let endpoint = (HTTP_URL.parse)(&text);
    if endpoint.is_none() {
        let problem = format!("is left to {OTLP_VARIABLE}, which is not {}", HTTP_URL.what);
        reader.fault("otlp_endpoint", &problem, "correct or unset the variable");
    }
    endpoint
}

/// How phone numbers are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// The country whose national spelling is understood, such as `BR`.
    pub region: Region,
    /// The countries that may be called or sent to; never empty.
    pub allowed_countries: Vec<Region>,
}

const REGION: Format<Region> = Format {
    what: "a country with a numbering plan",
    example: "BR",
    parse: region,
};

impl Phone {
    pub(super) fn read(mut reader: Reader<'_>) -> Self {
        Self {
            region: reader.required("region", &REGION).unwrap_or(Region::BR),
            allowed_countries: reader.filled_list("allowed_countries", &REGION),
        }
    }
}

/// Reads the code of a country that has a numbering plan.
fn region(code: &str) -> Option<Region> {
    let region = Region::from_code(code).ok()?;
    PHONE_NUMBER_UTIL.get_country_code_for_region(region).map(|_| region)
}

/// How history is read.
#[derive(Debug, Clone)]
pub struct History {
    /// The time zone that dates, `today` and `yesterday` are meant in.
    pub time_zone: TimeZone,
    /// Its IANA name.
    pub time_zone_name: String,
}

const TIME_ZONE: Format<(TimeZone, String)> = Format {
    what: "an IANA time zone",
    example: "America/Sao_Paulo",
    parse: |name| Some((TimeZone::get(name).ok()?, name.to_owned())),
};

impl History {
    pub(super) fn read(mut reader: Reader<'_>) -> Self {
        let zone = reader.required("time_zone", &TIME_ZONE);
        let (time_zone, time_zone_name) = zone.unwrap_or((TimeZone::UTC, "UTC".into()));
        Self {
            time_zone,
            time_zone_name,
        }
    }
}

/// How calls are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calls {
    /// How long an unknown outcome is looked for.
    pub settle: Duration,
    /// How long a call in progress may be silent before it counts as over.
    pub max_call: Duration,
    /// Limit on calls without a person on our side, to one number; `None`: no limit.
    pub automated_calls_per_number: Option<Rate>,
}

impl Calls {
    pub(super) fn read(mut reader: Reader<'_>) -> Self {
        Self {
            settle: reader.seconds("settle_seconds", 1..=DAY),
            max_call: reader.seconds("max_call_seconds", 60..=7 * DAY),
            automated_calls_per_number: reader.rate("automated_calls_per_number"),
        }
    }
}
