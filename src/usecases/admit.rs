//! Limits on requests, whatever they ask for.

use std::net::IpAddr;
use std::time::Duration;

use super::gateway::Gateway;
use super::guard::network_of;
use super::limit::Limit;
use crate::domain::error::Error;
use crate::store::Counter;

/// How far a limit on requests is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The rule's configuration key.
    pub name: &'static str,
    /// How many requests it allows.
    pub max: u32,
    /// In how long.
    pub per: Duration,
    /// How many are left.
    pub remaining: u64,
    /// When it begins anew.
    pub resets_in: Duration,
}

impl Gateway {
    /// Whether any limit on requests is set; without one they cost nothing.
    pub fn limits_requests(&self) -> bool {
        self.config.limits.requests_per_tenant.is_some() || self.config.limits.requests_per_address.is_some()
    }

    /// Counts a request against its sender and its sender's address; tells how far the limits are used.
    ///
    /// A store that is away lets requests pass uncounted: those that cost money need it themselves, and are refused there.
    ///
    /// # Errors
    /// `rate-limited` naming the rule.
    pub async fn admit(&self, tenant: Option<&str>, address: Option<IpAddr>) -> Result<Vec<Quota>, Error> {
        let limits = self.request_limits(tenant, address);
        let Ok((counters, _)) = self.add_to(&limits).await else {
            return Ok(Vec::new());
        };
        let now = self.now();
        let counted = || limits.iter().zip(&counters);
        if let Some(refusal) = counted().find_map(|(limit, counter)| limit.refusal(*counter, now)) {
            return Err(refusal);
        }
        Ok(counted().map(|(limit, counter)| quota(limit, *counter)).collect())
    }

    fn request_limits(&self, tenant: Option<&str>, address: Option<IpAddr>) -> Vec<Limit> {
        let limits = &self.config.limits;
        let tenant = limits
            .requests_per_tenant
            .zip(tenant)
            .map(|(rate, tenant)| self.limit("limits.requests_per_tenant", rate, &[tenant]));
        let address = limits
            .requests_per_address
            .zip(address)
            .map(|(rate, address)| self.limit("limits.requests_per_address", rate, &[&network_of(address)]));
        tenant.into_iter().chain(address).collect()
    }
}

fn quota(limit: &Limit, counter: Counter) -> Quota {
    Quota {
        name: limit.name,
        max: limit.rate.max,
        per: limit.rate.per,
        remaining: u64::from(limit.rate.max).saturating_sub(u64::try_from(counter.total).unwrap_or(0)),
        resets_in: counter.expires_in,
    }
}
