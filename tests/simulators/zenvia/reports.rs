//! `…/relatorio`.

use serde_json::{Value, json};
use switchboard::simulators::zenvia::{Knobs, Options, Seeding};

use super::{MOBILE, Sim};

const PERIOD: &str = "data_inicio=2026-03-01&data_fim=2026-03-31";

async fn add(sim: &Sim, rows: Value) -> Vec<u64> {
    let ids = sim.post("/_sim/rows", json!({"rows": rows})).await.body["ids"].clone();
    serde_json::from_value(ids).unwrap()
}

async fn ids(sim: &Sim, query: &str) -> Vec<u64> {
    let report = sim.get(&format!("/chamada/relatorio?{query}")).await;
    assert_eq!(report.status, 200, "{}", report.body);
    assert!(report.data().get("total").is_none());
    let rows = report.data()["relatorio"].as_array().unwrap().clone();
    rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

fn minutes(count: usize) -> Value {
    (0..count)
        .map(|n| json!({"created": format!("2026-03-10T{:02}:{:02}:00Z", n / 60, n % 60), "to": MOBILE}))
        .collect()
}

#[tokio::test]
async fn pages_are_by_offset_newest_first_and_at_most_200() {
    let sim = Sim::start().await;
    let mut all = add(&sim, minutes(250)).await;
    all.reverse();
    assert_eq!(ids(&sim, PERIOD).await, all[..100]);
    assert_eq!(ids(&sim, &format!("{PERIOD}&limite=999")).await, all[..200]);
    assert_eq!(ids(&sim, &format!("{PERIOD}&limite=200&posicao=200")).await, all[200..]);
    // A row that comes in between two pages moves the list.
    add(&sim, json!([{"created": "2026-03-11T00:00:00Z", "to": MOBILE}])).await;
    assert_eq!(ids(&sim, &format!("{PERIOD}&limite=10&posicao=10")).await, all[9..19]);
    sim.put("/_sim/knobs", json!({"report_ascending": true})).await;
    all.reverse();
    assert_eq!(ids(&sim, &format!("{PERIOD}&limite=5")).await, all[..5]);
}

#[tokio::test]
async fn a_report_that_hides_removals_begins_its_next_page_with_the_end_of_the_page_before() {
    let sim = Sim::knobs(Knobs {
        report_hides_removals: true,
        ..Knobs::default()
    })
    .await;
    let mut all = add(&sim, minutes(20)).await;
    all.reverse();
    assert_eq!(ids(&sim, &format!("{PERIOD}&limite=10")).await, all[..10]);
    for gone in &all[2..6] {
        sim.handle.app().forget(*gone);
    }
    assert_eq!(
        ids(&sim, &format!("{PERIOD}&limite=3&posicao=9")).await,
        [all[9], all[13], all[14]]
    );
}

#[tokio::test]
async fn a_day_is_a_day_in_sao_paulo_and_ends_are_inside() {
    let sim = Sim::start().await;
    let rows = [
        "2026-03-10T02:59:59Z",
        "2026-03-10T03:00:00Z",
        "2026-03-11T02:59:59.9Z",
        "2026-03-11T03:00:00Z",
    ];
    let rows: Value = rows
        .iter()
        .map(|created| json!({"created": created, "to": MOBILE}))
        .collect();
    let all = add(&sim, rows).await;
    let day = [all[2], all[1]];
    for query in [
        "data_inicio=2026-03-10&data_fim=2026-03-10",
        "data_inicio=2026-03-10T00:00:00-03:00&data_fim=2026-03-10T23:59:59-03:00",
        "data_inicio=2026-03-10T00%3A00%3A00-03%3A00&data_fim=2026-03-11T02:59:59Z",
        "data_inicio=2026-03-10 03:00:00 UTC&data_fim=2026-03-11 02:59:59 UTC",
    ] {
        assert_eq!(ids(&sim, query).await, day, "{query}");
    }
}

#[tokio::test]
async fn numbers_filter_in_any_spelling() {
    let sim = Sim::start().await;
    let rows = json!([
        {"created": "2026-03-10T12:00:00Z", "from": "+551033334444", "to": "+5510999999999"},
        {"created": "2026-03-10T12:00:01Z", "from": "4000", "to": "+5510988888888"},
    ]);
    let all = add(&sim, rows).await;
    assert_eq!(ids(&sim, &format!("{PERIOD}&destino=10999999999")).await, [all[0]]);
    assert_eq!(ids(&sim, &format!("{PERIOD}&origem=4000")).await, [all[1]]);
    assert!(
        ids(&sim, &format!("{PERIOD}&origem=4000&destino=10999999999"))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_report_needs_a_period_that_can_be_read() {
    let sim = Sim::start().await;
    for (query, reason) in [
        ("", 10),
        ("?data_inicio=2026-03-10", 10),
        ("?data_inicio=ontem&data_fim=2026-03-10", 11),
        ("?data_inicio=2026-03-10&data_fim=2026-03-10&limite=x", 11),
    ] {
        let refusal = sim.get(&format!("/chamada/relatorio{query}")).await.refusal();
        assert_eq!((refusal.0, refusal.1), (405, reason), "{query}");
    }
}

#[tokio::test]
async fn rows_keep_the_oddities_of_the_samples() {
    let sim = Sim::start().await;
    let rows = json!([
        {"created": "2026-03-10T12:00:00Z", "to": MOBILE, "status": "teleportada", "reason": "999. nova",
         "rang": 4, "talked": 10, "tags": ""},
        {"created": "2026-03-10T12:00:01Z", "to": MOBILE, "status": "sem resposta", "rang": 5, "recorded": true},
    ]);
    add(&sim, rows).await;
    let report = sim.get(&format!("/chamada/relatorio?{PERIOD}")).await;
    let (unanswered, odd) = (&report.data()["relatorio"][0], &report.data()["relatorio"][1]);
    assert_eq!(odd["data_criacao"], "2026-03-10T09:00:00-03:00");
    assert_eq!(
        (&odd["destino"]["status"], &odd["tags"]),
        (&json!("teleportada"), &json!(""))
    );
    assert_eq!(odd["destino"]["duracao_cobrada"], "00:00:60");
    let extension = &odd["origem"];
    assert_eq!(
        (&extension["status"], &extension["data_inicio"]),
        (&json!(null), &json!(null))
    );
    assert_eq!(
        (&extension["duracao_segundos"], &extension["motivo_desconexao"]),
        (&json!(0), &json!("indefinido"))
    );
    assert!(unanswered["url_gravacao"].as_str().unwrap().contains("/rec/"));
    assert_eq!(unanswered["destino"]["duracao_cobrada_segundos"], 0);
}

#[tokio::test]
async fn received_calls_have_a_total_and_a_limit_of_text() {
    let sim = Sim::start().await;
    let row = json!({"resource": "did", "created": "2026-03-10T12:00:00Z", "from": MOBILE, "to": "551033334444",
                     "status": "ocupado", "rang": 15});
    let ids = add(&sim, json!([row, row])).await;
    let report = sim.get(&format!("/did/relatorio?{PERIOD}&limite=1")).await;
    let data = report.data();
    assert_eq!(
        (&data["total"], &data["posicao"], &data["limite"]),
        (&json!(2), &json!(0), &json!("1"))
    );
    assert_eq!(data["relatorio"].as_array().unwrap().len(), 1);
    let call = sim.get(&format!("/did/chamada/{}", ids[0])).await.data().clone();
    assert_eq!(
        (&call["numero_origem"], &call["duracao_segundos"]),
        (&json!(MOBILE), &json!(15))
    );
    assert_eq!(
        (&call["status"], &call["ramal"], &call["ativa"]),
        (&json!("ocupado"), &json!("9000"), &json!(false))
    );
    assert_eq!(sim.get("/did/chamada/1").await.refusal().1, 60);
}

#[tokio::test]
async fn seeded_history_is_the_same_for_the_same_seed() {
    let shape = async |seed| {
        let history = Seeding {
            rows: 300,
            days: 5,
            seed,
        };
        let knobs = Knobs {
            report_ascending: true,
            ..Knobs::default()
        };
        let sim = Sim::with(Options {
            history,
            knobs,
            ..Options::default()
        })
        .await;
        let report = sim
            .get("/chamada/relatorio?data_inicio=2020-01-01&data_fim=2099-01-01&limite=200")
            .await;
        let rows = report.data()["relatorio"].as_array().unwrap().clone();
        rows.iter()
            .map(|row| format!("{}{}", row["destino"]["numero"], row["tags"]))
            .collect::<Vec<_>>()
    };
    let first = shape(1).await;
    assert!(first.len() > 100);
    assert_eq!(first, shape(1).await);
    assert_ne!(first, shape(2).await);
}
