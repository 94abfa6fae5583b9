//! Checking a code: counted before it is compared, right once.

use std::time::Duration;

use futures_util::future::join;

use super::failures::{Failures, TakenTurn};
use super::gateway::Gateway;
use super::limit::Counted;
use super::own_code::same;
use super::records::{Change, Held};
use super::requests::CheckResult;
use super::verify::{about, closed, summary};
use crate::domain::caller::Caller;
use crate::domain::error::{Error, Failure, FailureKind, Problem};
use crate::domain::ids::VerificationId;
use crate::domain::verification::{Closed, Ledger, Send, Verification};
use crate::providers::port::Code;

/// What a check was counted as before it compared.
#[derive(Default)]
struct Begun {
    counted: Counted,
    turn: Option<TakenTurn>,
}

/// What came of comparing a code.
struct Compared {
    /// Whether it is right, where that is known.
    answer: Result<bool, Failure>,
    /// Whether anyone said that it is wrong.
    denied: bool,
}

impl Compared {
    fn certain(right: bool) -> Self {
        Self {
            answer: Ok(right),
            denied: !right,
        }
    }
}

impl Gateway {
    /// Compares a code. Right once: the answer `valid: true` comes exactly once in a verification's life.
    ///
    /// # Errors
    /// `verification-closed`, `verification-not-checkable`, `invalid-input` for what is no code, `rate-limited` after too many
    /// wrong codes for the number; none of these counts an attempt. `provider-unavailable` where the provider cannot compare; the attempt is given back only if no request can
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
        let failures = self.failures_of(&held.object.verification);
        let (held, taken) = self.begin_check(held, failures.as_ref()).await?;
        let Compared { answer, denied } = self.compare(&held.object, &code).await;
        let unasked = matches!(&answer, Err(failure) if failure.kind == FailureKind::NotSent);
        let now = self.now();
        let (held, approved) = self
            .change(held, |ledger| {
                Ok(Change::Write(if unasked {
                    ledger.give_back_attempt();
                    false
                } else {
                    ledger.settle_attempt(matches!(answer, Ok(true)), now)
                }))
            })
            .await?;
        let verification = held.object.verification;
        if approved {
            self.came_back(&verification, failures.as_ref()).await;
        } else {
            if !denied {
                self.give_back(taken.counted).await;
            }
            if let (true, Some(failures), Some(turn)) = (unasked, &failures, taken.turn) {
                self.give_back_turn(failures, turn).await;
            }
        }
        match answer {
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

    /// Counts a check against its verification, then its number, before anything is compared; against both, or against none.
    ///
    /// The verification comes first: it lets few through, so a crowd at one does not use up what its number has left.
    async fn begin_check(
        &self,
        held: Held<Ledger>,
        failures: Option<&Failures>,
    ) -> Result<(Held<Ledger>, Begun), Error> {
        let held = self.take_attempt(held).await?;
        let Some(failures) = failures else {
            return Ok((held, Begun::default()));
        };
        let (counted, turn) = match self.count_check(failures).await {
            Ok((counted, false)) => return Ok((held, Begun { counted, turn: None })),
            Ok((counted, true)) => (counted, self.take_turn(failures).await),
            Err(error) => (Counted::default(), Err(error)),
        };
        match turn {
            Ok(turn) => Ok((
                held,
                Begun {
                    counted,
                    turn: Some(turn),
                },
            )),
            Err(refusal) => {
                join(self.give_back_attempt(held), self.give_back(counted)).await;
                Err(refusal)
            }
        }
    }

    /// An attempt that cannot be given back stays counted.
    async fn give_back_attempt(&self, held: Held<Ledger>) {
        let given_back = self
            .change(held, |ledger| {
                ledger.give_back_attempt();
                Ok(Change::Write(()))
            })
            .await;
        if let Err(error) = given_back {
            tracing::warn!(%error, "an attempt that compared nothing stays counted");
        }
    }

    /// What follows from the right code, beyond the verification itself.
    async fn came_back(&self, verification: &Verification, failures: Option<&Failures>) {
        let forget = async {
            if let Some(failures) = failures {
                self.forget_failures(failures).await;
            }
        };
        join(forget, self.credit_prefix(verification)).await;
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
    async fn compare(&self, ledger: &Ledger, code: &Code) -> Compared {
        let verification = &ledger.verification;
        if let Some(fixed) = self.test_code(&verification.to) {
            return Compared::certain(same(fixed.expose(), code.expose()));
        }
        match self.made_code(ledger) {
            Ok(Some(made)) => return Compared::certain(same(made.expose(), code.expose())),
            Ok(None) => {}
            Err(failure) => {
                return Compared {
                    answer: Err(failure),
                    denied: false,
                };
            }
        }
        let (mut denied, mut reached) = (false, false);
        let mut failed: Option<Failure> = None;
        for send in verification.compared_sends() {
            match self.compare_with(send, code).await {
                Ok(true) => return Compared::certain(true),
                Ok(false) => (denied, reached) = (true, true),
                Err(failure) => {
                    reached |= failure.kind != FailureKind::NotSent;
                    failed = Some(failure);
                }
            }
        }
        let failure = match failed {
            None => return Compared::certain(false),
            Some(failure) if reached && failure.kind == FailureKind::NotSent => Failure {
                kind: FailureKind::Interrupted,
                ..failure
            },
            Some(failure) => failure,
        };
        Compared {
            answer: Err(failure),
            denied,
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
