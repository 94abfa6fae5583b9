//! `[limits]`, and how a limit is written anywhere.

use std::time::Duration;

use toml::Value;

use super::reader::Reader;

/// How many may happen in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many; 0: none at all.
    pub max: u32,
    /// Within this time.
    pub per: Duration,
}

/// Limits on requests; `None`: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of one tenant.
    pub requests_per_tenant: Option<Rate>,
    /// Of one client address.
    pub requests_per_address: Option<Rate>,
}

impl Limits {
    pub(super) fn read(mut reader: Reader<'_>) -> Self {
        Self {
            requests_per_tenant: reader.rate("requests_per_tenant"),
            requests_per_address: reader.rate("requests_per_address"),
        }
    }
}

/// The longest window of a limit: a year.
const MAX_WINDOW_SECONDS: u64 = 366 * 86_400;

impl<'a> Reader<'a> {
    /// Reads a limit: `{ max, per_seconds }`, or `false` for none.
    pub(super) fn rate(&mut self, key: &'static str) -> Option<Rate> {
        let mut rate = self.table_or_false(key)?;
        Some(Rate {
            max: rate.integer("max", 0..=u32::MAX),
            per: rate.window(),
        })
    }

    /// Reads `per_seconds`, the time a limit counts over.
    pub(super) fn window(&mut self) -> Duration {
        self.seconds("per_seconds", 1..=MAX_WINDOW_SECONDS)
    }

    /// Opens the table at a required key, unless `false` stands there.
    pub(super) fn table_or_false(&mut self, key: &'static str) -> Option<Reader<'a>> {
        match self.take(key) {
            Some(Value::Boolean(false)) => None,
            Some(Value::String(text)) if text == "false" && self.is_overlaid(key) => None,
            Some(Value::Table(table)) => Some(self.open(key, Some(Value::Table(table)))),
            _ => {
                self.fault(
                    key,
                    "is not a limit",
                    "write { max = 10, per_seconds = 60 }, or false for no limit",
                );
                None
            }
        }
    }
}
