//! One sending of a code: through the first account that takes it, or surely through none.

use std::mem;
use std::time::Instant;

use super::gateway::Gateway;
use super::guard::{Allowed, BLOCKS_PREFIX, Sending};
use super::own_code::speaking;
use crate::domain::call::{Attempt, AttemptOutcome, ProviderRef, Skipped};
use crate::domain::error::{Effect, Error, Failure, FailureKind, Problem};
use crate::domain::verification::{Channel, Send, SendStatus, Verification};
use crate::providers::choose::Choice;
use crate::providers::port::{Code, NewCode};
use crate::providers::registry::Entry;

/// A send of which no answer came.
pub(super) const LOST: (SendStatus, Option<ProviderRef>) = (SendStatus::Unknown, None);

/// A code on its way.
pub(super) struct Outgoing<'a> {
    /// The accounts to send it through.
    pub(super) choice: &'a Choice,
    pub(super) channel: Channel,
    /// The code, if the gateway made it.
    pub(super) code: Option<Code>,
    /// What the send was counted against.
    pub(super) allowed: Allowed,
}

impl<'a> Sending<'a> {
    /// The same through the account that is tried first.
    pub(super) fn through(self, choice: &'a Choice) -> Self {
        let account = choice.candidates().first().map(|(account, _)| account);
        Self { account, ..self }
    }
}

impl Gateway {
    /// Sends a code through the first account that takes it; says whether it was surely taken.
    pub(super) async fn send_code(
        &self,
        verification: &mut Verification,
        outgoing: &mut Outgoing<'_>,
    ) -> Result<bool, Error> {
        let choice = outgoing.choice;
        let mut skipped: Vec<Skipped> = Vec::new();
        for (index, (account, entry)) in choice.candidates().iter().enumerate() {
            let last = index + 1 == choice.candidates().len();
            if index > 0 {
                let send = Sending {
                    tenant: &verification.tenant,
                    to: &verification.to,
                    channel: outgoing.channel,
                    account: Some(account),
                    client: None,
                };
                // The account before sent nothing to the prefix.
                self.give_back(mem::take(&mut outgoing.allowed.watched)).await;
                match self.allow_through(send).await? {
                    Ok(watched) => outgoing.allowed.watched = watched,
                    Err(refusal) if last => return Err(self.refused(send, refusal).await),
                    Err(_) => {
                        skipped.push(Skipped {
                            account: account.clone(),
                            reason: BLOCKS_PREFIX.to_owned(),
                        });
                        continue;
                    }
                }
            }
            let sent = self.send_through(verification, entry, outgoing).await;
            let failure = match sent {
                Ok(reference) => {
                    let sent = (SendStatus::Accepted, reference);
                    self.record_send(verification, (entry, sent), outgoing);
                    verification.routing = choice.routing(index, &skipped);
                    return Ok(true);
                }
                Err(failure) => failure,
            };
            if failure.effect() == Effect::Possible {
                self.record_send(verification, (entry, LOST), outgoing);
                verification.routing = choice.routing(index, &skipped);
                return Ok(false);
            }
            if last || !failure.allows_another_account() {
                return Err(Error::from_failure(&failure, account, entry.provider.kind()));
            }
            skipped.push(Skipped {
                account: account.clone(),
                reason: failure.outcome().to_string(),
            });
        }
        Err(Error::new(
            Problem::ProviderUnavailable,
            "No account could send the code.",
        ))
    }

    async fn send_through(
        &self,
        verification: &mut Verification,
        entry: &Entry,
        outgoing: &Outgoing<'_>,
    ) -> Result<Option<ProviderRef>, Failure> {
        let (at, began) = (self.now(), Instant::now());
        let (operation, sent) = transmit(verification, entry, outgoing).await;
        let failure = sent.as_ref().err();
        verification.attempts.push(Attempt {
            at,
            account: entry.config.name.clone(),
            operation: operation.to_owned(),
            outcome: failure.map_or(AttemptOutcome::Accepted, Failure::outcome),
            provider_code: failure.and_then(|failure| failure.code.clone()),
            ms: u64::try_from(began.elapsed().as_millis()).ok(),
        });
        sent
    }

    /// Notes a send on its verification.
    pub(super) fn record_send(
        &self,
        verification: &mut Verification,
        (entry, (status, provider_ref)): (&Entry, (SendStatus, Option<ProviderRef>)),
        outgoing: &Outgoing<'_>,
    ) {
        let send = Send {
            at: self.now(),
            channel: outgoing.channel,
            account: Some(entry.config.name.clone()),
            provider: entry.provider.kind().to_owned(),
            provider_ref,
            status,
        };
        verification.add_send(send, self.resend_after());
        // Our own code can be checked whatever the provider told.
        verification.checkable |= outgoing.code.is_some();
    }
}

/// Has an account send a code of its own, or speak ours; tells also which of its operations that was.
async fn transmit(
    verification: &Verification,
    entry: &Entry,
    outgoing: &Outgoing<'_>,
) -> (&'static str, Result<Option<ProviderRef>, Failure>) {
    match (&outgoing.code, entry.provider.calls(), entry.provider.codes()) {
        (Some(code), Some(calls), _) => {
            let call = speaking(verification, code);
            (calls.operation(call.kind()), calls.place(&call).await)
        }
        (None, _, Some(codes)) => {
            let code = NewCode {
                to: &verification.to,
                channel: outgoing.channel,
                brand: verification.brand.as_deref().unwrap_or_default(),
                length: verification.code_length,
            };
            (codes.operation(), codes.send(code).await.map(Some))
        }
        _ => ("", Err(Failure::new(FailureKind::NotSent, ""))),
    }
}
