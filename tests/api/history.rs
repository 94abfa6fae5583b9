//! Histories that cannot be read, and records that must be found.

use reqwest::Method;
use rstest::rstest;
use serde_json::json;

use crate::site::{NUMBER, Site, expect_wrong, say, with};

#[rstest]
#[case::too_long_ago("since=2020-01-01", "since", "too_large")]
#[case::backwards("since=2026-11-22&until=2026-11-21", "until", "invalid")]
#[case::unknown_account("account=zenvia-br&account=nobody", "account", "unknown")]
#[case::unknown_provider("provider=nobody", "provider", "invalid")]
#[tokio::test]
async fn a_history_that_cannot_be_read_names_the_parameter(
    #[case] query: &str,
    #[case] name: &str,
    #[case] code: &str,
) {
    let site = Site::start().await;
    expect_wrong(&site.acme.get(&format!("/history?{query}")).await, name, code);
}

#[tokio::test]
async fn a_filter_that_no_chosen_source_has_is_not_supported() {
    let site = Site::start().await;
    for filter in ["agent_id", "campaign_id", "external_id"] {
        let answer = site.acme.get(&format!("/history?account=zenvia-br&{filter}=1")).await;
        answer.expect_problem(422, "not-supported");
        assert!(
            answer.body["detail"].as_str().unwrap().contains(filter),
            "{}",
            answer.body
        );
    }
    let csv = site
        .acme
        .ask(Method::GET, "/history")
        .header("accept", "image/png")
        .answer()
        .await;
    csv.expect_problem(406, "not-acceptable");
}

#[tokio::test]
async fn a_tag_finds_the_records_of_every_kind_of_call() {
    let site = Site::start().await;
    let call = site
        .acme
        .post("/calls", with(&say(NUMBER), json!({ "tag": "order-7" })))
        .await
        .expect(201)
        .id();
    site.acme.ended(&call).await;
    let found = site.acme.get("/history?tag=order-7").await;
    let records = found.expect(200).body["data"].as_array().unwrap();
    let calls: Vec<_> = records
        .iter()
        .map(|record| record["call_id"].as_str().unwrap())
        .collect();
    assert_eq!(calls, [call.as_str()]);
}
