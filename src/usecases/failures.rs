//! Wrong codes counted per tenant and number, whatever verification they were told to.
//!
//! After `max` of them within the window every further check has to wait for its turn: 30 s, then twice as long each time,
//! up to an hour (NIST SP 800-63B asks for such a delay). Only the right code lets them be forgotten; a new code does not.

use std::time::Duration;

use futures_util::future::join;
use serde::{Deserialize, Serialize};

use super::gateway::Gateway;
use super::limit::{Counted, Limit};
use super::records::{decode, encode};
use crate::domain::error::Error;
use crate::domain::time::Timestamp;
use crate::domain::verification::Verification;
use crate::seal::Purpose;
use crate::store::{Expect, Key, Put, Version, keys};

/// The first wait.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The rule that counts them.
pub(super) const FAILURES: &str = "verification.failures_per_number";

/// The last turn that was taken.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Turn {
    /// When the next may be.
    next_at: Timestamp,
    /// How many were before it.
    earlier: u32,
}

/// A turn that this check took, and what stood there before.
pub(super) struct TakenTurn {
    version: Version,
    before: Option<Turn>,
}

/// The wrong codes of a number.
pub(super) struct Failures {
    limit: Limit,
    turn: Key,
}

impl Gateway {
    /// What a check of this verification counts against; nothing for a number whose code is fixed.
    pub(super) fn failures_of(&self, verification: &Verification) -> Option<Failures> {
        let rate = self.config.verification.failures_per_number?;
        if self.test_code(&verification.to).is_some() {
            return None;
        }
        let parts = [verification.tenant.as_str(), verification.to.as_str()];
        Some(Failures {
            limit: self.limit(FAILURES, rate, &parts),
            turn: keys::check_turn(self.sealer.name(Purpose::Address, &parts)),
        })
    }

    /// Counts a check as if its code were wrong; says also whether it has to wait for its turn.
    ///
    /// # Errors
    /// `store-unavailable`.
    pub(super) async fn count_check(&self, failures: &Failures) -> Result<(Counted, bool), Error> {
        let limit = &failures.limit;
        let counter = self.store.add(&limit.counter, 1, limit.rate.per).await?;
        let counted = self.taken(&limit.counter, limit.rate.per, counter).into();
        Ok((counted, counter.total >= i64::from(limit.rate.max)))
    }

    /// Takes the next turn to check, which one check at a time gets.
    ///
    /// # Errors
    /// `rate-limited` until the next turn.
    pub(super) async fn take_turn(&self, failures: &Failures) -> Result<TakenTurn, Error> {
        let now = self.now();
        let found = self.store.get(&failures.turn).await?;
        let last = found.as_ref().map(decode::<Turn>).transpose()?;
        if let Some(turn) = last.filter(|turn| now < turn.next_at) {
            return Err(failures.wait_for(turn, now));
        }
        let earlier = last.map_or(0, |turn| turn.earlier.saturating_add(1));
        let wait = i64::try_from(wait_after(earlier).as_secs()).unwrap_or(i64::MAX);
        let turn = Turn {
            next_at: now.plus_seconds(wait),
            earlier,
        };
        let expect = found.map_or(Expect::Absent, |found| Expect::Version(found.version));
        let keep = Some(failures.keep());
        match self.store.put(&failures.turn, encode(&turn)?, keep, expect).await? {
            Put::Stored(version) => Ok(TakenTurn { version, before: last }),
            // Another check took it.
            Put::Conflict(_) => Err(failures.wait_for(turn, now)),
        }
    }

    /// Gives back a turn in which nothing was compared; one that cannot be given back stays taken.
    pub(super) async fn give_back_turn(&self, failures: &Failures, taken: TakenTurn) {
        let expect = Expect::Version(taken.version);
        let given_back = async {
            match taken.before {
                Some(before) => {
                    let keep = Some(failures.keep());
                    self.store.put(&failures.turn, encode(&before)?, keep, expect).await?;
                }
                None => drop(self.store.remove(&failures.turn, expect).await?),
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = given_back.await {
            tracing::warn!(%error, "a turn in which nothing was compared stays taken");
        }
    }

    /// Forgets what went wrong before: the right code came.
    pub(super) async fn forget_failures(&self, failures: &Failures) {
        let counter = self.store.remove(&failures.limit.counter, Expect::Any);
        let forgotten = join(counter, self.store.remove(&failures.turn, Expect::Any)).await;
        if let Err(error) = forgotten.0.and(forgotten.1) {
            tracing::warn!(%error, "wrong codes before the right one stay counted");
        }
    }
}

impl Failures {
    /// How long a turn is remembered.
    fn keep(&self) -> Duration {
        self.limit.rate.per.max(LONGEST_WAIT)
    }

    fn wait_for(&self, turn: Turn, now: Timestamp) -> Error {
        let wait = Duration::from_secs(turn.next_at.seconds_since(now));
        let mut error = self.limit.hit(wait, now);
        error.detail = "Too many wrong codes for this number; wait before the next.".to_owned();
        error
    }
}

fn wait_after(earlier: u32) -> Duration {
    FIRST_WAIT
        .saturating_mul(2_u32.saturating_pow(earlier))
        .min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_from_half_a_minute_to_an_hour() {
        let waits: Vec<_> = [0, 1, 2, 3, 4, 5, 6, 7, 8, 40]
            .map(|earlier| wait_after(earlier).as_secs())
            .into();
        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
    }
}
