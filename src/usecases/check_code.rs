//! Checking a code: counted before it is compared, right once.

use std::time::Duration;

use subtle::ConstantTimeEq;

use super::gateway::Gateway;
use super::records::{Change, Held};
use super::requests::CheckResult;
use super::verify::{about, closed, summary};
use crate::domain::caller::Caller;
use crate::domain::error::{Error, Failure, FailureKind, Problem};
use crate::domain::ids::VerificationId;
use crate::domain::verification::{Closed, Ledger, Send, Verification};
use crate::providers::port::Code;

impl Gateway {
    /// Compares a code. Right once: the answer `valid: true` comes exactly once in a verification's life.
    ///
    /// # Errors
    /// `verification-closed`, `verification-not-checkable`, `invalid-input` for what is no code; none of these counts an
    /// attempt. `provider-unavailable` where the provider cannot compare; the attempt is given back only if no request can
    /// have reached it.
    pub async fn check_verification(
        &self,
        caller: &Caller,
        id: VerificationId,
        code: &str,
    ) -> Result<CheckResult, Error> {
        Self::acting(caller)?;
        let held = self.own_ledger(caller, id).await?;
        let digits = held.object.verification.code_length;
        let Some(code) = Code::parse(code, digits) else {
            return Err(Error::field("/code", "invalid", format!("must be {digits} digits")));
        };
        let held = self.take_attempt(held).await?;
        let compared = self.compare(&held.object.verification, &code).await;
        let now = self.now();
        let (held, approved) = self
            .change(held, |ledger| {
                Ok(Change::Write(match &compared {
                    Err(failure) if failure.kind == FailureKind::NotSent => {
                        ledger.give_back_attempt();
                        false
                    }
                    compared => ledger.settle_attempt(matches!(compared, Ok(true)), now),
                }))
            })
            .await?;
        let verification = held.object.verification;
        match compared {
            Err(failure) => Err(self.cannot_compare(&failure, &verification)),
            Ok(true) if !approved => Err(closed(&verification)),
            Ok(_) => Ok(CheckResult {
                id,
                status: verification.status,
                valid: approved,
                attempts_left: verification.attempts_left,
            }),
        }
    }

    async fn take_attempt(&self, held: Held<Ledger>) -> Result<Held<Ledger>, Error> {
        let now = self.now();
        let (held, ()) = self
            .change(held, |ledger| match ledger.take_attempt(now) {
                Ok(()) => Ok(Change::Write(())),
                Err(Closed::Closed) => Err(closed(&ledger.verification)),
                Err(Closed::NotCheckable) => Err(about(
                    Problem::VerificationNotCheckable,
                    "No send of this verification can be checked.",
                    &ledger.verification,
                )),
            })
            .await?;
        Ok(held)
    }

    /// Compares the code with the live sends, newest first; a send that cannot be asked is passed over if another says yes.
    async fn compare(&self, verification: &Verification, code: &Code) -> Result<bool, Failure> {
        if let Some(fixed) = self.test_code(&verification.to) {
            return Ok(fixed.expose().as_bytes().ct_eq(code.expose().as_bytes()).into());
        }
        let mut failed: Option<Failure> = None;
        let mut reached = false;
        for send in verification.compared_sends() {
            match self.compare_with(send, code).await {
                Ok(true) => return Ok(true),
                Ok(false) => reached = true,
                Err(failure) => {
                    reached |= failure.kind != FailureKind::NotSent;
                    failed = Some(failure);
                }
            }
        }
        match failed {
            None => Ok(false),
            Some(failure) if reached && failure.kind == FailureKind::NotSent => Err(Failure {
                kind: FailureKind::Interrupted,
                ..failure
            }),
            Some(failure) => Err(failure),
        }
    }

    async fn compare_with(&self, send: &Send, code: &Code) -> Result<bool, Failure> {
        let entry = send.account.as_ref().and_then(|account| self.accounts.get(account));
        let (Some(codes), Some(reference)) = (entry.and_then(|entry| entry.provider.codes()), &send.provider_ref)
        else {
            return Err(Failure::new(FailureKind::NotSent, ""));
        };
        codes.check(reference, code).await
    }

    fn cannot_compare(&self, failure: &Failure, verification: &Verification) -> Error {
        let mut error = Error::new(Problem::ProviderUnavailable, "The provider cannot check the code now.")
            .retry_after(failure.retry_after.unwrap_or(Duration::from_secs(1)))
            .about("verification", summary(verification));
        if let Some(entry) = verification
            .routing
            .as_ref()
            .and_then(|routing| self.accounts.get(&routing.account))
        {
            error = error.at(&entry.config.name, entry.provider.kind());
        }
        error
    }
}
