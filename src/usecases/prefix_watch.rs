//! The watch over number prefixes whose codes never come back: what robots are paid for, and people are not.
//!
//! Sends of an account to a prefix, and how many of them were verified, are counted in windows of `per_seconds`. A prefix
//! with enough sends and too few verified is blocked for as long as a window; blocked again within a day of that, for
//! twice as long, and so on up to a day. A block ends by itself, and the prefix is judged anew.

use std::time::Duration;

use futures_util::future::{join, join_all};
use serde::{Deserialize, Serialize};

use super::gateway::Gateway;
use super::guard::{Sending, not_allowed};
use super::limit::Taken;
use super::records::{decode, encode};
use crate::config::{GuardMode, PrefixBlock};
use crate::domain::error::Error;
use crate::domain::time::Timestamp;
use crate::domain::verification::Verification;
use crate::seal::Purpose;
use crate::store::{Expect, Key, Stored, keys};

/// How long the longest block lasts, and how long after its end a block is remembered.
const DAY: Duration = Duration::from_secs(86_400);
/// The name of the counter.
const WATCH: &str = "verification.guard.prefix_block";
/// What one verified send adds to the counter, in which sends stand below: one counter is one window for both.
const VERIFIED: i64 = 1 << 32;

/// A block, kept until it is forgotten.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Block {
    until: Timestamp,
    /// How many came before it.
    times: u32,
}

/// The sends of a window and how many of them were verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tally {
    sends: i64,
    verified: i64,
}

impl Tally {
    fn of(total: i64) -> Self {
        // What is given back late may leave the lower half below zero.
        #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
        let sends = i64::from(total as i32);
        Self {
            sends,
            verified: (total - sends) >> 32,
        }
    }

    /// Whether too few of the sends before the last one were verified.
    #[expect(clippy::cast_precision_loss, reason = "the halves have 32 bits")]
    fn is_suspicious(self, rule: &PrefixBlock) -> bool {
        let before = self.sends - 1;
        before >= i64::from(rule.min_sends) && (self.verified as f64) < rule.min_verified_ratio * before as f64
    }
}

impl Gateway {
    /// Counts a send against its prefix; tells why it is refused, if it is.
    ///
    /// # Errors
    /// `store-unavailable`; it is not counted then.
    pub(super) async fn watch(&self, send: Sending<'_>) -> Result<Option<(Taken, Option<Error>)>, Error> {
        let Some(rule) = self.config.verification.guard.prefix_block else {
            return Ok(None);
        };
        let Some(digest) = self.prefix_name(send) else {
            return Ok(None);
        };
        let (counter, block) = (keys::counter(WATCH, &digest), keys::prefix_block(&digest));
        let counting = self.store.add(&counter, 1, rule.per);
        let (stored, count) = join(self.store.get(&block), counting).await;
        let count = count?;
        let taken = self.taken(&counter, rule.per, count);
        let judged = async {
            self.judge_prefix(&rule, (&block, stored?), Tally::of(count.total))
                .await
        };
        match judged.await {
            Ok(refusal) => Ok(Some((taken, refusal))),
            Err(error) => {
                self.give_back(taken.into()).await;
                Err(error)
            }
        }
    }

    /// Why the last of the sends is refused: its prefix is blocked, or is from now on.
    async fn judge_prefix(
        &self,
        rule: &PrefixBlock,
        (key, stored): (&Key, Option<Stored>),
        tally: Tally,
    ) -> Result<Option<Error>, Error> {
        let now = self.now();
        let known = stored.as_ref().map(decode::<Block>).transpose()?;
        if let Some(block) = known.filter(|block| now < block.until) {
            return Ok(Some(refusal(block, now)));
        }
        if !tally.is_suspicious(rule) {
            return Ok(None);
        }
        let next = next_block(known, rule, now);
        if self.config.verification.guard.mode == GuardMode::Enforce {
            self.block(key, next, stored.as_ref()).await?;
        }
        Ok(Some(refusal(next, now)))
    }

    /// Why a send would be refused for its prefix, counting nothing.
    ///
    /// # Errors
    /// `store-unavailable`.
    pub(super) async fn blocked(&self, send: Sending<'_>) -> Result<Option<Error>, Error> {
        let watched = self.config.verification.guard.prefix_block.is_some();
        let Some(digest) = self.prefix_name(send).filter(|_| watched) else {
            return Ok(None);
        };
        let stored = self.store.get(&keys::prefix_block(&digest)).await?;
        let (block, now) = (stored.as_ref().map(decode::<Block>).transpose()?, self.now());
        Ok(block.filter(|block| now < block.until).map(|block| refusal(block, now)))
    }

    /// Of many who block a prefix at once, one does.
    async fn block(&self, key: &Key, block: Block, before: Option<&Stored>) -> Result<(), Error> {
        let expect = before.map_or(Expect::Absent, |stored| Expect::Version(stored.version));
        let left = Duration::from_secs(block.until.seconds_since(self.now()));
        self.store.put(key, encode(&block)?, Some(left + DAY), expect).await?;
        Ok(())
    }

    /// Counts every send of a verification as verified: its person came back.
    pub(super) async fn credit_prefix(&self, verification: &Verification) {
        let guard = &self.config.verification.guard;
        let (Some(rule), true) = (guard.prefix_block, guard.mode != GuardMode::Off) else {
            return;
        };
        let names = verification.sends.iter().filter_map(|send| {
            self.prefix_name(Sending {
                tenant: &verification.tenant,
                to: &verification.to,
                channel: send.channel,
                account: send.account.as_ref(),
                client: None,
            })
        });
        let counters: Vec<_> = names.map(|digest| keys::counter(WATCH, digest)).collect();
        let adding = counters
            .iter()
            .map(|counter| self.store.add(counter, VERIFIED, rule.per));
        for added in join_all(adding).await {
            if let Err(error) = added {
                tracing::warn!(%error, verification = %verification.id, "a verified send could not be counted");
            }
        }
    }

    /// A prefix as one account's; nothing without an account.
    fn prefix_name(&self, send: Sending<'_>) -> Option<String> {
        let account = send.account?;
        Some(
            self.sealer
                .name(Purpose::Address, &[account.as_str(), send.to.prefix()]),
        )
    }
}

/// A block that begins now: twice as long as the one before, if that is remembered.
fn next_block(before: Option<Block>, rule: &PrefixBlock, now: Timestamp) -> Block {
    let times = before.map_or(0, |block| block.times.saturating_add(1));
    let length = rule
        .per
        .saturating_mul(2_u32.saturating_pow(times))
        .min(DAY.max(rule.per));
    Block {
        until: now.plus_seconds(i64::try_from(length.as_secs()).unwrap_or(i64::MAX)),
        times,
    }
}

fn refusal(block: Block, now: Timestamp) -> Error {
    let sentence = "Codes sent to numbers like this one do not come back; it is blocked for a while.";
    not_allowed(sentence, "/to", "is a number of a blocked prefix")
        .retry_after(Duration::from_secs(block.until.seconds_since(now).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: PrefixBlock = PrefixBlock {
        min_sends: 30,
        per: Duration::from_secs(1800),
        min_verified_ratio: 0.10,
    };

    #[test]
    fn one_number_holds_sends_and_verified() {
        for (sends, verified) in [(0, 0), (1, 0), (30, 3), (-1, 2), (1_000_000, 1_000_000), (-2, 0)] {
            assert_eq!(Tally::of(verified * VERIFIED + sends), Tally { sends, verified });
        }
    }

    #[test]
    fn the_thirty_first_send_is_refused_if_fewer_than_a_tenth_came_back() {
        let judged = |sends, verified| Tally { sends, verified }.is_suspicious(&RULE);
        assert!(!judged(30, 0), "the thirtieth may be sent");
        assert!(judged(31, 0));
        assert!(judged(31, 2));
        assert!(!judged(31, 3));
        assert!(!judged(1001, 100));
        assert!(judged(1002, 100));
    }

    #[test]
    fn blocks_double_up_to_a_day() {
        let now = Timestamp::from_seconds(0);
        let mut block = None;
        let lengths = (0..9).map(|_| {
            let next = next_block(block, &RULE, now);
            block = Some(next);
            next.until.seconds_since(now)
        });
        let lengths: Vec<_> = lengths.collect();
        assert_eq!(
            lengths,
            [1800, 3600, 7200, 14_400, 28_800, 57_600, 86_400, 86_400, 86_400]
        );
    }
}
