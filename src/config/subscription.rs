//! `[subscriptions.NAME]`: who gets events by POST.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use url::Url;

use super::format::{Format, HTTP_URL};
use super::keyring::KeyRing;
use super::reader::Reader;
use super::secret::Secret;
use crate::domain::event::TypePattern;
use crate::domain::time::Timestamp;

/// Someone who gets events by POST.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Whose events; `*`: everyone's.
    pub tenant: String,
    /// Where they are sent.
    pub url: Url,
    /// Which: full types, or `call.*`, or `*`; never empty.
    pub types: Vec<TypePattern>,
    /// Keys that sign each delivery; never empty.
    pub keys: KeyRing,
}

const EVENT_TYPES: Format<TypePattern> = Format {
    what: "an event type or family",
    example: "call.*",
    parse: |text| text.parse().ok(),
};

/// What a secret in the form of Standard Webhooks begins with.
const ENCODED: &str = "whsec_";

impl Subscription {
    /// The keys valid at `now`, as they sign: what follows `whsec_` in base64, else the secret's own bytes.
    pub fn signing_keys(&self, now: Timestamp) -> impl Iterator<Item = Vec<u8>> {
        let valid = self.keys.valid(now.to_jiff());
        valid.filter_map(|key| signing_key(&key.secret))
    }

    pub(super) fn read_all(root: &mut Reader<'_>) -> BTreeMap<String, Self> {
        let sections = root.named_sections("subscriptions").into_iter();
        sections
            .filter_map(|(name, section)| Self::read(section, name))
            .collect()
    }

    fn read(mut reader: Reader<'_>, name: String) -> Option<(String, Self)> {
        reader.name(&name);
        let url = reader.required("url", &HTTP_URL);
        let subscription = Self {
            tenant: reader.text("tenant"),
            types: reader.filled_list("types", &EVENT_TYPES),
            keys: read_keys(&mut reader),
            // Last, so that a subscription without a proper URL is read to its end.
            url: url?,
        };
        Some((name, subscription))
    }
}

fn read_keys(reader: &mut Reader<'_>) -> KeyRing {
    let keys = reader.ring("keys");
    for (index, key) in keys.iter().enumerate() {
        if signing_key(&key.secret).is_none() {
            reader.fault(
                &format!("keys[{index}].secret"),
                "begins with whsec_, but no base64 follows",
                "copy the whole secret, or leave whsec_ out to use the text as it is",
            );
        }
    }
    keys
}

/// A secret as it signs: what follows `whsec_` in base64, else its own bytes; nothing where no base64 follows.
pub fn signing_key(secret: &Secret) -> Option<Vec<u8>> {
    match secret.expose().strip_prefix(ENCODED) {
        Some(encoded) => BASE64.decode(encoded).ok().filter(|key| !key.is_empty()),
        None => Some(secret.expose().as_bytes().to_vec()),
    }
}
