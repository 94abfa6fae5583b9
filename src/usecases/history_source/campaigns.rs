//! The campaigns a report's rows belong to, named so that it tells their own fields.
//!
//! A report asked without campaigns lists all rows without those fields; asked with some, only theirs. So a page is read
//! twice, the second time with the campaigns known so far, until both lists are known to be the same: from then on one
//! reading of the same window is enough. Campaigns known from earlier walks let both be read at the same time, and where
//! they were those of all rows, of the reading without them only the rows' identifiers are looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures_util::future::try_join;
use serde::{Deserialize, Serialize};

use super::Source;
use super::reading::{Reader, asked};
use super::stretch::Stretch;
use crate::domain::account::AccountName;
use crate::domain::error::Failure;
use crate::domain::history::{Row, Window};
use crate::providers::port::{Report, ReportPage, ReportQuery};

/// The most campaigns that are named: an address has a length.
const MOST: usize = 40;

/// The campaigns that rows of each account were last seen to belong to.
#[derive(Debug, Default)]
pub(in crate::usecases) struct KnownCampaigns(Mutex<BTreeMap<AccountName, Known>>);

#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    names: BTreeSet<String>,
    /// Whether they were those of all rows of a page, when it was last read. Never where there are none.
    all: bool,
}

impl KnownCampaigns {
    fn of(&self, account: &AccountName) -> Known {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(account).cloned().unwrap_or_default()
    }

    fn learn(&self, account: &AccountName, campaigns: Known) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(account.clone(), campaigns);
    }
}

impl Known {
    /// How a page is read without campaigns, and with these if there are any.
    pub(super) fn readings(&self, query: ReportQuery) -> (ReportQuery, Option<ReportQuery>) {
        let unnamed = ReportQuery {
            ids_only: self.all,
            ..query.clone()
        };
        let named = (!self.names.is_empty()).then(|| ReportQuery {
            campaign_ids: self.names.iter().cloned().collect(),
            ..query
        });
        (unnamed, named)
    }
}

/// What is known of the campaigns of a report.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Campaigns {
    names: BTreeSet<String>,
    /// Whether both readings of the last page told of as many rows.
    agreed: bool,
    /// Every row of this window belongs to one of them.
    complete: Option<Window>,
    /// Whether the server does not tell the fields at all, as those before 6.77.
    silent: bool,
}

impl Source {
    /// Reads the page that is to be asked for next, with the fields of the rows' campaigns.
    pub(super) async fn told(
        &mut self,
        reader: Reader<'_>,
        report: &Report,
        stretch: &Stretch,
    ) -> Result<ReportPage, Failure> {
        let (window, from) = stretch.ask();
        let query = asked(reader.query, window);
        if let Some(campaign_ids) = self.campaigns_to_name(reader, report, window) {
            let query = ReportQuery { campaign_ids, ..query };
            return self.fetch(report, (query, from)).await;
        }
        let mut known = self.campaigns_known(reader);
        if known.all {
            let readings = known.readings(query.clone());
            let (listed, named) = self.both(report, readings, from).await?;
            if let Some(named) = named.filter(|named| list_the_same(&listed, named)) {
                self.learn(reader, known, (&listed, &named), stretch);
                let rows = named.rows;
                return Ok(ReportPage { rows, ..listed });
            }
            known.all = false;
            reader.gateway.known_campaigns.learn(self.account(), known.clone());
        }
        let readings = known.readings(query.clone());
        let (mut page, mut named) = self.both(report, readings, from).await?;
        let seen: BTreeSet<_> = page.rows.iter().filter_map(campaign).collect();
        if seen.is_empty() || page.rows.iter().all(|row| row.custom_fields.is_some()) {
            return Ok(page);
        }
        if !seen.is_subset(&known.names) {
            known.names.extend(seen.iter().cloned());
            if known.names.len() > MOST {
                known.names = seen;
            }
            let query = ReportQuery {
                campaign_ids: known.names.iter().cloned().collect(),
                ..query
            };
            named = Some(self.fetch(report, (query, from)).await?);
        }
        let Some(mut named) = named.filter(|_| known.names.len() <= MOST) else {
            return Ok(page);
        };
        known.all = list_the_same(&page, &named);
        self.learn(reader, known, (&page, &named), stretch);
        for row in &mut page.rows {
            if let Some(found) = named.rows.iter().position(|other| other.id == row.id) {
                *row = named.rows.swap_remove(found);
            }
        }
        Ok(page)
    }

    /// Reads a page twice at the same time, if it is to be read twice.
    async fn both(
        &mut self,
        report: &Report,
        (unnamed, named): (ReportQuery, Option<ReportQuery>),
        from: usize,
    ) -> Result<(ReportPage, Option<ReportPage>), Failure> {
        let unnamed = self.fetch(report, (unnamed, from));
        let Some(named) = named else {
            return Ok((unnamed.await?, None));
        };
        // First the one that takes longer to read.
        let named = self.fetch(report, (named, from));
        let (named, unnamed) = try_join(named, unnamed).await?;
        Ok((unnamed, Some(named)))
    }

    /// Notes what a page tells of campaigns, read without any and with those that are known.
    fn learn(
        &mut self,
        reader: Reader<'_>,
        known: Known,
        (page, named): (&ReportPage, &ReportPage),
        stretch: &Stretch,
    ) {
        if named.rows.iter().all(|row| row.custom_fields.is_none()) {
            self.campaigns.silent = !named.rows.is_empty();
        } else {
            // The two are counted at different times, and a row that comes in between may stand for one that is left out.
            // What is counted after all rows of these campaigns were, and is no more, has no others.
            let counted_later = self.campaigns.agreed && page.total.is_some() && page.total == stretch.expected();
            if known.all && counted_later && self.campaigns.names == known.names {
                self.campaigns.complete = Some(stretch.ask().0);
            }
            self.campaigns.agreed = known.all && page.total.is_some() && page.total == named.total;
            self.campaigns.names.clone_from(&known.names);
        }
        // Also of a server that turns out to be silent, so that the next walk asks for both at once.
        reader.gateway.known_campaigns.learn(self.account(), known);
    }

    /// The campaigns known of the account, by this walk or by one before.
    pub(super) fn campaigns_known(&self, reader: Reader<'_>) -> Known {
        let known = reader.gateway.known_campaigns.of(self.account());
        if self.campaigns.names.is_empty() || self.campaigns.names == known.names {
            return known;
        }
        Known {
            names: self.campaigns.names.clone(),
            all: false,
        }
    }

    /// The campaigns to name in a reading of a window that is to be the only one; nothing where a second is needed.
    pub(super) fn campaigns_to_name(&self, reader: Reader<'_>, report: &Report, window: Window) -> Option<Vec<String>> {
        let asked = &reader.query.campaign_id;
        if !report.fields_by_campaign || self.campaigns.silent || !asked.is_empty() {
            return Some(asked.clone());
        }
        let complete = self.campaigns.complete?;
        let covered = complete.since <= window.since && window.until <= complete.until;
        covered.then(|| self.campaigns.names.iter().cloned().collect())
    }
}

/// Whether two readings of a page list the same rows.
fn list_the_same(page: &ReportPage, named: &ReportPage) -> bool {
    let mut both = page.rows.iter().zip(&named.rows);
    let readable = page.unreadable + named.unreadable == 0;
    readable && page.rows.len() == named.rows.len() && both.all(|(one, other)| one.id == other.id)
}

fn campaign(row: &Row) -> Option<String> {
    row.campaign.as_ref()?.id.clone()
}
