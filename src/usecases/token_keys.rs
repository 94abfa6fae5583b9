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
    /// Whether tokens of it are known to have come, all of those are over, none came for ten minutes, and one of another
    /// valid key came since; false as well while the store has not told for a minute what came to the other gateways.
    /// Of tokens that never came nobody knows.
    pub safe_to_revoke: bool,
}

impl Gateway {
    /// The keys that tokens may be signed with, those of the configuration first.
    pub fn token_keys(&self) -> Vec<TokenKey> {
        let now = self.now();
        let known = self.knows_key_uses();
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
            safe_to_revoke: known && is_needless(key, keys.iter().map(|(_, other)| other), now),
        };
        keys.iter().map(view).collect()
    }
}

fn is_needless<'k>(key: &RingKey, mut all: impl Iterator<Item = &'k RingKey>, now: Timestamp) -> bool {
    // A key of which nothing is known may be in use at whoever has not told yet.
    let (Some(last), Some(end)) = (key.uses.accepted.get(), key.uses.tokens_end.get()) else {
        return false;
    };
    let since = |other: &RingKey| other.valid && other.uses.accepted.get() > Some(last);
    last.plus_seconds(UNUSED_SECONDS) <= now && end <= now && all.any(since)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::config::{Config, KeyUses};
    use crate::usecases::tests::bed::{SAY, Scripted, bed};

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
        let endless = key(None, 0);
        endless.uses.accepted.note(NOW.plus_seconds(-600));
        for (old, other, needless) in [
            (key(Some(600), 0), &new, true),
            (key(None, 0), &new, false),
            (endless, &new, false),
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

    #[tokio::test]
    async fn no_key_is_needless_while_nobody_tells_what_came_to_the_other_gateways() {
        let bed = bed(&[&Scripted::new("one", SAY)], "");
        let mut config = Config::clone(bed.gateway.config());
        let mut old = config.auth.keys[0].clone();
        (old.id, old.uses) = ("old".to_owned(), Arc::default());
        old.uses.accepted.note(bed.gateway.now());
        old.uses.tokens_end.note(bed.gateway.now());
        config.auth.keys.push(old);
        let gateway = bed.gateway.under(Arc::new(config), bed.gateway.accounts.clone(), None);
        bed.clock.advance(Duration::from_secs(600));
        gateway.config.auth.keys[0].uses.accepted.note(gateway.now());
        let is_needless = || gateway.token_keys()[1].safe_to_revoke;
        assert!(!is_needless(), "the store was never asked");
        gateway.exchange_key_uses().await.unwrap();
        assert!(is_needless());
        bed.clock.advance(Duration::from_secs(59));
        assert!(is_needless());
        bed.clock.advance(Duration::from_secs(1));
        assert!(!is_needless(), "the store was not asked for a minute");
    }
}
