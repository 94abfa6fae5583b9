//! Which webhooks this gateway took.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use metrics::{Counter, Gauge, SharedString, counter, gauge};

use super::accounts::LastWebhook;
use crate::domain::account::AccountName;
use crate::domain::time::Timestamp;
use crate::telemetry::metric;

/// The webhooks of each account, kind and outcome, counted, and when the last one came.
#[derive(Default)]
pub(super) struct Received(Mutex<BTreeMap<(AccountName, Kind), Meters>>);

/// The kind of a webhook, and what became of it.
type Kind = (&'static str, &'static str);

/// Finding a metric by its labels costs more than counting, so it is found once.
struct Meters {
    last: Timestamp,
    count: Counter,
    stamp: Gauge,
}

impl Received {
    pub(super) fn note(&self, account: &AccountName, kind: Kind, at: Timestamp) {
        let mut received = self.lock();
        let meters = received
            .entry((account.clone(), kind))
            .or_insert_with(|| Meters::of(account, kind));
        meters.last = at;
        meters.count.increment(1);
        #[allow(clippy::cast_precision_loss)]
        meters.stamp.set(at.as_millis() as f64 / 1000.0);
    }

    /// When a webhook of each kind was last taken.
    pub(super) fn last(&self, account: &AccountName) -> Vec<LastWebhook> {
        let mut last = BTreeMap::<&str, Timestamp>::new();
        for ((_, (kind, _)), meters) in self.lock().iter().filter(|((of, _), _)| of == account) {
            let at = last.entry(kind).or_insert(meters.last);
            *at = meters.last.max(*at);
        }
        let told = |(kind, at): (&str, Timestamp)| LastWebhook {
            kind: kind.to_owned(),
            at,
        };
        last.into_iter().map(told).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(AccountName, Kind), Meters>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meters {
    fn of(account: &AccountName, (kind, outcome): Kind) -> Self {
        let account = SharedString::from_shared(account.shared());
        Self {
            last: Timestamp::from_millis(0),
            count: counter!(metric::WEBHOOKS, "account" => account.clone(), "outcome" => outcome),
            stamp: gauge!(metric::WEBHOOK_LAST_RECEIVED, "account" => account, "kind" => kind),
        }
    }
}
