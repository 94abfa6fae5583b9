//! What of the ways to accounts outlives a change of the configuration.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::SharedString;
use tower::retry::budget::TpsBudget;
use url::Url;

use super::budget::repetitions;
use super::bulkhead::Bulkhead;
use super::client::Settings;
use super::condition::Condition;
use super::drift::Drifts;
use super::pace::Pace;
use crate::clock::Clock;
use crate::config::Breaker;
use crate::domain::account::AccountName;

/// Where accounts find what was known of them under the configuration before: who is under way, what fails, what was
/// asked of late. Clones share it.
#[derive(Clone)]
pub struct Ways {
    pub(super) clock: Arc<dyn Clock>,
    known: Arc<Mutex<BTreeMap<AccountName, Known>>>,
}

/// What an account's exchanges share, be they made under this configuration or another.
#[derive(Clone)]
pub(super) struct Known {
    base_url: Url,
    concurrent: u32,
    per_second: u32,
    breaker: Breaker,
    timeout: Duration,
    pub(super) places: Arc<Bulkhead>,
    pub(super) pace: Arc<Pace>,
    pub(super) condition: Arc<Condition>,
    pub(super) repetitions: Arc<TpsBudget>,
    pub(super) drifts: Arc<Drifts>,
}

impl Ways {
    /// What is known of an account. Limits that changed begin anew, and so does all of an account that is elsewhere now.
    pub(super) fn known(&self, settings: &Settings) -> Known {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = Known::new(settings);
        if let Some(before) = all.get(&settings.account)
            && before.base_url == settings.base_url
        {
            known.follow(before);
        }
        all.insert(settings.account.clone(), known.clone());
        known
    }
}

impl Known {
    fn new(settings: &Settings) -> Self {
        Self {
            base_url: settings.base_url.clone(),
            concurrent: settings.concurrent,
            per_second: settings.per_second,
            breaker: settings.breaker,
            timeout: settings.timeout,
            places: Arc::new(Bulkhead::new(settings.concurrent)),
            pace: Arc::new(Pace::new(settings.per_second)),
            condition: Arc::new(Condition::new(settings.breaker, settings.timeout)),
            repetitions: Arc::new(repetitions()),
            drifts: Arc::new(Drifts::new(SharedString::from_shared(settings.account.shared()))),
        }
    }

    fn follow(&mut self, before: &Self) {
        if self.concurrent == before.concurrent {
            self.places = Arc::clone(&before.places);
        }
        if self.per_second == before.per_second {
            self.pace = Arc::clone(&before.pace);
        }
        if (self.breaker, self.timeout) == (before.breaker, before.timeout) {
            self.condition = Arc::clone(&before.condition);
        }
        self.repetitions = Arc::clone(&before.repetitions);
        self.drifts = Arc::clone(&before.drifts);
    }
}

impl<C: Clock> From<Arc<C>> for Ways {
    fn from(clock: Arc<C>) -> Self {
        let clock: Arc<dyn Clock> = clock;
        Self::from(&clock)
    }
}

impl From<&Arc<dyn Clock>> for Ways {
    fn from(clock: &Arc<dyn Clock>) -> Self {
        Self {
            clock: Arc::clone(clock),
            known: Arc::default(),
        }
    }
}
