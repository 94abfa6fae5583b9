//! Starting a verification: a code sent once, whatever is lost on the way.

use std::time::Duration;

use futures_util::future::join4;

use super::gateway::Gateway;
use super::guard::Sending;
use super::records::{Change, Held};
use super::requests::{Accepted, NewVerification, Preview, Would};
use super::send_code::{LOST, Outgoing};
use super::settle::FIRST_LOOK_MS;
use crate::config::{Codes, Secret};
use crate::domain::account::AccountName;
use crate::domain::call::{CallKind, ProviderRef};
use crate::domain::caller::Caller;
use crate::domain::error::{Error, Problem};
use crate::domain::phone::PhoneNumber;
use crate::domain::verification::{Channel, Ledger, Send, SendStatus, Verification, VerificationStatus};
use crate::providers::choose::{self, Choice};
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
        let client = ledger.client.clone();
        let send = sending(caller, &new, client.as_deref());
        self.allowed_destination(send).await?;
        let made_here = self.config.verification.codes == Codes::Gateway;
        let mut choice = self.choose_for_code(caller, made_here, new.channel, new.account.as_ref())?;
        let allowed = self.allow_send(send, &mut choice).await?;
        let mut outgoing = Outgoing {
            choice: &choice,
            channel: new.channel,
            code: None,
            allowed,
        };
        let started = self.start_counted(&mut ledger, &mut outgoing).await;
        if started.is_err() {
            self.give_back(outgoing.allowed.into()).await;
        }
        started
    }

    /// Writes a verification, and sends its code; where nothing was sent nothing is left of it.
    async fn start_counted(
        &self,
        ledger: &mut Ledger,
        outgoing: &mut Outgoing<'_>,
    ) -> Result<Accepted<Verification>, Error> {
        if self.config.verification.codes == Codes::Gateway {
            let (code, sealed) = self.make_code(&ledger.verification)?;
            (outgoing.code, ledger.code) = (Some(code), Some(sealed));
        }
        let intent = self.write_new(self.intended(ledger, outgoing)).await?;
        match self.send_code(&mut ledger.verification, outgoing).await {
            Ok(certain) => Ok(self.store_send(intent, ledger.verification.clone(), certain).await),
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
        if let Some(refusal) = self.foreign(&new.to, "/to") {
            return Err(refusal);
        }
        let made_here = self.config.verification.codes == Codes::Gateway;
        let mut choice = self.choose_for_code(caller, made_here, new.channel, new.account.as_ref())?;
        let client = new.client_ip.map(|address| self.client_name(address));
        let send = sending(caller, &new, client.as_deref());
        let limits = self.send_limit_states(send, &mut choice).await?;
        let Some(((account, entry), routing)) = choice.candidates().first().zip(choice.routing(0, &[])) else {
            return Err(Error::new(Problem::NotSupported, "No account can send the code."));
        };
        let operation = if made_here {
            let calls = entry.provider.calls();
            calls.map_or("", |calls| calls.operation(CallKind::Say))
        } else {
            entry.provider.codes().map_or("", |codes| codes.operation())
        };
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
        made_here: bool,
        channel: Channel,
        named: Option<&AccountName>,
    ) -> Result<Choice, Error> {
        let choose = if made_here {
            choose::for_spoken_code
        } else {
            choose::for_code
        };
        choose(
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
            code: None,
            client: new.client_ip.map(|address| self.client_name(address)),
        }
    }

    /// Makes a verification durable before a code is sent; where that fails, nothing is left of it.
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
        let written = join4(
            self.create(ledger.clone()),
            self.store.index(&of, at, &id, oldest),
            self.store.index(&all, at, &id, oldest),
            self.store.index(&open, look, &id, None),
        );
        let (created, of, all, open) = written.await;
        let failed = match (created, of.and(all).and(open)) {
            (Ok(Ok(held)), Ok(())) => return Ok(held),
            (Ok(Err(_)), _) => {
                return Err(Error::new(
                    Problem::RequestInProgress,
                    "This verification was already begun or given up.",
                )
                .retry_after(Duration::from_secs(1)));
            }
            (Ok(Ok(_)), Err(error)) => error.into(),
            (Err(error), _) => error,
        };
        self.withdraw(verification).await;
        Err(failed)
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

    /// A verification as it is written before its code is sent: who dies on the way leaves a send whose outcome is unknown.
    fn intended(&self, ledger: &Ledger, outgoing: &Outgoing<'_>) -> Ledger {
        let mut intent = ledger.clone();
        if let Some((_, entry)) = outgoing.choice.candidates().first() {
            self.record_send(&mut intent.verification, (entry, LOST), outgoing);
            intent.verification.routing = outgoing.choice.routing(0, &[]);
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

fn sending<'a>(caller: &'a Caller, new: &'a NewVerification, client: Option<&'a str>) -> Sending<'a> {
    Sending {
        tenant: &caller.tenant,
        to: &new.to,
        channel: new.channel,
        account: None,
        client,
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
