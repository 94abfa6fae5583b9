//! Past calls summed up: how many, how they went, what they cost, by whatever they have in common.
//!
//! A call is reduced to its [`Traits`] and its [`Figures`]. Figures only add up, so that the calls of a window may be summed
//! in any order and in any portions, kept ones included, and come to the same.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::account::AccountName;
use super::call::{CallKind, CallStatus, Direction};
use super::history::{Named, Record};
use super::money::Money;
use super::words::words;

words! {
    /// What calls are summed up by.
    GroupBy {
        /// The local day.
        Day = "day",
        /// The local hour of the day.
        Hour = "hour",
        /// The local day of the week.
        Weekday = "weekday",
        /// The account.
        Account = "account",
        /// What the call was made of.
        Kind = "kind",
        /// Who started it.
        Direction = "direction",
        /// How it ended.
        Status = "status",
        /// Why it ended.
        HangupCause = "hangup_cause",
        /// The campaign.
        Campaign = "campaign",
        /// The agent.
        Agent = "agent",
        /// The queue.
        Queue = "queue",
        /// The caller's label.
        Tag = "tag",
        /// The Brazilian area code of the other party.
        AreaCode = "area_code",
    }
}

words! {
    /// A day of the week, from Monday.
    Weekday {
        /// Monday.
        Monday = "monday",
        /// Tuesday.
        Tuesday = "tuesday",
        /// Wednesday.
        Wednesday = "wednesday",
        /// Thursday.
        Thursday = "thursday",
        /// Friday.
        Friday = "friday",
        /// Saturday.
        Saturday = "saturday",
        /// Sunday.
        Sunday = "sunday",
    }
}

impl From<jiff::civil::Weekday> for Weekday {
    fn from(day: jiff::civil::Weekday) -> Self {
        match day {
            jiff::civil::Weekday::Monday => Self::Monday,
            jiff::civil::Weekday::Tuesday => Self::Tuesday,
            jiff::civil::Weekday::Wednesday => Self::Wednesday,
            jiff::civil::Weekday::Thursday => Self::Thursday,
            jiff::civil::Weekday::Friday => Self::Friday,
            jiff::civil::Weekday::Saturday => Self::Saturday,
            jiff::civil::Weekday::Sunday => Self::Sunday,
        }
    }
}

/// All that is known of a call by which it may be chosen or grouped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Traits {
    /// The day it was made on, in the configured zone.
    pub day: Date,
    /// The hour of that day, 0 to 23.
    pub hour: i8,
    /// The account.
    pub account: AccountName,
    /// The source that listed it.
    pub report: String,
    /// Whose it is.
    pub tenant: String,
    /// What it was made of.
    pub kind: CallKind,
    /// Who started it.
    pub direction: Direction,
    /// How it ended, or where it stands.
    pub status: CallStatus,
    /// Whether it was answered.
    pub answered: bool,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hangup_cause: Option<String>,
    /// The campaign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<Named>,
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Named>,
    /// The queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Named>,
    /// The label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The area code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_code: Option<String>,
}

impl Traits {
    /// The traits of a record that `report` listed; its day and hour are those of `zone`.
    pub fn of(record: &Record, report: &str, zone: &TimeZone) -> Self {
        let local = record.created_at.to_jiff().to_zoned(zone.clone());
        Self {
            day: local.date(),
            hour: local.hour(),
            account: record.account.clone(),
            report: report.to_owned(),
            tenant: record.tenant.clone(),
            kind: record.kind,
            direction: record.direction,
            status: record.status,
            answered: record.is_answered(),
            hangup_cause: record.hangup.as_ref().and_then(|hangup| hangup.cause.clone()),
            campaign: record.campaign.clone(),
            agent: record.agent.clone(),
            queue: record.queue.clone(),
            tag: record.tag.clone(),
            area_code: record.area_code.clone(),
        }
    }

    fn group(&self, by: &[GroupBy]) -> Group {
        let by = |key| by.contains(&key);
        Group {
            day: by(GroupBy::Day).then_some(self.day),
            hour: by(GroupBy::Hour).then_some(self.hour),
            weekday: by(GroupBy::Weekday).then(|| self.day.weekday().into()),
            account: by(GroupBy::Account).then(|| self.account.clone()),
            kind: by(GroupBy::Kind).then_some(self.kind),
            direction: by(GroupBy::Direction).then_some(self.direction),
            status: by(GroupBy::Status).then_some(self.status),
            hangup_cause: by(GroupBy::HangupCause).then(|| self.hangup_cause.clone()),
            campaign: by(GroupBy::Campaign).then(|| self.campaign.clone()),
            agent: by(GroupBy::Agent).then(|| self.agent.clone()),
            queue: by(GroupBy::Queue).then(|| self.queue.clone()),
            tag: by(GroupBy::Tag).then(|| self.tag.clone()),
            area_code: by(GroupBy::AreaCode).then(|| self.area_code.clone()),
        }
    }
}

/// What calls of one row have in common; nothing where they are not grouped by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    day: Option<Date>,
    hour: Option<i8>,
    weekday: Option<Weekday>,
    account: Option<AccountName>,
    kind: Option<CallKind>,
    direction: Option<Direction>,
    status: Option<CallStatus>,
    hangup_cause: Option<Option<String>>,
    campaign: Option<Option<Named>>,
    agent: Option<Option<Named>>,
    queue: Option<Option<Named>>,
    tag: Option<Option<String>>,
    area_code: Option<Option<String>>,
}

/// What calls come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// How many.
    pub calls: u64,
    /// How many were answered.
    pub answered: u64,
    /// How many reached a final status.
    pub ended: u64,
    /// How many of those were answered.
    pub ended_answered: u64,
    /// Seconds talked.
    pub talk_seconds: u64,
    /// Seconds billed.
    pub billed_seconds: u64,
    /// What they cost, by currency.
    pub cost: BTreeMap<String, Decimal>,
}

impl Figures {
    /// The figures of one call; what its provider did not tell adds nothing.
    pub fn of(record: &Record) -> Self {
        let (answered, ended) = (record.is_answered(), record.status.is_final());
        let price = record.price.iter();
        Self {
            calls: 1,
            answered: answered.into(),
            ended: ended.into(),
            ended_answered: (answered && ended).into(),
            talk_seconds: record.talk_seconds.unwrap_or_default(),
            billed_seconds: record.billed_seconds.unwrap_or_default(),
            cost: price.map(|price| (price.currency.clone(), price.amount)).collect(),
        }
    }

    /// Adds the figures of other calls.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.answered += other.answered;
        self.ended += other.ended;
        self.ended_answered += other.ended_answered;
        self.talk_seconds = self.talk_seconds.saturating_add(other.talk_seconds);
        self.billed_seconds = self.billed_seconds.saturating_add(other.billed_seconds);
        for (currency, amount) in &other.cost {
            match self.cost.get_mut(currency) {
                Some(sum) => *sum = sum.saturating_add(*amount),
                None => {
                    self.cost.insert(currency.clone(), *amount);
                }
            }
        }
    }
}

/// The calls of one group. A key is there if calls are grouped by it, and null where it is not known of the calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct SummaryRow {
    /// The day, in the configured zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = Date, example = "2026-11-22")]
    pub day: Option<Date>,
    /// The hour of the day, in the configured zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u8, minimum = 0, maximum = 23)]
    pub hour: Option<i8>,
    /// The day of the week, in the configured zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Weekday)]
    pub weekday: Option<Weekday>,
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AccountName)]
    pub account: Option<AccountName>,
    /// What the calls were made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = CallKind)]
    pub kind: Option<CallKind>,
    /// Who started them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Direction)]
    pub direction: Option<Direction>,
    /// How they ended, or where they stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = CallStatus)]
    pub status: Option<CallStatus>,
    /// Why they ended: the Q.850 cause in snake case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "normal_clearing")]
    pub hangup_cause: Option<Option<String>>,
    /// The campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Named>)]
    pub campaign: Option<Option<Named>>,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Named>)]
    pub agent: Option<Option<Named>>,
    /// The queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Named>)]
    pub queue: Option<Option<Named>>,
    /// The caller's label.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub tag: Option<Option<String>>,
    /// The Brazilian area code of the other party.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "11")]
    pub area_code: Option<Option<String>>,
    /// How many calls.
    pub calls: u64,
    /// How many were answered.
    pub answered: u64,
    /// Of the calls that reached a final status, the share that was answered, 0 to 1; null where none did.
    #[schema(minimum = 0, maximum = 1)]
    pub asr: Option<f64>,
    /// Seconds talked per answered call; null where none was.
    pub avg_talk_seconds: Option<u64>,
    /// Seconds talked.
    pub talk_seconds: u64,
    /// Seconds billed.
    pub billed_seconds: u64,
    /// What they cost: one sum a currency.
    pub cost: Vec<Money>,
}

impl SummaryRow {
    fn of(group: Group, figures: Figures) -> Self {
        let average = (figures.answered > 0).then(|| figures.talk_seconds.div_ceil(figures.answered));
        let cost = figures.cost.into_iter();
        Self {
            day: group.day,
            hour: group.hour,
            weekday: group.weekday,
            account: group.account,
            kind: group.kind,
            direction: group.direction,
            status: group.status,
            hangup_cause: group.hangup_cause,
            campaign: group.campaign,
            agent: group.agent,
            queue: group.queue,
            tag: group.tag,
            area_code: group.area_code,
            calls: figures.calls,
            answered: figures.answered,
            asr: share(figures.ended_answered, figures.ended),
            avg_talk_seconds: average,
            talk_seconds: figures.talk_seconds,
            billed_seconds: figures.billed_seconds,
            cost: cost.map(|(currency, amount)| Money { amount, currency }).collect(),
        }
    }
}

/// What share `part` is of `whole`; nothing where there is no whole.
pub fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Calls summed up by what they are grouped by.
#[derive(Debug)]
pub struct Tally {
    by: Vec<GroupBy>,
    rows: BTreeMap<Group, Figures>,
}

impl Tally {
    /// Nothing yet. Calls that are grouped by nothing come to one row, even if there are none.
    pub fn new(by: Vec<GroupBy>) -> Self {
        let whole = by.is_empty().then(<(Group, Figures)>::default);
        Self {
            by,
            rows: whole.into_iter().collect(),
        }
    }

    /// Adds calls that have these traits.
    pub fn add(&mut self, traits: &Traits, figures: &Figures) {
        self.rows.entry(traits.group(&self.by)).or_default().add(figures);
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows, ascending by their keys in the order of [`GroupBy`]; what is not known comes first.
    pub fn into_rows(self) -> Vec<SummaryRow> {
        let rows = self.rows.into_iter();
        rows.map(|(group, figures)| SummaryRow::of(group, figures)).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
