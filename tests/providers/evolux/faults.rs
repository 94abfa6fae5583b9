//! What goes wrong: with the credential, the load, the answer and the way.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use switchboard::domain::error::FailureKind::{self, Broken, Busy, Interrupted, Refused};
use switchboard::domain::error::Refusal;

use super::super::common::kind;
use super::*;

const NUMBER: &str = "+5584999010101";
const SINCE: &str = "2024-08-01T03:00:00Z";
const UNTIL: &str = "2024-08-02T03:00:00Z";

async fn accepted(evolux: &Evolux) -> usize {
    evolux.sim.get("calls").await.as_array().unwrap().len()
}

#[rstest]
#[case(json!({ "status": { "code": 401 } }), Refused(Refusal::Credential), 0)]
#[case(json!({ "status": { "code": 400, "body": r#"{"meta":{"status":400,"message":"Missing token."}}"# } }), Refused(Refusal::Credential), 0)]
#[case(json!({ "status": { "code": 422 } }), Refused(Refusal::Invalid), 0)]
#[case(json!({ "busy": 2 }), Busy, 0)]
#[case(json!({ "status": { "code": 500 } }), Broken, 0)]
#[case(json!({ "status": { "code": 500, "acts": true } }), Broken, 1)]
#[case(json!("html"), Broken, 0)]
#[case(json!("garbage"), Broken, 1)]
#[case(json!("ok_false"), Broken, 0)]
#[case(json!({ "truncate_after": 10 }), Broken, 1)]
#[case(json!("close_before"), Interrupted, 0)]
#[case(json!("close_after"), Interrupted, 1)]
#[tokio::test]
async fn a_call_is_never_placed_twice(#[case] effect: Value, #[case] expected: FailureKind, #[case] placed: usize) {
    let evolux = Evolux::start().await;
    evolux.sim.fault(1, effect).await;
    let failure = evolux
        .provider
        .calls()
        .unwrap()
        .place(&agent_call(NUMBER))
        .await
        .unwrap_err();
    assert_eq!((failure.kind, failure.operation), (expected, "POST /api/v1/call"));
    assert_eq!(
        failure.retry_after,
        (expected == Busy).then_some(Duration::from_secs(2))
    );
    assert_eq!(accepted(&evolux).await, placed);
}

#[rstest]
#[case("+5584990000004", Interrupted, 1)]
#[case("+5584990000006", Refused(Refusal::Credit), 0)]
#[case("+5584990000007", Busy, 0)]
#[tokio::test]
async fn a_destination_may_be_the_reason(#[case] number: &str, #[case] expected: FailureKind, #[case] placed: usize) {
    let evolux = Evolux::start().await;
    assert_eq!(
        kind(evolux.provider.calls().unwrap().place(&agent_call(number)).await),
        expected
    );
    assert_eq!(accepted(&evolux).await, placed);
}

#[tokio::test]
async fn a_refused_key_gives_way_to_the_next() {
    let evolux = Evolux::start().await;
    let rotated = evolux.with_keys(r#"{ id = "new", secret = "env::OLD" }, { id = "old", secret = "env::KEY" }"#);
    assert_eq!(rotated.calls().unwrap().place(&agent_call(NUMBER)).await.unwrap(), None);
    assert_eq!(accepted(&evolux).await, 1);
    let usage = rotated.key_usage();
    assert!(usage[0].last_rejected.is_some() && usage[1].last_accepted.is_some());
    let alone = evolux.with_keys(r#"{ id = "new", secret = "env::OLD" }"#);
    let refused = alone.calls().unwrap().place(&agent_call(NUMBER)).await;
    assert_eq!(kind(refused), Refused(Refusal::Credential));
}

#[rstest]
#[case(json!({ "status": { "code": 500 } }))]
#[case(json!("garbage"))]
#[case(json!("close_after"))]
#[tokio::test]
async fn a_page_that_failed_is_asked_for_once_more(#[case] effect: Value) {
    let evolux = Evolux::start().await;
    evolux
        .sim
        .post(
            "rows",
            json!({ "dialer": [{ "id": 1, "start_time": "2024-08-01T12:00:00Z" }] }),
        )
        .await;
    evolux.sim.fault(1, effect.clone()).await;
    let history = evolux.provider.history().unwrap();
    let page = history.page("dialer", &query(SINCE, UNTIL), 0).await.unwrap();
    assert_eq!(page.rows.len(), 1);
    evolux.sim.fault(2, effect).await;
    assert!(matches!(
        kind(history.page("dialer", &query(SINCE, UNTIL), 0).await),
        Broken | Interrupted
    ));
}

#[tokio::test]
async fn an_incomplete_page_is_no_empty_one_and_a_missing_report_is() {
    let evolux = Evolux::start().await;
    let history = evolux.provider.history().unwrap();
    let without_data = json!({ "status": { "code": 200, "body": r#"{"meta":{"status":200,"message":"OK"}}"# } });
    evolux.sim.fault(2, without_data).await;
    assert_eq!(kind(history.page("queue", &query(SINCE, UNTIL), 0).await), Broken);
    evolux.sim.fault(1, json!({ "status": { "code": 404 } })).await;
    let page = history.page("queue", &query(SINCE, UNTIL), 0).await.unwrap();
    assert!(page.rows.is_empty() && !page.more);
    assert_eq!(
        kind(history.page("agents", &query(SINCE, UNTIL), 0).await),
        Refused(Refusal::Unsupported)
    );
}
