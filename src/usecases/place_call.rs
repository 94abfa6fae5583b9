//! Placing a call: at most one dial, whatever is lost on the way.
//!
//! The intent is durable before the first byte leaves. A failure that surely had no effect may move on to the next account;
//! one that may have had an effect ends the matter, and evidence alone settles it.

use std::time::Instant;

use futures_util::future::{join, join_all, join3};

use super::bind::awaiting_set;
use super::gateway::Gateway;
use super::records::Change;
use super::requests::{Accepted, PermissionState, PlaceCall, Preview, Would};
use super::settle::FIRST_LOOK_MS;
use crate::domain::account::AccountName;
use crate::domain::call::{
    Attempt, AttemptOutcome, Call, CallStatus, Direction, ProviderRef, RecordingState, SettledBy, Skipped,
};
use crate::domain::call_file::CallFile;
use crate::domain::caller::Caller;
use crate::domain::error::{Effect, Error, Failure, Problem};
use crate::domain::place::{ActionKind, NewCall, Script};
use crate::providers::choose::{self, Choice};
use crate::providers::registry::Entry;
use crate::spans;
use crate::store::{Expect, Set, keys};

/// How long a call without a provider's reference is remembered as waiting for one, in seconds.
const AWAITING_SECONDS: i64 = 3600;

impl Gateway {
    /// Places a call through the first account that can.
    ///
    /// # Errors
    /// An error means nothing was started. Where the provider may have acted the answer is not an error but uncertain.
    pub async fn place_call(&self, caller: &Caller, request: PlaceCall) -> Result<Accepted<Call>, Error> {
        let choice = self.choose_for_call(caller, &request.call)?;
        let counted = self.count(&self.call_limits(&caller.tenant, &request.call)).await?;
        let placed = self.place_through(caller, request, choice).await;
        if placed.is_err() {
            self.give_back(counted).await;
        }
        placed
    }

    /// Places a call through the first of the accounts that takes it.
    async fn place_through(
        &self,
        caller: &Caller,
        request: PlaceCall,
        choice: Choice,
    ) -> Result<Accepted<Call>, Error> {
        let mut failed = Earlier::default();
        for (index, (account, entry)) in choice.candidates().iter().enumerate() {
            let last = index + 1 == choice.candidates().len();
            match self.permitted(entry, &request.call).await {
                Err(error) if last => return Err(error),
                Err(error) => {
                    failed.skipped.push(Skipped {
                        account: account.clone(),
                        reason: error.detail,
                    });
                    continue;
                }
                Ok(()) => {}
            }
            let call = self.intent(caller, &request, &choice, (index, &failed));
            match self.attempt(call, &request.call, entry).await? {
                Attempted::Done(accepted) => return Ok(*accepted),
                Attempted::Failed { failure, .. } if last || !failure.allows_another_account() => {
                    return Err(Error::from_failure(&failure, account, entry.provider.kind()));
                }
                Attempted::Failed { failure, attempts } => {
                    failed.skipped.push(Skipped {
                        account: account.clone(),
                        reason: failure.outcome().to_string(),
                    });
                    failed.attempts = attempts;
                }
            }
        }
        Err(Error::new(
            Problem::ProviderUnavailable,
            "No account could take the call.",
        ))
    }

    /// What [`Gateway::place_call`] would do; nothing is asked of a provider but a permission, nothing is counted.
    ///
    /// # Errors
    /// Those the call itself would have before a provider is asked.
    pub async fn preview_call(&self, caller: &Caller, request: PlaceCall) -> Result<Preview, Error> {
        let choice = self.choose_for_call(caller, &request.call)?;
        let Some(((account, entry), routing)) = choice.candidates().first().zip(choice.routing(0, &[])) else {
            return Err(Error::new(Problem::NotSupported, "No account can take the call."));
        };
        let would = Would {
            account: Some(account.clone()),
            operation: operation(entry, &request.call).to_owned(),
        };
        let limits = self
            .limit_states(&self.call_limits(&caller.tenant, &request.call))
            .await?;
        let permission = self
            .permission(entry, &request.call)
            .await
            .map(|known| PermissionState {
                allowed: known.as_ref().map(|permission| permission.allowed),
                status: known.as_ref().and_then(|permission| permission.status.clone()),
                resets_at: known.and_then(|permission| permission.resets_at),
            });
        Ok(Preview {
            dry_run: true,
            routing: Some(routing),
            would,
            limits,
            permission,
        })
    }

    fn choose_for_call(&self, caller: &Caller, call: &NewCall) -> Result<Choice, Error> {
        Self::acting(caller)?;
        self.allowed_party(&call.to, "/to")?;
        if let Script::Actions(actions) = &call.script {
            for (index, action) in actions.iter().enumerate() {
                if let ActionKind::Connect { to, .. } = &action.what {
                    self.allowed_party(to, &format!("/actions/{index}/to"))?;
                }
            }
        }
        choose::for_call(&self.accounts, &self.config.routing.calls, &caller.tenant, call)
    }

    fn intent(&self, caller: &Caller, request: &PlaceCall, choice: &Choice, chosen: (usize, &Earlier)) -> Call {
        let new = &request.call;
        let mut call = Call::new(
            new.id,
            caller.tenant.clone(),
            Direction::Outbound,
            new.kind(),
            self.now(),
        );
        let (index, earlier) = chosen;
        call.attempts.clone_from(&earlier.attempts);
        if let Some((account, entry)) = choice.candidates().get(index) {
            call.provider = Some(entry.provider.kind().to_owned());
            call.account = Some(account.clone());
            call.attempts.push(self.begun(account, operation(entry, new)));
        }
        call.routing = choice.routing(index, &earlier.skipped);
        call.from.clone_from(&new.from);
        call.to = Some(new.to.clone());
        call.tag.clone_from(&new.tag);
        call.request_id = Some(request.request_id.clone());
        call.recording = if new.record {
            RecordingState::Pending
        } else {
            RecordingState::None
        };
        call
    }

    fn begun(&self, account: &AccountName, operation: &str) -> Attempt {
        Attempt {
            at: self.now(),
            account: account.clone(),
            operation: operation.to_owned(),
            outcome: AttemptOutcome::Started,
            provider_code: None,
            ms: None,
        }
    }

    /// Writes the intent, asks the provider once, and writes what came of it.
    async fn attempt(&self, call: Call, new: &NewCall, entry: &Entry) -> Result<Attempted, Error> {
        let Some(calls) = entry.provider.calls() else {
            return Err(Error::new(Problem::NotSupported, "The account places no calls."));
        };
        self.write_intent(&call, new).await?;
        self.forget_permission(entry, new);
        let began = Instant::now();
        let placed = calls.place(new).await;
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        match placed {
            Ok(reference) => self.placed(call, new, reference, ms).await,
            Err(failure) if failure.effect() == Effect::None => {
                self.withdraw_intent(&call).await;
                let mut call = call;
                end_attempt(&mut call, failure.outcome(), failure.code.clone(), ms);
                Ok(Attempted::Failed {
                    failure,
                    attempts: call.attempts,
                })
            }
            Err(failure) => self.lost(call, &failure, ms).await,
        }
    }

    /// Makes a call durable before anything is asked of a provider; where that fails, nothing is left of it.
    ///
    /// It waits for every write even when one has failed: one still on its way would come after the call is taken back,
    /// and leave a call that nobody made.
    async fn write_intent(&self, call: &Call, new: &NewCall) -> Result<(), Error> {
        let file = CallFile {
            trace: spans::here(),
            joins: new.joins().cloned(),
            ..CallFile::new(call.clone())
        };
        let failed = match join(self.create(file), self.enlist(call)).await {
            (Ok(Ok(_)), Ok(())) => return Ok(()),
            (Ok(Err(_)), _) => {
                return Err(
                    Error::new(Problem::RequestInProgress, "This call was already begun or given up.")
                        .retry_after(std::time::Duration::from_secs(1)),
                );
            }
            (Ok(Ok(_)), Err(error)) | (Err(error), _) => error,
        };
        self.withdraw_intent(call).await;
        Err(failed)
    }

    /// Puts a call on the lists it belongs to, among those that wait for news, and among those that are looked after.
    pub(super) async fn enlist(&self, call: &Call) -> Result<(), Error> {
        let keep = i64::try_from(self.config.retention.calls.as_millis()).unwrap_or(i64::MAX);
        let (now, at) = (self.now().as_millis(), call.created_at.as_millis());
        let id = call.id.to_string();
        // What is too old goes by our clock: the call's own time may be a provider's word.
        let oldest = Some(now.saturating_sub(keep).max(0));
        let sets = call_sets(call);
        let index = join_all(sets.iter().map(|set| self.store.index(set, at, &id, oldest)));
        let awaiting = awaiting_set(self, call);
        let waiting = async {
            match &awaiting {
                Some(set) => {
                    let oldest = Some(now - AWAITING_SECONDS * 1000);
                    self.store.index(set, at, &id, oldest).await
                }
                None => Ok(()),
            }
        };
        let open = keys::open_calls();
        let watched = self.store.index(&open, now + FIRST_LOOK_MS, &id, None);
        let (index, waiting, watched) = join3(index, waiting, watched).await;
        index.into_iter().chain([waiting, watched]).collect::<Result<(), _>>()?;
        Ok(())
    }

    /// Takes back an intent of which nothing came; what cannot be taken back now expires as a call that never was.
    async fn withdraw_intent(&self, call: &Call) {
        let id = call.id.to_string();
        let key = keys::call(call.id);
        let removed = self.store.remove(&key, Expect::Any);
        let mut sets = call_sets(call);
        sets.push(keys::open_calls());
        let unindexed = join_all(sets.iter().map(|set| self.store.unindex(set, &id)));
        if let (Err(error), _) = join(removed, unindexed).await {
            tracing::warn!(%error, call = %call.id, "an intent of which nothing came could not be taken back");
        }
    }

    async fn placed(
        &self,
        call: Call,
        new: &NewCall,
        reference: Option<ProviderRef>,
        ms: u64,
    ) -> Result<Attempted, Error> {
        let named = match reference.as_ref().and_then(|known| known.id.as_deref()) {
            Some(id) => self
                .name(&call, id)
                .await
                .inspect_err(|error| {
                    tracing::error!(%error, call = %call.id, "a call's reference could not be stored");
                })
                .is_ok(),
            None => false,
        };
        let awaited = awaiting_set(self, &call).filter(|_| named);
        let listed_off = self.stop_awaiting(awaited, call.id);
        let scheduled = new.schedule_at.is_some();
        let change = |call: &mut Call| {
            end_attempt(call, AttemptOutcome::Accepted, None, ms);
            if call.status == CallStatus::Unknown {
                // Its owner was taken for dead.
                call.status = CallStatus::Queued;
            }
            call.settled_by.get_or_insert(SettledBy::Answer);
            if let Some(reference) = &reference {
                call.provider_ref = Some(reference.clone());
            }
            if scheduled && call.status == CallStatus::Queued {
                call.status = CallStatus::Scheduled;
            }
        };
        let (attempted, ()) = join(self.after_attempt(call, true, change), listed_off).await;
        Ok(attempted)
    }

    async fn lost(&self, call: Call, failure: &Failure, ms: u64) -> Result<Attempted, Error> {
        let change = |call: &mut Call| {
            end_attempt(call, failure.outcome(), failure.code.clone(), ms);
            if call.status == CallStatus::Queued {
                call.status = CallStatus::Unknown;
            }
        };
        Ok(self.after_attempt(call, false, change).await)
    }

    /// Writes what came of an attempt over whatever webhooks already told.
    ///
    /// The provider has acted, so a store that fails now makes no error of it: the answer is the intent, which is durable,
    /// and uncertain, until evidence completes it. What was told must be there after a crash.
    async fn after_attempt(&self, intent: Call, certain: bool, change: impl Fn(&mut Call)) -> Attempted {
        let written = self
            .change_call(intent.id, |call| {
                change(call);
                Ok(Change::Write(()))
            })
            .await;
        let accepted = match written {
            Ok((object, ())) => Accepted { object, certain },
            Err(error) => {
                tracing::error!(%error, call = %intent.id, "what came of a call could not be stored");
                Accepted {
                    object: intent,
                    certain: false,
                }
            }
        };
        Attempted::Done(Box::new(accepted))
    }
}

/// What became of the accounts tried before.
#[derive(Default)]
struct Earlier {
    skipped: Vec<Skipped>,
    attempts: Vec<Attempt>,
}

enum Attempted {
    Done(Box<Accepted<Call>>),
    Failed { failure: Failure, attempts: Vec<Attempt> },
}

fn operation(entry: &Entry, call: &NewCall) -> &'static str {
    entry.provider.calls().map_or("", |calls| calls.operation(call.kind()))
}

/// The sets a call is listed in.
pub(super) fn call_sets(call: &Call) -> Vec<Set> {
    let mut sets = vec![keys::calls_of(&call.tenant), keys::calls_all()];
    sets.extend(call.account.as_ref().map(keys::calls_of_account));
    sets
}

fn end_attempt(call: &mut Call, outcome: AttemptOutcome, code: Option<String>, ms: u64) {
    if let Some(attempt) = call.attempts.last_mut() {
        attempt.outcome = outcome;
        attempt.provider_code = code;
        attempt.ms = Some(ms);
    }
}
