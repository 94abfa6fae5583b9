//! The two reports, page by page.

use async_trait::async_trait;

use super::config::{DIALER, QUEUE};
use super::judge::Told;
use super::wire::ReadRow;
use super::{Evolux, documented, judge, refused, wire};
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::domain::history::{Row, Window};
use crate::domain::time::Timestamp;
use crate::providers::port::{History, Report, ReportPage, ReportQuery};
use crate::providers::shape::Shape;
use crate::upstream::{Answer, Exchange, Urgency};

const READ_DIALER: &str = "GET /api/v1/dialer/calls_history";
const READ_QUEUE: &str = "GET /api/v1/report/calls_history";

/// How many pages are looked through for one row: those of three seconds are few.
const MOST_PAGES: usize = 20;

#[async_trait]
impl History for Evolux {
    fn reports(&self) -> &[Report] {
        &self.settings.reports
    }

    async fn page(&self, report: &str, query: &ReportQuery, from: usize) -> Result<ReportPage, Failure> {
        let knows = self.settings.contact_status;
        let read = match self.ask(report, query, (from, knows)).await {
            // Servers before 6.77 do not know it, and whether they ignore it or refuse it is not documented.
            Err(failure) if knows && refuses_contact_status(&failure) => self.ask(report, query, (from, false)).await,
            read => read,
        };
        match read {
            // Servers before 6.16 have no queue report.
            Err(failure) if from == 0 && failure.kind == FailureKind::Refused(Refusal::NotFound) => Ok(ReportPage {
                absent: Some(failure),
                ..ReportPage::default()
            }),
            read => read,
        }
    }

    fn redacted_fields(&self) -> &'static [&'static str] {
        &["download_audio"]
    }

    async fn row(&self, report: &str, id: &str, near: Timestamp) -> Result<Row, Failure> {
        // Rows are dated to the second.
        let query = ReportQuery::of(Window {
            since: near.plus_seconds(-1),
            until: near.plus_seconds(2),
        });
        if let Some(row) = self.find(report, &query, id).await? {
            let Some(campaign) = row.campaign.as_ref().and_then(|campaign| campaign.id.clone()) else {
                return Ok(row);
            };
            // Only a report of the campaign tells the campaign's own fields.
            let named = ReportQuery {
                campaign_ids: vec![campaign],
                ..query
            };
            return Ok(self.find(report, &named, id).await?.unwrap_or(row));
        }
        if report == QUEUE.name {
            return self.queue_call(Some(id)).await;
        }
        Err(Failure::new(FailureKind::Refused(Refusal::NotFound), READ_DIALER))
    }
}

/// How a page of a report is asked for and read.
struct Reading {
    exchange: Exchange,
    row: ReadRow,
    shape: Shape,
}

impl Evolux {
    async fn ask(
        &self,
        report: &str,
        query: &ReportQuery,
        (from, contact_status): (usize, bool),
    ) -> Result<ReportPage, Failure> {
        let Reading { exchange, row, shape } = reading(report, query, (from, contact_status))?;
        if query.ids_only {
            let judge = |given: &Answer| match wire::listing(&given.body).filter(|_| given.status == 200) {
                Some(page) => Ok(page),
                None => judge::read(&Told::of(given), |envelope| envelope.page(row)),
            };
            return self.upstream.exchange(exchange, judge).await;
        }
        self.exchange(exchange, shape, |told| judge::read(told, |envelope| envelope.page(row)))
            .await
    }

    /// Looks for a row in a report, page by page.
    async fn find(&self, report: &str, query: &ReportQuery, id: &str) -> Result<Option<Row>, Failure> {
        for page in 0..MOST_PAGES {
            let ReportPage { rows, more, .. } = self.page(report, query, page * DIALER.page_size).await?;
            if let Some(row) = rows.into_iter().find(|row| row.id == id) {
                return Ok(Some(row));
            }
            if !more {
                break;
            }
        }
        Ok(None)
    }
}

fn reading(report: &str, query: &ReportQuery, (from, contact_status): (usize, bool)) -> Result<Reading, Failure> {
    if report == DIALER.name {
        Ok(Reading {
            exchange: dialer(query, from, contact_status),
            row: wire::dialer_row,
            shape: documented::DIALER,
        })
    } else if report == QUEUE.name {
        Ok(Reading {
            exchange: queue(query, from),
            row: wire::queue_row,
            shape: documented::QUEUE,
        })
    } else {
        Err(refused(Refusal::Unsupported, READ_DIALER, "there is no such report"))
    }
}

fn refuses_contact_status(failure: &Failure) -> bool {
    let message = failure.message.as_deref().unwrap_or_default();
    failure.kind == FailureKind::Refused(Refusal::Invalid) && message.contains("contact_status")
}

/// The dialler's report. Naming campaigns is what makes it tell their own fields.
fn dialer(query: &ReportQuery, from: usize, contact_status: bool) -> Exchange {
    let mut exchange = windowed(
        Exchange::get(READ_DIALER, "/api/v1/dialer/calls_history"),
        query.window,
        from,
    );
    if contact_status {
        // Left to itself the report hides every dial that failed.
        exchange = exchange.query("contact_status", "both");
    }
    exchange = each(exchange, "campaign_id", &query.campaign_ids);
    exchange = each(exchange, "agent_id", &query.agent_ids);
    exchange = each(exchange, "external_id", only(&query.external_ids));
    each(exchange, "number", &only_number(query))
}

/// The report of queues and agents, all of them unless agents are named. Its `phone_number` is that of the person outside,
/// so a number is left to the gateway: it may be the one that was called.
fn queue(query: &ReportQuery, from: usize) -> Exchange {
    let exchange = windowed(
        Exchange::get(READ_QUEUE, "/api/v1/report/calls_history"),
        query.window,
        from,
    )
    .query("call_type", "both");
    each(exchange, "agent_id", &query.agent_ids)
}

/// Pages are counted here from 1: the links in the answers name hosts that are not the account's.
fn windowed(exchange: Exchange, window: Window, from: usize) -> Exchange {
    // The end is included there; without both the report covers the current UTC day.
    let last = Timestamp::from_millis(window.until.as_millis() - 1);
    exchange
        .query("start_date", window.since.to_string())
        .query("end_date", last.to_string())
        .query("limit", DIALER.page_size.to_string())
        .query("page", (from / DIALER.page_size + 1).to_string())
        .urgency(Urgency::Last)
}

fn each(exchange: Exchange, name: &'static str, values: &[String]) -> Exchange {
    values
        .iter()
        .fold(exchange, |exchange, value| exchange.query(name, value))
}

/// A filter that takes one value is sent where there is one; the gateway filters again.
fn only(values: &[String]) -> &[String] {
    if values.len() == 1 { values } else { &[] }
}

/// A mobile is not sent: rows may have it without its ninth digit.
fn only_number(query: &ReportQuery) -> Vec<String> {
    match query.numbers.as_slice() {
        [number] if number.is_brazilian_fixed_line() => number.brazilian().map(str::to_owned).into_iter().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::phone::{PhoneNumber, Region};

    fn query() -> ReportQuery {
        ReportQuery::of(Window {
            since: Timestamp::parse("2024-08-01T03:00:00Z").unwrap(),
            until: Timestamp::parse("2024-08-02T03:00:00Z").unwrap(),
        })
    }

    fn sent(exchange: &Exchange) -> Vec<(&str, &str)> {
        exchange
            .query
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect()
    }

    #[test]
    fn the_window_is_explicit_in_utc_and_its_end_included() {
        let expected = [
            ("start_date", "2024-08-01T03:00:00.000Z"),
            ("end_date", "2024-08-02T02:59:59.999Z"),
            ("limit", "50"),
            ("page", "3"),
        ];
        let dialer = dialer(&query(), 100, true);
        assert_eq!(sent(&dialer)[..4], expected);
        assert_eq!(sent(&dialer)[4..], [("contact_status", "both")]);
        let queue = queue(&query(), 100);
        assert_eq!(sent(&queue)[..4], expected);
        assert_eq!(sent(&queue)[4..], [("call_type", "both")]);
    }

    #[test]
    fn several_values_are_repeated_keys_where_the_report_takes_several() {
        let number = |text| PhoneNumber::parse(text, Region::BR).unwrap();
        let mut query = ReportQuery {
            agent_ids: vec!["149".into(), "150".into()],
            campaign_ids: vec!["376".into(), "377".into()],
            external_ids: vec!["19191919".into()],
            numbers: vec![number("+558433330001")],
            ..query()
        };
        let campaigns_and_agents = [
            ("campaign_id", "376"),
            ("campaign_id", "377"),
            ("agent_id", "149"),
            ("agent_id", "150"),
        ];
        let one = dialer(&query, 0, false);
        assert_eq!(sent(&one)[4..8], campaigns_and_agents);
        assert_eq!(sent(&one)[8..], [("external_id", "19191919"), ("number", "8433330001")]);
        let agents = [("agent_id", "149"), ("agent_id", "150")];
        assert_eq!(sent(&queue(&query, 0))[5..], agents);
        query.external_ids.push("20202020".into());
        query.numbers.push(number("+558433330000"));
        assert_eq!(sent(&dialer(&query, 0, false))[4..], campaigns_and_agents);
    }

    #[test]
    fn a_number_that_rows_may_write_in_another_way_is_left_to_the_gateway() {
        for number in ["+14155552671", "+5584999999999", "+558499999999"] {
            let query = ReportQuery {
                numbers: PhoneNumber::lenient(number).into_iter().collect(),
                ..query()
            };
            assert_eq!(sent(&dialer(&query, 0, false)).len(), 4, "{number}");
        }
    }
}
