//! Repeats of one request by its `Idempotency-Key`: claimed before anything is done, answered again afterwards.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::gateway::Gateway;
use super::records::{decode, encode};
use super::requests::{Guarded, Once, Outcome};
use crate::domain::caller::Caller;
use crate::domain::error::{Error, Problem};
use crate::domain::time::Timestamp;
use crate::seal::{Purpose, plain_name};
use crate::store::{Expect, Key, Put, StoreError, Stored, Version, keys};

/// How long an answer is repeated.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// How long an instance counts as alive after its last sign of life.
const ALIVE: Duration = Duration::from_secs(6);
/// How long a request may run before its claim counts as left behind.
const LONGEST: i64 = 60;
/// How often an instance gives a sign of life.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize, Deserialize)]
struct Claim {
    /// Keyed hash of the request's body.
    fingerprint: String,
    /// The object that is made or acted on.
    object: String,
    /// The instance that runs the request.
    instance: String,
    /// When it began.
    since: Timestamp,
    /// The answer, sealed, once there is one: it holds numbers, and cannot be found by them.
    outcome: Option<String>,
}

impl Gateway {
    /// Runs `act` at most once for the caller's key; a repeat gets the first answer.
    ///
    /// # Errors
    /// `request-in-progress` while the first still runs, `idempotency-key-reused` for another body, and whatever `act`
    /// answers: after an error the key is free again.
    pub async fn once(
        &self,
        caller: &Caller,
        guarded: Guarded,
        act: impl Future<Output = Result<Outcome, Error>>,
    ) -> Result<Once, Error> {
        let Some(key) = &guarded.key else {
            return Ok(Once::Ran(act.await?));
        };
        let name = keys::idempotency(&caller.tenant, plain_name(&[&guarded.operation, key]));
        let mut body = guarded.body;
        body.sort_all_objects();
        let fingerprints = self.sealer.fingerprints(&body.to_string());
        let mut claim = Claim {
            fingerprint: fingerprints.first().cloned().unwrap_or_default(),
            object: guarded.object.clone(),
            instance: self.instance.clone(),
            since: self.now(),
            outcome: None,
        };
        match self
            .store
            .put(&name, encode(&claim)?, Some(KEPT), Expect::Absent)
            .await?
        {
            Put::Conflict(Some(found)) => self.repeated(&name, found, &fingerprints).await,
            Put::Conflict(None) => Err(in_progress()),
            Put::Stored(version) => match act.await {
                Ok(outcome) => {
                    claim.outcome = self.sealed(&name, &outcome)?;
                    self.store
                        .put(&name, encode(&claim)?, Some(KEPT), Expect::Version(version))
                        .await
                        .map(|_| ())
                        .unwrap_or_else(left);
                    Ok(Once::Ran(outcome))
                }
                Err(error) => {
                    self.store
                        .remove(&name, Expect::Version(version))
                        .await
                        .unwrap_or_else(left);
                    Err(error)
                }
            },
        }
    }

    async fn repeated(&self, name: &Key, found: Stored, fingerprints: &[String]) -> Result<Once, Error> {
        let claim: Claim = decode(&found)?;
        if !fingerprints.contains(&claim.fingerprint) {
            return Err(Error::new(
                Problem::IdempotencyKeyReused,
                "This idempotency key was used with another body; the first request stands.",
            ));
        }
        if self.is_fenced_off(&claim.object).await? {
            if claim.outcome.is_some() {
                self.forget_outcome(name, found.version, claim).await?;
            }
            return Err(Error::not_found());
        }
        if let Some(sealed) = claim.outcome {
            // An answer that was sealed with a key taken away since cannot be repeated, but what it was about can be told.
            return Ok(match self.opened(name, &sealed) {
                Some(outcome) => Once::Replayed(outcome),
                None => Once::Orphaned(claim.object),
            });
        }
        if self.is_running(&claim).await? {
            return Err(in_progress());
        }
        self.orphaned(name, found.version, claim.object).await
    }

    /// Keeps a claim without its answer for the rest of its time: a repeat is not to run.
    async fn forget_outcome(&self, name: &Key, version: Version, mut claim: Claim) -> Result<(), Error> {
        let age = Duration::from_secs(self.now().seconds_since(claim.since));
        let keep = KEPT.saturating_sub(age).max(Duration::from_secs(1));
        claim.outcome = None;
        self.store
            .put(name, encode(&claim)?, Some(keep), Expect::Version(version))
            .await?;
        Ok(())
    }

    /// A claim whose owner died never runs again. If it died before its object was made, the object is fenced off, so that
    /// an owner only thought dead cannot make it, and the key is free. It is not if the object was erased.
    async fn orphaned(&self, name: &Key, version: Version, object: String) -> Result<Once, Error> {
        let key = object_key(&object);
        match self.store.put(&key, Bytes::new(), Some(KEPT), Expect::Absent).await? {
            Put::Conflict(Some(_)) => Ok(Once::Orphaned(object)),
            Put::Conflict(None) => Err(in_progress()),
            Put::Stored(_) => {
                self.store.remove(name, Expect::Version(version)).await?;
                Err(in_progress())
            }
        }
    }

    /// Whether an object was erased since.
    async fn is_fenced_off(&self, object: &str) -> Result<bool, Error> {
        let stored = self.store.get(&object_key(object)).await?;
        Ok(stored.is_some_and(|stored| stored.value.is_empty()))
    }

    fn sealed(&self, name: &Key, outcome: &Outcome) -> Result<Option<String>, Error> {
        let plain = encode(outcome)?;
        Ok(self.sealer.seal(Purpose::Answer, name.as_ref().as_bytes(), &plain))
    }

    fn opened(&self, name: &Key, sealed: &str) -> Option<Outcome> {
        let plain = self.sealer.open(Purpose::Answer, name.as_ref().as_bytes(), sealed)?;
        serde_json::from_slice(&plain).ok()
    }

    async fn is_running(&self, claim: &Claim) -> Result<bool, Error> {
        if self.now() > claim.since.plus_seconds(LONGEST) {
            return Ok(false);
        }
        Ok(claim.instance == self.instance || self.store.get(&instance_lease(&claim.instance)).await?.is_some())
    }

    /// Gives a sign of life, so that other instances leave this one's claims alone.
    ///
    /// # Errors
    /// `store-unavailable`.
    pub(super) async fn heartbeat(&self) -> Result<(), Error> {
        self.store
            .put(
                &instance_lease(&self.instance),
                Bytes::from_static(b"1"),
                Some(ALIVE),
                Expect::Any,
            )
            .await?;
        Ok(())
    }

    /// Has nobody wait any more for what this instance has begun.
    ///
    /// # Errors
    /// `store-unavailable`: the sign of life then ends by itself.
    pub(super) async fn last_heartbeat(&self) -> Result<(), Error> {
        self.store.remove(&instance_lease(&self.instance), Expect::Any).await?;
        Ok(())
    }
}

fn object_key(object: &str) -> Key {
    if object.starts_with("ver_") {
        keys::verification(object)
    } else {
        keys::call(object)
    }
}

/// What was done stands, whatever becomes of the claim: its owner is forgotten in time, and the object tells the rest.
fn left<T: Default>(error: StoreError) -> T {
    tracing::warn!(%error, "an idempotency claim was left behind");
    T::default()
}

fn instance_lease(instance: &str) -> Key {
    keys::lease(format_args!("instance/{instance}"))
}

fn in_progress() -> Error {
    Error::new(
        Problem::RequestInProgress,
        "A request with this idempotency key is still running.",
    )
    .retry_after(Duration::from_secs(1))
}
