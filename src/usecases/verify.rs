//! Verifications: a code sent once, counted before it is compared, right once.

use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;

use super::follow_call::{allows, allows_known, named};
use super::gateway::Gateway;
use super::list::Listing;
use super::records::{Change, Held, encode};
use super::requests::{Accepted, CheckResult, NewVerification, Page, Paging, Preview, VerificationQuery, Would};
use crate::domain::account::AccountName;
use crate::domain::call::{Attempt, AttemptOutcome, ProviderRef, Routing, Skipped};
use crate::domain::caller::Caller;
use crate::domain::error::{Effect, Error, Failure, FailureKind, Problem};
use crate::domain::ids::VerificationId;
use crate::domain::phone::PhoneNumber;
use crate::domain::verification::{Channel, Closed, Ledger, Send, SendStatus, Verification, VerificationStatus};
use crate::providers::choose::{self, Choice};
use crate::providers::port::{Code, NewCode};
use crate::providers::registry::Entry;
use crate::store::{Expect, Put, Version, keys};

/// The kind of provider shown for numbers that are answered with a fixed code.
const TEST: &str = "test";

impl Gateway {
    /// Sends a code to a number.
    ///
    /// # Errors
    /// An error means no code was sent. Where the provider's answer was lost the answer is not an error but uncertain.
    pub async fn start_verification(&self, caller: &Caller, new: NewVerification) -> Result<Accepted<Verification>, Error> {
        Self::acting(caller)?;
        let mut ledger = self.ledger_of(caller, &new);
        if self.test_code(&new.to).is_some() {
            self.record_test_send(&mut ledger.verification, new.channel);
            self.write_new(&ledger).await?;
            return Ok(Accepted { object: ledger.verification, certain: true });
        }
        self.allowed_destination(&new.to)?;
        let choice = self.choose_for_code(caller, new.channel, new.account.as_ref())?;
        self.count(&self.send_limits(&caller.tenant, &new.to)).await?;
        let version = self.write_new(&ledger).await?;
        match self.send_code(&mut ledger.verification, &choice, new.channel).await {
            Ok(certain) => Ok(Accepted { object: self.store_send(Held { object: ledger, version }).await, certain }),
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
        self.allowed_destination(&new.to)?;
        let choice = self.choose_for_code(caller, new.channel, new.account.as_ref())?;
        let Some(((account, entry), routing)) = choice.candidates().first().zip(choice.routing(0, &[])) else {
            return Err(Error::new(Problem::NotSupported, "No account can send the code."));
        };
        let operation = entry.provider.codes().map_or("", |codes| codes.operation());
        let limits = self.limit_states(&self.send_limits(&caller.tenant, &new.to)).await?;
        let would = Would { account: account.clone(), operation: operation.to_owned() };
        Ok(Preview { dry_run: true, routing, would, limits, permission: None })
    }

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
            None => Some(self.choose_for_code(caller, channel, account.as_ref())?),
        };
        let mut held = self.claim_resend(held).await?;
        let verification = &mut held.object.verification;
        let Some(choice) = choice else {
            self.record_test_send(verification, channel);
            return Ok(Accepted { object: self.store_send(held).await, certain: true });
        };
        self.count(&self.send_limits(&caller.tenant, &verification.to)).await?;
        let certain = self.send_code(verification, &choice, channel).await?;
        Ok(Accepted { object: self.store_send(held).await, certain })
    }

    /// Compares a code. Right once: the answer `valid: true` comes exactly once in a verification's life.
    ///
    /// # Errors
    /// `verification-closed`, `verification-not-checkable`, `invalid-input` for what is no code; none of these counts an
    /// attempt. `provider-unavailable` where the provider cannot compare; the attempt is given back only if no request can
    /// have reached it.
    pub async fn check_verification(&self, caller: &Caller, id: VerificationId, code: &str) -> Result<CheckResult, Error> {
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
            .change_ledger(held, |ledger| {
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

    /// Closes a verification.
    ///
    /// # Errors
    /// `verification-closed` where it is.
    pub async fn cancel_verification(&self, caller: &Caller, id: VerificationId) -> Result<Verification, Error> {
        Self::acting(caller)?;
        let held = self.own_ledger(caller, id).await?;
        let now = self.now();
        let (held, ()) = self
            .change_ledger(held, |ledger| {
                ledger.verification.expire(now);
                if ledger.verification.status != VerificationStatus::Pending {
                    return Err(closed(&ledger.verification));
                }
                ledger.verification.status = VerificationStatus::Canceled;
                Ok(Change::Write(()))
            })
            .await?;
        Ok(held.object.verification)
    }

    /// A verification of the caller's.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn verification(&self, caller: &Caller, id: VerificationId) -> Result<Verification, Error> {
        Ok(self.own_ledger(caller, id).await?.object.verification)
    }

    /// The caller's verifications, newest first.
    ///
    /// # Errors
    /// `invalid-cursor`, `cursor-expired`.
    pub async fn verifications(&self, caller: &Caller, query: VerificationQuery, paging: Paging) -> Result<Page<Verification>, Error> {
        let set = if caller.reads_all() { keys::verifications_all() } else { keys::verifications_of(&caller.tenant) };
        let listing = Listing { set, query: named(&query), window: query.window, key: &|member| keys::verification(member) };
        let now = self.now();
        self.page(caller, listing, &paging, |bytes| {
            let mut verification = serde_json::from_slice::<Ledger>(bytes).ok()?.verification;
            verification.expire(now);
            let wanted = allows(&query.to, &verification.to)
                && allows(&query.status, &verification.status)
                && allows_known(&query.tag, verification.tag.as_ref())
                && allows_known(&query.request_id, verification.request_id.as_ref());
            wanted.then_some(verification)
        })
        .await
    }

    async fn own_ledger(&self, caller: &Caller, id: VerificationId) -> Result<Held<Ledger>, Error> {
        let held = self.hold_ledger(id).await?;
        let mut held = held
            .filter(|held| caller.reads(&held.object.verification.tenant))
            .ok_or_else(Error::not_found)?;
        held.object.verification.expire(self.now());
        Ok(held)
    }

    fn choose_for_code(&self, caller: &Caller, channel: Channel, named: Option<&AccountName>) -> Result<Choice, Error> {
        choose::for_code(&self.accounts, &self.config.routing.verifications, &caller.tenant, channel, named)
    }

    fn test_code(&self, number: &PhoneNumber) -> Option<&crate::config::Secret> {
        self.config.verification.test_numbers.code(number.as_str())
    }

    fn ledger_of(&self, caller: &Caller, new: &NewVerification) -> Ledger {
        let settings = &self.config.verification;
        let now = self.now();
        let ttl = new.ttl_seconds.map_or(settings.ttl, |seconds| Duration::from_secs(seconds.into()));
        let verification = Verification {
            id: new.id,
            tenant: caller.tenant.clone(),
            to: new.to.clone(),
            channel: new.channel,
            status: VerificationStatus::Pending,
            brand: new.brand.clone().or_else(|| settings.brand.clone()),
            code_length: new.code_length,
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
        Ledger { verification, comparing: 0 }
    }

    async fn write_new(&self, ledger: &Ledger) -> Result<Version, Error> {
        let keep = self.config.retention.verifications;
        let verification = &ledger.verification;
        let (id, at) = (verification.id.to_string(), verification.created_at.as_millis());
        let oldest = Some(at.saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX)));
        let (key, of, all) = (keys::verification(&id), keys::verifications_of(&verification.tenant), keys::verifications_all());
        let write = self.store.put(&key, encode(ledger)?, Some(keep), Expect::Absent);
        let (written, (), ()) = futures_util::future::try_join3(
            write,
            self.store.index(&of, at, &id, oldest),
            self.store.index(&all, at, &id, oldest),
        )
        .await?;
        match written {
            Put::Stored(version) => Ok(version),
            Put::Conflict(_) => Err(Error::new(Problem::RequestInProgress, "This verification was already begun or given up.")
                .retry_after(Duration::from_secs(1))),
        }
    }

    async fn withdraw(&self, verification: &Verification) {
        let id = verification.id.to_string();
        let (key, of, all) = (keys::verification(&id), keys::verifications_of(&verification.tenant), keys::verifications_all());
        let removed = self.store.remove(&key, Expect::Any);
        let gone = futures_util::future::join3(removed, self.store.unindex(&of, &id), self.store.unindex(&all, &id)).await;
        if let Err(error) = gone.0 {
            tracing::warn!(%error, verification = %id, "a verification of which nothing came could not be taken back");
        }
    }

    fn record_test_send(&self, verification: &mut Verification, channel: Channel) {
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

    fn resend_after(&self) -> i64 {
        i64::try_from(self.config.verification.resend_after.as_secs()).unwrap_or(i64::MAX)
    }

    /// Claims the right to resend by moving `resend_at`, so that of several resends at once one is sent.
    async fn claim_resend(&self, held: Held<Ledger>) -> Result<Held<Ledger>, Error> {
        let now = self.now();
        let wait = self.resend_after();
        let (held, ()) = self
            .change_ledger(held, |ledger| {
                let verification = &mut ledger.verification;
                verification.expire(now);
                if verification.status != VerificationStatus::Pending {
                    return Err(closed(verification));
                }
                if now < verification.resend_at {
                    return Err(too_soon(verification, wait, now));
                }
                verification.resend_at = now.plus_seconds(wait);
                Ok(Change::Write(()))
            })
            .await?;
        Ok(held)
    }

    /// Sends a code through the first account that takes it; says whether it was surely taken.
    async fn send_code(&self, verification: &mut Verification, choice: &Choice, channel: Channel) -> Result<bool, Error> {
        let mut skipped: Vec<Skipped> = Vec::new();
        for (index, (account, entry)) in choice.candidates().iter().enumerate() {
            let last = index + 1 == choice.candidates().len();
            let sent = self.send_through(verification, account, entry, channel).await;
            let failure = match sent {
                Ok(reference) => {
                    self.record_send(verification, entry, (channel, Some(reference)), choice.routing(index, &skipped));
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
            skipped.push(Skipped { account: account.clone(), reason: failure.outcome().to_string() });
        }
        Err(Error::new(Problem::ProviderUnavailable, "No account could send the code."))
    }

    async fn send_through(
        &self,
        verification: &mut Verification,
        account: &AccountName,
        entry: &Entry,
        channel: Channel,
    ) -> Result<ProviderRef, Failure> {
        let Some(codes) = entry.provider.codes() else { return Err(Failure::new(FailureKind::NotSent, "")) };
        let (at, began) = (self.now(), Instant::now());
        let brand = verification.brand.clone().unwrap_or_default();
        let sent = codes.send(NewCode { to: &verification.to, channel, brand: &brand, length: verification.code_length }).await;
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
        let status = if provider_ref.is_some() { SendStatus::Accepted } else { SendStatus::Unknown };
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

    /// Writes a send. The code is on its way, so a store that fails now does not make an error of it.
    async fn store_send(&self, sent: Held<Ledger>) -> Verification {
        let news = sent.object.verification.clone();
        let written = self
            .change_ledger(sent, |ledger| {
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
            Ok((held, ())) => held.object.verification,
            Err(error) => {
                tracing::error!(%error, verification = %news.id, "a send could not be stored");
                news
            }
        }
    }

    async fn take_attempt(&self, held: Held<Ledger>) -> Result<Held<Ledger>, Error> {
        let now = self.now();
        let (held, ()) = self
            .change_ledger(held, |ledger| match ledger.take_attempt(now) {
                Ok(()) => Ok(Change::Write(())),
                Err(Closed::Closed) => Err(closed(&ledger.verification)),
                Err(Closed::NotCheckable) => {
                    Err(about(Problem::VerificationNotCheckable, "No send of this verification can be checked.", &ledger.verification))
                }
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
            Some(failure) if reached && failure.kind == FailureKind::NotSent => {
                Err(Failure { kind: FailureKind::Interrupted, ..failure })
            }
            Some(failure) => Err(failure),
        }
    }

    async fn compare_with(&self, send: &Send, code: &Code) -> Result<bool, Failure> {
        let entry = send.account.as_ref().and_then(|account| self.accounts.get(account));
        let (Some(codes), Some(reference)) = (entry.and_then(|entry| entry.provider.codes()), &send.provider_ref) else {
            return Err(Failure::new(FailureKind::NotSent, ""));
        };
        codes.check(reference, code).await
    }

    fn cannot_compare(&self, failure: &Failure, verification: &Verification) -> Error {
        let mut error = Error::new(Problem::ProviderUnavailable, "The provider cannot check the code now.")
            .retry_after(failure.retry_after.unwrap_or(Duration::from_secs(1)))
            .about("verification", summary(verification));
        if let Some(entry) = verification.routing.as_ref().and_then(|routing| self.accounts.get(&routing.account)) {
            error = error.at(&entry.config.name, entry.provider.kind());
        }
        error
    }
}

fn summary(verification: &Verification) -> serde_json::Value {
    serde_json::json!({ "id": verification.id, "status": verification.status })
}

fn about(problem: Problem, detail: &str, verification: &Verification) -> Error {
    Error::new(problem, detail).about("verification", summary(verification))
}

fn closed(verification: &Verification) -> Error {
    about(Problem::VerificationClosed, "The verification takes no more checks.", verification)
}

fn too_soon(verification: &Verification, wait: i64, now: crate::domain::time::Timestamp) -> Error {
    let seconds = verification.resend_at.seconds_since(now).max(1);
    let mut error = about(Problem::RateLimited, "A code was sent a moment ago.", verification)
        .retry_after(Duration::from_secs(seconds));
    error.context.limit = Some(crate::domain::error::LimitHit {
        name: "verification.resend_after_seconds".to_owned(),
        max: 1,
        per_seconds: u64::try_from(wait).unwrap_or(0),
        resets_at: verification.resend_at,
    });
    error
}
