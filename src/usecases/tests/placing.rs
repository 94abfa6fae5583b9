//! At most one dial, whatever the providers answer.

use super::bed::{Bed, NOON, SAY, Scripted, bed, caller, failed, refused, say};
use crate::domain::address::Address;
use crate::domain::call::LegSide;
use crate::domain::call::{AttemptOutcome, CallStatus, ProviderRef};
use crate::domain::error::{Error, FailureKind, Problem, Refusal};
use crate::domain::history::Window;
use crate::domain::phone::Region;
use crate::domain::place::{Action, ActionKind, Capability, NewCall, Script};
use crate::domain::time::Timestamp;
use crate::providers::port::{MonitorMode, Offer};
use crate::usecases::requests::{Accepted, AskedWindow, CallQuery, Paging, PlaceCall};

type Placed = Result<Accepted<crate::domain::call::Call>, Error>;

async fn place(bed: &Bed, call: NewCall) -> Placed {
    bed.gateway
        .place_call(
            &caller("acme"),
            PlaceCall {
                call,
                request_id: "r".into(),
            },
        )
        .await
}

#[tokio::test]
async fn a_call_that_was_taken_is_there_with_its_reference() {
    let one = Scripted::new("one", SAY);
    one.will_place(Ok(Some(ProviderRef::id("77"))));
    let bed = bed(&[&one], "");
    let placed = place(&bed, say("+5511988887777")).await.unwrap();
    assert!(placed.certain);
    let read = bed
        .gateway
        .call(&caller("acme"), placed.object.id, false)
        .await
        .unwrap();
    assert_eq!(read, placed.object);
    assert_eq!(read.provider_ref.unwrap().id.as_deref(), Some("77"));
    assert_eq!(read.attempts[0].outcome, AttemptOutcome::Accepted);
}

#[tokio::test]
async fn what_surely_did_nothing_moves_to_the_next_account() {
    let (one, two) = (Scripted::new("one", SAY), Scripted::new("two", SAY));
    for (kind, moves) in [
        (FailureKind::NotSent, true),
        (FailureKind::Busy, true),
        (FailureKind::Refused(Refusal::Credit), true),
        (FailureKind::Refused(Refusal::Human), false),
        (FailureKind::Refused(Refusal::Invalid), false),
    ] {
        one.will_place(Err(failed(kind)));
        let bed = bed(&[&one, &two], "");
        let before = two.placed().len();
        let placed = place(&bed, say("+5511988887777")).await;
        assert_eq!(two.placed().len() - before, usize::from(moves), "{kind:?}");
        assert_eq!(placed.is_ok(), moves, "{kind:?}");
        if let Ok(placed) = placed {
            let outcomes: Vec<_> = placed.object.attempts.iter().map(|attempt| attempt.outcome).collect();
            assert_eq!(outcomes.len(), 2, "both attempts are told");
            assert_eq!(outcomes[1], AttemptOutcome::Accepted);
            assert_eq!(placed.object.routing.unwrap().skipped[0].account.as_str(), "one");
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_nobody_else_is_asked() {
    for kind in [FailureKind::Interrupted, FailureKind::Broken] {
        let (one, two) = (Scripted::new("one", SAY), Scripted::new("two", SAY));
        one.will_place(Err(failed(kind)));
        let bed = bed(&[&one, &two], "");
        let placed = place(&bed, say("+5511988887777")).await.unwrap();
        assert!(!placed.certain);
        assert_eq!(placed.object.status, CallStatus::Unknown);
        assert_eq!((one.placed().len(), two.placed().len()), (1, 0));
    }
}

#[tokio::test]
async fn an_error_leaves_no_call_behind() {
    let one = Scripted::new("one", SAY);
    one.will_place(Err(refused(Refusal::Credit)));
    let bed = bed(&[&one], "");
    let call = say("+5511988887777");
    let id = call.id;
    assert_eq!(
        place(&bed, call).await.unwrap_err().problem,
        Problem::ProviderOutOfCredit
    );
    assert_eq!(
        bed.gateway.call(&caller("acme"), id, false).await.unwrap_err().problem,
        Problem::NotFound
    );
    let listed = bed
        .gateway
        .calls(
            &caller("acme"),
            CallQuery::default(),
            Paging {
                limit: 10,
                cursor: None,
            },
        )
        .await
        .unwrap();
    assert!(listed.data.is_empty());
}

#[tokio::test]
async fn another_tenant_does_not_see_the_call() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let placed = place(&bed, say("+5511988887777")).await.unwrap();
    let foreign = bed
        .gateway
        .call(&caller("other"), placed.object.id, false)
        .await
        .unwrap_err();
    assert_eq!(foreign, Error::not_found());
    assert!(bed.gateway.call(&caller("*"), placed.object.id, false).await.is_ok());
}

#[tokio::test]
async fn the_tenant_that_reads_everything_acts_for_nobody() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let request = PlaceCall {
        call: say("+5511988887777"),
        request_id: "r".into(),
    };
    let error = bed.gateway.place_call(&caller("*"), request).await.unwrap_err();
    assert_eq!(error.problem, Problem::Forbidden);
    assert!(one.placed().is_empty());
}

#[tokio::test]
async fn machines_may_call_one_number_only_so_often() {
    let one = Scripted::new("one", SAY);
    let bed = bed(
        &[&one],
        "[calls]\nautomated_calls_per_number = { max = 2, per_seconds = 60 }",
    );
    for _ in 0..2 {
        place(&bed, say("+5511988887777")).await.unwrap();
    }
    let refused = place(&bed, say("+5511988887777")).await.unwrap_err();
    assert_eq!(refused.problem, Problem::RateLimited);
    assert_eq!(refused.context.limit.unwrap().name, "calls.automated_calls_per_number");
    assert!(
        place(&bed, say("+5511988886666")).await.is_ok(),
        "another number is another matter"
    );
    assert_eq!(one.placed().len(), 3);
}

#[tokio::test]
async fn lists_come_newest_first_in_pages_that_join() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "[calls]\nautomated_calls_per_number = false");
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.push(place(&bed, say("+5511988887777")).await.unwrap().object.id);
        bed.clock.advance(std::time::Duration::from_millis(3));
    }
    ids.reverse();
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let paging = Paging { limit: 3, cursor };
        let page = bed
            .gateway
            .calls(&caller("acme"), CallQuery::default(), paging)
            .await
            .unwrap();
        seen.extend(page.data.iter().map(|call| call.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids);
}

#[tokio::test]
async fn a_cursor_serves_its_own_tenant_and_query_only() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "[calls]\nautomated_calls_per_number = false");
    for _ in 0..3 {
        place(&bed, say("+5511988887777")).await.unwrap();
    }
    let page = bed
        .gateway
        .calls(&caller("acme"), CallQuery::default(), Paging { limit: 1, cursor: None })
        .await
        .unwrap();
    let with = |cursor: Option<String>| Paging { limit: 1, cursor };
    let other = bed
        .gateway
        .calls(&caller("other"), CallQuery::default(), with(page.next_cursor.clone()))
        .await;
    assert_eq!(other.unwrap_err().problem, Problem::InvalidCursor);
    let filtered = CallQuery {
        tag: vec!["x".into()],
        ..CallQuery::default()
    };
    let other = bed
        .gateway
        .calls(&caller("acme"), filtered, with(page.next_cursor.clone()))
        .await;
    assert_eq!(other.unwrap_err().problem, Problem::InvalidCursor);
    bed.clock.advance(std::time::Duration::from_secs(24 * 3600 + 1));
    let late = bed
        .gateway
        .calls(&caller("acme"), CallQuery::default(), with(page.next_cursor))
        .await;
    assert_eq!(late.unwrap_err().problem, Problem::CursorExpired);
}

const CONNECT: &[Offer] = &[Offer {
    operation: Capability::Connect,
    options: &[],
}];

#[tokio::test]
async fn every_party_that_is_dialled_is_of_an_allowed_country() {
    let one = Scripted::new("one", CONNECT);
    one.will_place(Ok(Some(ProviderRef::id("7"))));
    let bed = bed(&[&one], "");
    let party = |text: &str| Address::parse(text, Region::BR).unwrap();
    let connect = |to: &str| NewCall {
        script: Script::Actions(vec![Action {
            what: ActionKind::Connect {
                to: party(to),
                from: None,
            },
            on_digit: None,
        }]),
        ..say("+5511988887777")
    };
    let refused = place(&bed, connect("+14155552671")).await.unwrap_err();
    assert_eq!(refused.problem, Problem::DestinationNotAllowed);
    assert_eq!(refused.context.fields[0].pointer, "/actions/0/to");
    assert!(one.placed().is_empty());

    let live = place(&bed, connect("+551133334444")).await.unwrap().object.id;
    let gateway = &bed.gateway;
    for (to, allowed) in [("+14155552671", false), ("ext:4000", true), ("+551133334444", true)] {
        let acme = caller("acme");
        let moved = gateway.transfer(&acme, live, party(to), LegSide::Callee).await;
        let joined = gateway.monitor(&acme, live, party(to), MonitorMode::Listen).await;
        for done in [moved, joined] {
            let refused = done.err().map(|error| error.problem);
            assert_eq!(refused, (!allowed).then_some(Problem::DestinationNotAllowed), "{to}");
        }
    }
}

#[tokio::test]
async fn a_list_begun_today_goes_on_after_midnight_with_the_window_it_began_with() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "[calls]\nautomated_calls_per_number = false");
    for _ in 0..3 {
        place(&bed, say("+5511988887777")).await.unwrap();
    }
    let today = |days: i64| AskedWindow {
        since: Some("today".into()),
        until: None,
        meant: Some(Window {
            since: Timestamp::from_millis(NOON).plus_seconds((days * 24 - 12) * 3600),
            until: Timestamp::from_millis(NOON).plus_seconds((days * 24 + 12) * 3600),
        }),
    };
    let list = async |window: AskedWindow, cursor: Option<String>| {
        let query = CallQuery {
            window,
            ..CallQuery::default()
        };
        let paging = Paging { limit: 2, cursor };
        bed.gateway.calls(&caller("acme"), query, paging).await
    };
    let cursor = list(today(0), None).await.unwrap().next_cursor;
    assert_eq!(list(today(1), cursor.clone()).await.unwrap().data.len(), 1);
    let other = AskedWindow {
        since: Some("yesterday".into()),
        ..today(0)
    };
    assert_eq!(list(other, cursor).await.unwrap_err().problem, Problem::InvalidCursor);
}
