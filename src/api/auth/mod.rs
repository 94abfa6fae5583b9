//! Who asks: bearer tokens, verified once and then remembered.

mod follow;
mod fuzz;
mod issuer;
mod jwks;
mod token;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::config::{Auth, KeyUses};
use crate::domain::caller::Caller;
use crate::domain::error::{Error, Problem};
use crate::domain::time::Timestamp;
pub(crate) use fuzz::{fuzz_key_set, fuzz_token};
use issuer::{Fetches, Published};
pub use issuer::{Issuer, IssuerView, Publication};
use token::{Ring, Verified};

/// How many tokens one thread remembers.
const REMEMBERED: usize = 4096;

/// Verifies bearer tokens.
///
/// A signature costs more than the rest of a request, so a good token is remembered, by its hash and on the thread that
/// verified it, until it expires or the keys change.
///
/// The keys are those of the configuration, and those that its issuer publishes while [`Authenticator::follow`] runs.
pub struct Authenticator {
    keys: ArcSwap<Keys>,
    /// What the keys are made of; whoever changes it makes them anew.
    sources: Mutex<Sources>,
    fetches: watch::Sender<Fetches>,
    wanted: Notify,
}

struct Sources {
    auth: Auth,
    published: Published,
}

struct Keys {
    /// Tells these keys from all others this process ever had.
    epoch: u64,
    ring: Ring,
    /// Until when the keys that the issuer publishes count, if it is to publish any.
    published_until: Option<Option<Timestamp>>,
}

impl Keys {
    fn new(sources: &Sources, epoch: u64) -> Arc<Self> {
        let Sources { auth, published } = sources;
        let until = published.good_until();
        Arc::new(Self {
            epoch,
            ring: Ring::new(auth, &published.keys, until),
            published_until: auth.jwks_url.as_ref().map(|_| until),
        })
    }

    /// Whether the issuer is to publish keys and none of them are known.
    fn away(&self, now: Timestamp) -> bool {
        self.published_until
            .is_some_and(|until| until.is_none_or(|until| until <= now))
    }
}

fn next_epoch() -> u64 {
    static EPOCHS: AtomicU64 = AtomicU64::new(1);
    EPOCHS.fetch_add(1, Ordering::Relaxed)
}

impl Authenticator {
    /// Verifies with the keys, issuer and audience of `auth`.
    pub fn new(auth: &Auth) -> Self {
        let sources = Sources {
            auth: auth.clone(),
            published: Published::at(auth.jwks_url.clone()),
        };
        let fetches = Fetches {
            ended: 0,
            // Following an issuer begins with a fetch.
            under_way: auth.jwks_url.is_some(),
            next: Instant::now(),
        };
        Self {
            keys: ArcSwap::new(Keys::new(&sources, next_epoch())),
            sources: Mutex::new(sources),
            fetches: watch::Sender::new(fetches),
            wanted: Notify::new(),
        }
    }

    /// Takes over another configuration; every token is verified anew. What was published at the same URL is kept.
    pub fn replace(&self, auth: &Auth) {
        let mut sources = self.sources();
        sources.auth = auth.clone();
        if sources.published.url != auth.jwks_url {
            sources.published = Published::at(auth.jwks_url.clone());
            self.fetches.send_modify(|fetches| {
                fetches.under_way = auth.jwks_url.is_some();
                fetches.next = Instant::now();
            });
            self.wanted.notify_one();
        }
        self.keys.store(Keys::new(&sources, next_epoch()));
    }

    fn sources(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says who sent the request.
    ///
    /// # Errors
    /// `unauthenticated` without exactly one `Authorization: Bearer` header or with a token that is not good;
    /// `provider-unavailable` with one whose key is not known while the issuer's keys cannot be fetched.
    pub fn authenticate(&self, request: &HttpRequest, now: Timestamp) -> Result<Arc<Caller>, Error> {
        let token = bearer(request)?;
        let keys = self.keys.load();
        let name = digest(&SHA256, token.as_bytes());
        MEMORY.with_borrow_mut(|memory| {
            if let Some(caller) = memory.recall(keys.epoch, name.as_ref(), now) {
                return Ok(caller);
            }
            let verified = keys.ring.verify(token, now).map_err(|refused| {
                if keys.away(now) && keys.ring.lacks_key_of(token, now) {
                    issuer_away()
                } else {
                    unauthenticated(refused.to_string())
                }
            })?;
            Ok(memory.remember(name.as_ref(), verified, now))
        })
    }
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// The good tokens of one ring, by their hash.
#[derive(Default)]
struct Memory {
    epoch: u64,
    tokens: HashMap<Box<[u8]>, Remembered>,
}

struct Remembered {
    caller: Arc<Caller>,
    until: Timestamp,
    /// Of the key that signed it.
    uses: Arc<KeyUses>,
}

impl Memory {
    fn recall(&mut self, epoch: u64, name: &[u8], now: Timestamp) -> Option<Arc<Caller>> {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.tokens.clear();
        }
        let token = self.tokens.get(name).filter(|token| now < token.until)?;
        token.uses.accepted.note(now);
        Some(Arc::clone(&token.caller))
    }

    fn remember(&mut self, name: &[u8], verified: Verified, now: Timestamp) -> Arc<Caller> {
        if self.tokens.len() >= REMEMBERED {
            self.tokens.retain(|_, token| now < token.until);
        }
        if self.tokens.len() >= REMEMBERED {
            self.tokens.clear();
        }
        let caller = Arc::new(verified.caller);
        verified.uses.accepted.note(now);
        let token = Remembered {
            caller: Arc::clone(&caller),
            until: verified.until,
            uses: verified.uses,
        };
        self.tokens.insert(name.into(), token);
        caller
    }
}

fn bearer(request: &HttpRequest) -> Result<&str, Error> {
    let mut values = request.headers().get_all(AUTHORIZATION);
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(unauthenticated("Send one Authorization header with a bearer token."));
    };
    let value = value.to_str().unwrap_or_default();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim_start_matches(' ')),
        _ => Err(unauthenticated("The Authorization header holds no bearer token.")),
    }
}

/// The token may be good: whoever sent it need not ask for another.
fn issuer_away() -> Error {
    let detail = "The keys that the token's issuer publishes cannot be fetched at the moment.";
    Error::new(Problem::ProviderUnavailable, detail).retry_after(issuer::RETRY)
}

fn unauthenticated(detail: impl Into<String>) -> Error {
    Error::new(Problem::Unauthenticated, detail)
}

#[cfg(test)]
mod tests;
