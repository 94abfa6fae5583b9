//! What becomes of exchanges with a provider that fails, on real sockets; the provider counts what it got.

use futures_util::future::join_all;

use super::provider::{Act, Provider, answer, answer_with};
use super::*;
use crate::domain::error::Withheld;

const OK: &str = "200 OK";
const BROKEN: &str = "500 Oops";

async fn withheld(upstream: &Upstream, exchange: Exchange) -> Option<Withheld> {
    let failure = failure(upstream, exchange).await;
    assert!(failure.withheld.is_none() || failure.kind == FailureKind::NotSent);
    failure.withheld
}

#[tokio::test]
async fn after_five_failures_nothing_is_sent_until_a_probe_succeeds() {
    let broken = std::iter::repeat_n(answer(BROKEN, ""), 5);
    let provider = Provider::start(broken.chain([answer(OK, "")])).await;
    let upstream = upstream(&provider.url);
    for _ in 0..5 {
        assert_eq!(withheld(&upstream, act()).await, None);
    }
    for _ in 0..100 {
        assert_eq!(withheld(&upstream, act()).await, Some(Withheld::Failing));
    }
    assert_eq!(provider.requests().len(), 5);
    assert_eq!(upstream.health().status, HealthStatus::Unhealthy);
    assert_eq!(upstream.health().failing, ["POST /x"]);
    assert!(matches!(
        upstream.obstacle("POST /x", Urgency::Usual),
        Some(Obstacle::Failing(_))
    ));

    let began = std::time::Instant::now();
    while upstream.exchange(act(), judge).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(10), "it is found to work again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(upstream.health().status, HealthStatus::Healthy);
    assert_eq!(provider.requests().len(), 6);
}

#[tokio::test]
async fn an_operation_that_fails_is_not_held_against_the_others() {
    let broken = std::iter::repeat_n(answer(BROKEN, ""), 5);
    let provider = Provider::start(broken.chain([answer(OK, "")])).await;
    let upstream = upstream(&provider.url);
    for _ in 0..5 {
        withheld(&upstream, act()).await;
    }
    assert_eq!(upstream.obstacle("GET /x", Urgency::Usual), None);
    assert!(upstream.exchange(read(), judge).await.is_ok());
    assert_eq!(withheld(&upstream, act()).await, Some(Withheld::Failing));
}

#[tokio::test]
async fn a_provider_that_cannot_be_connected_to_is_left_alone_altogether() {
    let upstream = upstream(&nobody().await);
    while withheld(&upstream, act()).await.is_none() {}
    assert_eq!(withheld(&upstream, read()).await, Some(Withheld::Failing));
    assert_eq!(upstream.health().failing, ["connect"]);
}

#[tokio::test]
async fn refusals_are_answers() {
    for status in ["404 Not Found", "403 Forbidden", "409 Conflict"] {
        let provider = Provider::start([answer(status, "")]).await;
        let upstream = upstream(&provider.url);
        for _ in 0..50 {
            assert_eq!(withheld(&upstream, act()).await, None);
        }
        assert_eq!(upstream.health().error_ratio, Some(0.0));
    }
}

#[tokio::test]
async fn callers_who_give_up_say_nothing_of_the_provider() {
    let provider = Provider::start([Act::Hang]).await;
    let upstream = upstream(&provider.url);
    for asked in 1..=50 {
        tokio::select! {
            _ = upstream.exchange(act(), judge) => panic!("the provider says nothing"),
            () = async { while provider.requests().len() < asked { tokio::task::yield_now().await } } => {}
        }
    }
    assert_eq!(upstream.health(), Health::default());
}

#[tokio::test]
async fn a_provider_that_falls_silent_is_left_alone_before_its_first_answer_is_given_up() {
    let provider = Provider::start([Act::Hang]).await;
    let upstream = start(Settings {
        timeout: Duration::from_millis(1_500),
        ..settings(&provider.url)
    });
    let lost = join_all((0..5).map(|_| failure(&upstream, act())));
    let left_alone = async {
        while upstream.obstacle("POST /x", Urgency::Usual).is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        withheld(&upstream, act()).await
    };
    tokio::pin!(lost);
    tokio::select! {
        biased;
        _ = &mut lost => panic!("it was known to be silent only when its time was over"),
        withheld = left_alone => assert_eq!(withheld, Some(Withheld::Failing)),
    }
    for lost in lost.await {
        assert_eq!(
            (lost.kind, lost.withheld),
            (FailureKind::Interrupted, None),
            "it had all of its time"
        );
    }
    assert_eq!(provider.requests().len(), 5);
}

#[tokio::test]
async fn a_probe_whose_caller_gives_up_is_followed_by_another() {
    let broken = std::iter::repeat_n(answer(BROKEN, ""), 5);
    let provider = Provider::start(broken.chain([Act::Hang, answer(OK, "")])).await;
    let upstream = upstream(&provider.url);
    for _ in 0..5 {
        withheld(&upstream, act()).await;
    }
    let given_up = async {
        while provider.requests().len() < 6 {
            tokio::task::yield_now().await;
        }
    };
    let probe = async {
        while failure(&upstream, act()).await.withheld.is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = probe => panic!("the provider says nothing"),
        () = given_up => {}
    }
    let began = std::time::Instant::now();
    while upstream.exchange(act(), judge).await.is_err() {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "the next probe is let through"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_provider_that_asks_to_wait_is_not_asked_meanwhile() {
    let busy = answer_with("429 Too Many Requests", "retry-after: 30\r\n", "");
    let provider = Provider::start([busy, answer(OK, "")]).await;
    let settings = Settings {
        timeout: Duration::from_secs(1),
        ..settings(&provider.url)
    };
    let upstream = start(settings);
    assert_eq!(failure(&upstream, act()).await.kind, FailureKind::Busy);
    let refused = failure(&upstream, read()).await;
    assert_eq!(refused.withheld, Some(Withheld::Paused));
    let wait = refused.retry_after.unwrap();
    assert!(
        wait > Duration::from_secs(20) && wait <= Duration::from_secs(30),
        "{wait:?}"
    );
    assert!(matches!(
        upstream.obstacle("GET /x", Urgency::Usual),
        Some(Obstacle::Paused(_))
    ));
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn an_operation_that_is_limited_apart_is_left_alone_by_itself() {
    for apart in [read().limited_apart(), read().urgency(Urgency::Last)] {
        let busy = answer_with("429 Too Many Requests", "retry-after: 30\r\n", "");
        let provider = Provider::start([busy, answer(OK, "")]).await;
        let upstream = upstream(&provider.url);
        assert_eq!(failure(&upstream, apart.clone()).await.kind, FailureKind::Busy);
        assert_eq!(withheld(&upstream, apart).await, Some(Withheld::Paused));
        assert!(matches!(
            upstream.obstacle("GET /x", Urgency::Usual),
            Some(Obstacle::Paused(_))
        ));
        assert_eq!(upstream.obstacle("POST /x", Urgency::Usual), None);
        upstream.exchange(act(), judge).await.unwrap();
    }
}

#[tokio::test]
async fn an_account_without_credit_is_known_for_it_until_it_does_the_same_thing() {
    let provider = Provider::start([answer("402 Payment Required", ""), answer(OK, "")]).await;
    let upstream = upstream(&provider.url);
    let judge = |answer: &Answer| match answer.status {
        402 => Err(Rejection::refused(Refusal::Credit)),
        _ => Ok(()),
    };
    upstream.exchange(act(), judge).await.unwrap_err();
    assert_eq!(upstream.obstacle("POST /x", Urgency::Usual), Some(Obstacle::NoCredit));
    upstream.exchange(read(), judge).await.unwrap();
    assert_eq!(upstream.obstacle("POST /x", Urgency::Usual), Some(Obstacle::NoCredit));
    upstream.exchange(act(), judge).await.unwrap();
    assert_eq!(upstream.obstacle("POST /x", Urgency::Usual), None);
}

#[tokio::test]
async fn a_read_that_may_have_been_read_is_not_told_as_unsent_because_its_repetition_was() {
    let provider = Provider::start([answer(BROKEN, "")]).await;
    let mut settings = settings(&provider.url);
    settings.breaker.min_requests = 1;
    let failure = failure(&start(settings), read()).await;
    assert_eq!((failure.kind, failure.withheld), (FailureKind::Broken, None));
    assert_eq!(provider.requests().len(), 1, "the breaker held the second one back");
}
