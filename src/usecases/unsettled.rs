//! How many calls are not settled, counted among those that are looked after.

use std::time::Duration;

use futures_util::FutureExt as _;
use metrics::{Gauge, gauge};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::gateway::Gateway;
use super::look_through::LAST;
use super::records;
use crate::domain::call::CallStatus;
use crate::domain::call_file::CallFile;
use crate::domain::error::Error;
use crate::domain::time::Timestamp;
use crate::store::{Order, Range, keys};
use crate::telemetry::metric;

/// How often they are counted.
const EVERY: Duration = Duration::from_secs(15);
/// How many calls are read at once.
const PAGE: usize = 500;
/// How many open calls are looked at.
const MOST_READ: usize = 100_000;
/// The name of the one who counts.
const COUNTER: &str = "unsettled";

/// Calls whose outcome is not known though it might be: neither those that go on nor those whose time has not come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Unsettled {
    /// How many, of the first 100,000 that are open.
    pub count: usize,
    /// Of how many of them nothing was heard for longer than a call may last and settling it may take.
    pub overdue: usize,
    /// When the first of them was made.
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

    /// Counts them once.
    ///
    /// # Errors
    /// `store-unavailable`.
    pub(super) async fn unsettled(&self) -> Result<Unsettled, Error> {
        let (mut unsettled, mut after) = (Unsettled::default(), None);
        for _ in 0..MOST_READ / PAGE {
            let page = Range {
                scores: 0..=LAST,
                order: Order::Ascending,
                after: after.take(),
                limit: PAGE,
            };
            let members = self.store.range(&keys::open_calls(), page).await?;
            let names: Vec<_> = members.iter().map(|member| keys::call(&member.member)).collect();
            for stored in self.store.get_many(&names).await?.into_iter().flatten() {
                if let Some(file) = records::read_call_file(&stored.value) {
                    self.count_unsettled(&file, &mut unsettled);
                }
            }
            match members.into_iter().next_back() {
                Some(last) if names.len() == PAGE => after = Some((last.score, last.member)),
                _ => break,
            }
        }
        Ok(unsettled)
    }

    fn count_unsettled(&self, file: &CallFile, unsettled: &mut Unsettled) {
        let calls = &self.config.calls;
        let patience = (calls.max_call + calls.settle).as_secs();
        let due = file.call.status != CallStatus::Scheduled;
        let overdue = due && self.now().seconds_since(file.heard_at) > patience;
        if !overdue && file.call.status != CallStatus::Unknown {
            return;
        }
        let made = file.call.created_at;
        unsettled.count += 1;
        unsettled.overdue += usize::from(overdue);
        unsettled.oldest = Some(unsettled.oldest.map_or(made, |oldest| oldest.min(made)));
    }
}
