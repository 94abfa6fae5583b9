//! One list over several accounts: every row once, in order, whatever the pages.

use super::bed::{Bed, NOON, SAY, Scripted, bed, caller, say};
use crate::domain::call::{CallKind, CallStatus, ProviderRef};
use crate::domain::error::Problem;
use crate::domain::facts::CallFacts;
use crate::domain::history::{Record, Row, Window};
use crate::domain::time::Timestamp;
use crate::usecases::requests::{HistoryQuery, Paging, PlaceCall};

fn row(id: usize, minutes_ago: i64) -> Row {
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

fn query() -> HistoryQuery {
    HistoryQuery {
        window: Some(week()),
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
async fn a_source_that_fails_is_named_or_comes_later() {
    let [one, two] = two_accounts();
    let bed = bed(&[&one, &two], "");
    let whole = walk(&bed, &query(), 500).await;
    *two.failing.lock().unwrap() = 1;
    let error = bed
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
        .unwrap_err();
    assert_eq!(error.problem, Problem::SourceUnavailable);
    assert_eq!(error.context.account.unwrap().as_str(), "two");
    for failures in [1, 2, 5] {
        *two.failing.lock().unwrap() = failures;
        let partial = HistoryQuery {
            partial: true,
            ..query()
        };
        let first = bed
            .gateway
            .history(
                &caller("owner"),
                partial.clone(),
                Paging {
                    limit: 30,
                    cursor: None,
                },
            )
            .await
            .unwrap();
        assert!(!first.complete);
        assert!(first.next_cursor.is_some());
        let mut records = walk_on(&bed, &partial, first).await;
        records.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
        assert_eq!(records, whole, "every row came all the same, {failures} failures");
    }
}

async fn walk_on(bed: &Bed, query: &HistoryQuery, first: crate::usecases::requests::HistoryPage) -> Vec<Record> {
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

#[tokio::test]
async fn a_user_of_an_account_sees_only_what_is_theirs() {
    let [one, two] = two_accounts();
    let bed = bed(&[&one, &two], "");
    let page = bed
        .gateway
        .history(
            &caller("acme"),
            query(),
            Paging {
                limit: 500,
                cursor: None,
            },
        )
        .await
        .unwrap();
    assert!(page.data.is_empty(), "no row of theirs");
    assert_eq!(page.sources.len(), 2);
}

#[tokio::test]
async fn a_record_is_found_again_by_its_name_and_its_words_are_hidden() {
    let [one, two] = two_accounts();
    let bed = bed(&[&one, &two], "");
    let record = walk(&bed, &query(), 500).await.remove(3);
    let again = bed.gateway.record(&caller("owner"), &record.id, true).await.unwrap();
    assert_eq!(
        Record {
            raw: None,
            ..again.clone()
        },
        record
    );
    assert!(again.raw.unwrap().contains(r#""mensagem":"[redacted]""#));
    assert_eq!(
        bed.gateway
            .record(&caller("acme"), &record.id, false)
            .await
            .unwrap_err()
            .problem,
        Problem::NotFound
    );
    assert_eq!(
        bed.gateway
            .record(&caller("owner"), "rec_x", false)
            .await
            .unwrap_err()
            .problem,
        Problem::NotFound
    );
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
        window: Some(Window {
            since,
            until: Timestamp::from_millis(NOON),
        }),
        ..HistoryQuery::default()
    };
    assert_eq!(walk(&bed, &query, 10).await.len(), 1);
    assert!(one.pages() < 15, "{}", one.pages());
}

#[tokio::test]
async fn a_row_is_linked_to_the_call_that_was_placed_here() {
    let one = Scripted::new("one", SAY);
    one.will_place(Ok(Some(ProviderRef::id("3"))));
    *one.rows.lock().unwrap() = vec![row(3, 5)];
    let bed = bed(&[&one], "");
    let request = PlaceCall {
        call: say("+5511988887777"),
        request_id: "r".into(),
    };
    let call = bed.gateway.place_call(&caller("acme"), request).await.unwrap().object;
    let records = walk(&bed, &query(), 10).await;
    assert_eq!((records.len(), records[0].call_id), (1, Some(call.id)));
    assert_eq!(
        (records[0].tenant.as_str(), &records[0].request_id),
        ("acme", &call.request_id)
    );
}
