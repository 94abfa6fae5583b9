//! Refused sends, counted for whoever sums them up: however many there are, little is kept of them.
//!
//! Sends of one channel, account and prefix that are refused within one span share a counter, and the set of a tenant lists
//! what is counted.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};

use super::gateway::Gateway;
use super::guard::Sending;
use super::records::corrupt;
use crate::domain::caller::EVERY_TENANT;
use crate::domain::error::Error;
use crate::domain::time::Timestamp;
use crate::domain::verification::BlockedSends;
use crate::seal::Purpose;
use crate::store::{Key, keys};

/// How long one counter counts. In no time zone does a day begin within a quarter of an hour.
const SPAN_MS: i64 = 15 * 60 * 1000;
/// How many prefixes of a tenant are counted by themselves in a span; the rest are counted by their first two digits.
const MOST_PREFIXES: i64 = 250;
/// The names of the counters.
const BLOCKED: &str = "verification.blocked";
const PREFIXES: &str = "verification.blocked.prefixes";

impl Gateway {
    /// Remembers that a send was refused, and returns the refusal; what cannot be remembered is refused all the same.
    pub(super) async fn refused(&self, send: Sending<'_>, refusal: Error) -> Error {
        let counting = [send.tenant, EVERY_TENANT].map(|tenant| self.count_blocked(tenant, send));
        for counted in join_all(counting).await {
            if let Err(error) = counted {
                tracing::warn!(%error, "a refused send could not be counted");
            }
        }
        refusal
    }

    async fn count_blocked(&self, tenant: &str, send: Sending<'_>) -> Result<(), Error> {
        let (now, keep) = (self.now().as_millis(), self.config.retention.verifications);
        let mut sends = BlockedSends {
            since: Timestamp::from_millis(now - now.rem_euclid(SPAN_MS)),
            channel: send.channel,
            account: send.account.cloned(),
            prefix: send.to.prefix().to_owned(),
        };
        let mut member = member_of(&sends)?;
        if self.blocked_count(tenant, &member).await? == 0 && self.too_many_prefixes(tenant, &sends).await? {
            sends.prefix.truncate(3);
            member = member_of(&sends)?;
        }
        let counter = self.blocked_counter(tenant, &member);
        if self.store.add(&counter, 1, keep).await?.total == 1 {
            let oldest = now.saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX));
            let set = keys::blocked(tenant);
            self.store
                .index(&set, sends.since.as_millis(), &member, Some(oldest))
                .await?;
        }
        Ok(())
    }

    async fn too_many_prefixes(&self, tenant: &str, sends: &BlockedSends) -> Result<bool, Error> {
        let since = sends.since.as_millis().to_string();
        let counter = keys::counter(PREFIXES, self.sealer.name(Purpose::Address, &[tenant, &since]));
        let span = Duration::from_millis(SPAN_MS.unsigned_abs());
        Ok(self.store.add(&counter, 1, span).await?.total > MOST_PREFIXES)
    }

    /// How many sends each of these members of a tenant's set stands for.
    ///
    /// # Errors
    /// `store-unavailable`.
    pub(super) async fn blocked_counts(&self, tenant: &str, members: &[&str]) -> Result<Vec<u64>, Error> {
        try_join_all(members.iter().map(|member| self.blocked_count(tenant, member))).await
    }

    async fn blocked_count(&self, tenant: &str, member: &str) -> Result<u64, Error> {
        let counter = self.blocked_counter(tenant, member);
        let count = self.store.add(&counter, 0, self.config.retention.verifications).await?;
        Ok(u64::try_from(count.total).unwrap_or(0))
    }

    fn blocked_counter(&self, tenant: &str, member: &str) -> Key {
        keys::counter(BLOCKED, self.sealer.name(Purpose::Address, &[tenant, member]))
    }
}

fn member_of(sends: &BlockedSends) -> Result<String, Error> {
    serde_json::to_string(sends).map_err(|_| corrupt())
}
