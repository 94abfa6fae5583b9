//! The records of rows: whose they are, what they are called, and which call of ours they are of.

use std::sync::atomic::Ordering;

use super::super::bed::{Bed, NOON, SAY, Scripted, bed, caller, say};
use super::{query, row, two_accounts, walk};
use crate::domain::call::{Call, ProviderRef, SettledBy};
use crate::domain::error::Problem;
use crate::domain::facts::CallFacts;
use crate::domain::history::{Record, Row};
use crate::domain::ids::CallId;
use crate::domain::place::NewCall;
use crate::domain::time::Timestamp;
use crate::usecases::requests::{HistoryQuery, Paging, PlaceCall};

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
