//! What the documentation leaves open, or what differs between servers, as switches.

use serde::{Deserialize, Serialize};

pub use super::dates::Offsets;
use crate::simulators::json::Object;

/// Switches of a running simulator; those absent from a change go back to their defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// The server's age.
    pub version: Version,
    /// How rows write their UTC offset.
    pub offsets: Offsets,
    /// What stands where an unanswered call has nothing to tell.
    pub blanks: Blanks,
    /// The HTTP status for a token that is not accepted. None is documented; a missing token is always 400.
    pub invalid_token_status: u16,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            version: Version::default(),
            offsets: Offsets::default(),
            blanks: Blanks::default(),
            invalid_token_status: 401,
        }
    }
}

/// The server's age, as far as the dialler report shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// Ignores `contact_status`; rows have one `hangup_cause`, integer durations, no `custom_fields` and no
    /// `download_audio`.
    #[serde(rename = "before_6_77")]
    Before677,
    /// Knows `contact_status`; rows have `hangup_cause` twice and a fractional `billable_duration`.
    #[default]
    #[serde(rename = "since_6_77")]
    Since677,
}

/// How a value that does not exist is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blanks {
    /// By the row's id, one of the others.
    #[default]
    Mixed,
    /// `"-"`.
    Dash,
    /// `null`.
    Null,
    /// The key is left out.
    Missing,
}

impl Blanks {
    /// Settles [`Blanks::Mixed`] for one row.
    pub(super) const fn of_row(self, id: u64) -> Self {
        match (self, id % 3) {
            (Self::Mixed, 0) => Self::Dash,
            (Self::Mixed, 1) => Self::Null,
            (Self::Mixed, _) => Self::Missing,
            (settled, _) => settled,
        }
    }

    /// Writes a key that has no value.
    pub(super) fn write(self, object: Object, key: &str) -> Object {
        match self {
            Self::Dash | Self::Mixed => object.text(key, "-"),
            Self::Null => object.raw(key, "null"),
            Self::Missing => object,
        }
    }
}
