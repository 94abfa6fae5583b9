//! What a page costs: each page of a report is read about once, and the thousandth costs what the second costs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::bed::{Bed, DAYS_REPORT, NOON, SAY, Scripted, bed, bed_over, caller};
use super::failing_store::{Failing, Failure};
use super::history::{query, row};
use crate::domain::history::{Named, Record, Row};
use crate::domain::time::Timestamp;
use crate::providers::port::Report;
use crate::usecases::requests::{HistoryPage, HistoryQuery, Paging};

const LIMIT: usize = 5;
const ROWS: usize = 5_100;

/// Rows newest first, a second apart, all of one day.
fn busy_day(rows: usize) -> Arc<Scripted> {
    busy_day_of("one", NOON, rows)
}

/// The same of another account, the newest row at this millisecond.
fn busy_day_of(account: &str, newest: i64, rows: usize) -> Arc<Scripted> {
    let one = Scripted::new(account, SAY);
    let at = |index: usize| Timestamp::from_millis(newest - 1_000 * index as i64);
    *one.rows.lock().unwrap() = (0..rows)
        .map(|index| {
            let mut row = row(index, 0);
            row.facts.created_at = Some(at(index));
            row
        })
        .collect();
    one.tells_total.store(true, Ordering::Relaxed);
    one
}

async fn page(bed: &Bed, cursor: Option<String>) -> HistoryPage {
    page_of(bed, LIMIT, cursor).await
}

async fn page_of(bed: &Bed, limit: usize, cursor: Option<String>) -> HistoryPage {
    let paging = Paging { limit, cursor };
    bed.gateway.history(&caller("owner"), query(), paging).await.unwrap()
}

#[tokio::test]
async fn the_thousandth_page_costs_what_the_second_costs() {
    const LONG: &[Report] = &[Report {
        page_size: 200,
        ..DAYS_REPORT[0]
    }];
    const NUMBERED: &[Report] = &[Report {
        page_size: 50,
        instants: true,
        ..DAYS_REPORT[0]
    }];
    for (reports, page_size) in [(LONG, 199), (NUMBERED, 50)] {
        let one = busy_day(ROWS);
        *one.reports.lock().unwrap() = reports;
        let bed = bed(&[&one], "");
        let mut first = page(&bed, None).await;
        let mut costs = vec![one.pages()];
        let mut rows = first.data.len();
        while let Some(cursor) = first.next_cursor {
            let before = one.pages();
            first = page(&bed, Some(cursor)).await;
            rows += first.data.len();
            costs.push(one.pages() - before);
        }
        assert_eq!(rows, ROWS);
        assert!(costs.len() > 1_000);
        assert!(costs[1..1_000].iter().all(|cost| *cost <= 1), "{costs:?}");
        let least = ROWS.div_ceil(page_size);
        assert!(
            one.pages() <= least + least / 40 + 5,
            "{} pages, {least} at least",
            one.pages()
        );
    }
}

#[tokio::test]
async fn a_walk_within_the_process_gives_the_same_and_reads_each_page_once() {
    let one = busy_day(300);
    let bed = bed(&[&one], "");
    let mut whole = Vec::new();
    let mut cursor = None;
    loop {
        let page = page(&bed, cursor).await;
        whole.extend(page.data);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let before = one.pages();
    let mut walk = bed.gateway.walk_history(&caller("owner"), query()).await.unwrap();
    let mut walked: Vec<Record> = Vec::new();
    while let Some(page) = walk.next(70).await.unwrap() {
        walked.extend(page.data);
    }
    assert_eq!(walked, whole);
    assert!(
        one.pages() - before <= 300_usize.div_ceil(6) + 8,
        "{}",
        one.pages() - before
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_walk_within_the_process_shows_that_it_goes_on() {
    let one = busy_day(300);
    *one.slow.lock().unwrap() = Some(("calls", Duration::from_secs(3)));
    let bed = bed(&[&one], "");
    let needle = HistoryQuery {
        provider_ref: vec!["299".into()],
        ..query()
    };
    let mut walk = bed.gateway.walk_history(&caller("owner"), needle).await.unwrap();
    let (mut found, mut empty) = (0, 0);
    loop {
        let next = tokio::time::timeout(Duration::from_secs(20), walk.next(500));
        let Some(page) = next.await.unwrap().unwrap() else {
            break;
        };
        found += page.data.len();
        empty += usize::from(page.data.is_empty());
    }
    assert!(found == 1 && empty > 3, "{found} {empty}");
}

#[tokio::test]
async fn a_walk_within_the_process_goes_on_after_a_failure() {
    let one = busy_day(100);
    let bed = bed(&[&one], "");
    let mut walk = bed.gateway.walk_history(&caller("owner"), query()).await.unwrap();
    let mut walked = 0;
    let mut failures = 0;
    loop {
        *one.failing.lock().unwrap() = usize::from(failures < 3 && walked > 20);
        match walk.next(9).await {
            Ok(Some(page)) => walked += page.data.len(),
            Ok(None) => break,
            Err(_) => failures += 1,
        }
    }
    assert_eq!(walked, 100);
    assert!(failures > 0);
}

/// A report that tells the fields of rows' campaigns only where the campaigns are named.
const BY_CAMPAIGN: &[Report] = &[Report {
    fields_by_campaign: true,
    page_size: 50,
    instants: true,
    ..DAYS_REPORT[0]
}];

/// Time stands still but for what the provider takes.
#[tokio::test(start_paused = true)]
async fn once_its_campaigns_are_known_a_first_page_takes_no_longer_than_its_source_though_that_tells_no_fields() {
    let one = busy_day(40);
    *one.reports.lock().unwrap() = BY_CAMPAIGN;
    *one.slow.lock().unwrap() = Some((BY_CAMPAIGN[0].name, Duration::from_secs(1)));
    for row in one.rows.lock().unwrap().iter_mut() {
        row.campaign = Some(Named {
            id: Some("1".into()),
            name: None,
        });
    }
    let bed = bed(&[&one], "");
    let mut seconds = Vec::new();
    for _ in 0..2 {
        let began = tokio::time::Instant::now();
        page(&bed, None).await;
        seconds.push(began.elapsed().as_secs());
    }
    assert_eq!(
        seconds,
        [2, 1],
        "first without and then with the campaign's name, later both at once"
    );
}

/// Rows of several campaigns, whose fields are told only where the campaigns are named.
#[tokio::test]
async fn the_fields_of_campaigns_come_though_no_campaign_is_asked_for() {
    let one = busy_day(1_000);
    *one.reports.lock().unwrap() = BY_CAMPAIGN;
    for (index, row) in one.rows.lock().unwrap().iter_mut().enumerate() {
        let campaign = if index > 700 { "7" } else { ["1", "2"][index % 2] };
        *row = Row {
            campaign: Some(Named {
                id: Some(campaign.into()),
                name: None,
            }),
            custom_fields: Some(BTreeMap::from([("campaign".into(), campaign.into())])),
            ..row.clone()
        };
    }
    let bed = bed(&[&one], "");
    let mut walk = bed.gateway.walk_history(&caller("owner"), query()).await.unwrap();
    let mut rows = 0;
    while let Some(page) = walk.next(500).await.unwrap() {
        for record in page.data {
            let campaign = record.campaign.unwrap().id.unwrap();
            assert_eq!(record.custom_fields.unwrap()["campaign"], campaign);
            rows += 1;
        }
    }
    assert_eq!(rows, 1_000);
    assert!(one.pages() <= 46, "{}", one.pages());
}

#[tokio::test]
async fn where_all_rows_were_of_known_campaigns_a_first_page_is_read_once_and_only_listed_again() {
    let one = days_apart(0, BY_CAMPAIGN);
    one.tells_total.store(true, Ordering::Relaxed);
    let bed = bed(&[&one], "");
    let mut listings = Vec::new();
    for campaign in [Some("1"), Some("1"), Some("2"), Some("2"), None, None] {
        one.rows.lock().unwrap()[0].campaign = campaign.map(|id| Named {
            id: Some(id.into()),
            name: None,
        });
        let page = page(&bed, None).await;
        let told = |record: &Record| record.custom_fields.is_some() == record.campaign.is_some();
        assert!(page.data.len() == LIMIT && page.data.iter().all(told), "{campaign:?}");
        let newest = page.data[0].campaign.as_ref();
        assert_eq!(newest.and_then(|told| told.id.as_deref()), campaign);
        listings.push(one.listings.load(Ordering::Relaxed));
    }
    assert_eq!(listings, [0, 1, 2, 3, 4, 4]);
}

#[tokio::test]
async fn a_row_that_comes_in_between_two_readings_hides_none_of_another_campaign() {
    const SHORT: &[Report] = &[Report {
        page_size: 7,
        ..BY_CAMPAIGN[0]
    }];
    let one = busy_day(40);
    *one.reports.lock().unwrap() = SHORT;
    one.tells_total.store(true, Ordering::Relaxed);
    for (index, row) in one.rows.lock().unwrap().iter_mut().enumerate() {
        row.campaign = Some(Named {
            id: Some(if index == 25 { "9" } else { "1" }.into()),
            name: None,
        });
        row.custom_fields = Some(BTreeMap::new());
    }
    let mut late = one.rows.lock().unwrap()[39].clone();
    late.id = "late".into();
    *one.arrives.lock().unwrap() = Some(late);
    let bed = bed(&[&one], "");
    let (mut campaigns, mut cursor) = (Vec::new(), None);
    loop {
        let page = page(&bed, cursor).await;
        campaigns.extend(page.data.into_iter().filter_map(|record| record.campaign?.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert!(campaigns.len() >= 40, "{campaigns:?}");
    assert_eq!(campaigns.iter().filter(|campaign| *campaign == "9").count(), 1);
}

/// A caller reads a page.
async fn reading() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn the_answer_goes_out_before_the_next_page_is_asked_for_unless_somebody_comes_for_it() {
    let one = busy_day(40);
    let bed = bed(&[&one], "");
    // Time stands still while anything is done.
    let busy = tokio::spawn(async {
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            tokio::task::yield_now().await;
        }
    });
    let began = tokio::time::Instant::now();
    let first = page(&bed, None).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(one.pages(), 1, "the answer goes out");
    let second = page(&bed, first.next_cursor).await;
    assert_eq!((began.elapsed(), one.pages()), (Duration::ZERO, 2));
    busy.abort();
    reading().await;
    assert_eq!((second.data.len(), one.pages()), (LIMIT, 3));
}

#[tokio::test(start_paused = true)]
async fn the_next_page_is_read_while_its_caller_reads_the_one_before() {
    let one = busy_day(40);
    let bed = bed(&[&one], "");
    let first = page(&bed, None).await;
    reading().await;
    assert_eq!(one.pages(), 2, "one for the caller, one ahead");
    *one.failing.lock().unwrap() = 1;
    let second = page(&bed, first.next_cursor).await;
    reading().await;
    assert_eq!(*one.failing.lock().unwrap(), 0, "what is read ahead failed");
    let third = page(&bed, second.next_cursor).await;
    let ids: Vec<_> = [second.data, third.data]
        .concat()
        .into_iter()
        .map(|record| record.id)
        .collect();
    assert_eq!(ids.len(), 2 * LIMIT, "and nobody noticed");
}

#[tokio::test(start_paused = true)]
async fn the_next_page_is_read_ahead_though_some_of_it_waits_in_the_store() {
    const FIFTY: &[Report] = &[Report {
        page_size: 50,
        instants: true,
        ..DAYS_REPORT[0]
    }];
    let one = busy_day(200);
    *one.reports.lock().unwrap() = FIFTY;
    let bed = bed(&[&one], "");
    // 45 records are left in two chunks, of which the second page opens one.
    let first = page_of(&bed, 5, None).await;
    let second = page_of(&bed, 30, first.next_cursor).await;
    reading().await;
    assert_eq!(one.pages(), 2, "one for the caller, one ahead");
    let third = page_of(&bed, 30, second.next_cursor).await;
    assert_eq!(third.data.len(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_page_is_read_ahead_only_of_a_source_that_the_next_page_reads_on() {
    const SEVEN: &[Report] = &[Report {
        page_size: 7,
        instants: true,
        ..DAYS_REPORT[0]
    }];
    const HOUR: i64 = 3_600_000;
    // How much older the rows of the second source are, and how often each was asked once a page was given and read.
    for (older, expected) in [
        (500, [[1, 1], [2, 2], [2, 2], [3, 3]]),
        (HOUR, [[2, 1], [3, 1], [4, 1], [4, 1]]),
    ] {
        let [one, two] = [("one", NOON), ("two", NOON - older)].map(|(name, newest)| {
            let source = busy_day_of(name, newest, 20);
            *source.reports.lock().unwrap() = SEVEN;
            source
        });
        let bed = bed(&[&one, &two], "");
        let asked = || [one.pages(), two.pages()];
        let (mut cursor, mut before) = (None, [1, 1]);
        for expected in expected {
            let page = page(&bed, cursor).await;
            assert_eq!(
                (page.data.len(), asked()),
                (LIMIT, before),
                "{older}: a page waits for a source"
            );
            reading().await;
            assert_eq!(asked(), expected, "{older}");
            (cursor, before) = (page.next_cursor, expected);
        }
    }
}

/// Ten rows of the campaign 1, of which five are so many days older.
fn days_apart(days: i64, reports: &'static [Report]) -> Arc<Scripted> {
    let one = busy_day(10);
    *one.reports.lock().unwrap() = reports;
    for (index, row) in one.rows.lock().unwrap().iter_mut().enumerate() {
        let days = days * (index / LIMIT) as i64;
        row.facts.created_at = Some(Timestamp::from_millis(NOON - days * 86_400_000 - 1_000 * index as i64));
        row.campaign = Some(Named {
            id: Some("1".into()),
            name: None,
        });
        row.custom_fields = Some(BTreeMap::new());
    }
    one
}

#[tokio::test(start_paused = true)]
async fn where_a_day_is_read_the_day_before_is_read_ahead_once_and_with_its_campaigns() {
    // How often the first page is read, and the day before in the same way.
    for (reports, readings) in [(DAYS_REPORT, 1), (BY_CAMPAIGN, 2)] {
        let one = days_apart(1, reports);
        let bed = bed(&[&one], "");
        let first = page(&bed, None).await;
        reading().await;
        assert_eq!(one.pages(), 2 * readings, "{reports:?}");
        let second = page(&bed, first.next_cursor).await;
        assert_eq!((first.data.len(), second.data.len()), (LIMIT, LIMIT));
        let told = [first.data, second.data].concat();
        let all_told = told.iter().all(|record| record.custom_fields.is_some());
        assert!(all_told || readings == 1);
        reading().await;
        assert!(one.pages() <= 3 * readings, "{}: read again", one.pages());
    }
}

/// A gateway over a store of which each put takes a second; time stands still but for that.
fn bed_over_a_slow_store(one: &Arc<Scripted>) -> Bed {
    bed_over_a_store(one, |store| *store.slow.lock().unwrap() = Duration::from_secs(1))
}

fn bed_over_a_store(one: &Arc<Scripted>, slow: impl FnOnce(&Failing)) -> Bed {
    bed_over(&[one], "", |inner| {
        let store = Failing::new(inner, Failure::Once);
        slow(&store);
        Arc::new(store)
    })
}

#[tokio::test]
async fn no_page_waits_for_what_is_only_taken_away() {
    let one = busy_day(60);
    let bed = bed_over_a_store(&one, |store| {
        *store.slow_removals.lock().unwrap() = Duration::from_hours(1);
    });
    let mut cursor = None;
    for number in 1..8 {
        let page = tokio::time::timeout(Duration::from_mins(1), page(&bed, cursor)).await;
        cursor = page.unwrap_or_else(|_| panic!("page {number}")).next_cursor;
    }
}

/// A page and the whole seconds it took.
async fn timed_page(bed: &Bed, cursor: Option<String>) -> (HistoryPage, u64) {
    let began = tokio::time::Instant::now();
    let page = page(bed, cursor).await;
    (page, began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_page_is_given_before_what_was_read_beyond_it_is_written() {
    let one = busy_day(300);
    let bed = bed_over_a_slow_store(&one);
    let (first, took) = timed_page(&bed, None).await;
    assert_eq!(took, 0);
    let (second, took) = timed_page(&bed, first.next_cursor.clone()).await;
    assert_eq!(took, 1, "all of it is written at the same time");
    assert!(
        one.pages() <= 3,
        "{} pages: what is being written was read again",
        one.pages()
    );
    // Wherever it is not known yet, the walk goes on without it.
    let other = bed.another(&[&one], true);
    let paging = Paging {
        limit: LIMIT,
        cursor: first.next_cursor,
    };
    let elsewhere = other.history(&caller("owner"), query(), paging).await.unwrap();
    assert_eq!(elsewhere.data, second.data);
}

#[tokio::test(start_paused = true)]
async fn a_page_waits_for_what_cannot_be_read_again_to_be_written() {
    let one = busy_day(60);
    // The newest row is listed last, when others have been given.
    one.rows.lock().unwrap().rotate_left(1);
    let bed = bed_over_a_slow_store(&one);
    let (mut given, mut waited, mut cursor) = (0, 0, None);
    loop {
        let (page, took) = timed_page(&bed, cursor).await;
        (given, waited) = (given + page.data.len(), waited + took);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(given, 60);
    assert!(waited > 0, "no page waited");
}
