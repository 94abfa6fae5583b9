//! The campaigns a report's rows belong to, named so that it tells their own fields.
//!
//! A report asked without campaigns lists all rows without those fields; asked with some, only theirs. So a page is read
//! twice, the second time with the campaigns seen so far, until both lists have as many rows: from then on one reading of
//! the same window is enough. The two readings of a page are the same rows.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Source;
use super::reading::{Reader, asked};
use crate::domain::error::Failure;
use crate::domain::history::{Row, Window};
use crate::providers::port::{Report, ReportPage, ReportQuery};

/// The most campaigns that are named: an address has a length.
const MOST: usize = 40;

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
            return self.fetch(reader, report, (query, from)).await;
        }
        let mut page = self.fetch(reader, report, (query.clone(), from)).await?;
        let seen = page.rows.iter().filter_map(campaign);
        let names: BTreeSet<_> = self.campaigns.names.iter().cloned().chain(seen).collect();
        let told = page.rows.iter().all(|row| row.custom_fields.is_some());
        if told || names.is_empty() || names.len() > MOST {
            return Ok(page);
        }
        let named = ReportQuery {
            campaign_ids: names.iter().cloned().collect(),
            ..query
        };
        let mut again = self.fetch(reader, report, (named, from)).await?;
        if again.rows.iter().all(|row| row.custom_fields.is_none()) {
            self.campaigns.silent = !again.rows.is_empty();
            return Ok(page);
        }
        self.campaigns.names = names;
        if page.total.is_some() && page.total == again.total {
            self.campaigns.complete = Some(window);
        }
        for row in &mut page.rows {
            if let Some(found) = again.rows.iter().position(|other| other.id == row.id) {
                *row = again.rows.swap_remove(found);
            }
        }
        Ok(page)
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
