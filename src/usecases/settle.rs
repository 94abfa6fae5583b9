//! Looking after what is open: nothing that happened stays untold, and nothing stays open for want of news.
//!
//! One instance at a time does it. It reads each open object when it is due, publishes what its writer did not live to
//! publish, moves on what time alone moves on, and has providers asked about calls that are silent.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use tokio_util::sync::CancellationToken;

use super::ask::{Asker, can_be_asked};
use super::gateway::Gateway;
use super::records::{Change, Held, Told};
use crate::domain::call::Call;
use crate::domain::call_file::CallFile;
use crate::domain::error::Error;
use crate::domain::patience::Patience;
use crate::domain::time::Timestamp;
use crate::domain::verification::Ledger;
use crate::providers::registry::Entry;
use crate::store::{Key, Order, Range, keys};

/// How long after it is made an object is first looked at, in milliseconds.
pub(super) const FIRST_LOOK_MS: i64 = 2_000;
/// How long an event may be on its way to the log before it counts as left behind, in milliseconds.
const ON_ITS_WAY_MS: i64 = 1_000;
/// How often an open call is looked at, in milliseconds: what is left behind is found that soon.
const CALL_EVERY_MS: i64 = 5_000;
/// The same for a call of which news is expected at any moment.
const SOON_MS: i64 = 1_000;
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

    /// Moves on what time alone moves on, and says what is next.
    async fn look(gateway: &Gateway, held: Held<Self>) -> Result<Next, Error>;
}

/// What is next for an open object.
enum Next {
    /// To look again then.
    Look(Timestamp),
    /// To have its provider asked.
    Ask(Box<CallFile>),
}

impl Watched for Ledger {
    fn key(id: &str) -> Key {
        keys::verification(id)
    }

    async fn look(gateway: &Gateway, held: Held<Self>) -> Result<Next, Error> {
        let now = gateway.now();
        let (held, ()) = gateway
            .change(held, |ledger| {
                Ok(if ledger.expire(now) {
                    Change::Write(())
                } else {
                    Change::Keep(())
                })
            })
            .await?;
        Ok(Next::Look(held.object.verification.expires_at))
    }
}

impl Watched for CallFile {
    fn key(id: &str) -> Key {
        keys::call(id)
    }

    async fn look(gateway: &Gateway, held: Held<Self>) -> Result<Next, Error> {
        let (now, patience) = (gateway.now(), gateway.patience_with(&held.object.call));
        // What would be better news than a presumed end may have been taken and not applied yet.
        let lapsed = match held.object.presumed {
            Some(_) => now.min(gateway.inbox_applied_until().await?),
            None => now,
        };
        let (held, ()) = gateway
            .change(held, |file| {
                Ok(if patience.lapse(file, lapsed) {
                    Change::Write(())
                } else {
                    Change::Keep(())
                })
            })
            .await?;
        let file = held.object;
        let asks_from = patience.asks_from(&file);
        if asks_from.is_some_and(|from| from <= now) {
            return Ok(Next::Ask(Box::new(file)));
        }
        let next = [asks_from, patience.lapses_at(&file)].into_iter().flatten().min();
        let every = if file.intent().is_some() || file.is_closed() {
            SOON_MS
        } else {
            CALL_EVERY_MS
        };
        let at_most = later(now, every);
        Ok(Next::Look(next.map_or(at_most, |next| next.min(at_most))))
    }
}

fn later(now: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_add(ms))
}

impl Gateway {
    /// Looks after what is open until told to stop; of several instances one does.
    pub(super) async fn look_after(self: Arc<Self>, stop: CancellationToken) {
        let mut known = false;
        let mut asker = Asker::default();
        while !stop.is_cancelled() {
            let turned = tokio::select! {
                turned = self.look_around(&mut asker, known) => turned,
                () = stop.cancelled() => break,
            };
            known = turned.unwrap_or_else(|error| {
                tracing::warn!(%error, "what is open could not be looked after");
                known
            });
            tokio::select! {
                () = asker.ask_for(PAUSE, || self.now()) => {}
                () = stop.cancelled() => {}
            }
        }
        if let Err(error) = self.release_lease(KEEPER).await {
            tracing::warn!(%error, "the next keeper waits until the lease runs out");
        }
    }

    /// Looks at what is due if this instance is the one to do it, and says whether it is.
    pub(super) async fn look_around<'a>(&'a self, asker: &mut Asker<'a>, known: bool) -> Result<bool, Error> {
        if !self.hold_lease(KEEPER, LEASE).await? {
            return Ok(false);
        }
        // Whoever did it before may have died in the middle of something: look at everything once.
        let until = if known { self.now().as_millis() } else { LAST };
        let (silent, _) = try_join(self.look_at::<CallFile>(until), self.look_at::<Ledger>(until)).await?;
        self.begin_to_ask(asker, silent).await?;
        Ok(true)
    }

    /// Looks at every open object that is due until `until`; gives the calls whose providers are to be asked.
    async fn look_at<O: Watched>(&self, until: i64) -> Result<Vec<CallFile>, Error> {
        let set = O::open_set();
        let mut after = None;
        let mut silent = Vec::new();
        loop {
            let due = Range {
                scores: 0..=until,
                order: Order::Ascending,
                after: after.take(),
                limit: BATCH,
            };
            let members = self.store.range(&set, due).await?;
            let looks = members.iter().map(|member| self.look_at_one::<O>(&member.member));
            silent.extend(try_join_all(looks).await?.into_iter().flatten().map(|file| *file));
            match members.last() {
                Some(last) if members.len() == BATCH => after = Some((last.score, last.member.clone())),
                _ => return Ok(silent),
            }
        }
    }

    async fn look_at_one<O: Watched>(&self, id: &str) -> Result<Option<Box<CallFile>>, Error> {
        let (set, now) = (O::open_set(), self.now());
        let Some(held) = self.hold::<O>(&O::key(id)).await? else {
            self.store.unindex(&set, id).await?;
            return Ok(None);
        };
        let left_behind = held.outbox.first().is_some_and(|event| {
            let made = i64::try_from(event.id.made_at_ms()).unwrap_or(i64::MAX);
            now.as_millis() > made.saturating_add(ON_ITS_WAY_MS)
        });
        if left_behind {
            self.announce_again(&held).await?;
        }
        if held.object.is_closed() && held.outbox.is_empty() {
            self.store.unindex(&set, id).await?;
            return Ok(None);
        }
        let again = if held.object.is_closed() {
            later(now, ON_ITS_WAY_MS)
        } else {
            match O::look(self, held).await? {
                Next::Look(again) => again,
                Next::Ask(file) => return Ok(Some(file)),
            }
        };
        self.store.index(&set, again.as_millis(), id, None).await?;
        Ok(None)
    }

    /// How patient one is with a call.
    fn patience_with(&self, call: &Call) -> Patience {
        let entry = call.account.as_ref().and_then(|account| self.accounts.get(account));
        Patience {
            settle: self.config.calls.settle,
            max_call: self.config.calls.max_call,
            exchange: entry.map_or(Duration::ZERO, |entry| entry.config.timeout),
            asks: entry.is_some_and(|entry| can_be_asked(entry, call)),
            is_told: entry.is_some_and(is_told),
        }
    }
}

/// Whether the account's provider tells of its calls by itself.
fn is_told(entry: &Entry) -> bool {
    entry.provider.webhooks().is_some() && entry.config.webhook_keys.is_some()
}

/// After every time at which something is due.
const LAST: i64 = 1 << 52;
