//! The campaigns a report's rows belong to, named so that it tells their own fields.
//!
//! A report asked without campaigns lists all rows without those fields; asked with some, only theirs. So a page is read
//! twice, the second time with the campaigns known so far, until both lists have as many rows: from then on one reading of
//! the same window is enough. The two readings of a page are the same rows. Campaigns known from earlier walks let both be
//! read at the same time, and where they were those of all rows, the reading without them is asked for its total only.

use std::collections::{BTreeMap, BTreeSet};
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
pub(in crate::usecases) struct KnownCampaigns(Mutex<BTreeMap<AccountName, Known>>);

#[derive(Debug, Clone, Default)]
struct Known {
    names: BTreeSet<String>,
    /// Whether they were those of all rows.
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
        let Known { mut names, all } = self.campaigns_known(reader);
        let (unnamed, of_names) = self.both_readings(reader, window);
        let unnamed = self.fetch(report, (unnamed, from));
        let (mut page, mut named) = match of_names {
            None => (unnamed.await?, None),
            Some(of_names) => {
                let (page, named) = try_join(unnamed, self.fetch(report, (of_names, from))).await?;
                (page, Some(named))
            }
        };
        if all {
            if let Some(named) = named.take_if(|named| list_the_same(&page, named)) {
                self.learn(reader, (names, true), (window, &named));
                return Ok(named);
            }
            page = self.fetch(report, (query.clone(), from)).await?;
        }
        let seen: BTreeSet<_> = page.rows.iter().filter_map(campaign).collect();
        if seen.is_empty() || page.rows.iter().all(|row| row.custom_fields.is_some()) {
            return Ok(page);
        }
        if !seen.is_subset(&names) {
            names.extend(seen.iter().cloned());
            if names.len() > MOST {
                names = seen;
            }
            let query = ReportQuery {
                campaign_ids: names.iter().cloned().collect(),
                ..query
            };
            named = Some(self.fetch(report, (query, from)).await?);
        }
        let Some(mut named) = named.filter(|_| names.len() <= MOST) else {
            return Ok(page);
        };
        let all = list_the_same(&page, &named);
        self.learn(reader, (names, all), (window, &named));
        for row in &mut page.rows {
            if let Some(found) = named.rows.iter().position(|other| other.id == row.id) {
                *row = named.rows.swap_remove(found);
            }
        }
        Ok(page)
    }

    /// Notes what a page read with some campaigns tells of them, and whether the window has rows of others.
    fn learn(
        &mut self,
        reader: Reader<'_>,
        (names, all): (BTreeSet<String>, bool),
        (window, page): (Window, &ReportPage),
    ) {
        let silent = page.rows.iter().all(|row| row.custom_fields.is_none());
        if silent {
            self.campaigns.silent = !page.rows.is_empty();
        } else {
            self.campaigns.names.clone_from(&names);
            self.campaigns.complete = all.then_some(window).or(self.campaigns.complete);
        }
        // Also of a server that turns out to be silent, so that the next walk asks for both at once.
        let known = &reader.gateway.known_campaigns;
        known.learn(self.account(), Known { names, all });
    }

    /// How a page is read without campaigns, and with those that are known.
    pub(super) fn both_readings(&self, reader: Reader<'_>, window: Window) -> (ReportQuery, Option<ReportQuery>) {
        let Known { names, all } = self.campaigns_known(reader);
        let query = asked(reader.query, window);
        let named = (!names.is_empty()).then(|| ReportQuery {
            campaign_ids: names.into_iter().collect(),
            ..query.clone()
        });
        let unnamed = ReportQuery {
            total_only: all && named.is_some(),
            ..query
        };
        (unnamed, named)
    }

    fn campaigns_known(&self, reader: Reader<'_>) -> Known {
        let mut known = reader.gateway.known_campaigns.of(self.account());
        if !self.campaigns.names.is_empty() && self.campaigns.names != known.names {
            known = Known {
                names: self.campaigns.names.clone(),
                all: false,
            };
        }
        known
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

/// Whether two readings of a window list as many rows.
fn list_the_same(page: &ReportPage, named: &ReportPage) -> bool {
    page.total.is_some() && page.total == named.total
}

fn campaign(row: &Row) -> Option<String> {
    row.campaign.as_ref()?.id.clone()
}
