//! Windows and filters over the reports of every provider: what comes is what was asked for, and the sums are of the same.

use rstest::rstest;
use serde_json::{Value, json};

use crate::bed::Providers;
use crate::site::{Site, expect_wrong};

impl Site {
    /// Adds finished calls to the providers' reports.
    async fn remember(&self, zenvia: Value, evolux: Value) {
        for (url, rows) in [
            (self.providers.zenvia.url(), json!({ "rows": zenvia })),
            (self.providers.evolux.url(), evolux),
        ] {
            let added = Providers::controls(&url).post("/rows", rows).await;
            assert!(added.status < 300, "{}", added.body);
        }
    }

    /// The times of the records that a query lists, in order; the summary must count as many.
    async fn times(&self, query: &str) -> Vec<String> {
        let list = self.acme.get(&format!("/history?limit=500&{query}")).await;
        let list = &list.expect(200).body;
        assert_eq!((&list["next_cursor"], &list["complete"]), (&Value::Null, &json!(true)));
        let records = list["data"].as_array().unwrap();
        let summary = self.acme.get(&format!("/history/summary?{query}")).await;
        assert_eq!(summary.expect(200).body["data"][0]["calls"], records.len(), "{query}");
        let mut times: Vec<_> = records
            .iter()
            .map(|record| record["created_at"].as_str().unwrap().to_owned())
            .collect();
        times.sort();
        times
    }
}

/// A call of every report at each of these times.
async fn site_with_calls_at(times: &[&str]) -> Site {
    let site = Site::start().await;
    let reports = ["chamada", "tts", "audio", "composto", "did"];
    let zenvia: Vec<_> = times
        .iter()
        .flat_map(|at| reports.map(|report| json!({ "resource": report, "created": at, "to": "11988887777" })))
        .collect();
    let dialer: Vec<_> = times.iter().map(|at| json!({ "start_time": at })).collect();
    let queue: Vec<_> = times.iter().map(|at| json!({ "join": at })).collect();
    site.remember(json!(zenvia), json!({ "dialer": dialer, "queue": queue }))
        .await;
    site
}

/// Each time as often as there are reports.
fn of_every_report(times: &[&str]) -> Vec<String> {
    let written = |time: &&str| vec![time.replace('Z', ".000Z"); 7];
    times.iter().flat_map(written).collect()
}

#[tokio::test]
async fn days_are_whole_and_instants_are_exact() {
    let [before, first, last, after] = [
        "2025-11-20T02:59:59Z",
        "2025-11-20T03:00:00Z",
        "2025-11-21T02:59:59Z",
        "2025-11-21T03:00:00Z",
    ];
    let site = site_with_calls_at(&[before, first, last, after]).await;
    for (window, expected) in [
        ("since=2025-11-20&until=2025-11-20", vec![first, last]),
        ("since=2025-11-19&until=2025-11-21", vec![before, first, last, after]),
        ("since=2025-11-19&until=2025-11-19", vec![before]),
        ("since=2025-11-20T03:00:00Z&until=2025-11-21T02:59:59Z", vec![first]),
        (
            "since=2025-11-20T00:00:00-03:00&until=2025-11-20T23:59:59.999-03:00",
            vec![first, last],
        ),
        ("since=2025-11-20T03:00:00.001Z&until=2025-11-21T03:00:00Z", vec![last]),
        (
            "since=2025-11-20T02:59:59.001Z&until=2025-11-21T03:00:00.001Z",
            vec![first, last, after],
        ),
        ("since=2025-11-19&until=2025-11-20T03:00:00Z", vec![before]),
        ("since=2025-11-21T02:59:59Z&until=2025-11-21", vec![last, after]),
        ("since=2025-11-20T03:00:00Z&until=2025-11-20T03:00:00Z", vec![]),
    ] {
        let window = window.replace('+', "%2B");
        assert_eq!(site.times(&window).await, of_every_report(&expected), "{window}");
    }
    let by_day = site
        .acme
        .get("/history/summary?since=2025-11-19&until=2025-11-21&group_by=day")
        .await;
    let days: Vec<_> = by_day.expect(200).body["data"].as_array().unwrap().clone();
    let days: Vec<_> = days
        .iter()
        .map(|row| (row["day"].as_str().unwrap(), row["calls"].clone()))
        .collect();
    assert_eq!(
        days,
        [
            ("2025-11-19", json!(7)),
            ("2025-11-20", json!(14)),
            ("2025-11-21", json!(7))
        ]
    );
}

#[tokio::test]
async fn days_on_which_brazilian_clocks_changed_are_whole_too() {
    let spring = [
        "2018-11-04T02:59:59Z",
        "2018-11-04T03:00:00Z",
        "2018-11-05T01:59:59Z",
        "2018-11-05T02:00:00Z",
    ];
    let autumn = [
        "2018-02-17T01:59:59Z",
        "2018-02-17T02:00:00Z",
        "2018-02-18T01:30:00Z",
        "2018-02-18T02:30:00Z",
        "2018-02-18T03:00:00Z",
    ];
    let site = site_with_calls_at(&[&spring[..], &autumn[..]].concat()).await;
    let long = site.times("since=2018-02-17&until=2018-02-17").await;
    assert_eq!(long, of_every_report(&autumn[1..4]), "25 hours");
    let short = site.times("since=2018-11-04&until=2018-11-04").await;
    assert_eq!(short, of_every_report(&spring[1..3]), "23 hours");
    let hours = site
        .acme
        .get("/history/summary?since=2018-11-04&until=2018-11-04&group_by=hour&kind=say")
        .await;
    let hours = &hours.expect(200).body["data"];
    assert_eq!(
        (&hours[0]["hour"], &hours[1]["hour"], hours[2].is_null()),
        (&json!(1), &json!(23), true)
    );
}

/// Calls that differ in the minute they were made at, 12:01 and on.
async fn site_with_different_calls() -> Site {
    let site = Site::start().await;
    let at = |minute: u32| format!("2025-11-20T12:{minute:02}:00Z");
    let zenvia = json!([
        { "created": at(1), "from": "1133330001", "to": "11988887777", "talked": 30, "tags": "order-7" },
        { "resource": "tts", "created": at(2), "to": "1188887777", "status": "ocupado", "reason": "17. ocupado" },
        { "resource": "did", "created": at(3), "from": "21977776666", "to": "1130031000", "talked": 10 },
    ]);
    let evolux = json!({
        "dialer": [
            { "start_time": at(4), "subscriber": { "external_id": "crm-4", "number": "84999000001", "name": "Ana" } },
            { "start_time": at(5), "talk_seconds": null, "agent": null, "campaign": { "id": 377, "name": "C" },
              "hangup_causes": ["Não atendida", "No answer"],
              "subscriber": { "external_id": "crm-5", "number": "8499000001", "name": "Bia" } },
        ],
        "queue": [{ "join": at(6), "agent_id": 150, "caller_number": "85988880000" }],
    });
    site.remember(zenvia, evolux).await;
    site
}

#[tokio::test]
async fn every_filter_means_what_it_says() {
    let site = site_with_different_calls().await;
    let every = site.acme.get("/history?since=2025-11-20&until=2025-11-20").await;
    let records = every.expect(200).body["data"].as_array().unwrap().clone();
    let ids: Vec<_> = records
        .iter()
        .rev()
        .map(|record| record["provider_ref"]["id"].as_str().unwrap())
        .collect();
    let [first, sixth] = [ids[0], ids[5]];
    let refs = format!("provider_ref={first}&provider_ref={sixth}");
    for (filter, expected) in [
        ("", &[1, 2, 3, 4, 5, 6][..]),
        ("number=%2B5511988887777", &[1, 2]),
        ("number=(11)%2098888-7777", &[1, 2]),
        ("number=011%2098888-7777", &[1, 2]),
        ("number=whatsapp:%2B551188887777", &[1, 2]),
        // Of two phones that are joined the one that is rung first is called; both are parties.
        ("to=11988887777", &[2]),
        ("to=1133330001", &[1]),
        ("number=1133330001", &[1]),
        ("from=11988887777", &[]),
        ("from=1133330001", &[]),
        ("from=21977776666", &[3]),
        ("number=8433330000", &[6]),
        ("number=21977776666&number=84999000001", &[3, 4, 5]),
        ("to=84999000001&answered=true", &[4]),
        ("answered=true", &[1, 3, 4, 6]),
        ("answered=false", &[2, 5]),
        ("status=busy", &[2]),
        ("status=busy&status=no_answer", &[2, 5]),
        ("status=busy&answered=true", &[]),
        ("direction=inbound&kind=did", &[3]),
        ("kind=did&kind=campaign", &[3, 4, 5]),
        ("kind=whatsapp", &[]),
        ("provider=evolux", &[4, 5, 6]),
        ("provider=evolux&provider=zenvia", &[1, 2, 3, 4, 5, 6]),
        ("account=zenvia-br", &[1, 2, 3]),
        ("account=zenvia-br&provider=evolux", &[]),
        ("tag=order-7", &[1]),
        ("tag=order-7&tag=order-8", &[1]),
        ("tag=order", &[]),
        ("agent_id=149", &[4]),
        ("agent_id=149&agent_id=150", &[4, 6]),
        ("campaign_id=376&campaign_id=377", &[4, 5]),
        ("campaign_id=377&account=evolux-natal", &[5]),
        ("external_id=crm-4", &[4]),
        ("external_id=crm-4&external_id=crm-5", &[4, 5]),
        (&refs, &[1, 6]),
        ("provider_ref=nothing", &[]),
    ] {
        let times = site.times(&format!("since=2025-11-20&until=2025-11-20&{filter}")).await;
        let minutes: Vec<u32> = times.iter().map(|time| time[14..16].parse().unwrap()).collect();
        assert_eq!(minutes, expected, "{filter}");
    }
}

#[tokio::test]
async fn area_codes_are_those_of_the_other_party() {
    let site = site_with_different_calls().await;
    let summary = site
        .acme
        .get("/history/summary?since=2025-11-20&until=2025-11-20&group_by=area_code")
        .await;
    let rows = summary.expect(200).body["data"].as_array().unwrap().clone();
    let codes: Vec<_> = rows
        .iter()
        .map(|row| (row["area_code"].as_str().unwrap(), row["calls"].as_u64().unwrap()))
        .collect();
    assert_eq!(codes, [("11", 2), ("21", 1), ("84", 2), ("85", 1)]);
}

#[rstest]
#[case::window("since=2026-01-01&until=2026-02-28", "since", "too_large")]
#[case::backwards("since=2026-02-02&until=2026-02-01", "until", "invalid")]
#[case::group("group_by=day,month", "group_by", "invalid")]
#[case::nothing("group_by=", "group_by", "invalid")]
#[case::account("account=nobody", "account", "unknown")]
#[case::provider("provider=nobody", "provider", "invalid")]
#[case::page("limit=1", "limit", "unknown")]
#[case::raw("include=raw", "include", "unknown")]
#[tokio::test]
async fn a_summary_that_cannot_be_made_names_the_parameter(
    #[case] query: &str,
    #[case] name: &str,
    #[case] code: &str,
) {
    let site = Site::start().await;
    expect_wrong(&site.acme.get(&format!("/history/summary?{query}")).await, name, code);
    let unsupported = site.acme.get("/history/summary?account=zenvia-br&agent_id=1").await;
    unsupported.expect_problem(422, "not-supported");
}
