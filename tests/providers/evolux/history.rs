//! Reports: complete, in the provider's order, byte for byte.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use switchboard::domain::call::{CallKind, CallStatus, RecordingState};
use switchboard::domain::error::{FailureKind, Refusal};
use switchboard::domain::history::Row;
use switchboard::domain::phone::{PhoneNumber, Region};
use switchboard::simulators::evolux::{Blanks, Offsets, Version};

use super::super::common::kind;
use super::*;

const SINCE: &str = "2024-08-01T03:00:00Z";
const UNTIL: &str = "2024-08-02T03:00:00Z";

/// Reads a report to its end, and says how many pages it had.
async fn walk(evolux: &Evolux, report: &str, query: &ReportQuery) -> (Vec<Row>, usize) {
    let history = evolux.provider.history().unwrap();
    let mut rows = Vec::new();
    for page in 0.. {
        let read = history.page(report, query, page * 50).await.unwrap();
        rows.extend(read.rows);
        if !read.more {
            assert_eq!(evolux.provider.drift(), []);
            return (rows, page + 1);
        }
    }
    unreachable!()
}

/// As many campaign calls, one a minute; every third answered by nobody.
fn dialer_rows(count: i64) -> Value {
    let row = |index: i64| {
        json!({
            "id": 1000 + index,
            "start_time": at("2024-08-01T12:00:00Z").plus_seconds(index * 60).to_string(),
            "talk_seconds": if index % 3 == 0 { Value::Null } else { json!(30) },
            "hangup_causes": if index % 3 == 0 { ["Não atendida", "No answer"] } else { ["Desligamento normal", "Normal clearing"] },
            "subscriber": { "external_id": format!("crm-{index}"), "number": format!("8499900{index:04}"), "name": "Ana" },
            "campaign": { "id": if index % 2 == 0 { 376 } else { 377 }, "name": "C" },
            "custom_fields": { "type": "VIP" },
        })
    };
    json!({ "dialer": (0..count).map(row).collect::<Vec<_>>() })
}

fn queue_rows(count: i64) -> Value {
    let row = |index: i64| {
        json!({
            "id": 5000 + index,
            "join": at("2024-08-01T12:00:00Z").plus_seconds(index * 60).to_string(),
            "agent_id": if index % 2 == 0 { 149 } else { 150 },
        })
    };
    json!({ "queue": (0..count).map(row).collect::<Vec<_>>() })
}

fn ids(rows: &[Row]) -> BTreeSet<&str> {
    rows.iter().map(|row| row.id.as_str()).collect()
}

#[tokio::test]
async fn every_row_of_every_page_comes_failed_dials_included() {
    let evolux = Evolux::start().await;
    evolux.sim.post("rows", dialer_rows(130)).await;
    let (rows, pages) = walk(&evolux, "dialer", &query(SINCE, UNTIL)).await;
    assert_eq!((rows.len(), ids(&rows).len(), pages), (130, 130, 3));
    let failed = rows
        .iter()
        .filter(|row| row.facts.status == Some(CallStatus::NoAnswer))
        .count();
    assert_eq!(failed, 44);
    assert!(
        rows.is_sorted_by_key(|row| std::cmp::Reverse(row.facts.created_at)),
        "newest first"
    );
    assert!(rows.iter().all(|row| row.raw.matches("\"hangup_cause\"").count() == 2));
    assert!(
        rows.iter()
            .all(|row| row.facts.hangup.as_ref().unwrap().provider_texts.len() == 2)
    );
}

#[tokio::test]
async fn the_queue_report_is_read_whole_too() {
    let evolux = Evolux::start().await;
    evolux.sim.post("rows", queue_rows(120)).await;
    let (rows, pages) = walk(&evolux, "queue", &query(SINCE, UNTIL)).await;
    assert_eq!((rows.len(), ids(&rows).len(), pages), (120, 120, 3));
    assert!(rows.iter().all(|row| row.facts.kind == Some(CallKind::Queue)));
    assert!(
        rows.iter()
            .all(|row| row.facts.recording == Some(RecordingState::Available))
    );
}

#[tokio::test]
async fn the_end_of_the_window_is_not_in_it() {
    let evolux = Evolux::start().await;
    evolux.sim.post("rows", dialer_rows(3)).await;
    let (rows, _) = walk(
        &evolux,
        "dialer",
        &query("2024-08-01T12:00:00Z", "2024-08-01T12:02:00Z"),
    )
    .await;
    assert_eq!(ids(&rows), BTreeSet::from(["1000", "1001"]));
}

#[tokio::test]
async fn what_the_provider_can_filter_it_filters() {
    let evolux = Evolux::start().await;
    let mut all = dialer_rows(4);
    all["queue"] = queue_rows(4)["queue"].clone();
    evolux.sim.post("rows", all).await;
    let base = query(SINCE, UNTIL);
    let both = ReportQuery {
        campaign_ids: vec!["376".into(), "377".into()],
        ..base.clone()
    };
    assert_eq!(walk(&evolux, "dialer", &both).await.0.len(), 4);
    let one = ReportQuery {
        campaign_ids: vec!["376".into()],
        ..base.clone()
    };
    let rows = walk(&evolux, "dialer", &one).await.0;
    assert_eq!(ids(&rows), BTreeSet::from(["1000", "1002"]));
    assert!(
        rows.iter()
            .all(|row| row.custom_fields.as_ref().unwrap()["type"] == "VIP")
    );
    assert!(
        walk(&evolux, "dialer", &base)
            .await
            .0
            .iter()
            .all(|row| row.custom_fields.is_none())
    );

    // A mobile may be listed without its ninth digit: the gateway looks for it itself. No row has the fixed line.
    for (number, rows) in [("+5584999000001", 4), ("+558433330001", 0)] {
        let of_number = ReportQuery {
            numbers: vec![PhoneNumber::parse(number, Region::BR).unwrap()],
            ..base.clone()
        };
        assert_eq!(walk(&evolux, "dialer", &of_number).await.0.len(), rows, "{number}");
    }
    let of_customer = ReportQuery {
        external_ids: vec!["crm-2".into()],
        ..base.clone()
    };
    assert_eq!(
        ids(&walk(&evolux, "dialer", &of_customer).await.0),
        BTreeSet::from(["1002"])
    );
    let of_agents = ReportQuery {
        agent_ids: vec!["149".into(), "163".into()],
        ..base
    };
    assert_eq!(
        ids(&walk(&evolux, "queue", &of_agents).await.0),
        BTreeSet::from(["5000", "5002"])
    );
}

#[tokio::test]
async fn an_older_server_and_every_spelling_of_nothing_are_read() {
    let knobs = Knobs {
        version: Version::Before677,
        offsets: Offsets::HourOnly,
        ..Knobs::default()
    };
    let old = Evolux::with("contact_status = false\nreports = ['dialer']", knobs).await;
    assert_eq!(
        old.provider
            .history()
            .unwrap()
            .reports()
            .iter()
            .map(|report| report.name)
            .collect::<Vec<_>>(),
        ["dialer"]
    );
    old.sim.post("rows", dialer_rows(6)).await;
    let rows = walk(&old, "dialer", &query(SINCE, UNTIL)).await.0;
    assert_eq!(
        ids(&rows),
        BTreeSet::from(["1001", "1002", "1004", "1005"]),
        "successes only"
    );
    assert!(
        rows.iter()
            .all(|row| row.facts.created_at.is_some() && row.facts.recording.is_none())
    );

    for blanks in [Blanks::Dash, Blanks::Null, Blanks::Missing] {
        let evolux = Evolux::with(
            "",
            Knobs {
                blanks,
                ..Knobs::default()
            },
        )
        .await;
        evolux.sim.post("rows", dialer_rows(1)).await;
        let rows = walk(&evolux, "dialer", &query(SINCE, UNTIL)).await.0;
        assert_eq!(
            (rows[0].facts.status, rows[0].facts.answered_at),
            (Some(CallStatus::NoAnswer), None)
        );
    }
}

#[tokio::test]
async fn a_row_is_read_again_near_its_time() {
    let evolux = Evolux::start().await;
    let mut all = dialer_rows(60);
    all["queue"] = queue_rows(60)["queue"].clone();
    evolux.sim.post("rows", all).await;
    let history = evolux.provider.history().unwrap();
    for report in ["dialer", "queue"] {
        let rows = walk(&evolux, report, &query(SINCE, UNTIL)).await.0;
        let row = rows.last().unwrap();
        let near = row.facts.created_at.unwrap();
        let again = history.row(report, &row.id, near).await.unwrap();
        assert_eq!(again.facts, row.facts);
        let fields = again.custom_fields.map(|fields| fields["type"].clone());
        assert_eq!(fields.is_some(), report == "dialer", "its campaign is named");
        let unknown = history.row(report, "77", near).await;
        assert_eq!(kind(unknown), FailureKind::Refused(Refusal::NotFound));
    }
    let elsewhen = history.row("queue", "5000", at("2023-01-01T00:00:00Z")).await.unwrap();
    assert_eq!(
        elsewhen.facts.created_at,
        Some(at("2024-08-01T12:00:00Z")),
        "a queue call has an address of its own"
    );
}

#[tokio::test]
async fn links_to_recordings_are_named_as_not_to_be_shown() {
    let evolux = Evolux::start().await;
    evolux.sim.post("rows", dialer_rows(2)).await;
    let row = &walk(&evolux, "dialer", &query(SINCE, UNTIL)).await.0[0];
    let history = evolux.provider.history().unwrap();
    let shown: Value = serde_json::from_str(&row.raw).unwrap();
    assert!(
        history
            .redacted_fields()
            .iter()
            .any(|field| shown[field].as_str().unwrap().contains("recording"))
    );
}

#[tokio::test]
async fn a_server_that_refuses_contact_status_is_asked_without_it() {
    let evolux = Evolux::start().await;
    evolux.sim.post("rows", dialer_rows(3)).await;
    let refusal = r#"{"meta":{"status":400,"message":"Unknown param contact_status."}}"#;
    let effect = json!({ "status": { "code": 400, "body": refusal } });
    evolux.sim.fault(1, effect).await;
    let history = evolux.provider.history().unwrap();
    let page = history.page("dialer", &query(SINCE, UNTIL), 0).await.unwrap();
    assert_eq!(
        page.rows.len(),
        2,
        "without it the failed one is hidden, which is what such a server can tell"
    );
}
