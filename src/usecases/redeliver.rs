//! Deliveries shown to their subscribers, and begun again for them.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::delivery_ledger::{Held, Record, name};
use super::gateway::Gateway;
use super::list::Listing;
use super::requests::{DeliveryQuery, Page, Paging, Redeliver};
use crate::domain::caller::Caller;
use crate::domain::delivery::{Delivery, DeliveryStatus};
use crate::domain::error::Error;
use crate::store::{Order, Range, Set, keys};

/// How many deliveries are looked at together.
const BATCH: usize = 200;
/// How many deliveries are begun again at the same time.
const AT_ONCE: usize = 32;

impl Gateway {
    /// A page of deliveries to the subscriptions of the caller, newest first.
    ///
    /// # Errors
    /// `invalid-input` for a subscription that the caller may not see, `invalid-cursor`, `cursor-expired`.
    pub async fn deliveries(
        &self,
        caller: &Caller,
        query: DeliveryQuery,
        paging: Paging,
    ) -> Result<Page<Delivery>, Error> {
        for name in &query.subscription {
            self.see_subscription(caller, name, "subscription")?;
        }
        let seen = self.config.subscriptions.iter().filter(|(name, subscription)| {
            caller.reads(&subscription.tenant) && (query.subscription.is_empty() || query.subscription.contains(name))
        });
        let listing = Listing {
            sets: seen.map(|(name, _)| list_of(name, &query.status)).collect(),
            query: format!("deliveries {}", serde_json::to_string(&query).unwrap_or_default()),
            window: None,
            key: &|member| keys::delivery(member),
        };
        self.page(caller, listing, &paging, |bytes| {
            let record: Record = serde_json::from_slice(bytes).ok()?;
            let fits = query.status.is_empty() || query.status.contains(&record.delivery.status);
            fits.then_some(record.delivery)
        })
        .await
    }

    /// Begins deliveries again, each with a whole schedule before it and the same event, and lets a subscription go on
    /// whose receiver ended it; says how many.
    ///
    /// # Errors
    /// `invalid-input` for a subscription that the caller may not see.
    pub async fn redeliver(&self, caller: &Caller, wanted: &Redeliver) -> Result<usize, Error> {
        let subscription = &wanted.subscription;
        self.see_subscription(caller, subscription, "/subscription")?;
        self.deliveries_kept().go_on(subscription).await?;
        if let Some(event) = wanted.event_id {
            return self.begin_again(wanted, vec![name(event, subscription)]).await;
        }
        let status: Vec<_> = wanted.status.into_iter().collect();
        let set = list_of(subscription, &status);
        let (mut count, mut after) = (0, None);
        loop {
            let page = Range {
                scores: 0..=LAST,
                order: Order::Descending,
                after: after.take(),
                limit: BATCH,
            };
            let members = self.store.range(&set, page).await?;
            let last = members.last().map(|last| (last.score, last.member.clone()));
            let full = members.len() == BATCH;
            let names = members.into_iter().map(|member| member.member).collect();
            count += self.begin_again(wanted, names).await?;
            match last {
                Some(last) if full => after = Some(last),
                _ => return Ok(count),
            }
        }
    }

    async fn begin_again(&self, wanted: &Redeliver, names: Vec<String>) -> Result<usize, Error> {
        let (ledger, now) = (self.deliveries_kept(), self.now());
        let held = ledger.read(&names).await?.into_iter().flatten();
        let begun = stream::iter(held.filter(|held| wants(wanted, held)))
            .map(|held| ledger.start_again(held, now))
            .buffer_unordered(AT_ONCE);
        begun
            .try_fold(0, async |count, begun| Ok(count + usize::from(begun)))
            .await
    }

    /// A subscription that one may not see is like one that is not there.
    fn see_subscription(&self, caller: &Caller, name: &str, field: &str) -> Result<(), Error> {
        let subscription = self.config.subscriptions.get(name);
        if subscription.is_some_and(|subscription| caller.reads(&subscription.tenant)) {
            return Ok(());
        }
        Err(Error::field(field, "unknown", "is not a subscription you can see"))
    }
}

/// The shortest list that has every delivery of such a status.
fn list_of(subscription: &str, status: &[DeliveryStatus]) -> Set {
    match status {
        [DeliveryStatus::Dead] => keys::deliveries_dead(subscription),
        _ => keys::deliveries_of(subscription),
    }
}

fn wants(wanted: &Redeliver, held: &Held) -> bool {
    let delivery = &held.record.delivery;
    wanted.since.is_none_or(|since| delivery.created_at >= since)
        && wanted.status.is_none_or(|status| delivery.status == status)
}

/// After every score.
const LAST: i64 = 1 << 52;
