//! What Evolux writes, read whole and in every damaged form.
#![allow(clippy::unwrap_used)]

mod dialer;
mod queue;

use proptest::prelude::*;

use super::*;
use crate::domain::address::Address;
use crate::domain::call::ProviderRef;
use crate::domain::phone::Region;

const SEED: &str = include_str!("../../../../../tests/fixtures/evolux/dialer_seed.json");
const BEFORE_6_77: &str = include_str!("../../../../../tests/fixtures/evolux/dialer_before_6_77.json");
const UNANSWERED: &str = include_str!("../../../../../tests/fixtures/evolux/dialer_unanswered.json");
const QUEUE: &str = include_str!("../../../../../tests/fixtures/evolux/queue_report.json");
const QUEUE_CALL: &str = include_str!("../../../../../tests/fixtures/evolux/queue_call.json");

fn page(json: &str, read: ReadRow) -> ReportPage {
    Envelope::parse(json.as_bytes()).unwrap().page(read).unwrap()
}

/// The rows without `raw`, which has a test of its own.
fn rows(json: &str, read: ReadRow) -> Vec<Row> {
    let rows = page(json, read).rows.into_iter();
    rows.map(|row| Row {
        raw: String::new(),
        ..row
    })
    .collect()
}

fn at(text: &str) -> Option<Timestamp> {
    Some(Timestamp::parse(text).unwrap())
}

fn phone(text: &str) -> Option<Address> {
    Some(Address::parse(text, Region::BR).unwrap())
}

fn name(id: &str, name: &str) -> Option<Named> {
    Some(Named {
        id: Some(id.into()),
        name: Some(name.into()),
    })
}

fn reference(id: &str, uuid: Option<&str>) -> Option<ProviderRef> {
    Some(ProviderRef {
        id: Some(id.into()),
        uuid: uuid.map(Into::into),
    })
}

#[test]
fn another_page_follows_until_one_is_empty_or_the_last() {
    let read = |json: &str| {
        Envelope::parse(json.as_bytes())
            .unwrap()
            .page(dialer_row)
            .map(|page| (page.rows.len(), page.more))
    };
    assert_eq!(
        read(r#"{"data":[{"id":1}]}"#),
        Some((1, true)),
        "nothing said: ask again"
    );
    assert_eq!(read(r#"{"data":[{"id":1}],"pagination":{}}"#), Some((1, true)));
    assert_eq!(
        read(r#"{"data":[{"id":1}],"pagination":{"next_url":null}}"#),
        Some((1, false))
    );
    assert_eq!(
        read(r#"{"data":[{"id":1}],"pagination":{"next_url":"http://x/"}}"#),
        Some((1, true))
    );
    assert_eq!(
        read(r#"{"data":[],"pagination":{"next_url":"http://x/"}}"#),
        Some((0, false))
    );
    assert_eq!(
        read(r#"{"pagination":{"total":0}}"#),
        Some((0, false)),
        "an empty page may lack its list"
    );
}

#[test]
fn a_page_that_would_lose_rows_is_no_page() {
    for json in [
        r#"{"meta":{"status":200}}"#,
        r#"{"data":null,"pagination":{"total":7}}"#,
        r#"{"data":{"other":[]}}"#,
    ] {
        assert!(
            Envelope::parse(json.as_bytes()).unwrap().page(dialer_row).is_none(),
            "{json}"
        );
    }
}

#[test]
fn what_is_no_row_is_counted_and_takes_no_other_with_it() {
    let read = page(r#"{"data":[{"id":1},{"name":"no id"},7]}"#, dialer_row);
    assert_eq!((read.rows.len(), read.unreadable, read.more), (1, 2, true));
    let read = page(r#"{"data":[7]}"#, dialer_row);
    assert!(read.more, "the next page may hold rows");
}

#[test]
fn moments_come_with_every_offset_and_without() {
    for text in [
        "2021-10-28T19:41:33+00:00",
        "2021-10-28T19:41:33+00",
        "2021-10-28T19:41:33Z",
        "2021-10-28T19:41:33.000000Z",
        "2021-10-28 19:41:33",
        "2021-10-28T16:41:33-03:00",
    ] {
        assert_eq!(moment(text), at("2021-10-28T19:41:33Z"), "{text}");
    }
    for text in ["", "-", "yesterday", "12:00:00", "2021-10-28T25:00:00Z"] {
        assert_eq!(moment(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        read_all(&body);
    }

    #[test]
    fn no_altered_answer_makes_it_panic(
        which in 0_usize..5, place in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..12), cut in 0_usize..40,
    ) {
        let mut body = [SEED, BEFORE_6_77, UNANSWERED, QUEUE, QUEUE_CALL][which].as_bytes().to_vec();
        let start = place.index(body.len());
        let end = body.len().min(start + cut);
        body.splice(start..end, with);
        read_all(&body);
    }
}

fn read_all(body: &[u8]) {
    if let Some(envelope) = Envelope::parse(body) {
        for read in [dialer_row, queue_row] {
            let _ = envelope.page(read);
            let _ = envelope.row(read);
        }
    }
}
