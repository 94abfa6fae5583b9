//! What a walk costs the providers, and what it tells of them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::bed::{EVOLUX, Home, Providers};

/// Campaign calls, one a second, newest two minutes ago.
async fn seed(providers: &Providers, count: i64) {
    let now = jiff::Timestamp::now();
    let row = |index: i64| {
        json!({
            "start_time": (now - jiff::SignedDuration::from_secs(120 + index)).to_string(),
            "subscriber": { "number": format!("8433{index:06}"), "external_id": index.to_string() },
            "campaign": { "id": 376 + index % 3, "name": "C" },
            "talk_seconds": if index % 3 == 0 { Value::Null } else { json!(30) },
            "custom_fields": { "row": index.to_string() },
        })
    };
    let rows: Vec<_> = (0..count).map(row).collect();
    let controls = Providers::controls(&providers.evolux.url());
    let made = controls.post("/rows", json!({ "dialer": rows })).await;
    assert!(made.status < 300, "{}", made.body);
}

/// How often the dialler's report was asked for.
async fn requests(providers: &Providers) -> u64 {
    let counts = Providers::controls(&providers.evolux.url()).get("/requests").await;
    let count = &counts.expect(200).body["GET /api/v1/dialer/calls_history"];
    count.as_u64().unwrap()
}

#[tokio::test]
async fn a_walk_over_campaign_calls_reads_each_page_about_once_and_tells_the_campaigns_own_fields() {
    let providers = Providers::start().await;
    seed(&providers, 1_500).await;
    let home = Home::embedded(&providers);
    let gateway = home.run().await;
    let acme = home.client(gateway.address, "acme");
    let since = (jiff::Timestamp::now() - jiff::SignedDuration::from_mins(30)).to_string();
    let base = format!("/history?account={EVOLUX}&kind=campaign&since={since}&until=today&limit=40");
    let mut path = base.clone();
    let mut seen = BTreeSet::new();
    loop {
        let page = acme.get(&path).await;
        for row in page.expect(200).body["data"].as_array().unwrap() {
            let fields = &row["custom_fields"];
            assert!(fields["row"].is_string() || fields["type"].is_string(), "{row}");
            assert!(seen.insert(row["id"].as_str().unwrap().to_owned()), "twice");
        }
        let Some(cursor) = page.body["next_cursor"].as_str() else {
            break;
        };
        path = format!("{base}&cursor={cursor}");
    }
    assert!(seen.len() >= 1_500, "{}", seen.len());
    let least = seen.len().div_ceil(50) as u64;
    let asked = requests(&providers).await;
    assert!(asked <= least + least / 10 + 5, "{asked} requests for {least} pages");
}
