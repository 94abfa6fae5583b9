//! `[subscriptions.NAME]`: who gets events by POST.

use std::collections::BTreeMap;

use url::Url;

use super::format::{Format, HTTP_URL};
use super::keyring::KeyRing;
use super::reader::Reader;
use crate::domain::event::TypePattern;

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

impl Subscription {
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
            keys: reader.ring("keys"),
            // Last, so that a subscription without a proper URL is read to its end.
            url: url?,
        };
        Some((name, subscription))
    }
}
