//! The keys that the issuer publishes: when they are fetched, and how long they count.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use tokio::time::Instant;
use url::Url;

use super::jwks::PublishedKey;
use crate::domain::time::Timestamp;

/// The least time between two fetches, whoever asks for a key that is not known.
pub const LEAST_INTERVAL: Duration = Duration::from_secs(10);
/// How soon a fetch that failed is repeated.
pub const RETRY: Duration = Duration::from_secs(15);
/// How long a request waits for a fetch that may bring its key.
pub const LONGEST_WAIT: Duration = Duration::from_secs(6);
/// How often keys are fetched whose issuer does not say how long they may be kept.
const USUAL_AGE: Duration = Duration::from_secs(300);
/// The bounds of what an issuer may say: a key taken away counts for an hour at most.
const AGES: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));
/// How long keys count after they were last fetched: the time there is to mend the URL.
const STALE_SECONDS: i64 = 24 * 3600;

/// The issuer of tokens, who publishes keys.
#[async_trait]
pub trait Issuer: Send + Sync {
    /// Fetches what is published at `url`.
    ///
    /// # Errors
    /// A sentence for the operator.
    async fn fetch(&self, url: &Url) -> Result<Publication, String>;

    /// The time of day.
    fn now(&self) -> Timestamp;
}

/// What an issuer published.
#[derive(Debug, Clone)]
pub struct Publication {
    /// A JSON Web Key Set.
    pub body: Bytes,
    /// How long it may be kept, where the issuer says so.
    pub max_age: Option<Duration>,
}

impl Publication {
    /// How long it is kept.
    pub(super) fn age(&self) -> Duration {
        self.max_age.unwrap_or(USUAL_AGE).clamp(AGES.0, AGES.1)
    }
}

/// What is known of the keys at one URL.
#[derive(Debug, Clone, Default)]
pub(super) struct Published {
    pub(super) url: Option<Url>,
    pub(super) body: Bytes,
    pub(super) keys: Vec<PublishedKey>,
    pub(super) fetched_at: Option<Timestamp>,
    pub(super) failure: Option<(Timestamp, String)>,
}

impl Published {
    /// What is known of a URL that nobody has asked yet.
    pub(super) fn at(url: Option<Url>) -> Self {
        Self { url, ..Self::default() }
    }

    /// When its keys stop to count unless they are fetched again.
    pub(super) fn good_until(&self) -> Option<Timestamp> {
        self.fetched_at.map(|at| at.plus_seconds(STALE_SECONDS))
    }
}

/// The fetches so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fetches {
    /// How many have ended.
    pub(super) ended: u64,
    /// Whether one is under way.
    pub(super) under_way: bool,
    /// When the next may begin.
    pub(super) next: Instant,
}

/// How the keys that the issuer publishes fare.
#[derive(Debug, Serialize)]
pub struct IssuerView {
    /// `current`, `failing` while the last fetch failed and earlier keys count, or `away` while there are none.
    pub status: &'static str,
    /// The identifiers of the keys that count.
    pub keys: Vec<String>,
    /// When they were last fetched.
    pub fetched_at: Option<Timestamp>,
    /// Until when they count if no further fetch succeeds.
    pub good_until: Option<Timestamp>,
    /// When the last fetch failed, if it did.
    pub failed_at: Option<Timestamp>,
    /// Why.
    pub failure: Option<String>,
}

impl IssuerView {
    pub(super) fn of(published: &Published, now: Timestamp) -> Self {
        let good_until = published.good_until();
        let counts = good_until.is_some_and(|until| now < until);
        let (failed_at, failure) = published.failure.clone().unzip();
        Self {
            status: match (counts, &failure) {
                (false, _) => "away",
                (true, Some(_)) => "failing",
                (true, None) => "current",
            },
            keys: match counts {
                true => published.keys.iter().map(|key| key.id.clone()).collect(),
                false => Vec::new(),
            },
            fetched_at: published.fetched_at,
            good_until,
            failed_at,
            failure,
        }
    }
}
