//! Erasing what is kept about a number, on the demand of the person whose it is.
//!
//! What is found by looking is removed: calls and verifications in which the number stands anywhere, their webhooks,
//! events and deliveries, and everything that counts by the number. What is under way is left and told of: it would come
//! back with the next news. Answers kept for repeats and pages of the history that wait are sealed, hold for a day, and
//! cannot be looked through; an answer is not repeated once its object is erased.

mod numbers;
mod traces;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::bind::awaiting_set;
use super::gateway::Gateway;
use super::look_through::{LAST, Shelf};
use super::place_call::call_sets;
use super::records::Held;
use crate::domain::account::AccountName;
use crate::domain::call_file::CallFile;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::phone::PhoneNumber;
use crate::domain::verification::Ledger;
use crate::store::{Expect, Key, Put, Set, Version, keys};

use numbers::Spellings;

/// How long the name of an erased object stays taken: as long as answers about it may be asked for again.
const FENCED_OFF: Duration = Duration::from_secs(24 * 3600);

/// What was erased, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// The number, masked.
    pub number: String,
    /// Whether nothing was removed, only counted.
    pub dry_run: bool,
    /// How much of each kind.
    pub removed: Removed,
    /// What could not be removed now; do it again later.
    pub left: Left,
}

/// How much of each kind was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Calls, with what webhooks said of them.
    pub calls: usize,
    /// Verifications.
    pub verifications: usize,
    /// Webhooks in the inbox, and calls that stay without what webhooks said of them.
    pub webhooks: usize,
    /// Webhooks that nobody could read.
    pub dead_letters: usize,
    /// Events in the log.
    pub events: usize,
    /// Deliveries of events to subscriptions.
    pub deliveries: usize,
    /// What counted by the number, and lists of calls that waited for news of it.
    pub counters: usize,
}

/// How much was left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Calls and verifications under way, or whose events are not in the log yet.
    pub objects: usize,
    /// Webhooks that are not applied yet.
    pub webhooks: usize,
}

/// One number on its way out.
struct Erasure {
    number: PhoneNumber,
    spellings: Spellings,
    erased: Erased,
    /// Who may have counted by it.
    tenants: BTreeSet<String>,
    /// What the events of erased objects are about: our identifiers, and the providers' by account.
    subjects: BTreeSet<String>,
    references: BTreeSet<(AccountName, String)>,
}

impl Gateway {
    /// Removes what is kept about a number, in whatever spelling; with `dry_run` only counts it.
    ///
    /// # Errors
    /// `store-unavailable`: some of it may be gone then, and doing it again removes the rest.
    pub async fn erase(&self, number: PhoneNumber, dry_run: bool) -> Result<Erased, Error> {
        let mut erasure = Erasure {
            spellings: Spellings::of(&number),
            erased: Erased {
                number: number.masked(),
                dry_run,
                ..Erased::default()
            },
            number,
            tenants: self.known_tenants(),
            subjects: BTreeSet::new(),
            references: BTreeSet::new(),
        };
        self.erase_calls(&mut erasure).await?;
        self.erase_verifications(&mut erasure).await?;
        self.erase_webhooks(&mut erasure).await?;
        self.erase_raws(&mut erasure).await?;
        self.erase_dead_letters(&mut erasure).await?;
        self.erase_events(&mut erasure).await?;
        self.erase_deliveries(&mut erasure).await?;
        self.erase_counters(&mut erasure).await?;
        tracing::info!(number = erasure.erased.number, dry_run, removed = ?erasure.erased.removed, "a number was erased");
        Ok(erasure.erased)
    }

    /// The tenants that the configuration names.
    fn known_tenants(&self) -> BTreeSet<String> {
        let accounts = self.config.accounts.values();
        let named = accounts.flat_map(|account| account.users.iter().chain([&account.owner]));
        let subscribed = self
            .config
            .subscriptions
            .values()
            .map(|subscription| &subscription.tenant);
        named.chain(subscribed).cloned().collect()
    }

    async fn erase_calls(&self, erasure: &mut Erasure) -> Result<(), Error> {
        for id in self.holding(&Shelf::calls(), &erasure.spellings).await? {
            let key = keys::call(&id);
            let Some(held) = self.hold::<CallFile>(&key).await? else {
                continue;
            };
            let call = &held.object.call;
            erasure.tenants.insert(call.tenant.clone());
            let mut sets = call_sets(call);
            sets.push(keys::open_calls());
            sets.extend(awaiting_set(self, call));
            let closed = held.object.is_closed();
            if !self.erase_object(erasure, &held, (&key, closed), (&sets, &id)).await? {
                continue;
            }
            erasure.erased.removed.calls += 1;
            erasure.subjects.insert(id.clone());
            let reference = call.provider_ref.as_ref().and_then(|reference| reference.id.clone());
            let reference = call.account.clone().zip(reference);
            if !erasure.erased.dry_run {
                self.store.remove(&keys::raw_of_call(&id), Expect::Any).await?;
                if let Some((account, name)) = &reference {
                    let name = keys::call_by_reference(account, name);
                    self.store.remove(&name, Expect::Any).await?;
                }
            }
            erasure.references.extend(reference);
        }
        Ok(())
    }

    async fn erase_verifications(&self, erasure: &mut Erasure) -> Result<(), Error> {
        for id in self.holding(&Shelf::verifications(), &erasure.spellings).await? {
            let key = keys::verification(&id);
            let Some(held) = self.hold::<Ledger>(&key).await? else {
                continue;
            };
            let verification = &held.object.verification;
            erasure.tenants.insert(verification.tenant.clone());
            let sets = [
                keys::verifications_of(&verification.tenant),
                keys::verifications_all(),
                keys::open_verifications(),
            ];
            // An open one has nothing under way but what its person does.
            if !self.erase_object(erasure, &held, (&key, true), (&sets, &id)).await? {
                continue;
            }
            erasure.erased.removed.verifications += 1;
            erasure.subjects.insert(id.clone());
            let sent = verification.sends.iter().filter_map(|send| {
                let name = send.provider_ref.as_ref()?.id.clone()?;
                Some((send.account.clone()?, name))
            });
            erasure.references.extend(sent);
        }
        Ok(())
    }

    /// Removes an object on which nothing is under way, and takes it off its lists; says whether it did.
    ///
    /// Its name stays taken for a while, so that whoever repeats the request that made it is not given its answer.
    async fn erase_object<O>(
        &self,
        erasure: &mut Erasure,
        held: &Held<O>,
        (key, closed): (&Key, bool),
        (sets, id): (&[Set], &str),
    ) -> Result<bool, Error> {
        let told = closed && self.is_told(&held.outbox).await?;
        let removed = told && (erasure.erased.dry_run || self.fence_off(key, held.version).await?);
        if !removed {
            erasure.erased.left.objects += 1;
            return Ok(false);
        }
        if !erasure.erased.dry_run {
            for set in sets {
                self.store.unindex(set, id).await?;
            }
        }
        Ok(true)
    }

    /// Whether events are in the log. A record may keep those that are when it was changed while they were put there.
    async fn is_told(&self, outbox: &[Event]) -> Result<bool, Error> {
        for event in outbox {
            if self.find_event(event.id).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn fence_off(&self, key: &Key, version: Version) -> Result<bool, Error> {
        let fence = self
            .store
            .put(key, Bytes::new(), Some(FENCED_OFF), Expect::Version(version))
            .await?;
        Ok(matches!(fence, Put::Stored(_)))
    }

    /// The names of a list's objects in which the number stands.
    async fn holding(&self, shelf: &Shelf, spellings: &Spellings) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        let mut take = |name, stored: crate::store::Stored| {
            if spellings.stand_in(&stored.value) {
                names.push(name);
            }
        };
        self.look_through(shelf, 0..=LAST, &mut take).await?;
        Ok(names)
    }
}

/// Whether a record can still be read as a delivery's.
fn read_record(value: &[u8]) -> Option<super::delivery_ledger::Record> {
    serde_json::from_slice(value).ok()
}
