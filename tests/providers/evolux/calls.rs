//! Placing, finding, controlling and listening.

use futures_util::TryStreamExt;
use serde_json::Value;
use switchboard::domain::binding;
use switchboard::domain::call::{Call, CallKind, CallStatus, Direction, LegSide, ProviderRef};
use switchboard::domain::error::{FailureKind, Refusal};
use switchboard::domain::history::{Row, Window};
use switchboard::domain::place::{Capability, NewCall};
use switchboard::domain::time::Timestamp;
use switchboard::providers::port::{ReportQuery, Target};

use super::super::common::{address, kind};
use super::*;

const NOT_FOUND: FailureKind = FailureKind::Refused(Refusal::NotFound);

/// The call the simulator accepted last.
async fn accepted(evolux: &Evolux) -> Value {
    evolux
        .sim
        .get("calls")
        .await
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone()
}

fn named(entry: &Value) -> ProviderRef {
    let text = |key: &str| entry[key].to_string().trim_matches('"').to_owned();
    ProviderRef {
        id: Some(text("id")),
        uuid: Some(text("uuid")),
    }
}

/// The rows of the queue report around now, with the simulated minutes to come.
async fn queue_rows(evolux: &Evolux) -> Vec<Row> {
    let now = Timestamp::from(jiff::Timestamp::now());
    let window = Window {
        since: now.plus_seconds(-60),
        until: now.plus_seconds(3600),
    };
    let query = ReportQuery {
        window,
        ..query("2024-08-01T00:00:00Z", "2024-08-02T00:00:00Z")
    };
    evolux
        .provider
        .history()
        .unwrap()
        .page("queue", &query, 0)
        .await
        .unwrap()
        .rows
}

/// What the gateway keeps of a call it has just placed.
fn placed(new: &NewCall) -> Call {
    let now = Timestamp::from(jiff::Timestamp::now());
    let mut call = Call::new(new.id, "telephony".into(), Direction::Outbound, new.kind(), now);
    call.to = Some(new.to.clone());
    call
}

#[tokio::test]
async fn an_agent_call_is_placed_without_an_id_and_bound_to_its_row() {
    let evolux = Evolux::start().await;
    let calls = evolux.provider.calls().unwrap();
    let new = agent_call("+5584999010101");
    assert_eq!(calls.offers()[0].operation, Capability::ConnectAgent);
    assert_eq!(calls.operation(new.kind()), "POST /api/v1/call");
    assert_eq!(calls.place(&new).await.unwrap(), None);

    let entry = accepted(&evolux).await;
    assert_eq!(
        (&entry["from"], &entry["to"][0]),
        (&"john.snow".into(), &"84999010101".into())
    );
    let label: Value = serde_json::from_str(entry["call_info"].as_str().unwrap()).unwrap();
    assert_eq!(label[0]["value"], format!("order-7 {}", new.id));

    evolux.sim.advance(30).await;
    let rows = queue_rows(&evolux).await;
    let row = &rows[0];
    assert_eq!(row.facts.status, Some(CallStatus::Completed));
    assert_eq!(row.facts.to, Some(address("+5584999010101")));
    let ours = placed(&new);
    assert_eq!(binding::choose(&row.facts, [&ours]).map(|call| call.id), Some(new.id));
}

#[tokio::test]
async fn the_longest_duration_is_an_option_of_it() {
    let evolux = Evolux::start().await;
    let mut new = agent_call("+5584999010101");
    new.max_duration_seconds = Some(90);
    let offers = evolux.provider.calls().unwrap().offers();
    assert!(new.options().iter().all(|option| offers[0].options.contains(option)));
    assert_eq!(evolux.provider.calls().unwrap().place(&new).await.unwrap(), None);
}

#[tokio::test]
async fn a_row_tells_how_nobody_answered() {
    let evolux = Evolux::start().await;
    for number in ["+5584990000001", "+5584990000002", "+5584990000003"] {
        evolux
            .provider
            .calls()
            .unwrap()
            .place(&agent_call(number))
            .await
            .unwrap();
    }
    evolux.sim.advance(60).await;
    let mut rows = queue_rows(&evolux).await;
    rows.sort_by_key(|row| row.facts.to.as_ref().map(ToString::to_string));
    let statuses: Vec<_> = rows.iter().map(|row| row.facts.status.unwrap()).collect();
    assert_eq!(statuses, [CallStatus::Busy, CallStatus::NoAnswer, CallStatus::Rejected]);
}

#[tokio::test]
async fn a_live_call_is_hung_up_once_and_transferred_by_leg() {
    let evolux = Evolux::start().await;
    let control = evolux.provider.control().unwrap();
    evolux
        .provider
        .calls()
        .unwrap()
        .place(&agent_call("+5584999010101"))
        .await
        .unwrap();
    let reference = named(&accepted(&evolux).await);
    let target = Target {
        kind: CallKind::Connect,
        reference: &reference,
    };
    assert_eq!(
        control.controls(CallKind::Connect),
        [Capability::Hangup, Capability::Transfer]
    );

    control
        .transfer(target, &address("+5584988887777"), LegSide::Callee)
        .await
        .unwrap();
    control
        .transfer(target, &address("ext:4000"), LegSide::Caller)
        .await
        .unwrap();
    let entry = accepted(&evolux).await;
    assert_eq!(entry["transfers"], serde_json::json!(["bleg:84988887777", "aleg:4000"]));

    control.hang_up(target).await.unwrap();
    assert_eq!(accepted(&evolux).await["phase"], "ended");
    assert_eq!(kind(control.hang_up(target).await), NOT_FOUND);
    let nameless = ProviderRef::id("77");
    let target = Target {
        reference: &nameless,
        ..target
    };
    assert_eq!(kind(control.hang_up(target).await), NOT_FOUND);
    let elsewhere = ProviderRef {
        id: None,
        uuid: Some("../campaign".into()),
    };
    assert_eq!(
        kind(
            control
                .hang_up(Target {
                    reference: &elsewhere,
                    ..target
                })
                .await
        ),
        NOT_FOUND
    );
}

#[tokio::test]
async fn a_call_is_asked_for_by_its_id() {
    let evolux = Evolux::start().await;
    let lookup = evolux.provider.lookup().unwrap();
    evolux
        .provider
        .calls()
        .unwrap()
        .place(&agent_call("+5584999010101"))
        .await
        .unwrap();
    evolux.sim.advance(30).await;
    let reference = queue_rows(&evolux).await[0].facts.reference.clone().unwrap();
    let target = Target {
        kind: CallKind::Connect,
        reference: &reference,
    };
    assert!(lookup.can_fetch(CallKind::Connect) && !lookup.can_fetch(CallKind::Campaign));
    let facts = lookup.fetch(target).await.unwrap();
    assert_eq!(
        (facts.kind, facts.status),
        (Some(CallKind::Connect), Some(CallStatus::Completed))
    );
    assert_eq!(facts.talk_seconds, Some(6));
    let unknown = ProviderRef::id("1");
    assert_eq!(
        kind(
            lookup
                .fetch(Target {
                    reference: &unknown,
                    ..target
                })
                .await
        ),
        NOT_FOUND
    );
}

#[tokio::test]
async fn recordings_come_whole_or_in_part_from_the_account_s_own_host() {
    let evolux = Evolux::start().await;
    let rows = serde_json::json!({
        "dialer": [{ "id": 1 }, { "id": 2, "talk_seconds": null }],
        "queue": [{ "id": 3 }],
    });
    evolux.sim.post("rows", rows).await;
    let recordings = evolux.provider.recordings().unwrap();
    let open = async |kind, id: &str, range| {
        let reference = ProviderRef::id(id);
        recordings
            .open(
                Target {
                    kind,
                    reference: &reference,
                },
                range,
            )
            .await
    };
    for (kind, id) in [
        (CallKind::Campaign, "1"),
        (CallKind::Queue, "3"),
        (CallKind::Connect, "3"),
    ] {
        let whole = open(kind, id, None).await.unwrap();
        assert_eq!((whole.status, whole.content_type.as_str()), (200, "audio/wav"));
        let length = whole.content_length.unwrap();
        let audio: Vec<_> = whole.body.try_collect().await.unwrap();
        assert_eq!(audio.concat().len() as u64, length);

        let part = open(kind, id, Some("bytes=0-3")).await.unwrap();
        assert_eq!(
            (part.status, part.content_range),
            (206, Some(format!("bytes 0-3/{length}")))
        );
        let audio: Vec<_> = part.body.try_collect().await.unwrap();
        assert_eq!(audio.concat(), b"RIFF");
    }
    let no_recording = FailureKind::Refused(Refusal::NoRecording);
    for id in ["2", "99"] {
        let failure = open(CallKind::Campaign, id, None).await.err().unwrap();
        assert_eq!(failure.kind, no_recording);
    }
}
