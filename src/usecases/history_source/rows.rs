//! The rows of a report: every one once, those that cannot be read counted.

use std::collections::HashSet;

use super::Source;
use crate::domain::error::Failure;
use crate::domain::history::{Row, Window};
use crate::providers::port::{Report, ReportQuery};
use crate::telemetry::metric;
use crate::usecases::record_id::RecordId;
use crate::usecases::requests::HistoryQuery;

/// How many pages one window of a report may have before the provider is taken to repeat itself.
const MOST_PAGES: usize = 10_000;

impl Source {
    /// Every row of a report in a window, each once, though the list may move between two pages.
    pub(super) async fn rows(
        &mut self,
        report: &Report,
        query: &HistoryQuery,
        window: Window,
    ) -> Result<Vec<Row>, Failure> {
        let entry = self.entry.clone();
        let Some(history) = entry.provider.history() else {
            return Ok(Vec::new());
        };
        // Where one party has no number, a report of the others' numbers would lack its rows.
        let numbers: Option<Vec<_>> = query.number.iter().map(|party| party.number().cloned()).collect();
        let asked = ReportQuery {
            window,
            numbers: numbers.unwrap_or_default(),
            agent_ids: query.agent_id.clone(),
            campaign_ids: query.campaign_id.clone(),
            external_ids: query.external_id.clone(),
        };
        let mut seen = HashSet::new();
        let mut rows = Vec::new();
        for index in 0..MOST_PAGES {
            let page = history.page(report.name, &asked, index).await?;
            rows.extend(page.rows.into_iter().filter(|row| seen.insert(row.id.clone())));
            self.pass_over(report, page.unreadable);
            self.absent = page.absent.or(self.absent.take());
            if !page.more {
                break;
            }
        }
        Ok(rows)
    }

    /// Passes over the rows that no record can be made of: without a time, or with a name too long for an identifier.
    pub(super) fn readable(&mut self, report: &Report, mut rows: Vec<Row>) -> Vec<Row> {
        let found = rows.len();
        let account = self.account().clone();
        rows.retain(|row| {
            let id = row.facts.created_at.map(|created_at| RecordId {
                account: account.clone(),
                report: report.code,
                created_at,
                row: row.id.clone().into_bytes(),
            });
            id.and_then(|id| id.write()).is_some()
        });
        self.pass_over(report, found - rows.len());
        rows
    }

    fn pass_over(&mut self, report: &Report, rows: usize) {
        if rows == 0 {
            return;
        }
        self.unreadable += rows;
        tracing::warn!(account = %self.account(), report = report.name, rows, "rows of a report cannot be read");
        metrics::counter!(
            metric::PROVIDER_DRIFT,
            "account" => self.account().to_string(), "endpoint" => report.name, "kind" => "unreadable_row"
        )
        .increment(rows as u64);
    }
}
