//! The keys that tokens are signed with, and which of them nobody needs any more.

use serde::Serialize;

use super::gateway::Gateway;
use crate::config::{PUBLISHED_RING, RingKey, TOKEN_RING};
use crate::domain::time::Timestamp;

/// For how long no token of a key must have come for it to be thought needless, in seconds.
const UNUSED_SECONDS: i64 = 600;

/// A key that tokens may be signed with, without its value.
#[derive(Debug, Clone, Serialize)]
pub struct TokenKey {
    /// The path in the configuration of where it stands, or where it is published.
    pub ring: String,
    /// The `kid` of its tokens.
    pub id: String,
    /// Tells two values apart and reveals neither.
    pub fingerprint: String,
    /// Whether it is valid now.
    pub valid: bool,
    /// When a request last came with a token of it.
    pub last_accepted: Option<Timestamp>,
    /// When a token last named it whose signature was wrong.
    pub last_rejected: Option<Timestamp>,
    /// Whether every token of it that ever came is over, none came for ten minutes, and one of another valid key came
    /// since. Of tokens that never came nobody knows.
    pub safe_to_revoke: bool,
}

impl Gateway {
    /// The keys that tokens may be signed with, those of the configuration first.
    pub fn token_keys(&self) -> Vec<TokenKey> {
        let now = self.now();
        let rings = self.config.rings(now).into_iter();
        let rings = rings.filter(|(ring, _)| [TOKEN_RING, PUBLISHED_RING].contains(&ring.as_str()));
        let keys: Vec<(String, RingKey)> = rings
            .flat_map(|(ring, keys)| keys.into_iter().map(move |key| (ring.clone(), key)))
            .collect();
        let view = |(ring, key): &(String, RingKey)| TokenKey {
            ring: ring.clone(),
            id: key.id.clone(),
            fingerprint: key.fingerprint.clone(),
            valid: key.valid,
            last_accepted: key.uses.accepted.get(),
            last_rejected: key.uses.rejected.get(),
            safe_to_revoke: is_needless(key, keys.iter().map(|(_, other)| other), now),
        };
        keys.iter().map(view).collect()
    }
}

fn is_needless<'k>(key: &RingKey, mut all: impl Iterator<Item = &'k RingKey>, now: Timestamp) -> bool {
    let last = key.uses.accepted.get();
    let unused = last.is_none_or(|at| at.plus_seconds(UNUSED_SECONDS) <= now);
    let over = key.uses.tokens_end.get().is_none_or(|end| end <= now);
    unused && over && all.any(|other| other.valid && other.uses.accepted.get() > last)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::KeyUses;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    /// A key of which a token last came so many seconds ago, and whose last token ends in so many.
    fn key(accepted: Option<i64>, end: i64) -> RingKey {
        let uses = KeyUses::default();
        if let Some(ago) = accepted {
            uses.accepted.note(NOW.plus_seconds(-ago));
            uses.tokens_end.note(NOW.plus_seconds(end));
        }
        RingKey {
            id: String::new(),
            fingerprint: String::new(),
            valid: true,
            uses: Arc::new(uses),
        }
    }

    #[test]
    fn a_key_is_needless_once_its_tokens_are_over_and_those_of_another_come() {
        let new = key(Some(1), 3_600);
        let ended = RingKey {
            valid: false,
            ..new.clone()
        };
        for (old, other, needless) in [
            (key(Some(600), 0), &new, true),
            (key(None, 0), &new, true),
            (key(Some(599), 0), &new, false),
            (key(Some(600), 1), &new, false),
            (key(Some(600), 0), &key(Some(601), 0), false),
            (key(None, 0), &key(None, 0), false),
            (key(Some(600), 0), &ended, false),
        ] {
            let both = [other, &old];
            assert_eq!(is_needless(&old, both.into_iter(), NOW), needless, "{old:?}");
            assert!(!is_needless(&new, [&new, &old].into_iter(), NOW));
        }
    }
}
