//! One list over several accounts: every row once, in order, whatever the pages.

mod failing;
mod records;

use super::bed::{BUSY_REPORT, Bed, NOON, SAY, Scripted, bed, caller};
use crate::domain::address::Address;
use crate::domain::call::{CallKind, CallStatus, ProviderRef};
use crate::domain::error::Problem;
use crate::domain::facts::CallFacts;
use crate::domain::history::{Record, Row, Window};
use crate::domain::phone::Region;
use crate::domain::time::Timestamp;
use crate::usecases::requests::{AskedWindow, HistoryPage, HistoryQuery, Paging};

pub fn row(id: usize, minutes_ago: i64) -> Row {
    Row {
        id: id.to_string(),
        facts: CallFacts {
            reference: Some(ProviderRef::id(id.to_string())),
            created_at: Some(Timestamp::from_millis(NOON - minutes_ago * 60_000)),
            kind: Some(CallKind::Say),
            status: Some(CallStatus::Completed),
            ..CallFacts::default()
        },
        raw: format!(r#"{{"id":{id},"mensagem":"secret words"}}"#),
        ..Row::default()
    }
}

fn week() -> Window {
    Window {
        since: Timestamp::from_millis(NOON - 7 * 86_400_000),
        until: Timestamp::from_millis(NOON + 1),
    }
}

fn meant(window: Window) -> AskedWindow {
    AskedWindow {
        meant: Some(window),
        ..AskedWindow::default()
    }
}

pub fn query() -> HistoryQuery {
    HistoryQuery {
        window: meant(week()),
        ..HistoryQuery::default()
    }
}

async fn walk(bed: &Bed, query: &HistoryQuery, limit: usize) -> Vec<Record> {
    let mut records = Vec::new();
    let mut cursor = None;
    loop {
        let page = bed
            .gateway
            .history(&caller("owner"), query.clone(), Paging { limit, cursor })
            .await
            .unwrap();
        assert!(page.next_cursor.as_ref().is_none_or(|cursor| cursor.len() <= 512));
        records.extend(page.data);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return records;
        }
    }
}

async fn walk_on(bed: &Bed, query: &HistoryQuery, first: HistoryPage) -> Vec<Record> {
    let mut records = first.data;
    let mut cursor = first.next_cursor;
    while cursor.is_some() {
        let page = bed
            .gateway
            .history(&caller("owner"), query.clone(), Paging { limit: 30, cursor })
            .await
            .unwrap();
        records.extend(page.data);
        cursor = page.next_cursor;
    }
    records
}

/// Two accounts with rows of the same instants, gaps of days, and a list that is not in order.
fn two_accounts() -> [std::sync::Arc<Scripted>; 2] {
    let accounts = [Scripted::new("one", SAY), Scripted::new("two", SAY)];
    for (index, account) in accounts.iter().enumerate() {
        let minutes = (0..60)
            .map(|n| (n * 37 * (index as i64 + 2)) % 9_000)
            .collect::<Vec<_>>();
        *account.rows.lock().unwrap() = minutes
            .iter()
            .enumerate()
            .map(|(id, minutes)| row(id, minutes / 10 * 10))
            .collect();
    }
    accounts
}

#[tokio::test]
async fn pages_of_any_size_give_the_same_walk() {
    let [one, two] = two_accounts();
    let bed = bed(&[&one, &two], "");
    let whole = walk(&bed, &query(), 500).await;
    assert_eq!(whole.len(), 120);
    let places: Vec<_> = whole
        .iter()
        .map(|record| (record.created_at, record.id.clone()))
        .collect();
    assert!(
        places.windows(2).all(|pair| pair[0] > pair[1]),
        "newest first, each once"
    );
    for limit in [1, 7, 50] {
        assert_eq!(walk(&bed, &query(), limit).await, whole, "{limit}");
    }
}

#[tokio::test]
async fn nothing_newer_than_the_walk_comes_into_it() {
    let [one, two] = two_accounts();
    let bed = bed(&[&one, &two], "");
    let page = bed
        .gateway
        .history(
            &caller("owner"),
            query(),
            Paging {
                limit: 50,
                cursor: None,
            },
        )
        .await
        .unwrap();
    bed.clock.advance(std::time::Duration::from_secs(60));
    one.rows.lock().unwrap().push(row(999, -1));
    let next = Paging {
        limit: 500,
        cursor: page.next_cursor,
    };
    let rest = bed.gateway.history(&caller("owner"), query(), next).await.unwrap();
    assert_eq!(page.data.len() + rest.data.len(), 120);
    assert_eq!(rest.as_of, page.as_of);
}

#[tokio::test]
async fn a_filter_that_no_source_has_is_refused() {
    let [one, two] = two_accounts();
    let bed = bed(&[&one, &two], "");
    let agents = HistoryQuery {
        agent_id: vec!["1".into()],
        ..query()
    };
    let error = bed
        .gateway
        .history(&caller("owner"), agents, Paging { limit: 1, cursor: None })
        .await
        .unwrap_err();
    assert_eq!(error.problem, Problem::NotSupported);
}

#[tokio::test]
async fn quiet_days_are_not_read_one_by_one() {
    let one = Scripted::new("one", SAY);
    *one.rows.lock().unwrap() = vec![row(1, 80 * 24 * 60)];
    let bed = bed(&[&one], "");
    let since = Timestamp::from_millis(NOON - 90 * 86_400_000);
    let query = HistoryQuery {
        window: meant(Window {
            since,
            until: Timestamp::from_millis(NOON),
        }),
        ..HistoryQuery::default()
    };
    assert_eq!(walk(&bed, &query, 10).await.len(), 1);
    assert!(one.pages() < 15, "{}", one.pages());
}

/// Fifty accounts with long names, a row every half hour in turn.
fn fifty_accounts() -> Vec<std::sync::Arc<Scripted>> {
    let account = |index: i64| {
        let one = Scripted::new(&format!("an-account-with-a-rather-long-name-{index}"), SAY);
        *one.rows.lock().unwrap() = (0..3)
            .map(|turn| Row {
                id: format!("0199a2b0-c3d4-7e5f-8a9b-0c1d2e3f{index:02}{turn:02}"),
                ..row(1, (turn * 50 + index) * 30)
            })
            .collect();
        one
    };
    (0..50).map(account).collect()
}

#[tokio::test]
async fn a_walk_over_fifty_sources_goes_on_with_a_short_cursor() {
    let accounts = fifty_accounts();
    let bed = bed(&accounts.iter().collect::<Vec<_>>(), "");
    let whole = walk(&bed, &query(), 500).await;
    assert_eq!(whole.len(), 150);
    assert_eq!(walk(&bed, &query(), 7).await, whole);
    let partial = HistoryQuery {
        partial: true,
        ..query()
    };
    for (index, account) in accounts.iter().enumerate() {
        *account.failing.lock().unwrap() = index % 3;
    }
    let mut late = walk(&bed, &partial, 7).await;
    late.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
    assert_eq!(late, whole, "those that failed came later, each once");
}

fn asked(since: &str, window: Window) -> AskedWindow {
    AskedWindow {
        since: Some(since.into()),
        ..meant(window)
    }
}

#[tokio::test]
async fn a_walk_begun_today_goes_on_after_midnight_with_the_window_it_began_with() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    *one.rows.lock().unwrap() = (0..3).map(|id| row(id, id as i64 * 60)).collect();
    let days = |days: i64| {
        let shift = |at: Timestamp| at.plus_seconds(days * 86_400);
        Window {
            since: shift(week().since),
            until: shift(week().until),
        }
    };
    let list = async |window: AskedWindow, cursor: Option<String>| {
        let query = HistoryQuery {
            window,
            ..HistoryQuery::default()
        };
        let paging = Paging { limit: 1, cursor };
        bed.gateway.history(&caller("owner"), query, paging).await
    };
    let first = list(asked("yesterday", days(0)), None).await.unwrap();
    let cursor = first.next_cursor;
    let second = list(asked("yesterday", days(30)), cursor.clone()).await.unwrap();
    assert_eq!(second.data[0].provider_ref, Some(ProviderRef::id("1")));
    for other in [asked("today", days(0)), meant(days(0)), AskedWindow::default()] {
        let refused = list(other, cursor.clone()).await.unwrap_err();
        assert_eq!(refused.problem, Problem::InvalidCursor);
    }
}

#[tokio::test]
async fn numbers_are_left_to_the_provider_only_where_every_party_asked_for_is_one() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let party = |text: &str| Address::parse(text, Region::BR).unwrap();
    for (parties, passed) in [
        (vec!["+551133334444"], 1),
        (vec!["+551133334444", "whatsapp:+551133335555"], 2),
        (vec!["+551133334444", "ext:4000"], 0),
    ] {
        let query = HistoryQuery {
            number: parties.iter().map(|text| party(text)).collect(),
            ..query()
        };
        walk(&bed, &query, 10).await;
        assert_eq!(
            one.asked.lock().unwrap().as_ref().unwrap().numbers.len(),
            passed,
            "{parties:?}"
        );
    }
}

#[tokio::test]
async fn a_request_that_finds_little_in_much_answers_early_and_the_walk_goes_on() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    *one.reports.lock().unwrap() = BUSY_REPORT;
    let day = 24 * 60;
    *one.rows.lock().unwrap() = (0..12_000).map(|id| row(id, id as i64 / 200 * day)).collect();
    let since = Timestamp::from_millis(NOON - 90 * 86_400_000);
    let needle = HistoryQuery {
        window: meant(Window { since, ..week() }),
        provider_ref: vec!["11990".into()],
        ..HistoryQuery::default()
    };
    let paging = Paging {
        limit: 10,
        cursor: None,
    };
    let first = bed
        .gateway
        .history(&caller("owner"), needle.clone(), paging)
        .await
        .unwrap();
    assert!(
        first.data.is_empty() && first.next_cursor.is_some(),
        "much was read and nothing found"
    );
    assert!(one.pages() < 40, "{}", one.pages());
    assert_eq!(walk_on(&bed, &needle, first).await.len(), 1);
    let everything = HistoryQuery {
        provider_ref: vec![],
        ..needle
    };
    let paging = Paging {
        limit: 10,
        cursor: None,
    };
    let user = bed.gateway.history(&caller("acme"), everything, paging).await;
    assert!(
        user.unwrap().next_cursor.is_some(),
        "rows that are not theirs count too"
    );
}
