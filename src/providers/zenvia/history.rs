//! Past calls, from the report of each resource.

use async_trait::async_trait;

use super::resource::{self, Resource};
use super::wire::{Clock, Object, Value};
use super::{REDACTED, Zenvia, documented, judge, normalize, path, unsupported};
use crate::domain::call::ProviderRef;
use crate::domain::error::{Failure, FailureKind};
use crate::domain::history::{Row, Window};
use crate::domain::time::Timestamp;
use crate::providers::port::{History, Report, ReportPage, ReportQuery};
use crate::upstream::{Exchange, Urgency};

/// `motivo` codes of a report that the account does not have: no permission, not implemented, not found, no such path.
const ABSENT: [&str; 4] = ["8", "30", "60", "90"];

#[async_trait]
impl History for Zenvia {
    fn redacted_fields(&self) -> &'static [&'static str] {
        REDACTED
    }

    fn reports(&self) -> &[Report] {
        &self.settings.reports
    }

    async fn page(&self, report: &str, query: &ReportQuery, from: usize) -> Result<ReportPage, Failure> {
        let resource = find(report)?;
        let limit = resource.report.page_size;
        let (first, last) = days(query.window);
        let exchange = Exchange::get(resource.list, path(resource.list))
            .query("data_inicio", first)
            .query("data_fim", last)
            .query("posicao", from.to_string())
            .query("limite", limit.to_string())
            .urgency(Urgency::Last);
        let read = |data: Option<&Value<'_>>| read_page(resource, data);
        let documented = documented::report(resource.kind);
        match self
            .exchange(exchange, documented, |answer| judge::with_data(answer, read))
            .await
        {
            Err(failure) if from == 0 && is_absent(&failure) => Ok(ReportPage {
                absent: Some(failure),
                ..ReportPage::default()
            }),
            read => read,
        }
    }

    async fn row(&self, report: &str, id: &str, _near: Timestamp) -> Result<Row, Failure> {
        let resource = find(report)?;
        self.get(resource, &ProviderRef::id(id), |object| row(resource, object))
            .await
    }
}

fn find(report: &str) -> Result<&'static Resource, Failure> {
    resource::of_report(report)
        .ok_or_else(|| unsupported("GET /{report}/relatorio", "this provider has no such report"))
}

fn is_absent(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Refused(_))
        && failure.code.as_deref().is_some_and(|code| ABSENT.contains(&code))
}

/// The first and last day in São Paulo that the window touches: whole days are the only dates every client sends.
fn days(window: Window) -> (String, String) {
    let day = |at: Timestamp| {
        at.to_jiff()
            .to_zoned(Clock::SaoPaulo.zone())
            .strftime("%Y-%m-%d")
            .to_string()
    };
    let last = Timestamp::from_millis(window.until.as_millis().saturating_sub(1)).max(window.since);
    (day(window.since), day(last))
}

/// A page that is full may be followed by another: most reports do not tell how many rows there are.
pub(super) fn read_page(resource: &Resource, data: Option<&Value<'_>>) -> Option<ReportPage> {
    // An empty PHP array is written where an object is meant.
    let data = data.filter(|data| !matches!(data.get(), "null" | "[]"));
    let Some(data) = data else {
        return Some(ReportPage::default());
    };
    let data = Object::of(data)?;
    let listed = data.list("relatorio")?;
    let rows: Vec<_> = listed.iter().filter_map(|listed| row(resource, listed)).collect();
    Some(ReportPage {
        unreadable: listed.len() - rows.len(),
        absent: None,
        rows,
        more: listed.len() >= resource.report.page_size,
        total: data.integer("total").and_then(|total| u64::try_from(total).ok()),
    })
}

/// Reads a row; one without an identifier is not a call.
fn row(resource: &Resource, listed: &Value<'_>) -> Option<Row> {
    let facts = normalize::facts(resource.kind, Object::of(listed)?)?;
    Some(Row {
        id: facts.reference.as_ref()?.id.clone()?,
        facts,
        raw: listed.get().to_owned(),
        ..Row::default()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
