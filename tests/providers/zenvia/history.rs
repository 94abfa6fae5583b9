//! Reports are read page by page.

use std::collections::BTreeSet;

use serde_json::json;
use switchboard::domain::error::FailureKind;
use switchboard::domain::history::Window;
use switchboard::domain::time::Timestamp;
use switchboard::providers::port::{History, Provider, ReportQuery};

use super::*;

fn query(since: &str, until: &str) -> ReportQuery {
    let at = |text| Timestamp::parse(text).unwrap();
    ReportQuery::of(Window {
        since: at(since),
        until: at(until),
    })
}

/// Adds `count` finished rows to a report, a minute apart, all within one day of São Paulo.
async fn rows(sim: &Sim, report: &str, count: usize) {
    let row = |minute: usize| {
        json!({
            "resource": report,
            "created": format!("2026-11-20T{:02}:{:02}:00Z", 4 + minute / 60, minute % 60),
            "from": OFFICE,
            "to": MOBILE,
            "status": "atendida",
            "rang": 4,
            "talked": 30,
            "tags": format!("order-{minute}"),
        })
    };
    let rows: Vec<_> = (0..count).map(row).collect();
    sim.controls().post("rows", json!({ "rows": rows })).await;
}

const DAY: (&str, &str) = ("2026-11-20T03:00:00Z", "2026-11-21T03:00:00Z");

#[tokio::test]
async fn every_row_comes_on_exactly_one_page() {
    let sim = Sim::start().await;
    rows(&sim, "chamada", 450).await;
    let query = query(DAY.0, DAY.1);
    let (mut ids, mut sizes) = (BTreeSet::new(), vec![]);
    for page in 0.. {
        let read = sim.zenvia.page("chamada", &query, page * 200).await.unwrap();
        sizes.push(read.rows.len());
        ids.extend(read.rows.iter().map(|row| row.id.clone()));
        for row in &read.rows {
            assert!(query.window.contains(row.facts.created_at.unwrap()));
        }
        if !read.more {
            break;
        }
    }
    assert_eq!((sizes, ids.len()), (vec![200, 200, 50], 450));
}

#[tokio::test]
async fn each_report_gives_its_rows_and_each_row_again() {
    let sim = Sim::start().await;
    for (report, kind) in [
        ("chamada", CallKind::Connect),
        ("tts", CallKind::Say),
        ("audio", CallKind::Play),
        ("composto", CallKind::Flow),
        ("did", CallKind::Did),
    ] {
        rows(&sim, report, 3).await;
        let page = sim.zenvia.page(report, &query(DAY.0, DAY.1), 0).await.unwrap();
        assert_eq!((page.rows.len(), page.more), (3, false), "{report}");
        assert_eq!(page.total, (report == "did").then_some(3));
        for row in page.rows {
            assert_eq!(
                (row.facts.kind, row.facts.talk_seconds),
                (Some(kind), Some(30)),
                "{report}"
            );
            assert!(row.raw.starts_with('{') && row.raw.contains(&row.id));
            let again = sim
                .zenvia
                .row(report, &row.id, row.facts.created_at.unwrap())
                .await
                .unwrap();
            assert_eq!(again, row, "{report}");
        }
        assert_eq!(sim.zenvia.drift(), [], "{report}");
    }
}

#[tokio::test]
async fn a_window_is_read_by_whole_days_of_sao_paulo() {
    let sim = Sim::start().await;
    rows(&sim, "tts", 10).await;
    let rows = async |since, until| {
        sim.zenvia
            .page("tts", &query(since, until), 0)
            .await
            .unwrap()
            .rows
            .len()
    };
    assert_eq!(
        rows("2026-11-20T04:05:00Z", "2026-11-20T04:06:00Z").await,
        10,
        "the gateway filters again"
    );
    assert_eq!(rows("2026-11-21T03:00:00Z", "2026-11-22T03:00:00Z").await, 0);
    assert_eq!(rows("2026-11-19T03:00:00Z", "2026-11-20T03:00:00Z").await, 0);
}

#[tokio::test]
async fn a_report_the_account_lacks_is_empty_and_a_failing_one_fails() {
    for (code, reason, absent) in [
        (403, 8, true),
        (501, 30, true),
        (404, 90, true),
        (403, 40, false),
        (500, 50, false),
    ] {
        let sim = Sim::start().await;
        rows(&sim, "did", 1).await;
        let body = json!({ "status": code, "sucesso": false, "motivo": reason, "mensagem": "x" }).to_string();
        let effect = json!({ "status": { "code": code, "body": body } });
        sim.controls()
            .post("faults", json!({ "path": "/did/relatorio", "effect": effect }))
            .await;
        let page = sim.zenvia.page("did", &query(DAY.0, DAY.1), 0).await;
        assert_eq!(
            page.as_ref().is_ok_and(|page| page.rows.is_empty() && !page.more),
            absent,
            "{code} {reason} {page:?}"
        );
    }
    let sim = Sim::start().await;
    sim.controls()
        .post("faults", json!({ "path": "/tts", "effect": "garbage" }))
        .await;
    let failure = sim.zenvia.page("tts", &query(DAY.0, DAY.1), 0).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Broken);
}
