//! Which account takes this request, and why.
//!
//! One that is left alone because it keeps failing, or has no place left even to wait in, is passed over. One that asked to wait, or said that it has no credit,
//! is passed over where another can do it, else asked all the same: it may have been topped up, and a refusal costs nothing.

use std::time::Duration;

use super::port::{Calls, Codes, Obstacle, Offer};
use super::registry::{Accounts, Entry};
use crate::config::Mode;
use crate::domain::account::AccountName;
use crate::domain::call::{CallKind, Routing, Skipped};
use crate::domain::error::{Error, Problem};
use crate::domain::place::{Capability, NewCall};
use crate::domain::verification::Channel;

/// When to come again where it cannot be told any better.
const SOON: Duration = Duration::from_secs(1);

/// Accounts that can take a request, best first, and those that were passed over.
#[derive(Clone)]
pub struct Choice {
    candidates: Vec<(AccountName, Entry)>,
    skipped: Vec<Skipped>,
    named: bool,
    /// Whether they begin behind the one that was used before.
    rotated: bool,
}

impl Choice {
    /// The candidates in the order to try them.
    pub fn candidates(&self) -> &[(AccountName, Entry)] {
        &self.candidates
    }

    /// The same accounts, those that follow `last` first: who was not reached through it may be through another.
    #[must_use]
    pub fn after(mut self, last: &AccountName) -> Self {
        if let Some(place) = self.candidates.iter().position(|(account, _)| account == last) {
            self.candidates.rotate_left(place + 1);
            self.rotated = self.candidates.len() > 1;
        }
        self
    }

    /// Passes over the first candidate, if there is another.
    pub fn pass_over(&mut self, reason: &str) -> bool {
        let another = self.candidates.len() > 1;
        if another {
            let (account, _) = self.candidates.remove(0);
            self.skipped.push(skip(&account, reason.to_owned()));
        }
        another
    }

    /// How the `index`-th candidate came to be chosen; `failed` says why those before it did not take the request.
    pub fn routing(&self, index: usize, failed: &[Skipped]) -> Option<Routing> {
        let (account, _) = self.candidates.get(index)?;
        let reason = match (self.named, index) {
            (true, _) => "named by the request",
            (false, 0) if self.rotated => "next in the configured order after the one used before",
            (false, 0) => "first in the configured order that can do it",
            (false, _) => "next in the configured order after a failure that had no effect",
        };
        let mut skipped = self.skipped.clone();
        skipped.extend_from_slice(failed);
        Some(Routing {
            account: account.clone(),
            reason: reason.to_owned(),
            skipped,
        })
    }
}

/// The accounts that can place `call` for `tenant`.
///
/// # Errors
/// `not-supported` naming what is missing and who has it; `invalid-input` where the named account does not exist for the tenant.
pub fn for_call(accounts: &Accounts, order: &[AccountName], tenant: &str, call: &NewCall) -> Result<Choice, Error> {
    let operation = call.operation();
    let options = call.options();
    let asked = Asked {
        order,
        tenant,
        named: call.account.as_ref(),
        what: operation,
    };
    choose(accounts, &asked, |entry| {
        let calls = entry.provider.calls().ok_or_else(|| vec![operation])?;
        missing(calls.offers(), operation, &options)?;
        Ok(calls.operation(call.kind()))
    })
}

/// The accounts that can send a code by `channel` for `tenant`.
///
/// # Errors
/// As [`for_call`].
pub fn for_code(
    accounts: &Accounts,
    order: &[AccountName],
    tenant: &str,
    channel: Channel,
    named: Option<&AccountName>,
) -> Result<Choice, Error> {
    let asked = Asked::code(order, tenant, channel, named);
    choose(accounts, &asked, |entry| {
        let codes = entry.provider.codes();
        let able = codes.filter(|codes| codes.channels().contains(&channel));
        able.map(Codes::operation).ok_or_else(|| vec![asked.what])
    })
}

/// The accounts that can speak a code that the gateway made, for `tenant`; by text message none can send one.
///
/// # Errors
/// As [`for_call`].
pub fn for_spoken_code(
    accounts: &Accounts,
    order: &[AccountName],
    tenant: &str,
    channel: Channel,
    named: Option<&AccountName>,
) -> Result<Choice, Error> {
    let asked = Asked::code(order, tenant, channel, named);
    choose(accounts, &asked, |entry| {
        let says = |calls: &&dyn Calls| calls.offers().iter().any(|offer| offer.operation == Capability::Say);
        let able = entry.provider.calls().filter(says);
        let able = able.filter(|_| channel == Channel::Voice);
        able.map(|calls| calls.operation(CallKind::Say))
            .ok_or_else(|| vec![asked.what])
    })
}

/// Tells the operation that an account has for the request, or what it lacks.
type Ability = Result<&'static str, Vec<Capability>>;

struct Asked<'a> {
    order: &'a [AccountName],
    tenant: &'a str,
    named: Option<&'a AccountName>,
    what: Capability,
}

impl<'a> Asked<'a> {
    fn code(order: &'a [AccountName], tenant: &'a str, channel: Channel, named: Option<&'a AccountName>) -> Self {
        let what = match channel {
            Channel::Sms => Capability::VerifySms,
            Channel::Voice => Capability::VerifyVoice,
        };
        Self {
            order,
            tenant,
            named,
            what,
        }
    }
}

fn choose(accounts: &Accounts, asked: &Asked<'_>, can: impl Fn(&Entry) -> Ability) -> Result<Choice, Error> {
    let order = match asked.named {
        Some(name) => std::slice::from_ref(name),
        None => asked.order,
    };
    let mut choice = Choice {
        candidates: Vec::new(),
        skipped: Vec::new(),
        named: asked.named.is_some(),
        rotated: false,
    };
    let mut lacking = Vec::new();
    let mut unlikely = Vec::new();
    let mut failing: Option<Duration> = None;
    let mut full = false;
    for name in order {
        let Some(entry) = accounts.get(name).filter(|entry| entry.config.serves(asked.tenant)) else {
            if asked.named.is_some() {
                return Err(Error::field("/account", "unknown", "names no account you may use"));
            }
            continue;
        };
        match (entry.config.mode, can(entry)) {
            (_, Err(missing)) => {
                choice
                    .skipped
                    .push(skip(name, format!("does not support: {}", words(&missing))));
                lacking.extend(missing);
            }
            (Mode::Drain | Mode::Off, Ok(_)) => choice.skipped.push(skip(name, "takes no new requests".to_owned())),
            (Mode::On, Ok(operation)) => match entry.provider.obstacle(operation) {
                None => choice.candidates.push((name.clone(), entry.clone())),
                Some(obstacle @ Obstacle::Failing(wait)) => {
                    choice.skipped.push(skip(name, reason(obstacle)));
                    failing = Some(failing.map_or(wait, |sooner| sooner.min(wait)));
                }
                Some(Obstacle::Full) => {
                    choice.skipped.push(skip(name, reason(Obstacle::Full)));
                    full = true;
                }
                Some(obstacle) => unlikely.push((name, entry, obstacle)),
            },
        }
    }
    if choice.candidates.is_empty() {
        let asked_all_the_same = unlikely
            .iter()
            .map(|(name, entry, _)| ((*name).clone(), (*entry).clone()));
        choice.candidates.extend(asked_all_the_same);
    } else {
        let skipped = unlikely.iter().map(|(name, _, obstacle)| skip(name, reason(*obstacle)));
        choice.skipped.extend(skipped);
    }
    match failing {
        _ if !choice.candidates.is_empty() => Ok(choice),
        _ if full => Err(Error::new(
            Problem::Overloaded,
            "Too many requests wait for every account that can do this.",
        )
        .retry_after(SOON)),
        Some(wait) => Err(Error::new(
            Problem::ProviderUnavailable,
            "Every account that can do this keeps failing, and is left alone for a while.",
        )
        .retry_after(wait.max(SOON))),
        None => Err(nobody(accounts, asked, &choice, lacking, can)),
    }
}

fn reason(obstacle: Obstacle) -> String {
    match obstacle {
        Obstacle::Failing(_) => "keeps failing",
        Obstacle::Paused(_) => "asked to wait",
        Obstacle::NoCredit => "has no credit",
        Obstacle::Full => "has too many waiting",
    }
    .to_owned()
}

fn missing(offers: &[Offer], operation: Capability, options: &[Capability]) -> Result<(), Vec<Capability>> {
    let Some(offer) = offers.iter().find(|offer| offer.operation == operation) else {
        return Err(vec![operation]);
    };
    let missing: Vec<_> = options
        .iter()
        .copied()
        .filter(|option| !offer.options.contains(option))
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(missing) }
}

fn nobody(
    accounts: &Accounts,
    asked: &Asked<'_>,
    choice: &Choice,
    mut lacking: Vec<Capability>,
    can: impl Fn(&Entry) -> Ability,
) -> Error {
    let visible = || accounts.iter().filter(|(_, entry)| entry.config.serves(asked.tenant));
    if visible()
        .any(|(name, entry)| can(entry).is_ok() && choice.skipped.iter().any(|skipped| skipped.account == *name))
    {
        return Error::new(
            Problem::ProviderUnavailable,
            "Every account that can do this is being drained or is off.",
        );
    }
    let able: Vec<_> = visible()
        .filter(|(_, entry)| can(entry).is_ok())
        .map(|(name, _)| name.to_string())
        .collect();
    lacking.sort();
    lacking.dedup();
    let what = if lacking.is_empty() {
        asked.what.to_string()
    } else {
        words(&lacking)
    };
    let who = if able.is_empty() {
        "no account has it".to_owned()
    } else {
        format!("accounts that have it: {}", able.join(", "))
    };
    Error::new(Problem::NotSupported, format!("Not supported: {what}; {who}."))
}

fn skip(account: &AccountName, reason: String) -> Skipped {
    Skipped {
        account: account.clone(),
        reason,
    }
}

fn words(capabilities: &[Capability]) -> String {
    capabilities
        .iter()
        .map(|capability| capability.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}
