//! Limits on what costs money or rings a person.

use std::time::Duration;

use super::gateway::Gateway;
use super::requests::LimitState;
use crate::config::Rate;
use crate::domain::address::Address;
use crate::domain::call::CallKind;
use crate::domain::error::{Error, FieldError, LimitHit, Problem};
use crate::domain::phone::PhoneNumber;
use crate::domain::place::NewCall;
use crate::seal::Purpose;
use crate::store::{Key, keys};

/// One limit, named by its configuration key, over one counted thing.
pub(super) struct Limit {
    name: &'static str,
    rate: Rate,
    counter: Key,
}

impl Limit {
    fn hit(&self, expires_in: Duration, gateway: &Gateway) -> Error {
        let seconds = expires_in.as_secs().max(1);
        let mut error = Error::new(Problem::RateLimited, format!("The limit {} is used up.", self.name))
            .retry_after(Duration::from_secs(seconds));
        error.context.limit = Some(LimitHit {
            name: self.name.to_owned(),
            max: self.rate.max.into(),
            per_seconds: self.rate.per.as_secs(),
            resets_at: gateway.now().plus_seconds(i64::try_from(seconds).unwrap_or(i64::MAX)),
        });
        error
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
        vec![self.number_limit("calls.automated_calls_per_number", rate, tenant, number)]
    }

    /// The limits a send of a code counts against.
    pub(super) fn send_limits(&self, tenant: &str, to: &PhoneNumber) -> Vec<Limit> {
        let per_number = self.config.verification.sends_per_number;
        per_number
            .map(|rate| self.number_limit("verification.sends_per_number", rate, tenant, to))
            .into_iter()
            .collect()
    }

    fn number_limit(&self, name: &'static str, rate: Rate, tenant: &str, number: &PhoneNumber) -> Limit {
        let digest = self.sealer.name(Purpose::Address, &[tenant, number.as_str()]);
        Limit {
            name,
            rate,
            counter: keys::counter(name, digest),
        }
    }

    /// Counts one against every limit, then refuses if one is over.
    ///
    /// Counting comes first, so that of many requests at once no more than the limit get through.
    ///
    /// # Errors
    /// `rate-limited` naming the rule; `store-unavailable`, since what cannot be counted is not allowed.
    pub(super) async fn count(&self, limits: &[Limit]) -> Result<(), Error> {
        for limit in limits {
            let counter = self.store.add(&limit.counter, 1, limit.rate.per).await?;
            if counter.total > i64::from(limit.rate.max) {
                return Err(limit.hit(counter.expires_in, self));
            }
        }
        Ok(())
    }

    /// How far the limits are used, counting nothing.
    pub(super) async fn limit_states(&self, limits: &[Limit]) -> Result<Vec<LimitState>, Error> {
        let mut states = Vec::with_capacity(limits.len());
        for limit in limits {
            let used = self.store.add(&limit.counter, 0, limit.rate.per).await?.total;
            let max = u64::from(limit.rate.max);
            states.push(LimitState {
                name: limit.name.to_owned(),
                max,
                per_seconds: limit.rate.per.as_secs(),
                remaining: max.saturating_sub(u64::try_from(used).unwrap_or(0)),
            });
        }
        Ok(states)
    }

    /// Refuses to dial a phone of a country that is not allowed; `pointer` is where the request names it.
    pub(super) fn allowed_party(&self, party: &Address, pointer: &str) -> Result<(), Error> {
        match party {
            Address::Phone(number) => self.allowed_destination(number, pointer),
            _ => Ok(()),
        }
    }

    /// Refuses a number of a country that is not allowed.
    pub(super) fn allowed_destination(&self, to: &PhoneNumber, pointer: &str) -> Result<(), Error> {
        let allowed = &self.config.phone.allowed_countries;
        if to.country().is_some_and(|country| allowed.contains(&country)) {
            return Ok(());
        }
        let mut error = Error::new(
            Problem::DestinationNotAllowed,
            "Numbers of this country are not allowed.",
        );
        error.context.fields = vec![FieldError::new(
            pointer,
            "not_allowed",
            "is a number of a country that is not allowed",
        )];
        Err(error)
    }
}
