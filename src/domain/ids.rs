//! Identifiers. Ours are a prefix and a UUIDv7 as 32 hexadecimal digits, so they sort by birth.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::time::Timestamp;

/// Says why a text is not one of our identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid identifier")]
pub struct NotAnId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// The text every identifier of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// Makes a new identifier that sorts after those made before it.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// Reads the last identifier that `text` holds as a word of its own.
            pub fn last_in(text: &str) -> Option<Self> {
                text.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .find_map(|word| word.parse().ok())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let hex = text.strip_prefix($prefix).ok_or(NotAnId)?;
                let plain = hex.len() == 32
                    && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                if !plain {
                    return Err(NotAnId);
                }
                Uuid::try_parse(hex).map(Self).map_err(|_| NotAnId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.to_string())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^", $prefix, "[0-9a-f]{32}$")))
                    .examples([concat!($prefix, "0199a2b0c3d47e5f8a9b0c1d2e3f4a5b")])
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

id!(
    /// Identifies one call.
    CallId,
    "call_"
);
id!(
    /// Identifies one verification.
    VerificationId,
    "ver_"
);
id!(
    /// Identifies one event.
    EventId,
    "evt_"
);

impl CallId {
    /// When it was made, to the millisecond.
    pub fn made_at(self) -> Timestamp {
        made_at(self.0)
    }

    /// The identifier as bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// Reads what [`CallId::to_bytes`] gave.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl VerificationId {
    /// When it was made, to the millisecond.
    pub fn made_at(self) -> Timestamp {
        made_at(self.0)
    }
}

fn made_at(id: Uuid) -> Timestamp {
    let (high, _) = id.as_u64_pair();
    Timestamp::from_millis(i64::try_from(high >> 16).unwrap_or(i64::MAX))
}

impl EventId {
    /// Comes before every event; no event has it.
    pub const BEFORE_ALL: Self = Self(Uuid::nil());

    /// Makes the identifier of what is told in the Unix millisecond `ms`.
    pub fn at(ms: u64) -> Self {
        let nanos = u32::try_from(ms % 1000).unwrap_or_default() * 1_000_000;
        Self(Uuid::new_v7(uuid::Timestamp::from_unix(
            uuid::NoContext,
            ms / 1000,
            nanos,
        )))
    }

    /// The identifier of what happened in the Unix millisecond `ms` for this `cause`: the same whenever it is asked for.
    pub fn of(ms: u64, cause: [u8; 16]) -> Self {
        let [cause @ .., _, _, _, _, _, _] = cause;
        Self(uuid::Builder::from_unix_timestamp_millis(ms, &cause).into_uuid())
    }

    /// When it was made, in Unix milliseconds.
    pub fn made_at_ms(self) -> u64 {
        let (high, _) = self.0.as_u64_pair();
        high >> 16
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_and_only_its_own() {
        let id = CallId::generate();
        assert_eq!(id.to_string().parse::<CallId>().unwrap(), id);
        assert_eq!(id.to_string().len(), 37);
        assert!(id.to_string().parse::<VerificationId>().is_err());
        assert!(id.to_string().to_uppercase().parse::<CallId>().is_err());
        assert!("call_".parse::<CallId>().is_err());
    }

    #[test]
    fn an_id_is_found_inside_a_tag() {
        let id = CallId::generate();
        assert_eq!(CallId::last_in(&format!("order-7 {id}")), Some(id));
        let other = CallId::generate();
        assert_eq!(
            CallId::last_in(&format!("{other} {id} x")),
            Some(id),
            "ours is put last"
        );
        assert_eq!(CallId::last_in("order-7"), None);
    }

    #[test]
    fn an_event_s_id_tells_when_it_was_made() {
        for ms in [1, 999, 1_795_348_800_123] {
            assert_eq!(EventId::at(ms).made_at_ms(), ms);
            assert_eq!(EventId::of(ms, [7; 16]).made_at_ms(), ms);
        }
        assert_eq!(EventId::of(1, [7; 16]), EventId::of(1, [7; 16]));
        assert_ne!(EventId::at(1), EventId::at(1));
        assert_eq!(EventId::BEFORE_ALL.to_string().parse(), Ok(EventId::BEFORE_ALL));
    }

    #[test]
    fn ids_sort_by_birth() {
        let ids: Vec<_> = (0..100).map(|_| CallId::generate().to_string()).collect();
        assert!(ids.is_sorted());
    }
}
