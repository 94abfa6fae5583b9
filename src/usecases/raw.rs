//! What webhooks said of a call, kept beside what was made of it: redacted, compressed, the last few, for a while.

use std::fmt;
use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::gateway::Gateway;
use super::records::{decode, encode};
use super::redact::redact;
use crate::domain::error::Error;
use crate::domain::ids::CallId;
use crate::domain::time::Timestamp;
use crate::store::{Expect, Stored, keys};

/// How many messages of a call are kept, the last ones.
const MOST_MESSAGES: usize = 20;
/// Where a message is cut, in bytes: documented ones have a hundredth of it.
const LONGEST: usize = 32 * 1024;

/// A message without its secrets, compressed; a text, because it stands in JSON.
///
/// `Debug` shows its length only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Raw(String);

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({} bytes)", self.0.len())
    }
}

impl Raw {
    /// Takes what stands under `fields` out of a message, and packs the rest.
    pub(super) fn of(message: &str, fields: &[&str]) -> Option<Self> {
        let redacted = redact(message, fields);
        let kept = &redacted.as_bytes()[..redacted.floor_char_boundary(LONGEST)];
        let mut packing = DeflateEncoder::new(Vec::new(), Compression::fast());
        packing.write_all(kept).ok()?;
        Some(Self(BASE64.encode(packing.finish().ok()?)))
    }

    /// What was packed.
    pub(super) fn text(&self) -> Option<String> {
        let packed = BASE64.decode(&self.0).ok()?;
        let mut text = String::new();
        let limit = u64::try_from(LONGEST).ok()?;
        DeflateDecoder::new(packed.as_slice())
            .take(limit)
            .read_to_string(&mut text)
            .ok()?;
        Some(text)
    }
}

/// A message and when it was taken.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    at: Timestamp,
    raw: Raw,
}

/// A webhook that was kept of a call.
pub(super) struct Received {
    /// When it was taken.
    pub(super) at: Timestamp,
    raw: Raw,
}

impl Received {
    /// Whether it is this one.
    pub(super) fn is(&self, raw: &Raw) -> bool {
        self.raw == *raw
    }

    /// How long it is without its secrets.
    pub(super) fn bytes(&self) -> usize {
        self.raw.text().map_or(0, |text| text.len())
    }
}

/// The messages kept of a call, as they stand under its key, oldest first, one a line.
pub(super) fn lines(stored: &Stored) -> Option<String> {
    let kept: Vec<Kept> = decode(stored).ok()?;
    let texts: Vec<_> = kept.iter().filter_map(|kept| kept.raw.text()).collect();
    Some(texts.join("\n"))
}

impl Gateway {
    /// The webhooks kept of a call, oldest first.
    pub(super) async fn received_of(&self, call: CallId) -> Result<Vec<Received>, Error> {
        let stored = self.store.get(&keys::raw_of_call(call)).await?;
        let kept: Vec<Kept> = stored.and_then(|stored| decode(&stored).ok()).unwrap_or_default();
        let received = |Kept { at, raw }| Received { at, raw };
        Ok(kept.into_iter().map(received).collect())
    }

    /// Keeps a message beside the call it is about. Applying the same webhook again changes nothing.
    pub(super) async fn keep_raw(&self, call: CallId, raw: Raw, at: Timestamp) -> Result<(), Error> {
        let (key, keep) = (keys::raw_of_call(call), self.config.retention.raw);
        let stored = self.store.get(&key).await?;
        let mut kept: Vec<Kept> = stored.and_then(|stored| decode(&stored).ok()).unwrap_or_default();
        let message = Kept { at, raw };
        if kept.contains(&message) {
            return Ok(());
        }
        let too_old = at
            .as_millis()
            .saturating_sub_unsigned(u64::try_from(keep.as_millis()).unwrap_or(u64::MAX));
        kept.retain(|kept| kept.at.as_millis() > too_old);
        kept.push(message);
        kept.drain(..kept.len().saturating_sub(MOST_MESSAGES));
        // Only the one reader of the inbox writes here.
        self.store.put(&key, encode(&kept)?, Some(keep), Expect::Any).await?;
        Ok(())
    }

    /// The messages kept of each call, oldest first, one a line; nothing where none is.
    pub(super) async fn raw_of(&self, calls: &[CallId]) -> Result<Vec<Option<String>>, Error> {
        let keys: Vec<_> = calls.iter().map(keys::raw_of_call).collect();
        let stored = self.store.get_many(&keys).await?;
        Ok(stored.into_iter().map(|stored| lines(&stored?)).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_byte_for_byte_but_for_what_was_taken_out() {
        let message = r#"{ "a":1.50, "a":2, "mensagem":"segredo", "ç":"é" }"#;
        let expected = r#"{ "a":1.50, "a":2, "mensagem":"[redacted]", "ç":"é" }"#;
        let raw = Raw::of(message, &["mensagem"]).unwrap();
        assert_eq!(raw.text().as_deref(), Some(expected));
    }

    #[test]
    fn a_message_too_long_is_cut_between_two_letters() {
        let long = "é".repeat(LONGEST);
        let kept = Raw::of(&long, &[]).unwrap();
        assert_eq!(kept.text().unwrap().len(), LONGEST);
        let odd = Raw::of(&format!("a{long}"), &[]).unwrap();
        assert_eq!(odd.text().unwrap().len(), LONGEST - 1);
    }

    #[test]
    fn what_is_no_packed_text_is_nothing() {
        for raw in ["", "!", "AAAA", "////"] {
            assert!(Raw(raw.to_owned()).text().is_none_or(|text| text.is_empty()), "{raw}");
        }
    }
}
