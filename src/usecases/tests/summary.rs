//! Sums of the history are those of the list, whether days are read or kept.

use std::sync::Arc;
use std::time::Duration;

use super::bed::{BUSY_REPORT, Bed, NOON, SAY, Scripted, TWO_REPORTS, bed, caller, say};
use crate::domain::address::Address;
use crate::domain::call::{CallKind, CallStatus, Direction, ProviderRef};
use crate::domain::error::Problem;
use crate::domain::facts::CallFacts;
use crate::domain::history::{Named, Record, Row, Window};
use crate::domain::money::Money;
use crate::domain::phone::Region;
use crate::domain::summary::{Figures, GroupBy, Tally, Traits};
use crate::domain::time::Timestamp;
use crate::providers::port::{Filter, Report};
use crate::usecases::requests::{AskedWindow, HistoryQuery, Paging, PlaceCall, Summary, SummaryQuery};

const DAY: i64 = 86_400;

fn ago(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOON).plus_seconds(-seconds)
}

/// A call of some hours ago; different ones differ in everything that is summed up.
fn row(id: i64, hours_ago: i64) -> Row {
    let statuses = [
        CallStatus::Completed,
        CallStatus::Busy,
        CallStatus::NoAnswer,
        CallStatus::Failed,
    ];
    let status = statuses[usize::try_from(id).unwrap() % 4];
    let answered = status == CallStatus::Completed;
    let number = format!("{}98888{:04}", [11, 84, 21][usize::try_from(id).unwrap() % 3], id % 7);
    Row {
        id: id.to_string(),
        facts: CallFacts {
            reference: Some(ProviderRef::id(id.to_string())),
            created_at: Some(ago(hours_ago * 3600 + id % 60)),
            kind: Some(CallKind::Say),
            direction: Some(if id % 5 == 0 {
                Direction::Inbound
            } else {
                Direction::Outbound
            }),
            status: Some(status),
            to: Address::from_provider(&number),
            talk_seconds: answered.then_some(u64::try_from(id).unwrap() % 100),
            billed_seconds: answered.then_some(60),
            price: answered.then(|| Money::brl(rust_decimal::Decimal::new(id % 50, 2))),
            tag: (id % 3 == 0).then(|| format!("t{}", id % 2)),
            ..CallFacts::default()
        },
        agent: (id % 4 == 0).then(|| Named {
            id: Some("7".into()),
            name: Some("Ana".into()),
        }),
        raw: format!(r#"{{"id":{id}}}"#),
        ..Row::default()
    }
}

/// Two accounts with calls of every hour of nine days, until now.
fn two_accounts() -> [Arc<Scripted>; 2] {
    [("one", 0), ("two", 1)].map(|(name, odd)| {
        let account = Scripted::new(name, SAY);
        *account.reports.lock().unwrap() = BUSY_REPORT;
        *account.rows.lock().unwrap() = (0..9 * 24).map(|hour| row(2 * hour + odd, hour)).collect();
        account
    })
}

/// Ten days, in which local days begin at 03:00 in UTC, cut within a day at both ends.
fn window() -> Window {
    Window {
        since: ago(10 * DAY),
        until: ago(0),
    }
}

async fn listed(bed: &Bed, tenant: &str, query: &HistoryQuery) -> Vec<Record> {
    let query = HistoryQuery {
        window: AskedWindow {
            meant: Some(window()),
            ..AskedWindow::default()
        },
        ..query.clone()
    };
    let (mut records, mut cursor) = (Vec::new(), None);
    loop {
        let paging = Paging { limit: 500, cursor };
        let page = bed
            .gateway
            .history(&caller(tenant), query.clone(), paging)
            .await
            .unwrap();
        records.extend(page.data);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return records;
        }
    }
}

async fn try_sum(bed: &Bed, tenant: &str, query: (&HistoryQuery, &[GroupBy])) -> Result<Summary, Problem> {
    let query = SummaryQuery {
        window: window(),
        records: query.0.clone(),
        group_by: query.1.to_vec(),
    };
    let summary = bed.gateway.summary(&caller(tenant), query).await;
    summary.map_err(|error| error.problem)
}

async fn sum(bed: &Bed, tenant: &str, query: (&HistoryQuery, &[GroupBy])) -> Summary {
    try_sum(bed, tenant, query).await.unwrap()
}

/// Fails unless the sums are those of the records listed by the same query.
async fn expect_sums_of_the_list(bed: &Bed, tenant: &str, query: (&HistoryQuery, &[GroupBy])) {
    let records = listed(bed, tenant, query.0).await;
    let zone = &bed.gateway.config().history.time_zone;
    let mut tally = Tally::new(query.1.to_vec());
    for record in &records {
        tally.add(&Traits::of(record, "calls", zone), &Figures::of(record));
    }
    let summary = sum(bed, tenant, query).await;
    assert_eq!(summary.data, tally.into_rows(), "{tenant} {query:?}");
    assert!(summary.complete);
    let rows: usize = summary.sources.iter().map(|source| source.rows).sum();
    assert_eq!(rows, records.len(), "{tenant} {query:?}");
}

/// One query for each filter.
fn queries() -> Vec<HistoryQuery> {
    let all = HistoryQuery::default();
    vec![
        HistoryQuery {
            account: vec!["two".parse().unwrap()],
            ..all.clone()
        },
        HistoryQuery {
            kind: vec![CallKind::Say],
            ..all.clone()
        },
        HistoryQuery {
            kind: vec![CallKind::Flow],
            ..all.clone()
        },
        HistoryQuery {
            direction: vec![Direction::Inbound],
            ..all.clone()
        },
        HistoryQuery {
            status: vec![CallStatus::Busy, CallStatus::Failed],
            ..all.clone()
        },
        HistoryQuery {
            answered: Some(true),
            ..all.clone()
        },
        HistoryQuery {
            answered: Some(false),
            ..all.clone()
        },
        HistoryQuery {
            tag: vec!["t1".into(), "order-7".into()],
            ..all.clone()
        },
        HistoryQuery {
            to: vec![Address::parse("+5511988880003", Region::BR).unwrap()],
            ..all.clone()
        },
        HistoryQuery {
            provider_ref: vec!["4".into(), "300".into()],
            ..all.clone()
        },
        all,
    ]
}

async fn place(bed: &Bed, account: &Scripted, id: i64) {
    account.will_place(Ok(Some(ProviderRef::id(id.to_string()))));
    let call = crate::domain::place::NewCall {
        tag: Some("order-7".into()),
        account: Some("one".parse().unwrap()),
        ..say("+5511988887777")
    };
    let request = PlaceCall {
        call,
        request_id: "r".into(),
    };
    bed.gateway.place_call(&caller("acme"), request).await.unwrap();
}

#[tokio::test]
async fn sums_are_those_of_the_list_for_every_filter_caller_and_grouping_read_or_kept() {
    let [one, two] = two_accounts();
    let bed = bed(&[&one, &two], "[calls]\nautomated_calls_per_number = false");
    for id in [2, 120, 300] {
        place(&bed, &one, id).await;
    }
    let groupings: Vec<Vec<GroupBy>> = GroupBy::ALL.iter().map(|by| vec![*by]).collect();
    let some: &[&[GroupBy]] = &[
        &[],
        &[GroupBy::Day, GroupBy::Hour],
        &[GroupBy::Weekday, GroupBy::Status, GroupBy::Tag],
    ];
    for _ in ["read", "kept"] {
        for tenant in ["owner", "acme", "other", "*"] {
            for query in queries() {
                for by in some {
                    expect_sums_of_the_list(&bed, tenant, (&query, by)).await;
                }
            }
            for by in &groupings {
                expect_sums_of_the_list(&bed, tenant, (&HistoryQuery::default(), by)).await;
            }
        }
    }
    let theirs = sum(&bed, "acme", (&HistoryQuery::default(), &[])).await;
    assert_eq!(theirs.data[0].calls, 3, "only what they placed");
}

#[tokio::test]
async fn a_closed_day_is_read_once_whoever_asks_and_by_whatever() {
    let [one, two] = two_accounts();
    let bed = bed(&[&one, &two], "");
    let ask = async |tenant, query: &HistoryQuery, by: &[GroupBy]| {
        let before = one.pages() + two.pages();
        let summary = sum(&bed, tenant, (query, by)).await;
        (summary.data, one.pages() + two.pages() - before)
    };
    let all = HistoryQuery::default();
    let (first, pages) = ask("owner", &all, &[GroupBy::Day]).await;
    assert!(pages >= 20, "{pages}");
    for (tenant, by) in [("*", GroupBy::Tag), ("acme", GroupBy::Hour), ("owner", GroupBy::Day)] {
        // What is left: the rest of the first day, and what is over for less than two days.
        assert_eq!(ask(tenant, &all, &[by]).await.1, 6);
    }

    // What comes to a closed day later is not looked for; what comes to an open one is.
    one.rows.lock().unwrap().extend([row(4000, 5 * 24), row(4004, 12)]);
    let (again, _) = ask("owner", &all, &[GroupBy::Day]).await;
    let grown: Vec<_> = first
        .iter()
        .zip(&again)
        .map(|(old, new)| new.calls - old.calls)
        .collect();
    assert_eq!(grown.iter().sum::<u64>(), 1);

    // A number is in no sum that is kept.
    let party = HistoryQuery {
        number: vec![Address::parse("+5511988880003", Region::BR).unwrap()],
        ..all
    };
    let (_, pages) = ask("owner", &party, &[]).await;
    assert!(pages > 6, "{pages}");
}

#[tokio::test]
async fn days_that_are_kept_are_those_of_the_account_as_it_is() {
    let [one, two] = two_accounts();
    let mut bed = bed(&[&one, &two], "");
    let all = HistoryQuery::default();
    let calls = async |bed: &Bed, tenant| {
        let rows = sum(bed, tenant, (&all, &[])).await.data;
        rows.iter().map(|row| row.calls).sum::<u64>()
    };
    let whole = calls(&bed, "owner").await;
    assert!(whole > 400);

    for account in [&one, &two] {
        *account.reports.lock().unwrap() = TWO_REPORTS;
    }
    assert_eq!(calls(&bed, "owner").await, 2 * whole, "another report");

    bed.gateway = bed.reconfigured(&[&one, &two], |account| account.owner = "beta".to_owned());
    assert_eq!(calls(&bed, "owner").await, 0, "they are another's now");
    assert_eq!(calls(&bed, "beta").await, 2 * whole);

    let base_url: url::Url = "https://other.example".parse().unwrap();
    bed.gateway = bed.reconfigured(&[&one, &two], |account| account.base_url = Some(base_url.clone()));
    one.rows.lock().unwrap().clear();
    two.rows.lock().unwrap().clear();
    assert_eq!(calls(&bed, "owner").await, 0, "another server");
}

#[tokio::test]
async fn a_day_on_which_a_report_was_absent_is_not_kept() {
    let one = Scripted::new("one", SAY);
    *one.reports.lock().unwrap() = TWO_REPORTS;
    *one.rows.lock().unwrap() = vec![row(4, 5 * 24)];
    let bed = bed(&[&one], "");
    let all = HistoryQuery::default();
    let count = async || sum(&bed, "owner", (&all, &[])).await.data[0].calls;
    *one.absent.lock().unwrap() = vec!["flows"];
    assert_eq!(count().await, 1);
    one.absent.lock().unwrap().clear();
    assert_eq!(count().await, 2, "it is there after all");
    one.rows.lock().unwrap().clear();
    assert_eq!(count().await, 2, "now it is kept");
}

#[tokio::test]
async fn a_day_with_a_call_that_is_not_over_is_not_kept() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let mut queued = row(1, 5 * 24);
    queued.facts.status = Some(CallStatus::Queued);
    *one.rows.lock().unwrap() = vec![row(4, 5 * 24), queued];
    let all = HistoryQuery::default();
    for status in [CallStatus::Queued, CallStatus::Completed] {
        one.rows.lock().unwrap()[1].facts.status = Some(status);
        let rows = sum(&bed, "owner", (&all, &[GroupBy::Status])).await.data;
        assert!(rows.iter().any(|row| row.status == Some(status)), "{rows:?}");
    }
}

#[tokio::test]
async fn a_day_is_closed_two_days_after_its_end() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    // Noon in UTC: the day of two days ago ended 33 hours ago.
    *one.rows.lock().unwrap() = vec![row(4, 48)];
    let all = HistoryQuery::default();
    let count = async || sum(&bed, "owner", (&all, &[])).await.data[0].calls;
    assert_eq!(count().await, 1);
    one.rows.lock().unwrap().push(row(8, 48));
    assert_eq!(count().await, 2, "it is still open");
    bed.clock.advance(Duration::from_secs(16 * 3600));
    assert_eq!(count().await, 2);
    one.rows.lock().unwrap().push(row(12, 48));
    assert_eq!(count().await, 2, "it is closed");
}

#[tokio::test]
async fn a_day_of_too_many_kinds_of_calls_is_summed_up_from_its_rows() {
    let one = Scripted::new("one", SAY);
    *one.reports.lock().unwrap() = BUSY_REPORT;
    let bed = bed(&[&one], "");
    let tagged = |id: i64| {
        let mut row = row(id, 5 * 24 + id % 3);
        row.facts.tag = Some(format!("order-{id}"));
        row
    };
    *one.rows.lock().unwrap() = (0..6_000).map(tagged).collect();
    for _ in 0..2 {
        let summary = sum(&bed, "owner", (&HistoryQuery::default(), &[GroupBy::Status])).await;
        assert_eq!(summary.data.iter().map(|row| row.calls).sum::<u64>(), 6_000);
    }
    *one.rows.lock().unwrap() = (0..11_000).map(tagged).collect();
    let too_many = try_sum(&bed, "owner", (&HistoryQuery::default(), &[GroupBy::Tag])).await;
    assert_eq!(too_many.unwrap_err(), Problem::InvalidInput);
}

#[tokio::test]
async fn a_source_that_fails_is_named_or_left_out_and_nothing_is_kept_of_it() {
    let [one, two] = two_accounts();
    let bed = bed(&[&one, &two], "");
    *two.failing.lock().unwrap() = usize::MAX;
    let all = HistoryQuery::default();
    let refused = try_sum(&bed, "owner", (&all, &[GroupBy::Day])).await;
    assert_eq!(refused.unwrap_err(), Problem::SourceUnavailable);
    let partial = HistoryQuery {
        partial: true,
        ..all.clone()
    };
    let summary = sum(&bed, "owner", (&partial, &[GroupBy::Account])).await;
    assert!(!summary.complete);
    let states: Vec<_> = summary
        .sources
        .iter()
        .map(|source| (source.account.as_str(), source.status.as_str(), source.rows))
        .collect();
    assert_eq!(states, [("one", "ok", 215), ("two", "failed", 0)]);
    assert_eq!(summary.data.len(), 1);
    *two.failing.lock().unwrap() = 0;
    expect_sums_of_the_list(&bed, "owner", (&partial, &[GroupBy::Account])).await;
}

#[tokio::test]
async fn a_summary_is_judged_as_the_list_is() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    *one.reports.lock().unwrap() = TWO_REPORTS;
    let all = HistoryQuery::default();
    for (query, problem) in [
        (
            HistoryQuery {
                agent_id: vec!["1".into()],
                ..all.clone()
            },
            Problem::NotSupported,
        ),
        (
            HistoryQuery {
                account: vec!["nobody".parse().unwrap()],
                ..all.clone()
            },
            Problem::InvalidInput,
        ),
        (
            HistoryQuery {
                provider: vec!["nobody".into()],
                ..all.clone()
            },
            Problem::InvalidInput,
        ),
    ] {
        assert_eq!(try_sum(&bed, "owner", (&query, &[])).await.unwrap_err(), problem);
    }
    let said = HistoryQuery {
        kind: vec![CallKind::Say],
        ..all
    };
    let sources = sum(&bed, "owner", (&said, &[])).await.sources;
    assert_eq!(
        sources.iter().map(|source| source.report.as_str()).collect::<Vec<_>>(),
        ["calls"]
    );
}

/// A report that knows agents.
const OF_AGENTS: &[Report] = &[Report {
    filters: &[Filter::AgentId],
    ..BUSY_REPORT[0]
}];

#[tokio::test]
async fn a_filter_that_several_accounts_have_needs_the_account() {
    let [one, two] = two_accounts();
    for account in [&one, &two] {
        *account.reports.lock().unwrap() = OF_AGENTS;
    }
    let bed = bed(&[&one, &two], "");
    let agent = HistoryQuery {
        agent_id: vec!["7".into()],
        ..HistoryQuery::default()
    };
    assert_eq!(
        try_sum(&bed, "owner", (&agent, &[])).await.unwrap_err(),
        Problem::InvalidInput
    );
    let named = HistoryQuery {
        account: vec!["one".parse().unwrap()],
        ..agent
    };
    for _ in ["read", "kept"] {
        expect_sums_of_the_list(&bed, "owner", (&named, &[GroupBy::Agent, GroupBy::Day])).await;
    }
    assert!(sum(&bed, "owner", (&named, &[])).await.data[0].calls > 0);
}
