//! Sources that fail, are absent, or take their time.

use std::sync::Arc;

use super::super::bed::{NOON, SAY, Scripted, TWO_REPORTS, bed, caller};
use super::{meant, query, row, two_accounts, walk, walk_on, week};
use crate::domain::call::CallKind;
use crate::domain::error::Problem;
use crate::domain::history::{Row, Window};
use crate::domain::time::Timestamp;
use crate::usecases::requests::{HistoryQuery, Paging};

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

/// An account that lists a row in the seconds of its first page behind many others. The second page proves it, so those
/// seconds are read again, page by page.
fn out_of_order() -> Arc<Scripted> {
    let one = Scripted::new("one", SAY);
    one.tells_total.store(true, std::sync::atomic::Ordering::Relaxed);
    let at = |id, seconds_ago: i64| {
        let mut row = row(id, 0);
        row.facts.created_at = Some(Timestamp::from_millis(NOON - 1_000 * seconds_ago));
        row
    };
    let mut rows: Vec<_> = (0..24).map(|id| at(id, 10 * id.min(6) as i64)).collect();
    rows.insert(9, at(100, 55));
    *one.rows.lock().unwrap() = rows;
    one
}

#[tokio::test]
async fn a_partial_walk_gives_every_row_whichever_page_fails() {
    for (failing, limit) in (1..12).flat_map(|failing| [1, 3, 30].map(|limit| (failing, limit))) {
        let one = out_of_order();
        let bed = bed(&[&one], "");
        *one.failing_page.lock().unwrap() = failing;
        let partial = HistoryQuery {
            partial: true,
            ..query()
        };
        let paging = Paging { limit, cursor: None };
        let first = bed.gateway.history(&caller("owner"), partial.clone(), paging).await;
        let records = walk_on(&bed, &partial, first.unwrap()).await;
        assert_eq!(records.len(), 25, "page {failing} failed, {limit} on the first");
    }
}

#[tokio::test]
async fn a_walk_that_is_asked_again_gives_every_row_whichever_page_failed() {
    for failing in 1..12 {
        let one = out_of_order();
        let bed = bed(&[&one], "");
        *one.failing_page.lock().unwrap() = failing;
        let (mut ids, mut cursor) = (Vec::new(), None);
        loop {
            let paging = Paging {
                limit: 30,
                cursor: cursor.clone(),
            };
            let Ok(page) = bed.gateway.history(&caller("owner"), query(), paging).await else {
                continue;
            };
            ids.extend(page.data.into_iter().map(|record| record.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(ids.len(), 25, "page {failing} failed");
    }
}

#[tokio::test]
async fn an_export_that_is_asked_again_gives_every_row_whichever_page_failed() {
    for failing in 1..12 {
        let one = out_of_order();
        let bed = bed(&[&one], "");
        *one.failing_page.lock().unwrap() = failing;
        let mut walk = bed.gateway.walk_history(&caller("owner"), query()).await.unwrap();
        let mut ids = Vec::new();
        loop {
            match walk.next(30).await {
                Ok(Some(page)) => ids.extend(page.data.into_iter().map(|record| record.id)),
                Ok(None) => break,
                Err(error) => assert_eq!(error.problem, Problem::SourceUnavailable),
            }
        }
        assert_eq!(ids.len(), 25, "page {failing} failed");
    }
}

#[tokio::test]
async fn a_source_that_comes_later_is_said_to_on_every_page_before() {
    let [one, two] = two_accounts();
    let bed = bed(&[&one, &two], "");
    *two.failing.lock().unwrap() = 1;
    let partial = HistoryQuery {
        partial: true,
        ..query()
    };
    let (mut cursor, mut told) = (None, Vec::new());
    loop {
        let paging = Paging { limit: 30, cursor };
        let page = bed
            .gateway
            .history(&caller("owner"), partial.clone(), paging)
            .await
            .unwrap();
        let state = page.sources[1].clone();
        assert_eq!(page.complete, state.status == "ok");
        told.push(state);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let failed = told.iter().take_while(|state| state.status == "failed");
    let details: Vec<_> = failed.map(|state| state.detail.as_deref().unwrap()).collect();
    assert!(details.len() > 2 && details[0] != "comes later", "{told:?}");
    assert!(details[1..].iter().all(|detail| *detail == "comes later"), "{told:?}");
    assert!(
        told[details.len()..]
            .iter()
            .all(|state| state.status == "ok" && state.detail.is_none())
    );
}

#[tokio::test]
async fn an_account_all_of_whose_reports_are_absent_has_failed_and_is_not_empty() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    *one.reports.lock().unwrap() = TWO_REPORTS;
    for (kind, absent, fails) in [
        (vec![], vec!["flows"], false),
        (vec![CallKind::Flow], vec!["flows"], false),
        (vec![], vec!["flows", "calls"], true),
        (vec![CallKind::Flow], vec!["flows", "calls"], true),
    ] {
        *one.absent.lock().unwrap() = absent.clone();
        let asked = HistoryQuery {
            kind: kind.clone(),
            ..query()
        };
        let paging = Paging {
            limit: 10,
            cursor: None,
        };
        let read = bed.gateway.history(&caller("owner"), asked, paging).await;
        let failed = read.err().map(|error| error.problem);
        assert_eq!(
            failed,
            fails.then_some(Problem::SourceUnavailable),
            "{kind:?} {absent:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_does_not_wait_for_the_other_reports_of_an_account() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    *one.reports.lock().unwrap() = TWO_REPORTS;
    *one.absent.lock().unwrap() = vec!["flows"];
    *one.slow.lock().unwrap() = Some(("calls", std::time::Duration::from_secs(3600)));
    let flows = HistoryQuery {
        kind: vec![CallKind::Flow],
        ..query()
    };
    let paging = Paging {
        limit: 10,
        cursor: None,
    };
    let caller = caller("owner");
    let read = bed.gateway.history(&caller, flows, paging);
    let read = tokio::time::timeout(bed.gateway.config().server.request_timeout, read).await;
    assert_eq!(read.unwrap().unwrap_err().problem, Problem::SourceUnavailable);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_counted_and_takes_no_other_with_it() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let mut undated = row(2, 2);
    undated.facts.created_at = None;
    let too_long = Row {
        id: "9".repeat(100),
        ..row(3, 3)
    };
    *one.rows.lock().unwrap() = vec![row(1, 1), undated, too_long];
    *one.unreadable.lock().unwrap() = 1;
    let today = HistoryQuery {
        window: meant(Window {
            since: Timestamp::from_millis(NOON - 3600 * 1000),
            ..week()
        }),
        ..HistoryQuery::default()
    };
    let paging = Paging {
        limit: 10,
        cursor: None,
    };
    let page = bed.gateway.history(&caller("owner"), today, paging).await.unwrap();
    assert_eq!((page.data.len(), page.complete), (1, true));
    assert_eq!(page.sources[0].status, "ok");
    assert_eq!(page.sources[0].detail.as_deref(), Some("3 rows could not be read"));
}
