//! Objects in the store: read, and changed by compare-and-set.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::gateway::Gateway;
use crate::domain::call::Call;
use crate::domain::error::{Error, Problem};
use crate::domain::ids::{CallId, VerificationId};
use crate::domain::verification::Ledger;
use crate::store::{Expect, Key, Put, Stored, Version, keys};

/// How often a change is tried again when others change the same object; each try is one round trip.
const TRIES: usize = 200;

/// What a change decided.
pub(super) enum Change<T> {
    /// Write the object back.
    Write(T),
    /// Leave it as it is.
    Keep(T),
}

pub(super) fn encode(object: &impl Serialize) -> Result<Bytes, Error> {
    serde_json::to_vec(object).map(Bytes::from).map_err(|_| corrupt())
}

pub(super) fn decode<T: DeserializeOwned>(stored: &Stored) -> Result<T, Error> {
    serde_json::from_slice(&stored.value).map_err(|_| corrupt())
}

fn corrupt() -> Error {
    tracing::error!("an object in the store cannot be read");
    Error::new(Problem::Internal, "An object in the store cannot be read.")
}

impl Gateway {
    pub(super) async fn load_call(&self, id: CallId) -> Result<Option<Call>, Error> {
        self.load(&keys::call(id)).await
    }

    pub(super) async fn load_ledger(&self, id: VerificationId) -> Result<Option<Ledger>, Error> {
        self.load(&keys::verification(id)).await
    }

    async fn load<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, Error> {
        match self.store.get(key).await? {
            Some(stored) if !stored.value.is_empty() => decode(&stored).map(Some),
            _ => Ok(None),
        }
    }

    pub(super) async fn change_call<T>(
        &self,
        id: CallId,
        change: impl FnMut(&mut Call) -> Result<Change<T>, Error>,
    ) -> Result<(Call, T), Error> {
        self.change(&keys::call(id), self.config.retention.calls, None, change).await
    }

    pub(super) async fn change_ledger<T>(
        &self,
        id: VerificationId,
        known: Option<(Ledger, Version)>,
        change: impl FnMut(&mut Ledger) -> Result<Change<T>, Error>,
    ) -> Result<(Ledger, T), Error> {
        self.change(&keys::verification(id), self.config.retention.verifications, known, change).await
    }

    /// Applies `change` to the object under `key` until no one else changed it meanwhile.
    async fn change<O, T>(
        &self,
        key: &Key,
        keep: std::time::Duration,
        known: Option<(O, Version)>,
        mut change: impl FnMut(&mut O) -> Result<Change<T>, Error>,
    ) -> Result<(O, T), Error>
    where
        O: Serialize + DeserializeOwned,
    {
        let mut current = match known {
            Some(known) => known,
            None => existing(self.store.get(key).await?)?,
        };
        for _ in 0..TRIES {
            let (mut object, version) = current;
            let done = match change(&mut object)? {
                Change::Keep(done) => return Ok((object, done)),
                Change::Write(done) => done,
            };
            match self.store.put(key, encode(&object)?, Some(keep), Expect::Version(version)).await? {
                Put::Stored(_) => return Ok((object, done)),
                Put::Conflict(found) => current = existing(found)?,
            }
        }
        Err(Error::new(Problem::Overloaded, "Too many changes of one object at once.")
            .retry_after(std::time::Duration::from_secs(1)))
    }
}

fn existing<O: DeserializeOwned>(stored: Option<Stored>) -> Result<(O, Version), Error> {
    match stored {
        Some(stored) if !stored.value.is_empty() => Ok((decode(&stored)?, stored.version)),
        _ => Err(Error::not_found()),
    }
}
