//! Cursors that are not what was given out.

use std::time::Duration;

use super::bed::{Bed, NOON, SAY, Scripted, bed, caller};
use super::history::{query, row};
use crate::config::Mode;
use crate::domain::error::{Error, Problem};
use crate::domain::time::Timestamp;
use crate::usecases::Gateway;
use crate::usecases::requests::{HistoryPage, HistoryQuery, Paging};

const VARIANTS: usize = 10_000;

async fn go_on(bed: &Bed, tenant: &str, query: HistoryQuery, cursor: &str) -> Result<HistoryPage, Error> {
    let paging = Paging {
        limit: 5,
        cursor: Some(cursor.to_owned()),
    };
    bed.gateway.history(&caller(tenant), query, paging).await
}

#[tokio::test]
async fn a_cursor_altered_foreign_cut_or_expired_opens_nothing() {
    let one = Scripted::new("one", SAY);
    *one.rows.lock().unwrap() = (0..30).map(|id| row(id, id as i64)).collect();
    let bed = bed(&[&one], "");
    let paging = Paging { limit: 5, cursor: None };
    let first = bed.gateway.history(&caller("owner"), query(), paging).await.unwrap();
    let cursor = first.next_cursor.unwrap();
    let read = one.pages();
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut refused = 0;
    for variant in 0..VARIANTS {
        let mut bytes = cursor.clone().into_bytes();
        let place = variant % bytes.len();
        match variant % 7 {
            0 => bytes.truncate(place),
            1 => bytes.push(letters[variant % 64]),
            2 => bytes[place] = b'~',
            _ => {
                let other = letters[(variant / bytes.len() + variant) % 64];
                bytes[place] = if other == bytes[place] {
                    letters[(variant + 1) % 64]
                } else {
                    other
                };
            }
        }
        let altered = String::from_utf8(bytes).unwrap();
        if altered == cursor {
            continue;
        }
        let error = go_on(&bed, "owner", query(), &altered).await.unwrap_err();
        assert_eq!(error.problem, Problem::InvalidCursor, "{variant}");
        refused += 1;
    }
    assert!(refused > VARIANTS - 200, "{refused}");
    for tenant in ["acme", "*", "owne", "owner "] {
        let error = go_on(&bed, tenant, query(), &cursor).await.unwrap_err();
        assert_eq!(error.problem, Problem::InvalidCursor, "{tenant}");
    }
    let other = |change: fn(&mut HistoryQuery)| {
        let mut other = query();
        change(&mut other);
        other
    };
    for query in [
        other(|query| query.answered = Some(true)),
        other(|query| query.tag = vec!["t".into()]),
        other(|query| query.partial = true),
        other(|query| query.raw = true),
        other(|query| query.account = vec!["one".parse().unwrap()]),
    ] {
        let error = go_on(&bed, "owner", query, &cursor).await.unwrap_err();
        assert_eq!(error.problem, Problem::InvalidCursor);
    }
    assert_eq!(one.pages(), read, "nothing was read for any of them");
    bed.clock.advance(Duration::from_secs(24 * 3600 + 1));
    let error = go_on(&bed, "owner", query(), &cursor).await.unwrap_err();
    assert_eq!(error.problem, Problem::CursorExpired);
    bed.clock.set(NOON);
    let page = go_on(&bed, "owner", query(), &cursor).await.unwrap();
    assert_eq!(page.data[0].created_at, Timestamp::from_millis(NOON - 5 * 60_000));
}

/// The cursor of a first page of ten.
async fn begin(gateway: &Gateway) -> String {
    let paging = Paging {
        limit: 10,
        cursor: None,
    };
    let page = gateway.history(&caller("owner"), query(), paging).await.unwrap();
    page.next_cursor.unwrap()
}

/// Which accounts the records of the next page are of, and which it tells of as sources.
async fn next(gateway: &Gateway, cursor: &str) -> Result<(Vec<String>, Vec<String>), Error> {
    let paging = Paging {
        limit: 10,
        cursor: Some(cursor.to_owned()),
    };
    let page = gateway.history(&caller("owner"), query(), paging).await?;
    let mut of: Vec<_> = page.data.iter().map(|record| record.account.to_string()).collect();
    of.sort();
    of.dedup();
    Ok((
        of,
        page.sources.iter().map(|source| source.account.to_string()).collect(),
    ))
}

#[tokio::test]
async fn a_walk_goes_on_though_accounts_are_switched_off_and_on() {
    let accounts = [Scripted::new("one", SAY), Scripted::new("two", SAY)];
    for account in &accounts {
        *account.rows.lock().unwrap() = (0..30).map(|id| row(id, id as i64)).collect();
    }
    let providers = [&accounts[0], &accounts[1]];
    let bed = bed(&providers, "");
    let without_two = bed.reconfigured(&providers, |account| {
        if account.name.as_str() == "two" {
            account.mode = Mode::Off;
        }
    });
    let (one, both) = (vec!["one".to_owned()], vec!["one".to_owned(), "two".to_owned()]);
    let cursor = begin(&bed.gateway).await;
    assert_eq!(next(&bed.gateway, &cursor).await, Ok((both.clone(), both)));
    assert_eq!(next(&without_two, &cursor).await, Ok((one.clone(), one.clone())));
    let cursor = begin(&without_two).await;
    assert_eq!(next(&bed.gateway, &cursor).await, Ok((one.clone(), one)));
}

#[tokio::test]
async fn a_walk_over_accounts_of_which_one_comes_or_goes_is_to_be_begun_again() {
    let accounts = [Scripted::new("one", SAY), Scripted::new("two", SAY)];
    for account in &accounts {
        *account.rows.lock().unwrap() = (0..30).map(|id| row(id, id as i64)).collect();
    }
    let bed = bed(&[&accounts[0], &accounts[1]], "");
    let without_two = bed.reconfigured(&[&accounts[0]], |_| ());
    for (before, after) in [(&bed.gateway, &without_two), (&without_two, &bed.gateway)] {
        let error = next(after, &begin(before).await).await.unwrap_err();
        assert_eq!(error.problem, Problem::CursorExpired);
    }
}
