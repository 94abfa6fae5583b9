//! The campaigns a report's rows belong to, named so that it tells their own fields.
//!
//! A report asked without campaigns lists all rows without those fields; asked with some, only theirs. So a page is read
//! twice, the second time with the campaigns known so far, until both lists have as many rows: from then on one reading of
//! the same window is enough. The two readings of a page are the same rows. Campaigns known from earlier walks let both be
//! read at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::sync::{Mutex, PoisonError};

use futures_util::future::try_join;
use serde::{Deserialize, Serialize};

use super::Source;
use super::reading::{Reader, asked};
use crate::domain::account::AccountName;
use crate::domain::error::Failure;
use crate::domain::history::{Row, Window};
use crate::providers::port::{Report, ReportPage, ReportQuery};

/// The most campaigns that are named: an address has a length.
const MOST: usize = 40;

/// The campaigns that rows of each account were last seen to belong to.
#[derive(Debug, Default)]
pub(in crate::usecases) struct KnownCampaigns(Mutex<BTreeMap<AccountName, BTreeSet<String>>>);

impl KnownCampaigns {
    fn of(&self, account: &AccountName) -> BTreeSet<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(account).cloned().unwrap_or_default()
    }

    fn learn(&self, account: &AccountName, names: &BTreeSet<String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(account.clone(), names.clone());
    }
}

/// What is known of the campaigns of a report.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Campaigns {
    names: BTreeSet<String>,
    /// Every row of this window belongs to one of them.
    complete: Option<Window>,
    /// Whether the server does not tell the fields at all, as those before 6.77.
    silent: bool,
}

impl Source {
    /// Reads a page with the fields of the rows' campaigns.
    pub(super) async fn told(
        &mut self,
        reader: Reader<'_>,
        report: &Report,
        (window, from): (Window, usize),
    ) -> Result<ReportPage, Failure> {
        let query = asked(reader.query, window);
        if let Some(campaign_ids) = self.campaigns_to_name(reader, report, window) {
            let query = ReportQuery { campaign_ids, ..query };
            return self.fetch(report, (query, from)).await;
        }
        let gateway = reader.gateway;
        let mut names = self.campaigns_known(reader);
        let mut read = |names: &BTreeSet<String>| {
            let query = ReportQuery {
                campaign_ids: names.iter().cloned().collect(),
                ..query.clone()
            };
            self.fetch(report, (query, from))
        };
        let nobody = BTreeSet::new();
        let (mut page, mut named) = match names.is_empty() {
            true => (read(&nobody).await?, None),
            false => {
                let (page, named) = try_join(read(&nobody), read(&names)).await?;
                (page, Some(named))
            }
        };
        let seen: BTreeSet<_> = page.rows.iter().filter_map(campaign).collect();
        if seen.is_empty() || page.rows.iter().all(|row| row.custom_fields.is_some()) {
            return Ok(page);
        }
        if !seen.is_subset(&names) {
            names.extend(seen.iter().cloned());
            if names.len() > MOST {
                names = seen;
            }
            named = Some(read(&names).await?);
        }
        let Some(mut named) = named.filter(|_| names.len() <= MOST) else {
            return Ok(page);
        };
        // Also of a server that turns out to be silent, so that the next walk asks for both at once.
        gateway.known_campaigns.learn(self.account(), &names);
        if named.rows.iter().all(|row| row.custom_fields.is_none()) {
            self.campaigns.silent = !named.rows.is_empty();
            return Ok(page);
        }
        self.campaigns.names = names;
        if page.total.is_some() && page.total == named.total {
            self.campaigns.complete = Some(window);
        }
        for row in &mut page.rows {
            if let Some(found) = named.rows.iter().position(|other| other.id == row.id) {
                *row = named.rows.swap_remove(found);
            }
        }
        Ok(page)
    }

    /// The campaigns to name in the readings of a page that is to be read without them, and with those that are known.
    pub(super) fn both_readings(&self, reader: Reader<'_>) -> Vec<Vec<String>> {
        let names = self.campaigns_known(reader);
        let named = (!names.is_empty()).then(|| names.into_iter().collect());
        iter::once(Vec::new()).chain(named).collect()
    }

    fn campaigns_known(&self, reader: Reader<'_>) -> BTreeSet<String> {
        match self.campaigns.names.is_empty() {
            true => reader.gateway.known_campaigns.of(self.account()),
            false => self.campaigns.names.clone(),
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

fn campaign(row: &Row) -> Option<String> {
    row.campaign.as_ref()?.id.clone()
}
