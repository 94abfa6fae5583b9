//! Sending a code again under the same verification.

use std::time::Duration;

use super::gateway::Gateway;
use super::guard::Sending;
use super::records::{Change, Held};
use super::requests::Accepted;
use super::send_code::Outgoing;
use super::verify::{about, closed};
use crate::domain::account::AccountName;
use crate::domain::caller::Caller;
use crate::domain::error::{Error, LimitHit, Problem};
use crate::domain::ids::VerificationId;
use crate::domain::time::Timestamp;
use crate::domain::verification::{Channel, Ledger, Verification, VerificationStatus};
use crate::providers::choose::Choice;

impl Gateway {
    /// Sends a code again under the same verification; neither its attempts nor its time are renewed.
    ///
    /// # Errors
    /// `verification-closed`, `rate-limited` before the wait is over, and those of a first send.
    pub async fn resend_verification(
        &self,
        caller: &Caller,
        id: VerificationId,
        channel: Option<Channel>,
        account: Option<AccountName>,
    ) -> Result<Accepted<Verification>, Error> {
        Self::acting(caller)?;
        let held = self.own_ledger(caller, id).await?;
        let verification = &held.object.verification;
        let channel = channel.unwrap_or(verification.channel);
        let choice = match self.test_code(&verification.to) {
            Some(_) => None,
            None => Some(self.choose_again(caller, &held.object, (channel, account.as_ref()))?),
        };
        self.may_resend(verification)?;
        let Some(mut choice) = choice else {
            let (held, _) = self.claim_resend(held).await?;
            let mut verification = held.object.verification.clone();
            self.record_test_send(&mut verification, channel);
            return Ok(self.store_send(held, verification, true).await);
        };
        let client = held.object.client.clone();
        let to = verification.to.clone();
        let send = Sending {
            tenant: &caller.tenant,
            to: &to,
            channel,
            account: None,
            client: client.as_deref(),
        };
        let code = self.made_code(&held.object).map_err(|_| gone())?;
        let allowed = self.allow_send(send, &mut choice).await?;
        let mut outgoing = Outgoing {
            choice: &choice,
            channel,
            code,
            allowed,
        };
        let sent = self.resend_counted(held, &mut outgoing).await;
        if sent.is_err() {
            self.give_back(outgoing.allowed.into()).await;
        }
        sent
    }

    /// The accounts for another send. What the gateway made goes on to the account after the one used last.
    fn choose_again(
        &self,
        caller: &Caller,
        ledger: &Ledger,
        (channel, named): (Channel, Option<&AccountName>),
    ) -> Result<Choice, Error> {
        let made_here = ledger.code.is_some();
        let choice = self.choose_for_code(caller, made_here, channel, named)?;
        let last = ledger.verification.sends.last().and_then(|send| send.account.as_ref());
        Ok(match last.filter(|_| made_here) {
            Some(last) => choice.after(last),
            None => choice,
        })
    }

    async fn resend_counted(
        &self,
        held: Held<Ledger>,
        outgoing: &mut Outgoing<'_>,
    ) -> Result<Accepted<Verification>, Error> {
        let (held, before) = self.claim_resend(held).await?;
        let mut verification = held.object.verification.clone();
        match self.send_code(&mut verification, outgoing).await {
            Ok(certain) => Ok(self.store_send(held, verification, certain).await),
            Err(error) => {
                self.give_back_resend(held, before).await;
                Err(error)
            }
        }
    }

    fn may_resend(&self, verification: &Verification) -> Result<(), Error> {
        let now = self.now();
        if verification.status != VerificationStatus::Pending {
            return Err(closed(verification));
        }
        if now < verification.resend_at {
            return Err(too_soon(verification, self.resend_after(), now));
        }
        Ok(())
    }

    /// Claims the right to resend by moving `resend_at`, so that of several resends at once one is sent; tells what it was.
    async fn claim_resend(&self, held: Held<Ledger>) -> Result<(Held<Ledger>, Timestamp), Error> {
        let now = self.now();
        self.change(held, |ledger| {
            ledger.expire(now);
            let verification = &mut ledger.verification;
            self.may_resend(verification)?;
            let claimed = now.plus_seconds(self.resend_after());
            Ok(Change::Write(std::mem::replace(&mut verification.resend_at, claimed)))
        })
        .await
    }

    /// Takes back a claim of which nothing came, unless another has claimed since.
    async fn give_back_resend(&self, claimed: Held<Ledger>, before: Timestamp) {
        let (id, at) = (claimed.object.verification.id, claimed.object.verification.resend_at);
        let given_back = self
            .change(claimed, |ledger| {
                let verification = &mut ledger.verification;
                if verification.resend_at != at {
                    return Ok(Change::Keep(()));
                }
                verification.resend_at = before;
                Ok(Change::Write(()))
            })
            .await;
        if let Err(error) = given_back {
            tracing::warn!(%error, verification = %id, "a resend of which nothing came holds up the next");
        }
    }
}

/// The key that sealed the code was taken away: it can neither be spoken nor checked again.
fn gone() -> Error {
    Error::new(Problem::ProviderUnavailable, "The code cannot be sent again.")
}

fn too_soon(verification: &Verification, wait: i64, now: Timestamp) -> Error {
    let seconds = verification.resend_at.seconds_since(now).max(1);
    let mut error = about(Problem::RateLimited, "A code was sent a moment ago.", verification)
        .retry_after(Duration::from_secs(seconds));
    error.context.limit = Some(LimitHit {
        name: "verification.resend_after_seconds".to_owned(),
        max: 1,
        per_seconds: u64::try_from(wait).unwrap_or(0),
        resets_at: verification.resend_at,
    });
    error
}
