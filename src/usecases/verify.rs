//! Starting a verification: a code sent once, whatever is lost on the way.

use std::time::{Duration, Instant};

use futures_util::future::{join4, try_join, try_join3};

use super::gateway::Gateway;
use super::records::{Change, Held};
use super::requests::{Accepted, NewVerification, Preview, Would};
use super::settle::FIRST_LOOK_MS;
use crate::config::Secret;
use crate::domain::account::AccountName;
use crate::domain::call::{Attempt, AttemptOutcome, ProviderRef, Routing, Skipped};
use crate::domain::caller::Caller;
use crate::domain::error::{Effect, Error, Failure, FailureKind, Problem};
use crate::domain::phone::PhoneNumber;
use crate::domain::verification::{Channel, Ledger, Send, SendStatus, Verification, VerificationStatus};
use crate::providers::choose::{self, Choice};
use crate::providers::port::NewCode;
use crate::providers::registry::Entry;
use crate::store::{Expect, keys};

/// The kind of provider shown for numbers that are answered with a fixed code.
const TEST: &str = "test";

impl Gateway {
    /// Sends a code to a number.
    ///
    /// # Errors
    /// An error means no code was sent. Where the provider's answer was lost the answer is not an error but uncertain.
    pub async fn start_verification(
        &self,
        caller: &Caller,
        new: NewVerification,
    ) -> Result<Accepted<Verification>, Error> {
        Self::acting(caller)?;
        let mut ledger = self.ledger_of(caller, &new);
        if self.test_code(&new.to).is_some() {
            self.record_test_send(&mut ledger.verification, new.channel);
            return Ok(Accepted {
                object: self.write_new(ledger).await?.object.verification,
                certain: true,
            });
        }
        self.allowed_destination(&new.to, "/to")?;
        let choice = self.choose_for_code(caller, new.channel, new.account.as_ref())?;
        self.count(&self.send_limits(&caller.tenant, &new.to)).await?;
        let intent = self.intended(&ledger, &choice, new.channel);
        let intent = self.write_new(intent).await?;
        match self.send_code(&mut ledger.verification, &choice, new.channel).await {
            Ok(certain) => Ok(self.store_send(intent, ledger.verification, certain).await),
            Err(error) => {
                self.withdraw(&ledger.verification).await;
                Err(error)
            }
        }
    }

    /// What [`Gateway::start_verification`] would do; nothing is sent or counted.
    ///
    /// # Errors
    /// Those it would have before a provider is asked.
    pub async fn preview_verification(&self, caller: &Caller, new: NewVerification) -> Result<Preview, Error> {
        Self::acting(caller)?;
        if self.test_code(&new.to).is_some() {
            return Ok(preview_of_test());
        }
        self.allowed_destination(&new.to, "/to")?;
        let choice = self.choose_for_code(caller, new.channel, new.account.as_ref())?;
        let Some(((account, entry), routing)) = choice.candidates().first().zip(choice.routing(0, &[])) else {
            return Err(Error::new(Problem::NotSupported, "No account can send the code."));
        };
        let operation = entry.provider.codes().map_or("", |codes| codes.operation());
        let limits = self.limit_states(&self.send_limits(&caller.tenant, &new.to)).await?;
        let would = Would {
            account: Some(account.clone()),
            operation: operation.to_owned(),
        };
        Ok(Preview {
            dry_run: true,
            routing: Some(routing),
            would,
            limits,
            permission: None,
        })
    }

    pub(super) fn choose_for_code(
        &self,
        caller: &Caller,
        channel: Channel,
        named: Option<&AccountName>,
    ) -> Result<Choice, Error> {
        choose::for_code(
            &self.accounts,
            &self.config.routing.verifications,
            &caller.tenant,
            channel,
            named,
        )
    }

    pub(super) fn test_code(&self, number: &PhoneNumber) -> Option<&Secret> {
        self.config.verification.test_numbers.code(number.as_str())
    }

    fn ledger_of(&self, caller: &Caller, new: &NewVerification) -> Ledger {
        let settings = &self.config.verification;
        let now = self.now();
        let ttl = new
            .ttl_seconds
            .map_or(settings.ttl, |seconds| Duration::from_secs(seconds.into()));
        let verification = Verification {
            id: new.id,
            tenant: caller.tenant.clone(),
            to: new.to.clone(),
            channel: new.channel,
            status: VerificationStatus::Pending,
            brand: new.brand.clone().or_else(|| settings.brand.clone()),
            code_length: self.test_code(&new.to).map_or(new.code_length, digits),
            tag: new.tag.clone(),
            request_id: Some(new.request_id.clone()),
            created_at: now,
            expires_at: now.plus_seconds(i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX)),
            attempts_left: settings.max_attempts,
            checkable: false,
            resend_at: now,
            sends: Vec::new(),
            approved_at: None,
            routing: None,
            attempts: Vec::new(),
        };
        Ledger {
            verification,
            comparing: 0,
        }
    }

    async fn write_new(&self, ledger: Ledger) -> Result<Held<Ledger>, Error> {
        let keep = self.config.retention.verifications;
        let verification = &ledger.verification;
        let (id, at) = (verification.id.to_string(), verification.created_at.as_millis());
        let oldest = Some(at.saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX)));
        let (of, all, open) = (
            keys::verifications_of(&verification.tenant),
            keys::verifications_all(),
            keys::open_verifications(),
        );
        let look = self.now().as_millis() + FIRST_LOOK_MS;
        let listed = try_join3(
            self.store.index(&of, at, &id, oldest),
            self.store.index(&all, at, &id, oldest),
            self.store.index(&open, look, &id, None),
        );
        let (written, _) = try_join(self.create(ledger), async { Ok(listed.await?) }).await?;
        written.map_err(|_| {
            Error::new(
                Problem::RequestInProgress,
                "This verification was already begun or given up.",
            )
            .retry_after(Duration::from_secs(1))
        })
    }

    async fn withdraw(&self, verification: &Verification) {
        let id = verification.id.to_string();
        let (key, of, all, open) = (
            keys::verification(&id),
            keys::verifications_of(&verification.tenant),
            keys::verifications_all(),
            keys::open_verifications(),
        );
        let gone = join4(
            self.store.remove(&key, Expect::Any),
            self.store.unindex(&of, &id),
            self.store.unindex(&all, &id),
            self.store.unindex(&open, &id),
        )
        .await;
        if let Err(error) = gone.0 {
            tracing::warn!(%error, verification = %id, "a verification of which nothing came could not be taken back");
        }
    }

    pub(super) fn record_test_send(&self, verification: &mut Verification, channel: Channel) {
        let send = Send {
            at: self.now(),
            channel,
            account: None,
            provider: TEST.to_owned(),
            provider_ref: Some(ProviderRef::id(TEST)),
            status: SendStatus::Accepted,
        };
        verification.add_send(send, self.resend_after());
    }

    pub(super) fn resend_after(&self) -> i64 {
        i64::try_from(self.config.verification.resend_after.as_secs()).unwrap_or(i64::MAX)
    }

    /// Sends a code through the first account that takes it; says whether it was surely taken.
    pub(super) async fn send_code(
        &self,
        verification: &mut Verification,
        choice: &Choice,
        channel: Channel,
    ) -> Result<bool, Error> {
        let mut skipped: Vec<Skipped> = Vec::new();
        for (index, (account, entry)) in choice.candidates().iter().enumerate() {
            let last = index + 1 == choice.candidates().len();
            let sent = self.send_through(verification, account, entry, channel).await;
            let failure = match sent {
                Ok(reference) => {
                    self.record_send(
                        verification,
                        entry,
                        (channel, Some(reference)),
                        choice.routing(index, &skipped),
                    );
                    return Ok(true);
                }
                Err(failure) => failure,
            };
            if failure.effect() == Effect::Possible {
                self.record_send(verification, entry, (channel, None), choice.routing(index, &skipped));
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
        account: &AccountName,
        entry: &Entry,
        channel: Channel,
    ) -> Result<ProviderRef, Failure> {
        let Some(codes) = entry.provider.codes() else {
            return Err(Failure::new(FailureKind::NotSent, ""));
        };
        let (at, began) = (self.now(), Instant::now());
        let brand = verification.brand.clone().unwrap_or_default();
        let sent = codes
            .send(NewCode {
                to: &verification.to,
                channel,
                brand: &brand,
                length: verification.code_length,
            })
            .await;
        let failure = sent.as_ref().err();
        verification.attempts.push(Attempt {
            at,
            account: account.clone(),
            operation: codes.operation().to_owned(),
            outcome: failure.map_or(AttemptOutcome::Accepted, Failure::outcome),
            provider_code: failure.and_then(|failure| failure.code.clone()),
            ms: u64::try_from(began.elapsed().as_millis()).ok(),
        });
        sent
    }

    fn record_send(
        &self,
        verification: &mut Verification,
        entry: &Entry,
        sent: (Channel, Option<ProviderRef>),
        routing: Option<Routing>,
    ) {
        let (channel, provider_ref) = sent;
        let status = if provider_ref.is_some() {
            SendStatus::Accepted
        } else {
            SendStatus::Unknown
        };
        let send = Send {
            at: self.now(),
            channel,
            account: Some(entry.config.name.clone()),
            provider: entry.provider.kind().to_owned(),
            provider_ref,
            status,
        };
        verification.routing = routing;
        verification.add_send(send, self.resend_after());
    }

    /// A verification as it is written before its code is sent: who dies on the way leaves a send whose outcome is unknown.
    fn intended(&self, ledger: &Ledger, choice: &Choice, channel: Channel) -> Ledger {
        let mut intent = ledger.clone();
        if let Some((_, entry)) = choice.candidates().first() {
            self.record_send(&mut intent.verification, entry, (channel, None), choice.routing(0, &[]));
        }
        intent
    }

    /// Writes a send over what is `stored`.
    ///
    /// The code is on its way, so a store that fails now makes no error of it: the answer is what is stored, and uncertain.
    pub(super) async fn store_send(
        &self,
        stored: Held<Ledger>,
        news: Verification,
        certain: bool,
    ) -> Accepted<Verification> {
        let before = stored.object.verification.clone();
        let written = self
            .change(stored, |ledger| {
                let verification = &mut ledger.verification;
                verification.sends.clone_from(&news.sends);
                verification.attempts.clone_from(&news.attempts);
                verification.routing.clone_from(&news.routing);
                verification.channel = news.channel;
                verification.checkable = news.checkable;
                verification.resend_at = news.resend_at;
                Ok(Change::Write(()))
            })
            .await;
        match written {
            Ok((held, ())) => Accepted {
                object: held.object.verification,
                certain,
            },
            Err(error) => {
                tracing::error!(%error, verification = %news.id, "a send could not be stored");
                Accepted {
                    object: before,
                    certain: false,
                }
            }
        }
    }
}

/// How many digits a configured code has.
fn digits(code: &Secret) -> u8 {
    u8::try_from(code.expose().len()).unwrap_or(u8::MAX)
}

/// What a request for a test number does: its code is fixed and no account has a part in it.
fn preview_of_test() -> Preview {
    Preview {
        dry_run: true,
        routing: None,
        would: Would {
            account: None,
            operation: TEST.to_owned(),
        },
        limits: Vec::new(),
        permission: None,
    }
}

pub(super) fn summary(verification: &Verification) -> serde_json::Value {
    serde_json::json!({ "id": verification.id, "status": verification.status })
}

pub(super) fn about(problem: Problem, detail: &str, verification: &Verification) -> Error {
    Error::new(problem, detail).about("verification", summary(verification))
}

pub(super) fn closed(verification: &Verification) -> Error {
    about(Problem::VerificationClosed, "The verification is closed.", verification)
}
