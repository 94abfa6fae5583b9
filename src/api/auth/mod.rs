//! Who asks: bearer tokens, verified once and then remembered.

mod token;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};

use crate::config::{Auth, KeyUses};
use crate::domain::caller::Caller;
use crate::domain::error::{Error, Problem};
use crate::domain::time::Timestamp;
use token::{Ring, Verified};

/// How many tokens one thread remembers.
const REMEMBERED: usize = 4096;

/// Verifies bearer tokens.
///
/// A signature costs more than the rest of a request, so a good token is remembered, by its hash and on the thread that
/// verified it, until it expires or the keys change.
pub struct Authenticator {
    keys: ArcSwap<Keys>,
}

struct Keys {
    /// Tells these keys from all others this process ever had.
    epoch: u64,
    ring: Ring,
}

impl Keys {
    fn new(auth: &Auth) -> Arc<Self> {
        static EPOCHS: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self {
            epoch: EPOCHS.fetch_add(1, Ordering::Relaxed),
            ring: Ring::new(auth),
        })
    }
}

impl Authenticator {
    /// Verifies with the keys, issuer and audience of `auth`.
    pub fn new(auth: &Auth) -> Self {
        Self {
            keys: ArcSwap::new(Keys::new(auth)),
        }
    }

    /// Takes over another configuration; every token is verified anew.
    pub fn replace(&self, auth: &Auth) {
        self.keys.store(Keys::new(auth));
    }

    /// Says who sent the request.
    ///
    /// # Errors
    /// `unauthenticated` without exactly one `Authorization: Bearer` header or with a token that is not good.
    pub fn authenticate(&self, request: &HttpRequest, now: Timestamp) -> Result<Arc<Caller>, Error> {
        let token = bearer(request)?;
        let keys = self.keys.load();
        let name = digest(&SHA256, token.as_bytes());
        MEMORY.with_borrow_mut(|memory| {
            if let Some(caller) = memory.recall(keys.epoch, name.as_ref(), now) {
                return Ok(caller);
            }
            let verified = keys
                .ring
                .verify(token, now)
                .map_err(|refused| unauthenticated(refused.to_string()))?;
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

fn unauthenticated(detail: impl Into<String>) -> Error {
    Error::new(Problem::Unauthenticated, detail)
}

#[cfg(test)]
mod tests;
