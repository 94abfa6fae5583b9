//! Acting on live calls: end, accept, reject, transfer, monitor.

use super::follow_call::{bound, lacks, provider_failed};
use super::gateway::Gateway;
use super::records::Change;
use crate::domain::address::Address;
use crate::domain::call::{Call, Direction, LegSide};
use crate::domain::caller::Caller;
use crate::domain::error::{Effect, Error, Failure, Problem};
use crate::domain::hangup::{Hangup, HangupBy};
use crate::domain::ids::CallId;
use crate::domain::place::{Capability, Session};
use crate::providers::port::{Control, Inbound, MonitorMode, Target};
use crate::providers::registry::Entry;

impl Gateway {
    /// Ends a call.
    ///
    /// # Errors
    /// `call-not-active`, `call-not-bound`, `not-supported`, and the provider's failures that had no effect.
    pub async fn hang_up(&self, caller: &Caller, id: CallId) -> Result<Call, Error> {
        let (call, entry) = self.live_call(caller, id).await?;
        let control = control(entry, &call, Capability::Hangup)?;
        let target = Target {
            kind: call.kind,
            reference: bound(&call)?,
        };
        self.end(&call, entry, control.hang_up(target)).await
    }

    /// Takes an incoming call with our session description.
    ///
    /// # Errors
    /// As [`Gateway::hang_up`].
    pub async fn accept(&self, caller: &Caller, id: CallId, session: Session) -> Result<Call, Error> {
        let (call, entry) = self.live_call(caller, id).await?;
        let target = Target {
            kind: call.kind,
            reference: bound(&call)?,
        };
        taken(inbound(entry, &call)?.accept(target, &session).await, entry)?;
        Ok(call)
    }

    /// Declines an incoming call.
    ///
    /// # Errors
    /// As [`Gateway::hang_up`].
    pub async fn reject(&self, caller: &Caller, id: CallId) -> Result<Call, Error> {
        let (call, entry) = self.live_call(caller, id).await?;
        let target = Target {
            kind: call.kind,
            reference: bound(&call)?,
        };
        self.end(&call, entry, inbound(entry, &call)?.reject(target)).await
    }

    /// Moves one leg of a call to another party.
    ///
    /// # Errors
    /// As [`Gateway::hang_up`].
    pub async fn transfer(&self, caller: &Caller, id: CallId, to: Address, leg: LegSide) -> Result<Call, Error> {
        self.allowed_party(&to, "/to")?;
        let (call, entry) = self.live_call(caller, id).await?;
        let control = control(entry, &call, Capability::Transfer)?;
        let target = Target {
            kind: call.kind,
            reference: bound(&call)?,
        };
        taken(control.transfer(target, &to, leg).await, entry)?;
        Ok(call)
    }

    /// Lets a third party join a call.
    ///
    /// # Errors
    /// As [`Gateway::hang_up`].
    pub async fn monitor(&self, caller: &Caller, id: CallId, to: Address, mode: MonitorMode) -> Result<Call, Error> {
        self.allowed_party(&to, "/to")?;
        let (call, entry) = self.live_call(caller, id).await?;
        let control = control(entry, &call, Capability::Monitor)?;
        let target = Target {
            kind: call.kind,
            reference: bound(&call)?,
        };
        taken(control.monitor(target, &to, mode).await, entry)?;
        Ok(call)
    }

    async fn live_call(&self, caller: &Caller, id: CallId) -> Result<(Call, &Entry), Error> {
        Self::acting(caller)?;
        let call = self.own_call(caller, id).await?;
        if call.status.is_final() {
            let object = serde_json::json!({ "id": call.id, "status": call.status });
            return Err(Error::new(Problem::CallNotActive, "The call is over.").about("call", object));
        }
        let entry = self.carrier(&call)?;
        Ok((call, entry))
    }

    /// Ends a call by what is `asked` of its provider, and remembers that it was our side that ended it.
    ///
    /// It is remembered first: the news of the end may be here before the provider's answer.
    async fn end(
        &self,
        call: &Call,
        entry: &Entry,
        asked: impl Future<Output = Result<(), Failure>>,
    ) -> Result<Call, Error> {
        let (call, first) = self.mark_ended_here(call.id).await?;
        let answer = taken(asked.await, entry);
        if answer.is_err() && first {
            self.unmark_ended_here(call.id).await;
        }
        answer.map(|()| call)
    }

    /// Gives the call, and whether it was not marked before.
    async fn mark_ended_here(&self, id: CallId) -> Result<(Call, bool), Error> {
        self.change_call(id, |call| {
            let marked = call.hangup.as_ref().is_some_and(|hangup| hangup.by.is_some());
            if marked || call.status.is_final() {
                return Ok(Change::Keep(false));
            }
            call.hangup.get_or_insert_default().by = Some(HangupBy::Gateway);
            Ok(Change::Write(true))
        })
        .await
    }

    /// The provider refused to end the call: whoever ends it now, it is not us.
    async fn unmark_ended_here(&self, id: CallId) {
        let unmarked = self
            .change_call(id, |call| {
                if call.status.is_final() {
                    return Ok(Change::Keep(()));
                }
                call.hangup = call.hangup.take().and_then(|hangup| {
                    let rest = Hangup { by: None, ..hangup };
                    (rest != Hangup::default()).then_some(rest)
                });
                Ok(Change::Write(()))
            })
            .await;
        if let Err(error) = unmarked {
            tracing::warn!(%error, call = %id, "a call still reads as ended by us, which its provider refused");
        }
    }
}

fn control<'a>(entry: &'a Entry, call: &Call, capability: Capability) -> Result<&'a dyn Control, Error> {
    entry
        .provider
        .control()
        .filter(|control| control.controls(call.kind).contains(&capability))
        .ok_or_else(|| lacks(entry, capability))
}

fn inbound<'a>(entry: &'a Entry, call: &Call) -> Result<&'a dyn Inbound, Error> {
    entry
        .provider
        .inbound()
        .filter(|_| call.direction == Direction::Inbound)
        .ok_or_else(|| lacks(entry, Capability::Inbound))
}

/// An answer that was lost is not an error: the provider may have acted, and its news will tell.
fn taken(result: Result<(), Failure>, entry: &Entry) -> Result<(), Error> {
    match result {
        Err(failure) if failure.effect() == Effect::None => Err(provider_failed(&failure, entry)),
        Ok(()) | Err(_) => Ok(()),
    }
}
