//! Objects in the store: read, and changed by compare-and-set.

use std::time::Duration;

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

/// Bytes that hold most objects without growing.
const USUAL_SIZE: usize = 2048;

/// An object as it was last read or written.
pub(super) struct Held<O> {
    pub(super) object: O,
    pub(super) version: Version,
}

/// What a change decided.
pub(super) enum Change<T> {
    /// Write the object back.
    Write(T),
    /// Leave it as it is.
    Keep(T),
}

pub(super) fn encode(object: &impl Serialize) -> Result<Bytes, Error> {
    let mut text = Vec::with_capacity(USUAL_SIZE);
    serde_json::to_writer(&mut text, object).map_err(|_| corrupt())?;
    Ok(text.into())
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

    pub(super) async fn hold_ledger(&self, id: VerificationId) -> Result<Option<Held<Ledger>>, Error> {
        self.hold(&keys::verification(id)).await
    }

    async fn load<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, Error> {
        Ok(self.hold(key).await?.map(|held| held.object))
    }

    async fn hold<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<Held<T>>, Error> {
        match self.store.get(key).await? {
            Some(stored) if !stored.value.is_empty() => held(&stored).map(Some),
            _ => Ok(None),
        }
    }

    pub(super) async fn change_call<T>(
        &self,
        id: CallId,
        change: impl FnMut(&mut Call) -> Result<Change<T>, Error>,
    ) -> Result<(Call, T), Error> {
        let key = keys::call(id);
        let current = existing(self.store.get(&key).await?)?;
        let (held, done) = self
            .change((&key, self.config.retention.calls), current, change)
            .await?;
        Ok((held.object, done))
    }

    pub(super) async fn change_ledger<T>(
        &self,
        current: Held<Ledger>,
        change: impl FnMut(&mut Ledger) -> Result<Change<T>, Error>,
    ) -> Result<(Held<Ledger>, T), Error> {
        let key = keys::verification(current.object.verification.id);
        self.change((&key, self.config.retention.verifications), current, change)
            .await
    }

    /// Applies `change` to an object, as it is known and then as it is found, until no one else changed it meanwhile.
    async fn change<O, T>(
        &self,
        (key, keep): (&Key, Duration),
        mut current: Held<O>,
        mut change: impl FnMut(&mut O) -> Result<Change<T>, Error>,
    ) -> Result<(Held<O>, T), Error>
    where
        O: Serialize + DeserializeOwned,
    {
        for _ in 0..TRIES {
            let done = match change(&mut current.object)? {
                Change::Keep(done) => return Ok((current, done)),
                Change::Write(done) => done,
            };
            let value = encode(&current.object)?;
            match self
                .store
                .put(key, value, Some(keep), Expect::Version(current.version))
                .await?
            {
                Put::Stored(version) => return Ok((Held { version, ..current }, done)),
                Put::Conflict(found) => current = existing(found)?,
            }
        }
        Err(
            Error::new(Problem::Overloaded, "Too many changes of one object at once.")
                .retry_after(Duration::from_secs(1)),
        )
    }
}

fn existing<O: DeserializeOwned>(stored: Option<Stored>) -> Result<Held<O>, Error> {
    match stored {
        Some(stored) if !stored.value.is_empty() => held(&stored),
        _ => Err(Error::not_found()),
    }
}

fn held<O: DeserializeOwned>(stored: &Stored) -> Result<Held<O>, Error> {
    Ok(Held {
        object: decode(stored)?,
        version: stored.version,
    })
}
