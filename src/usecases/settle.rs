//! Looking after what is open: nothing that happened stays untold, and nothing stays open for want of news.
//!
//! One instance at a time does it. It reads each open object when it is due, publishes what its writer did not live to
//! publish, and moves on what time alone moves on.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use tokio_util::sync::CancellationToken;

use super::gateway::Gateway;
use super::records::{Change, Held, Told};
use crate::domain::call::Call;
use crate::domain::error::Error;
use crate::domain::time::Timestamp;
use crate::domain::verification::Ledger;
use crate::store::{Key, Order, Range, keys};

/// How long after it is made an object is first looked at, in milliseconds.
pub(super) const FIRST_LOOK_MS: i64 = 2_000;
/// How long an event may be on its way to the log before it counts as left behind, in milliseconds.
const ON_ITS_WAY_MS: i64 = 1_000;
/// How often an open call is looked at, in milliseconds.
const CALL_EVERY_MS: i64 = 5_000;
/// How long one instance looks after what is open before it must say so again; after its death another takes over.
const LEASE: Duration = Duration::from_secs(4);
/// How long nothing is looked at when nothing is due.
const PAUSE: Duration = Duration::from_millis(500);
/// How many objects are looked at together.
const BATCH: usize = 100;
/// The name of the one who looks.
const KEEPER: &str = "keeper";

/// An object that is looked after until it is closed.
trait Watched: Told + Sized {
    fn key(id: &str) -> Key;

    /// Moves on what time alone moves on, and says when to look again.
    async fn look(gateway: &Gateway, held: Held<Self>) -> Result<Timestamp, Error>;
}

impl Watched for Ledger {
    fn key(id: &str) -> Key {
        keys::verification(id)
    }

    async fn look(gateway: &Gateway, held: Held<Self>) -> Result<Timestamp, Error> {
        let now = gateway.now();
        let (held, ()) = gateway
            .change(held, |ledger| {
                Ok(if ledger.verification.expire(now) {
                    Change::Write(())
                } else {
                    Change::Keep(())
                })
            })
            .await?;
        Ok(held.object.verification.expires_at)
    }
}

impl Watched for Call {
    fn key(id: &str) -> Key {
        keys::call(id)
    }

    async fn look(gateway: &Gateway, _: Held<Self>) -> Result<Timestamp, Error> {
        Ok(later(gateway.now(), CALL_EVERY_MS))
    }
}

fn later(now: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_add(ms))
}

impl Gateway {
    /// Looks after what is open until told to stop; of several instances one does.
    pub(super) async fn look_after(self: Arc<Self>, stop: CancellationToken) {
        let mut known = false;
        while !stop.is_cancelled() {
            let turn = async {
                let mine = self.hold_lease(KEEPER, LEASE).await?;
                if mine {
                    // Whoever did it before may have died in the middle of something: look at everything once.
                    let until = if known { self.now().as_millis() } else { LAST };
                    try_join(self.look_at::<Call>(until), self.look_at::<Ledger>(until)).await?;
                }
                Ok::<_, Error>(mine)
            };
            let turned = tokio::select! {
                turned = turn => turned,
                () = stop.cancelled() => break,
            };
            known = turned.unwrap_or_else(|error| {
                tracing::warn!(%error, "what is open could not be looked after");
                known
            });
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = stop.cancelled() => {}
            }
        }
        if let Err(error) = self.release_lease(KEEPER).await {
            tracing::warn!(%error, "the next keeper waits until the lease runs out");
        }
    }

    /// Looks at every open object that is due until `until`.
    async fn look_at<O: Watched>(&self, until: i64) -> Result<(), Error> {
        let set = O::open_set();
        let mut after = None;
        loop {
            let due = Range {
                scores: 0..=until,
                order: Order::Ascending,
                after: after.take(),
                limit: BATCH,
            };
            let members = self.store.range(&set, due).await?;
            try_join_all(members.iter().map(|member| self.look_at_one::<O>(&member.member))).await?;
            match members.last() {
                Some(last) if members.len() == BATCH => after = Some((last.score, last.member.clone())),
                _ => return Ok(()),
            }
        }
    }

    async fn look_at_one<O: Watched>(&self, id: &str) -> Result<(), Error> {
        let set = O::open_set();
        let Some(held) = self.hold::<O>(&O::key(id)).await? else {
            self.store.unindex(&set, id).await?;
            return Ok(());
        };
        let left_behind = held.outbox.first().is_some_and(|event| {
            let made = i64::try_from(event.id.made_at_ms()).unwrap_or(i64::MAX);
            self.now().as_millis() > made.saturating_add(ON_ITS_WAY_MS)
        });
        if left_behind {
            self.announce_again(&held).await?;
        }
        if held.object.is_closed() && held.outbox.is_empty() {
            self.store.unindex(&set, id).await?;
            return Ok(());
        }
        let again = if held.object.is_closed() {
            later(self.now(), ON_ITS_WAY_MS)
        } else {
            O::look(self, held).await?
        };
        self.store.index(&set, again.as_millis(), id, None).await?;
        Ok(())
    }
}

/// After every time at which something is due.
const LAST: i64 = 1 << 52;
