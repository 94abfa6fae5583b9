//! Reading calls: as last known, asked anew, listed, waited for, listened to.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::gateway::Gateway;
use super::list::Listing;
use super::records;
use super::requests::{CallQuery, Page, Paging};
use crate::domain::address::Address;
use crate::domain::call::{Call, Leg, ProviderRef, SettledBy};
use crate::domain::caller::{Caller, EVERY_TENANT};
use crate::domain::error::{Error, Failure, FailureKind, Problem, Refusal};
use crate::domain::ids::CallId;
use crate::domain::place::Capability;
use crate::providers::port::{Recording, Target};
use crate::providers::registry::Entry;
use crate::seal::plain_name;
use crate::store::keys;
use crate::timing;

/// How often a waiting caller's call is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Gateway {
    /// The call as last known; with `refresh` its provider is asked first, where it can be asked.
    ///
    /// # Errors
    /// `not-found`; with `refresh` `call-not-bound` where the provider has not named the call yet, and the provider's failures.
    pub async fn call(&self, caller: &Caller, id: CallId, refresh: bool) -> Result<Call, Error> {
        let call = self.own_call(caller, id).await?;
        if !refresh || call.status.is_final() {
            return Ok(call);
        }
        self.refreshed(call).await
    }

    async fn refreshed(&self, call: Call) -> Result<Call, Error> {
        let entry = self.carrier(&call)?;
        let Some(lookup) = entry.provider.lookup().filter(|lookup| lookup.can_fetch(call.kind)) else {
            return Ok(call);
        };
        let reference = bound(&call)?;
        let facts = lookup
            .fetch(Target {
                kind: call.kind,
                reference,
            })
            .await
            .map_err(|failure| provider_failed(&failure, entry))?;
        self.learn(call.id, facts, SettledBy::Poll, self.now()).await
    }

    /// Waits until `call` has news (a new status, a session), the time is up, or the gateway stops.
    ///
    /// # Errors
    /// As [`Gateway::call`].
    pub async fn wait_for_news(&self, caller: &Caller, call: Call, at_most: Duration) -> Result<Call, Error> {
        let end = Instant::now() + at_most;
        loop {
            if call.status.is_final() || Instant::now() >= end || self.is_stopping() {
                return Ok(call);
            }
            let slept_from = Instant::now();
            sleep(LOOK_EVERY.min(end.saturating_duration_since(slept_from))).await;
            timing::add_asked_for(slept_from.elapsed());
            let now = self.own_call(caller, call.id).await?;
            if now.status != call.status || now.session != call.session {
                return Ok(now);
            }
        }
    }

    /// The caller's calls, newest first.
    ///
    /// # Errors
    /// `invalid-cursor`, `cursor-expired`, and an account the caller may not see.
    pub async fn calls(&self, caller: &Caller, query: CallQuery, paging: Paging) -> Result<Page<Call>, Error> {
        for account in &query.account {
            self.visible_account(caller, account)?;
        }
        let everyones = |(_, entry): (_, &Entry)| entry.config.owner == EVERY_TENANT;
        let sets = if caller.reads_all() {
            vec![keys::calls_all()]
        } else if self.accounts.iter().any(everyones) {
            vec![keys::calls_of(&caller.tenant), keys::calls_of(EVERY_TENANT)]
        } else {
            vec![keys::calls_of(&caller.tenant)]
        };
        let listing = Listing {
            sets,
            query: named(&query),
            window: query.window.meant,
            key: &|member| keys::call(member),
        };
        self.page(caller, listing, &paging, |bytes| {
            let call = records::read_call(bytes)?;
            matches(&call, &query).then_some(call)
        })
        .await
    }

    /// Opens the recording of a call.
    ///
    /// # Errors
    /// `recording-not-available`, `call-not-bound`, `not-supported`.
    pub async fn call_recording(&self, caller: &Caller, id: CallId, range: Option<String>) -> Result<Recording, Error> {
        let call = self.own_call(caller, id).await?;
        let entry = self.carrier(&call)?;
        let Some(recordings) = entry.provider.recordings() else {
            return Err(lacks(entry, Capability::Recording));
        };
        let target = Target {
            kind: call.kind,
            reference: bound(&call)?,
        };
        recordings
            .open(target, range.as_deref())
            .await
            .map_err(|failure| recording_failed(&failure, entry))
    }

    /// The caller's call; another tenant's looks like none.
    pub(super) async fn own_call(&self, caller: &Caller, id: CallId) -> Result<Call, Error> {
        let call = self.load_call(id).await?;
        call.filter(|call| caller.reads(&call.tenant))
            .ok_or_else(Error::not_found)
    }

    /// The account that carries a call.
    pub(super) fn carrier(&self, call: &Call) -> Result<&Entry, Error> {
        let account = call.account.as_ref().ok_or_else(Error::not_found)?;
        self.entry(account)
    }
}

/// The provider's name of the call.
pub(super) fn bound(call: &Call) -> Result<&ProviderRef, Error> {
    call.provider_ref.as_ref().ok_or_else(|| {
        Error::new(
            Problem::CallNotBound,
            "The provider has not told its name of this call yet.",
        )
        .retry_after(Duration::from_secs(2))
    })
}

/// A refusal naming what the account's provider cannot do.
pub(super) fn lacks(entry: &Entry, capability: Capability) -> Error {
    Error::new(
        Problem::NotSupported,
        format!("Not supported by this provider for this call: {capability}."),
    )
    .at(&entry.config.name, entry.provider.kind())
}

/// What a caller is told when a provider fails to act on a call that exists.
pub(super) fn provider_failed(failure: &Failure, entry: &Entry) -> Error {
    let mut failure = failure.clone();
    if failure.kind == FailureKind::Refused(Refusal::NotFound) {
        failure.kind = FailureKind::Refused(Refusal::NotActive);
    }
    Error::from_failure(&failure, &entry.config.name, entry.provider.kind())
}

/// What a caller is told when a provider does not give a recording.
pub(super) fn recording_failed(failure: &Failure, entry: &Entry) -> Error {
    let mut failure = failure.clone();
    if let FailureKind::Refused(Refusal::NotFound | Refusal::NotActive) = failure.kind {
        failure.kind = FailureKind::Refused(Refusal::NoRecording);
    }
    Error::from_failure(&failure, &entry.config.name, entry.provider.kind())
}

/// Names a query, so that a cursor of one does not continue another.
pub(super) fn named(query: &impl serde::Serialize) -> String {
    plain_name(&[&serde_json::to_string(query).unwrap_or_default()])
}

fn matches(call: &Call, query: &CallQuery) -> bool {
    let reference = call.provider_ref.as_ref();
    let referred = |wanted: &String| {
        reference.is_some_and(|known| known.id.as_ref() == Some(wanted) || known.uuid.as_ref() == Some(wanted))
    };
    allows(&query.status, &call.status)
        && allows(&query.direction, &call.direction)
        && allows(&query.kind, &call.kind)
        && allows_known(&query.account, call.account.as_ref())
        && allows_known(&query.tag, call.tag.as_ref())
        && allows_known(&query.request_id, call.request_id.as_ref())
        && (query.provider_ref.is_empty() || query.provider_ref.iter().any(referred))
        && allows_party(&query.from, call.from.as_ref())
        && allows_party(&query.to, call.to.as_ref())
        && allows_party(&query.number, parties(&call.from, &call.to, &call.legs))
}

/// Everyone who is on a call, or was meant to be: of two phones that were joined both.
pub(super) fn parties<'a>(
    from: &'a Option<Address>,
    to: &'a Option<Address>,
    legs: &'a [Leg],
) -> impl Iterator<Item = &'a Address> {
    let legs = legs.iter().filter_map(|leg| leg.address.as_ref());
    from.iter().chain(to).chain(legs)
}

/// Whether a filter lets through what has these parties; numbers match in any spelling.
pub(super) fn allows_party<'a>(wanted: &[Address], parties: impl IntoIterator<Item = &'a Address>) -> bool {
    let mut parties = parties.into_iter();
    wanted.is_empty() || parties.any(|party| wanted.iter().any(|wanted| wanted.same_party(party)))
}

/// Whether a filter lets a value through; an empty one lets everything.
pub(super) fn allows<T: PartialEq>(wanted: &[T], value: &T) -> bool {
    wanted.is_empty() || wanted.contains(value)
}

/// Whether a filter lets a value through that may not be known.
pub(super) fn allows_known<T: PartialEq>(wanted: &[T], value: Option<&T>) -> bool {
    wanted.is_empty() || value.is_some_and(|value| wanted.contains(value))
}
