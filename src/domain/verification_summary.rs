//! Verifications summed up: how many, how they ended, how many codes were sent and how many were blocked.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::account::AccountName;
use super::summary::share;
use super::time::Timestamp;
use super::verification::{BlockedSends, Channel, Verification, VerificationStatus};
use super::words::words;

words! {
    /// What verifications are summed up by.
    VerificationGroupBy {
        /// The local day.
        Day = "day",
        /// How the code travelled.
        Channel = "channel",
        /// The account that sent it.
        Account = "account",
        /// The number less its last four digits.
        Prefix = "prefix",
    }
}

/// What verifications of one row have in common; nothing where they are not grouped by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    day: Option<Date>,
    channel: Option<Channel>,
    account: Option<Option<AccountName>>,
    prefix: Option<String>,
}

/// The verifications of one group. A key is there if they are grouped by it.
///
/// A verification counts under the channel and the account of its last send, each of its sends under its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct VerificationSummaryRow {
    /// The day they were made on, in the configured zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = Date, example = "2026-11-22")]
    pub day: Option<Date>,
    /// How the code travelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Channel)]
    pub channel: Option<Channel>,
    /// The account that sent it; null where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AccountName>)]
    pub account: Option<Option<AccountName>>,
    /// The number less its last four digits; of refused sends its first two digits alone, where there were too many prefixes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, example = "+551198888")]
    pub prefix: Option<String>,
    /// How many verifications.
    pub verifications: u64,
    /// How many sends of a code.
    pub sends: u64,
    /// How many verifications were approved.
    pub approved: u64,
    /// The share of verifications that was approved, 0 to 1; null where there is none.
    #[schema(minimum = 0, maximum = 1)]
    pub conversion: Option<f64>,
    /// How many spent their attempts.
    pub exhausted: u64,
    /// Whose time was over.
    pub expired: u64,
    /// How many sends were refused by a limit or a guard, as of the beginning of their quarter of an hour; no verification was
    /// made, or its code not sent again.
    pub blocked: u64,
}

/// Verifications summed up by what they are grouped by.
pub struct VerificationTally {
    by: Vec<VerificationGroupBy>,
    zone: TimeZone,
    rows: BTreeMap<Group, VerificationSummaryRow>,
}

impl VerificationTally {
    /// Nothing yet. What is grouped by nothing comes to one row, even if there is nothing.
    pub fn new(by: Vec<VerificationGroupBy>, zone: TimeZone) -> Self {
        let whole = by.is_empty().then(<(Group, VerificationSummaryRow)>::default);
        Self {
            by,
            zone,
            rows: whole.into_iter().collect(),
        }
    }

    /// Adds a verification and its sends.
    pub fn add(&mut self, verification: &Verification) {
        let (at, prefix) = (verification.created_at, verification.to.prefix());
        let routed = verification.routing.as_ref().map(|routing| routing.account.clone());
        let account = verification.sends.last().map_or(routed, |send| send.account.clone());
        let row = self.row(at, prefix, (verification.channel, account));
        row.verifications += 1;
        let counted = match verification.status {
            VerificationStatus::Approved => Some(&mut row.approved),
            VerificationStatus::Exhausted => Some(&mut row.exhausted),
            VerificationStatus::Expired => Some(&mut row.expired),
            VerificationStatus::Pending | VerificationStatus::Canceled | VerificationStatus::Failed => None,
        };
        counted.into_iter().for_each(|counted| *counted += 1);
        for send in &verification.sends {
            self.row(at, prefix, (send.channel, send.account.clone())).sends += 1;
        }
    }

    /// Adds sends that were refused.
    pub fn add_blocked(&mut self, sends: &BlockedSends, count: u64) {
        let way = (sends.channel, sends.account.clone());
        self.row(sends.since, &sends.prefix, way).blocked += count;
    }

    fn row(
        &mut self,
        at: Timestamp,
        prefix: &str,
        (channel, account): (Channel, Option<AccountName>),
    ) -> &mut VerificationSummaryRow {
        let by = |key| self.by.contains(&key);
        let day = || at.to_jiff().to_zoned(self.zone.clone()).date();
        let group = Group {
            day: by(VerificationGroupBy::Day).then(day),
            channel: by(VerificationGroupBy::Channel).then_some(channel),
            account: by(VerificationGroupBy::Account).then_some(account),
            prefix: by(VerificationGroupBy::Prefix).then(|| prefix.to_owned()),
        };
        self.rows.entry(group).or_default()
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The rows, ascending by their keys in the order of [`VerificationGroupBy`].
    pub fn into_rows(self) -> Vec<VerificationSummaryRow> {
        let rows = self.rows.into_iter();
        rows.map(|(group, row)| VerificationSummaryRow {
            day: group.day,
            channel: group.channel,
            account: group.account,
            prefix: group.prefix,
            conversion: share(row.approved, row.verifications),
            ..row
        })
        .collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
