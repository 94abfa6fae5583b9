//! Verifications summed up, from those that are kept and from the sends that were refused.

use super::gateway::Gateway;
use super::records;
use super::requests::VerificationSummaryQuery;
use crate::domain::caller::Caller;
use crate::domain::error::Error;
use crate::domain::verification::Ledger;
use crate::domain::verification_summary::{VerificationSummaryRow, VerificationTally};
use crate::store::{Order, Range, Scored, Set, keys};

/// How many are read per round trip.
const BATCH: usize = 500;
/// How many rows an answer has at most.
const MOST_ROWS: usize = 10_000;

impl Gateway {
    /// The caller's verifications, summed up.
    ///
    /// # Errors
    /// `invalid-input` where there would be too many rows.
    pub async fn verification_summary(
        &self,
        caller: &Caller,
        query: VerificationSummaryQuery,
    ) -> Result<Vec<VerificationSummaryRow>, Error> {
        let now = self.now();
        let mut tally = VerificationTally::new(query.group_by, self.config.history.time_zone.clone());
        let made = match caller.reads_all() {
            true => keys::verifications_all(),
            false => keys::verifications_of(&caller.tenant),
        };
        // Only what is within its retention is kept; nothing is made later than now.
        let mut scores = 0..=now.as_millis();
        if let Some(window) = query.window {
            scores = window.since.as_millis().max(0)..=(window.until.as_millis() - 1).min(now.as_millis());
        }
        let mut batches = Batches::of(made, scores.clone());
        while let Some(members) = batches.next(self).await? {
            let keys: Vec<_> = members
                .iter()
                .map(|member| keys::verification(&member.member))
                .collect();
            for stored in self.store.get_many(&keys).await?.into_iter().flatten() {
                if let Some(mut ledger) = records::read::<Ledger>(&stored.value) {
                    ledger.verification.expire(now);
                    tally.add(&ledger.verification);
                }
            }
            bounded(&tally)?;
        }
        let mut batches = Batches::of(keys::blocked(&caller.tenant), scores);
        while let Some(members) = batches.next(self).await? {
            let members: Vec<_> = members.iter().map(|member| member.member.as_str()).collect();
            let counts = self.blocked_counts(&caller.tenant, &members).await?;
            for (member, count) in members.into_iter().zip(counts) {
                if let Ok(sends) = serde_json::from_str(member) {
                    tally.add_blocked(&sends, count);
                }
            }
            bounded(&tally)?;
        }
        Ok(tally.into_rows())
    }
}

fn bounded(tally: &VerificationTally) -> Result<(), Error> {
    if tally.rows() <= MOST_ROWS {
        return Ok(());
    }
    let told = format!("makes more than {MOST_ROWS} rows; group by less, or sum up less");
    Err(Error::field("group_by", "too_large", told))
}

/// A set read from its newest member to its oldest, some at a time.
struct Batches {
    set: Set,
    range: Option<Range>,
}

impl Batches {
    fn of(set: Set, scores: std::ops::RangeInclusive<i64>) -> Self {
        let range = Range {
            scores,
            order: Order::Descending,
            after: None,
            limit: BATCH,
        };
        Self {
            set,
            range: Some(range),
        }
    }

    async fn next(&mut self, gateway: &Gateway) -> Result<Option<Vec<Scored>>, Error> {
        let Some(range) = self.range.take().filter(|range| !range.scores.is_empty()) else {
            return Ok(None);
        };
        let members = gateway.store.range(&self.set, range.clone()).await?;
        if let Some(last) = members.last().filter(|_| members.len() == BATCH) {
            let after = Some((last.score, last.member.clone()));
            self.range = Some(Range { after, ..range });
        }
        Ok(Some(members))
    }
}
