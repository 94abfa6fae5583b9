//! One list over several accounts: every row once, in order, whatever the pages.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::bed::{BUSY_REPORT, Bed, NOON, SAY, Scripted, TWO_REPORTS, bed, caller, say};
use crate::domain::address::Address;
use crate::domain::call::{Call, CallKind, CallStatus, ProviderRef, SettledBy};
use crate::domain::error::Problem;
use crate::domain::facts::CallFacts;
use crate::domain::history::{Record, Row, Window};
use crate::domain::ids::CallId;
use crate::domain::phone::Region;
use crate::domain::place::NewCall;
use crate::domain::time::Timestamp;
use crate::usecases::requests::{AskedWindow, HistoryQuery, Paging, PlaceCall};

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
        window: meant(Window {
            since,
            until: Timestamp::from_millis(NOON),
        }),
        ..HistoryQuery::default()
    };
    assert_eq!(walk(&bed, &query, 10).await.len(), 1);
    assert!(one.pages() < 15, "{}", one.pages());
}

async fn place(bed: &Bed, one: &Scripted, reference: Option<&str>) -> Call {
    one.will_place(Ok(reference.map(ProviderRef::id)));
    let call = NewCall {
        tag: Some("order-7".into()),
        ..say("+5511988887777")
    };
    let request = PlaceCall {
        call,
        request_id: "r".into(),
    };
    bed.gateway.place_call(&caller("acme"), request).await.unwrap().object
}

fn echoing(id: usize, echoed: CallId) -> Row {
    let mut row = row(id, 1);
    row.facts.echoed = Some(echoed);
    row
}

#[tokio::test]
async fn a_row_is_of_the_call_that_its_provider_names_and_an_echo_alone_takes_no_other() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "[calls]\nautomated_calls_per_number = false");
    let bound = place(&bed, &one, Some("1")).await;
    let other = place(&bed, &one, Some("2")).await;
    let unbound = place(&bed, &one, None).await;
    *one.rows.lock().unwrap() = vec![
        echoing(1, other.id),
        row(2, 2),
        echoing(3, unbound.id),
        echoing(4, other.id),
    ];
    let mut calls: Vec<_> = walk(&bed, &query(), 500)
        .await
        .into_iter()
        .map(|record| (record.provider_ref.unwrap().id.unwrap(), record.call_id))
        .collect();
    calls.sort();
    let expected = [Some(bound.id), Some(other.id), Some(unbound.id), None];
    assert_eq!(calls.iter().map(|(_, call)| *call).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_tag_finds_our_calls_in_reports_that_have_no_field_for_it() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let call = place(&bed, &one, Some("1")).await;
    *one.rows.lock().unwrap() = vec![row(1, 1), row(2, 2)];
    let tagged = HistoryQuery {
        tag: vec!["order-7".into()],
        ..query()
    };
    let found = walk(&bed, &tagged, 10).await;
    assert_eq!(
        found.iter().map(|record| record.call_id).collect::<Vec<_>>(),
        [Some(call.id)]
    );
}

#[tokio::test]
async fn a_record_of_the_longest_account_name_has_an_identifier_that_fits_and_finds_it() {
    for unreported in [false, true] {
        let one = Scripted::new(&"a".repeat(40), SAY);
        one.unreported.store(unreported, Ordering::Relaxed);
        let bed = bed(&[&one], "");
        place(&bed, &one, Some("1")).await;
        *one.rows.lock().unwrap() = vec![Row {
            id: "0199a2b0-c3d4-7e5f-8a9b-0c1d2e3f4a5b".into(),
            ..row(1, 1)
        }];
        let record = walk(&bed, &query(), 10).await.remove(0);
        assert!(record.id.len() <= 120, "{} has {}", record.id, record.id.len());
        let again = bed.gateway.record(&caller("owner"), &record.id, false).await.unwrap();
        assert_eq!(again, record);
    }
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

#[tokio::test]
async fn what_webhooks_knew_first_stands_in_the_row_s_record_and_not_beside_it() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let call = place(&bed, &one, Some("1")).await;
    let rang = Timestamp::from_millis(NOON + 1_000);
    let facts = CallFacts {
        ringing_at: Some(rang),
        digits: Some("7".into()),
        ..CallFacts::default()
    };
    let learned = bed.gateway.learn(call.id, facts, SettledBy::Webhook, rang).await;
    assert!(learned.is_ok());
    *one.rows.lock().unwrap() = vec![row(1, 1)];
    let records = walk(&bed, &query(), 10).await;
    assert_eq!(records.len(), 1);
    assert_eq!(
        (records[0].ringing_at, records[0].digits.as_deref()),
        (Some(rang), Some("7"))
    );
}
