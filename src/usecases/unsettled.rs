//! How many calls are not settled, counted from the list of those that are looked after.

use std::time::Duration;

use futures_util::FutureExt as _;
use metrics::{Gauge, gauge};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::gateway::Gateway;
use crate::domain::error::Error;
use crate::domain::ids::CallId;
use crate::domain::time::Timestamp;
use crate::store::{Order, Range, keys};
use crate::telemetry::metric;

/// How often they are counted.
const EVERY: Duration = Duration::from_secs(5);
/// How many members are read at once.
const PAGE: usize = 1_000;
/// Where counting ends.
const MOST_COUNTED: usize = 100_000;
/// The name of the one who counts.
const COUNTER: &str = "unsettled";
/// After every time at which something is due.
const LAST: i64 = 1 << 52;

/// Calls whose outcome is not yet known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Unsettled {
    /// How many; 100,000 where there are more.
    pub count: usize,
    /// How many of them have been open for longer than a call may last and settling it may take.
    pub overdue: usize,
    /// When the one that has been open for longest was made.
    pub oldest: Option<Timestamp>,
}

/// The gauge of the one who counts: whoever does not count shows nothing, so that the sum over all instances is right.
struct Shown(Gauge);

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.set(0);
    }
}

impl Gateway {
    /// Counts the calls that are not settled until told to stop; of several instances one does.
    pub(super) async fn show_unsettled(&self, stop: CancellationToken) {
        let work = || {
            let work = async {
                let shown = Shown(gauge!(metric::CALLS_UNSETTLED));
                loop {
                    let count = self.unsettled().await?.count;
                    shown.0.set(u32::try_from(count).unwrap_or(u32::MAX));
                    tokio::time::sleep(EVERY).await;
                }
            };
            work.boxed()
        };
        // There is a value before anybody leads.
        drop(Shown(gauge!(metric::CALLS_UNSETTLED)));
        self.lead(COUNTER, &stop, work).await;
    }

    /// Counts them once. The calls themselves are not read: an identifier tells when its call was made.
    ///
    /// # Errors
    /// `store-unavailable`.
    pub(super) async fn unsettled(&self) -> Result<Unsettled, Error> {
        let calls = &self.config.calls;
        let patience = i64::try_from((calls.max_call + calls.settle).as_millis()).unwrap_or(i64::MAX);
        let overdue = self.now().as_millis().saturating_sub(patience);
        let (mut unsettled, mut after) = (Unsettled::default(), None);
        while unsettled.count < MOST_COUNTED {
            let page = Range {
                scores: 0..=LAST,
                order: Order::Ascending,
                after: after.take(),
                limit: PAGE,
            };
            let members = self.store.range(&keys::open_calls(), page).await?;
            unsettled.count += members.len();
            let made = members.iter().filter_map(|member| member.member.parse().ok());
            for made in made.map(CallId::made_at) {
                unsettled.overdue += usize::from(made.as_millis() < overdue);
                unsettled.oldest = Some(unsettled.oldest.map_or(made, |oldest| oldest.min(made)));
            }
            match members.into_iter().next_back() {
                Some(last) if unsettled.count.is_multiple_of(PAGE) => after = Some((last.score, last.member)),
                _ => break,
            }
        }
        Ok(unsettled)
    }
}
