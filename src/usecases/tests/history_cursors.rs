//! Cursors that are not what was given out.

use std::time::Duration;

use super::bed::{Bed, NOON, SAY, Scripted, bed, caller};
use super::history::{query, row};
use crate::domain::error::{Error, Problem};
use crate::domain::time::Timestamp;
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
