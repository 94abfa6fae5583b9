//! The guard over what costs money or rings a person: who may be sent to, how often, and what every decision was.

use std::net::{IpAddr, Ipv6Addr};

use metrics::counter;

use super::gateway::Gateway;
use super::limit::{Counted, Limit};
use super::requests::LimitState;
use crate::config::GuardMode;
use crate::domain::account::AccountName;
use crate::domain::address::Address;
use crate::domain::call::CallKind;
use crate::domain::error::{Error, FieldError, Problem};
use crate::domain::phone::PhoneNumber;
use crate::domain::place::NewCall;
use crate::domain::verification::Channel;
use crate::providers::choose::Choice;
use crate::seal::Purpose;
use crate::telemetry::metric;

const COUNTRIES: &str = "phone.allowed_countries";
/// The rules that count by the number.
pub(super) const AUTOMATED_CALLS: &str = "calls.automated_calls_per_number";
pub(super) const SENDS: &str = "verification.sends_per_number";
const PREFIX_BLOCK: &str = "verification.guard.prefix_block";
/// Why an account is passed over.
pub(super) const BLOCKS_PREFIX: &str = "blocks the prefix of the number";

/// A code about to be sent, as the guard sees it.
#[derive(Clone, Copy)]
pub(super) struct Sending<'a> {
    pub(super) tenant: &'a str,
    pub(super) to: &'a PhoneNumber,
    pub(super) channel: Channel,
    /// The account it would go through; none where it is refused before one is chosen.
    pub(super) account: Option<&'a AccountName>,
    /// Who it is for, as [`Gateway::client_name`] names them.
    pub(super) client: Option<&'a str>,
}

/// What a send that may happen was counted against.
pub(super) struct Allowed {
    /// Its limits.
    counted: Counted,
    /// Its prefix at the account that sends it.
    pub(super) watched: Counted,
}

impl From<Allowed> for Counted {
    fn from(mut allowed: Allowed) -> Self {
        allowed.counted.extend(allowed.watched);
        allowed.counted
    }
}

impl Gateway {
    /// The limits a call counts against: machines may call one number only so often.
    pub(super) fn call_limits(&self, tenant: &str, call: &NewCall) -> Vec<Limit> {
        let automated = matches!(call.kind(), CallKind::Say | CallKind::Play | CallKind::Flow);
        let Address::Phone(number) = &call.to else {
            return Vec::new();
        };
        let Some(rate) = self.config.calls.automated_calls_per_number.filter(|_| automated) else {
            return Vec::new();
        };
        vec![self.limit(AUTOMATED_CALLS, rate, &[tenant, number.as_str()])]
    }

    /// Counts a send against every rule, then refuses it if one says so; passes over accounts that block its prefix.
    ///
    /// # Errors
    /// `rate-limited` naming the rule, `destination-not-allowed` where every account blocks the prefix, and
    /// `store-unavailable`, since what cannot be counted is not sent. What was counted is given back then.
    pub(super) async fn allow_send(&self, send: Sending<'_>, choice: &mut Choice) -> Result<Allowed, Error> {
        let mut counted = Counted::default();
        match self.judge(send, choice, &mut counted).await {
            Ok(watched) => Ok(Allowed { counted, watched }),
            Err(error) => {
                self.give_back(counted).await;
                Err(error)
            }
        }
    }

    /// Judges what is the number's and the tenant's own before what tenants share: what one of them may not send is no sign
    /// against a prefix, and a flood at one number moves no counter that it shares with others.
    async fn judge(&self, send: Sending<'_>, choice: &mut Choice, counted: &mut Counted) -> Result<Counted, Error> {
        let first = send.through(choice);
        self.judge_limits(first, &self.number_limits(send), counted).await?;
        if self.config.verification.guard.mode != GuardMode::Off {
            self.judge_limits(first, &self.shared_limits(send), counted).await?;
        }
        loop {
            match self.allow_through(send.through(choice)).await? {
                Ok(watched) => return Ok(watched),
                Err(_) if choice.pass_over(BLOCKS_PREFIX) => {}
                Err(refusal) => return Err(self.refused(send.through(choice), refusal).await),
            }
        }
    }

    async fn judge_limits(&self, send: Sending<'_>, limits: &[Limit], counted: &mut Counted) -> Result<(), Error> {
        let (counters, taken) = self.add_to(limits).await?;
        counted.extend(taken);
        for (limit, counter) in limits.iter().zip(counters) {
            self.decide(limit.name, send, limit.refusal(counter, self.now()))
                .await?;
        }
        Ok(())
    }

    fn number_limits(&self, send: Sending<'_>) -> Vec<Limit> {
        let rate = self.config.verification.sends_per_number;
        let parts = [send.tenant, send.to.as_str()];
        rate.map(|rate| self.limit(SENDS, rate, &parts)).into_iter().collect()
    }

    fn shared_limits(&self, send: Sending<'_>) -> Vec<Limit> {
        let guard = &self.config.verification.guard;
        let spending = guard.spending_per_tenant_per_day.map(|spending| spending.rate());
        let client = guard.sends_per_client_address.zip(send.client);
        let rules = [
            guard.sends_per_prefix.map(|rate| {
                let parts = [send.tenant, send.to.prefix()];
                self.limit("verification.guard.sends_per_prefix", rate, &parts)
            }),
            client.map(|(rate, client)| {
                let parts = [send.tenant, client];
                self.limit("verification.guard.sends_per_client_address", rate, &parts)
            }),
            guard
                .sends_per_tenant
                .map(|rate| self.limit("verification.guard.sends_per_tenant", rate, &[send.tenant])),
            spending.map(|rate| {
                let name = "verification.guard.spending_per_tenant_per_day";
                self.limit(name, rate, &[send.tenant])
            }),
        ];
        rules.into_iter().flatten().collect()
    }

    /// How far the limits of a send are used, counting nothing; passes over accounts that block its prefix.
    ///
    /// # Errors
    /// `destination-not-allowed` where every account does; `store-unavailable`.
    pub(super) async fn send_limit_states(
        &self,
        send: Sending<'_>,
        choice: &mut Choice,
    ) -> Result<Vec<LimitState>, Error> {
        let mut limits = self.number_limits(send);
        let mode = self.config.verification.guard.mode;
        if mode != GuardMode::Off {
            limits.extend(self.shared_limits(send));
        }
        let states = self.limit_states(&limits).await?;
        if mode == GuardMode::Enforce {
            while let Some(refusal) = self.blocked(send.through(choice)).await? {
                if !choice.pass_over(BLOCKS_PREFIX) {
                    return Err(refusal);
                }
            }
        }
        Ok(states)
    }

    /// Counts a send against its prefix at its account; or tells why that account does not send it, and counts nothing.
    ///
    /// # Errors
    /// `store-unavailable`.
    pub(super) async fn allow_through(&self, send: Sending<'_>) -> Result<Result<Counted, Error>, Error> {
        if self.config.verification.guard.mode == GuardMode::Off {
            return Ok(Ok(Counted::default()));
        }
        let Some((taken, refusal)) = self.watch(send).await? else {
            return Ok(Ok(Counted::default()));
        };
        match self.decided(PREFIX_BLOCK, send, refusal) {
            None => Ok(Ok(taken.into())),
            Some(refusal) => {
                self.give_back(taken.into()).await;
                Ok(Err(refusal))
            }
        }
    }

    /// Refuses a send where a rule is to.
    async fn decide(&self, rule: &'static str, send: Sending<'_>, refusal: Option<Error>) -> Result<(), Error> {
        match self.decided(rule, send, refusal) {
            None => Ok(()),
            Some(refusal) => Err(self.refused(send, refusal).await),
        }
    }

    /// Notes what a rule decided; the refusal stands unless it is only observed.
    fn decided(&self, rule: &'static str, send: Sending<'_>, refusal: Option<Error>) -> Option<Error> {
        let observed =
            rule.starts_with("verification.guard.") && self.config.verification.guard.mode == GuardMode::Observe;
        let decision = match (&refusal, observed) {
            (None, _) => "allowed",
            (Some(_), false) => "refused",
            (Some(_), true) => "observed",
        };
        counter!(metric::GUARD_DECISIONS, "rule" => rule, "decision" => decision).increment(1);
        let refusal = refusal?;
        tracing::info!(
            rule,
            decision,
            tenant = send.tenant,
            account = send.account.map(AccountName::as_str),
            prefix = send.to.masked_prefix(),
            "the guard decided"
        );
        (!observed).then_some(refusal)
    }

    /// One name for all addresses of one client: a person on IPv6 holds a /64.
    pub(super) fn client_name(&self, address: IpAddr) -> String {
        self.sealer.name(Purpose::Address, &[&network_of(address)])
    }

    /// Refuses to dial a phone of a country that is not allowed; `pointer` is where the request names it.
    pub(super) fn allowed_party(&self, party: &Address, pointer: &str) -> Result<(), Error> {
        match party {
            Address::Phone(number) => self.foreign(number, pointer).map_or(Ok(()), Err),
            _ => Ok(()),
        }
    }

    /// Refuses to send to a number of a country that is not allowed.
    pub(super) async fn allowed_destination(&self, send: Sending<'_>) -> Result<(), Error> {
        self.decide(COUNTRIES, send, self.foreign(send.to, "/to")).await
    }

    pub(super) fn foreign(&self, to: &PhoneNumber, pointer: &str) -> Option<Error> {
        let allowed = &self.config.phone.allowed_countries;
        let is_allowed = to.country().is_some_and(|country| allowed.contains(&country));
        let detail = "is a number of a country that is not allowed";
        (!is_allowed).then(|| not_allowed("Numbers of this country are not allowed.", pointer, detail))
    }
}

pub(super) fn not_allowed(sentence: &str, pointer: &str, detail: &str) -> Error {
    let mut error = Error::new(Problem::DestinationNotAllowed, sentence);
    error.context.fields = vec![FieldError::new(pointer, "not_allowed", detail)];
    error
}

/// The network whose addresses are one client's.
pub(super) fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}
