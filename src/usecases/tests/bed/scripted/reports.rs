//! The reports it has, which all list the same rows.

use std::sync::atomic::Ordering;

use async_trait::async_trait;

use super::{Scripted, failed, refused};
use crate::domain::call::CallKind;
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::domain::history::{Row, Window};
use crate::domain::time::Timestamp;
use crate::providers::port::{Filter, History, Report, ReportPage, ReportQuery};

pub const REPORT: &[Report] = &[Report {
    name: "calls",
    code: b'c',
    kinds: &[CallKind::Say],
    filters: &[Filter::To],
    page_size: 7,
    instants: true,
    fields_by_campaign: false,
}];

/// A report that knows only whole days.
pub const DAYS_REPORT: &[Report] = &[Report {
    instants: false,
    ..REPORT[0]
}];

/// A report of long pages.
pub const BUSY_REPORT: &[Report] = &[Report {
    page_size: 1_000,
    ..REPORT[0]
}];
/// Two reports, each of another kind of call.
pub const TWO_REPORTS: &[Report] = &[
    REPORT[0],
    Report {
        name: "flows",
        code: b'f',
        kinds: &[CallKind::Flow],
        ..REPORT[0]
    },
];

#[async_trait]
impl History for Scripted {
    fn reports(&self) -> &[Report] {
        *self.reports.lock().unwrap()
    }

    async fn page(&self, report: &str, query: &ReportQuery, from: usize) -> Result<ReportPage, Failure> {
        *self.pages.lock().unwrap() += 1;
        if self.pages() == *self.failing_page.lock().unwrap() {
            return Err(failed(FailureKind::Interrupted));
        }
        let slow = self.slow.lock().unwrap().filter(|(slow, _)| *slow == report);
        if let Some((_, time)) = slow {
            tokio::time::sleep(time).await;
        }
        *self.asked.lock().unwrap() = Some(query.clone());
        if self.absent.lock().unwrap().contains(&report) {
            return Ok(ReportPage {
                absent: Some(refused(Refusal::Policy)),
                ..ReportPage::default()
            });
        }
        let mut failing = self.failing.lock().unwrap();
        if *failing > 0 {
            *failing -= 1;
            return Err(failed(FailureKind::Interrupted));
        }
        let Report {
            page_size, instants, ..
        } = self.reports()[0];
        let mut rows = self.rows.lock().unwrap();
        let window = if instants {
            query.window
        } else {
            whole_days(query.window)
        };
        let named = &query.campaign_ids;
        let inside = || {
            let rows = rows
                .iter()
                .filter(|row| row.facts.created_at.is_none_or(|at| window.contains(at)));
            rows.filter(|row| {
                let campaign = row.campaign.as_ref().and_then(|campaign| campaign.id.as_ref());
                named.is_empty() || campaign.is_some_and(|campaign| named.contains(campaign))
            })
        };
        let mut page: Vec<_> = inside().skip(from).take(page_size).cloned().collect();
        if query.ids_only {
            self.listings.fetch_add(1, Ordering::Relaxed);
            let only_id = |row: &mut Row| {
                let id = std::mem::take(&mut row.id);
                *row = Row { id, ..Row::default() };
            };
            page.iter_mut().for_each(only_id);
        }
        if named.is_empty() {
            page.iter_mut().for_each(|row| row.custom_fields = None);
        }
        let tells_total = self.tells_total.load(Ordering::Relaxed);
        let total = tells_total.then(|| inside().count() as u64);
        if named.is_empty() {
            rows.extend(self.arrives.lock().unwrap().take());
        }
        Ok(ReportPage {
            more: page.len() == page_size,
            rows: page,
            total,
            unreadable: *self.unreadable.lock().unwrap(),
            absent: None,
        })
    }

    async fn row(&self, _: &str, id: &str, _: Timestamp) -> Result<Row, Failure> {
        let rows = self.rows.lock().unwrap();
        rows.iter()
            .find(|row| row.id == id)
            .cloned()
            .ok_or_else(|| refused(Refusal::NotFound))
    }

    fn redacted_fields(&self) -> &'static [&'static str] {
        &["mensagem"]
    }
}

/// The days of São Paulo that a window touches.
fn whole_days(window: Window) -> Window {
    const MIDNIGHT: i64 = 3 * 3_600_000;
    const DAY: i64 = 86_400_000;
    let begins = |at: i64| (at - MIDNIGHT).div_euclid(DAY) * DAY + MIDNIGHT;
    Window {
        since: Timestamp::from_millis(begins(window.since.as_millis())),
        until: Timestamp::from_millis(begins(window.until.as_millis() - 1) + DAY),
    }
}
