//! A report whose rows are computed when they are asked for.

use std::collections::BTreeSet;

use serde_json::Value;
use switchboard::simulators::evolux::{Bulk, Options, start};

use crate::wire::Client;

const REPORT: &str = "/api/v1/dialer/calls_history";

#[tokio::test]
async fn every_row_is_listed_once_and_the_sums_are_those_of_the_rows() {
    let bulk = Bulk {
        rows: 1_000,
        days: 3,
        until: "2026-05-04T00:00:00Z".parse().unwrap(),
    };
    let options = Options {
        tokens: vec!["key".to_owned()],
        bulk: Some(bulk),
        ..Options::default()
    };
    let handle = start(options).await.unwrap();
    let client = Client::new(handle.addr).with("token", "key");
    let mut rows = Vec::new();
    let mut pages = 0;
    for (first, last) in [
        ("2026-05-03T00:00:00Z", "2026-05-04T00:00:00Z"),
        ("2026-05-01T00:00:00Z", "2026-05-02T23:59:59Z"),
    ] {
        for page in 1.. {
            let listed = client
                .get(&format!(
                    "{REPORT}?start_date={first}&end_date={last}&contact_status=both&limit=50&page={page}"
                ))
                .await
                .json();
            pages += 1;
            rows.extend(listed["data"].as_array().unwrap().clone());
            if listed["pagination"]["next_url"].is_null() {
                break;
            }
        }
    }
    let ids: Vec<u64> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1_000);
    assert!(ids.is_sorted_by(|one, next| one > next), "newest first");
    assert!(rows.is_sorted_by_key(|row| std::cmp::Reverse(row["start_time"].as_str().unwrap().to_owned())));

    let told: Value = client.get("/_sim/bulk").await.json();
    assert_eq!(told["rows"], 1_000);
    assert_eq!(told["since"], "2026-05-01T00:00:00Z");
    assert_eq!(told["sum"].as_u64().unwrap(), ids.iter().sum::<u64>());
    let squares = ids.iter().fold(0_u64, |sum, id| sum.wrapping_add(id.wrapping_mul(*id)));
    assert_eq!(told["squares"].as_u64().unwrap(), squares);
    let asked = client.get("/_sim/bulk/asked").await.json();
    assert_eq!(asked.as_array().unwrap().len(), pages);
    let again = client.get(asked[0].as_str().unwrap()).await.json();
    assert_eq!(again["data"][0]["id"], rows[0]["id"]);
}
