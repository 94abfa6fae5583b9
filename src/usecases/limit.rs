//! Limits: how often something may happen in a window that begins with its first time.
//!
//! What asks is counted before it is allowed, so of many at once, at however many instances, no more than the limit get
//! through. What is refused, or came to nothing, is given back.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};

use super::gateway::Gateway;
use super::requests::LimitState;
use crate::config::Rate;
use crate::domain::error::{Error, LimitHit, Problem};
use crate::domain::time::Timestamp;
use crate::seal::Purpose;
use crate::store::{Counter, Key, StoreError, keys};

/// How long before its window ends a count is no longer given back: it must not reach into the next window.
const TOO_LATE_MS: i64 = 2_000;

/// One limit, named by its configuration key, over one counted thing.
pub(super) struct Limit {
    pub(super) name: &'static str,
    pub(super) rate: Rate,
    pub(super) counter: Key,
}

/// One count, until its window ends.
pub(super) struct Taken {
    counter: Key,
    per: Duration,
    until: Timestamp,
}

/// What something was counted against.
#[derive(Default)]
pub(super) struct Counted(Vec<Taken>);

impl Counted {
    fn push(&mut self, taken: Taken) {
        self.0.push(taken);
    }

    pub(super) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }
}

impl From<Taken> for Counted {
    fn from(taken: Taken) -> Self {
        Self(vec![taken])
    }
}

impl Limit {
    /// Why what was counted as the last of `counter` is refused; nothing where it is within the limit.
    pub(super) fn refusal(&self, counter: Counter, now: Timestamp) -> Option<Error> {
        (counter.total > i64::from(self.rate.max)).then(|| self.hit(counter.expires_in, now))
    }

    /// The refusal of what may be tried again after `wait`.
    pub(super) fn hit(&self, wait: Duration, now: Timestamp) -> Error {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
        let mut error = Error::new(Problem::RateLimited, format!("The limit {} is used up.", self.name))
            .retry_after(Duration::from_secs(seconds));
        error.context.limit = Some(LimitHit {
            name: self.name.to_owned(),
            max: self.rate.max.into(),
            per_seconds: self.rate.per.as_secs(),
            resets_at: now.plus_seconds(i64::try_from(seconds).unwrap_or(i64::MAX)),
        });
        error
    }
}

impl Gateway {
    /// A limit over what `parts` identify; they stand in no key in clear.
    pub(super) fn limit(&self, name: &'static str, rate: Rate, parts: &[&str]) -> Limit {
        let digest = self.sealer.name(Purpose::Address, parts);
        Limit {
            name,
            rate,
            counter: keys::counter(name, digest),
        }
    }

    /// Counts one against every limit, in one turn.
    ///
    /// # Errors
    /// `store-unavailable`; what was counted all the same is given back.
    pub(super) async fn add_to(&self, limits: &[Limit]) -> Result<(Vec<Counter>, Counted), Error> {
        let counting = limits
            .iter()
            .map(|limit| self.store.add(&limit.counter, 1, limit.rate.per));
        let (mut counters, mut counted, mut failed) = (Vec::new(), Counted::default(), None);
        for (limit, added) in limits.iter().zip(join_all(counting).await) {
            match added {
                Ok(counter) => {
                    counted.push(self.taken(&limit.counter, limit.rate.per, counter));
                    counters.push(counter);
                }
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            None => Ok((counters, counted)),
            Some(error) => {
                self.give_back(counted).await;
                Err(error.into())
            }
        }
    }

    /// Counts one against every limit, then refuses if one is over.
    ///
    /// # Errors
    /// `rate-limited` naming the rule; `store-unavailable`, since what cannot be counted is not allowed.
    pub(super) async fn count(&self, limits: &[Limit]) -> Result<Counted, Error> {
        let (counters, counted) = self.add_to(limits).await?;
        let now = self.now();
        let refusal = limits
            .iter()
            .zip(counters)
            .find_map(|(limit, counter)| limit.refusal(counter, now));
        match refusal {
            None => Ok(counted),
            Some(refusal) => {
                self.give_back(counted).await;
                Err(refusal)
            }
        }
    }

    pub(super) fn taken(&self, counter: &Key, per: Duration, count: Counter) -> Taken {
        let left = i64::try_from(count.expires_in.as_millis()).unwrap_or(i64::MAX);
        let until = self.now().as_millis().saturating_add(left);
        Taken {
            counter: counter.clone(),
            per,
            until: Timestamp::from_millis(until),
        }
    }

    /// Takes back what was counted; a count that cannot be taken back stands, which allows less and never more.
    pub(super) async fn give_back(&self, counted: Counted) {
        let now = self.now().as_millis();
        let lasting = counted
            .0
            .iter()
            .filter(|taken| now.saturating_add(TOO_LATE_MS) < taken.until.as_millis());
        let giving = lasting.map(|taken| self.take_back(taken));
        for given in join_all(giving).await {
            if let Err(error) = given {
                tracing::warn!(%error, "what came to nothing stays counted");
            }
        }
    }

    /// Takes one count back, unless it was forgotten meanwhile: a counter below zero would allow more.
    async fn take_back(&self, taken: &Taken) -> Result<(), StoreError> {
        let left = self.store.add(&taken.counter, -1, taken.per).await?;
        if left.total < 0 {
            self.store.add(&taken.counter, 1, taken.per).await?;
        }
        Ok(())
    }

    /// How far the limits are used, counting nothing.
    pub(super) async fn limit_states(&self, limits: &[Limit]) -> Result<Vec<LimitState>, Error> {
        let reading = limits
            .iter()
            .map(|limit| self.store.add(&limit.counter, 0, limit.rate.per));
        let counters = try_join_all(reading).await?;
        let state = |(limit, counter): (&Limit, Counter)| {
            let max = u64::from(limit.rate.max);
            LimitState {
                name: limit.name.to_owned(),
                max,
                per_seconds: limit.rate.per.as_secs(),
                remaining: max.saturating_sub(u64::try_from(counter.total).unwrap_or(0)),
            }
        };
        Ok(limits.iter().zip(counters).map(state).collect())
    }
}
