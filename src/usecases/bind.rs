//! Which call of ours a provider's identifier means, settled once for all who ask at once.
//!
//! An identifier is given to one call by a write that only the first makes, and a call takes one identifier by
//! compare-and-set: webhooks and reports that are read at once never tie two identifiers to one call, nor two calls to one.

use std::time::Duration;

use super::gateway::Gateway;
use super::records::{self, Change};
use crate::domain::account::AccountName;
use crate::domain::address::Address;
use crate::domain::binding;
use crate::domain::call::{Call, CallKind, Direction, LegSide, ProviderRef, SettledBy};
use crate::domain::call_file::CallFile;
use crate::domain::error::{Error, Problem};
use crate::domain::facts::CallFacts;
use crate::domain::fold::fold;
use crate::domain::ids::CallId;
use crate::domain::time::Timestamp;
use crate::providers::registry::Entry;
use crate::seal::Purpose;
use crate::store::{Expect, Order, Put, Range, Set, Stored, Version, keys};

/// How many calls that wait for news of one party are read at once.
const PAGE: usize = 100;
/// How often one chooses anew among them when others take what was chosen.
const MOST_CHOICES: usize = 100;

/// How far a provider's clock may be ahead of ours, in seconds, before its date of a call is not taken.
const AHEAD_SECONDS: i64 = 300;

/// Whose a provider's identifier is.
enum Named {
    /// It was given away before.
    Before(CallId),
    /// It is given to the call that asked for it.
    Now(Version),
}

impl Gateway {
    /// The call of ours that a provider's identifier means.
    pub(super) async fn known_call(&self, account: &AccountName, provider_id: &str) -> Result<Option<CallId>, Error> {
        let stored = self.store.get(&keys::call_by_reference(account, provider_id)).await?;
        let Some(id) = stored.as_ref().and_then(read_id) else {
            return Ok(None);
        };
        let call = self.load_call(id).await?;
        // A call that took another name keeps that one: this one is about to be given to another call.
        Ok(call.filter(|call| may_be(call, provider_id)).map(|call| call.id))
    }

    /// Ties news of an identifier nobody knows to the call of ours that it is about: the one it echoes, else one that
    /// waits for news of its party; nothing where none does.
    pub(super) async fn bind(&self, entry: &Entry, facts: &CallFacts) -> Result<Option<CallId>, Error> {
        let account = &entry.config.name;
        let Some(provider_id) = provider_id(facts.reference.as_ref()) else {
            return Ok(None);
        };
        for _ in 0..MOST_CHOICES {
            let Some(call) = self.waiting_for(account, facts).await? else {
                // Nobody waits any longer where somebody else has just tied it.
                return self.known_call(account, provider_id).await;
            };
            let given = match self.give_name(&call, provider_id, facts.echoed).await? {
                Named::Before(id) => return Ok(Some(id)),
                Named::Now(version) => version,
            };
            // What echoes our identifier is ours, under whatever name.
            if self.take_name(call.id, provider_id).await? || facts.echoed.is_some() {
                self.stop_awaiting(awaiting_set(self, &call), call.id).await;
                return Ok(Some(call.id));
            }
            let key = keys::call_by_reference(account, provider_id);
            self.store.remove(&key, Expect::Version(given)).await?;
        }
        Err(too_much_at_once())
    }

    /// Gives an identifier to a call unless another call has it.
    async fn give_name(&self, call: &Call, provider_id: &str, echoed: Option<CallId>) -> Result<Named, Error> {
        let Some(account) = &call.account else {
            return Err(Error::not_found());
        };
        let key = keys::call_by_reference(account, provider_id);
        let keep = Some(self.config.retention.calls);
        let mut expect = Expect::Absent;
        loop {
            let found = match self.store.put(&key, call.id.to_string().into(), keep, expect).await? {
                Put::Stored(version) => return Ok(Named::Now(version)),
                Put::Conflict(found) => found,
            };
            if let Some(id) = found.as_ref().and_then(read_id)
                && self.load_call(id).await?.is_some()
                && (echoed == Some(id) || self.take_name(id, provider_id).await?)
            {
                return Ok(Named::Before(id));
            }
            // The call named here was never made, or took another name first.
            expect = found.map_or(Expect::Absent, |found| Expect::Version(found.version));
        }
    }

    /// Has a call take an identifier; says no where it has another.
    async fn take_name(&self, call: CallId, provider_id: &str) -> Result<bool, Error> {
        let taken = self
            .change_call(call, |call| {
                let known = &mut call.provider_ref.get_or_insert_default().id;
                Ok(match known {
                    Some(known) => Change::Keep(known == provider_id),
                    None => {
                        *known = Some(provider_id.to_owned());
                        Change::Write(true)
                    }
                })
            })
            .await;
        Ok(taken?.1)
    }

    /// Remembers that a provider's identifier means a call, whatever was thought of it before: the provider answered so.
    pub(super) async fn name(&self, call: &Call, provider_id: &str) -> Result<(), Error> {
        let Some(account) = &call.account else { return Ok(()) };
        let (key, id) = (keys::call_by_reference(account, provider_id), call.id.to_string());
        let keep = Some(self.config.retention.calls);
        self.store.put(&key, id.into(), keep, Expect::Any).await?;
        Ok(())
    }

    async fn waiting_for(&self, account: &AccountName, facts: &CallFacts) -> Result<Option<Call>, Error> {
        if let Some(id) = facts.echoed {
            let call = self.load_call(id).await?;
            // A call that has another name is not taken over: anyone may write its identifier into a tag.
            return Ok(
                call.filter(|call| call.account.as_ref() == Some(account) && call.may_be(facts.reference.as_ref()))
            );
        }
        let mut chosen = None;
        let leg_a = facts.legs.iter().find(|leg| leg.side == LegSide::Caller);
        for party in [facts.to.as_ref(), leg_a.and_then(|leg| leg.address.as_ref())]
            .into_iter()
            .flatten()
        {
            chosen = self.choose_at(&awaiting(self, account, party), facts, chosen).await?;
        }
        Ok(chosen.map(|file| file.call))
    }

    /// Chooses among what was chosen elsewhere and all that wait here, however many were never made and wait in vain.
    async fn choose_at(
        &self,
        set: &Set,
        facts: &CallFacts,
        mut chosen: Option<CallFile>,
    ) -> Result<Option<CallFile>, Error> {
        let mut after = None;
        loop {
            let newest = Range {
                scores: 0..=i64::from(u32::MAX) * 1000,
                order: Order::Descending,
                after: after.take(),
                limit: PAGE,
            };
            let members = self.store.range(set, newest).await?;
            let keys: Vec<_> = members.iter().map(|member| keys::call(&member.member)).collect();
            let stored = self.store.get_many(&keys).await?;
            let read = stored.iter().flatten();
            let waiting = read.filter_map(|stored| records::read_call_file(&stored.value));
            let candidates: Vec<_> = chosen.into_iter().chain(waiting).collect();
            chosen = binding::choose_file(facts, &candidates).cloned();
            match members.into_iter().next_back() {
                Some(last) if keys.len() == PAGE => after = Some((last.score, last.member)),
                _ => return Ok(chosen),
            }
        }
    }

    /// Takes a call that has its name off those that wait; one that stays among them is passed over.
    pub(super) async fn stop_awaiting(&self, set: Option<Set>, id: CallId) {
        let Some(set) = set else { return };
        if let Err(error) = self.store.unindex(&set, &id.to_string()).await {
            tracing::warn!(%error, call = %id, "a call goes on waiting for news although it has its name");
        }
    }

    /// Makes a call of the account's owner out of the first news of it; gives its name if it was there already.
    ///
    /// Its name is given first and once, so that of several who take the same news, and of those who die on the way, all
    /// make the same call.
    pub(super) async fn new_call(&self, entry: &Entry, facts: &CallFacts, at: Timestamp) -> Result<CallId, Error> {
        let Some(provider_id) = provider_id(facts.reference.as_ref()) else {
            return Err(Error::not_found());
        };
        let direction = facts.direction.unwrap_or(Direction::Outbound);
        let kind = facts.kind.unwrap_or(CallKind::Connect);
        let credible = |told: &Timestamp| (Timestamp::from_millis(0)..=at.plus_seconds(AHEAD_SECONDS)).contains(told);
        let created_at = facts.created_at.filter(credible).unwrap_or(at);
        let id = self.first_named(&entry.config.name, provider_id).await?;
        let mut call = Call::new(id, entry.config.owner.clone(), direction, kind, created_at);
        call.provider = Some(entry.provider.kind().to_owned());
        call.account = Some(entry.config.name.clone());
        call.provider_ref.clone_from(&facts.reference);
        let mut file = CallFile::new(call);
        file.heard_at = self.now();
        fold(&mut file, facts.clone(), SettledBy::Webhook, at);
        self.enlist(&file.call).await?;
        match self.create(file).await? {
            Err(Some(found)) if records::read_call(&found.value).is_some_and(|call| !may_be(&call, provider_id)) => {
                // The name is on its way from one call to another.
                Err(too_much_at_once())
            }
            Ok(_) | Err(_) => Ok(id),
        }
    }

    /// The one identifier that a provider's name of an unknown call is given.
    async fn first_named(&self, account: &AccountName, provider_id: &str) -> Result<CallId, Error> {
        let (key, id) = (keys::call_by_reference(account, provider_id), CallId::generate());
        let keep = Some(self.config.retention.calls);
        Ok(
            match self
                .store
                .put(&key, id.to_string().into(), keep, Expect::Absent)
                .await?
            {
                Put::Stored(_) => id,
                Put::Conflict(first) => first.as_ref().and_then(read_id).unwrap_or(id),
            },
        )
    }
}

/// The set of calls that wait to be tied to news of the same party.
pub(super) fn awaiting_set(gateway: &Gateway, call: &Call) -> Option<Set> {
    Some(awaiting(gateway, call.account.as_ref()?, call.to.as_ref()?))
}

pub(super) fn awaiting(gateway: &Gateway, account: &AccountName, to: &Address) -> Set {
    let party = to.number().map_or_else(|| to.to_string(), |number| number.person());
    let digest = gateway.sealer.name(Purpose::Address, &[account.as_str(), &party]);
    keys::awaiting(account, digest)
}

/// Whether a call has this name, or none yet.
fn may_be(call: &Call, name: &str) -> bool {
    provider_id(call.provider_ref.as_ref()).is_none_or(|known| known == name)
}

fn too_much_at_once() -> Error {
    Error::new(Problem::Overloaded, "Too much news of one party at once.").retry_after(Duration::from_secs(1))
}

/// The provider's identifier in a reference.
pub(super) fn provider_id(reference: Option<&ProviderRef>) -> Option<&str> {
    reference?.id.as_deref()
}

/// The call that a stored name means.
pub(super) fn read_id(stored: &Stored) -> Option<CallId> {
    std::str::from_utf8(&stored.value).ok()?.parse().ok()
}
