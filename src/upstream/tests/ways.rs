//! What goes on from one configuration to the next.

use super::provider::{Provider, answer, answer_with};
use super::*;
use crate::upstream::{Urgency, Ways};

fn ways() -> Ways {
    Ways::from(Arc::new(ManualClock::at(now().as_millis())))
}

#[tokio::test]
async fn what_fails_is_still_known_under_another_configuration_unless_the_account_is_elsewhere() {
    let ways = ways();
    let nobody = settings("http://127.0.0.1:1");
    let before = Upstream::new(nobody.clone(), ways.clone());
    while before.obstacle("GET /x", Urgency::Usual).is_none() {
        failure(&before, read()).await;
    }
    let quicker = Settings {
        per_second: nobody.per_second + 1,
        concurrent: nobody.concurrent + 1,
        ..nobody
    };
    assert!(
        Upstream::new(quicker.clone(), ways.clone())
            .obstacle("GET /x", Urgency::Usual)
            .is_some()
    );
    let provider = Provider::start([answer("200 OK", "")]).await;
    let elsewhere = Settings {
        base_url: provider.url.parse().unwrap(),
        ..quicker
    };
    let moved = Upstream::new(elsewhere, ways);
    assert_eq!(moved.obstacle("GET /x", Urgency::Usual), None);
    moved.exchange(read(), judge).await.unwrap();
}

#[tokio::test]
async fn a_provider_that_asks_to_wait_is_left_alone_under_another_configuration_too() {
    let busy = answer_with("429 Too Many Requests", "retry-after: 30\r\n", "");
    let provider = Provider::start([busy]).await;
    let ways = ways();
    let before = Upstream::new(settings(&provider.url), ways.clone());
    assert_eq!(failure(&before, act()).await.kind, FailureKind::Busy);
    let after = Upstream::new(settings(&provider.url), ways);
    assert!(matches!(
        after.obstacle("GET /x", Urgency::Usual),
        Some(Obstacle::Paused(_))
    ));
}
