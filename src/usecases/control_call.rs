//! Acting on live calls: end, accept, reject, transfer, monitor.

use super::follow_call::{bound, lacks, provider_failed};
use super::gateway::Gateway;
use super::records::Change;
use crate::domain::address::Address;
use crate::domain::call::{Call, Direction, LegSide};
use crate::domain::caller::Caller;
use crate::domain::error::{Effect, Error, Failure, Problem};
use crate::domain::hangup::HangupBy;
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
        taken(control.hang_up(target).await, entry)?;
        Ok(self.asked_to_end(call).await)
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
        taken(inbound(entry, &call)?.reject(target).await, entry)?;
        Ok(self.asked_to_end(call).await)
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

    /// Remembers that our side asked for the end, so that whoever follows the call knows who ended it.
    ///
    /// The provider has acted, so a store that fails now makes no error of it: the answer is the call as known.
    async fn asked_to_end(&self, call: Call) -> Call {
        let written = self
            .change_call(call.id, |call| {
                if call.status.is_final() {
                    return Ok(Change::Keep(()));
                }
                call.hangup.get_or_insert_default().by = Some(HangupBy::Gateway);
                Ok(Change::Write(()))
            })
            .await;
        match written {
            Ok((call, ())) => call,
            Err(error) => {
                tracing::error!(%error, call = %call.id, "that our side ended a call could not be stored");
                call
            }
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
