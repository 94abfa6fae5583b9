//! An exchange has the time that is left to whoever asks for it: no more, and where that is too little, none.

use std::cell::Cell;
use std::future::pending;

use tokio::time::Instant;

use super::provider::{Act, Provider};
use super::*;
use crate::domain::error::Withheld;

/// What is left to whoever asks, in milliseconds; the account allows five seconds.
const LEFT: [u64; 7] = [100, 250, 500, 1_000, 2_000, 3_500, 5_000];

/// How long after its deadline an exchange with a silent provider ends; the time stands still but for that.
async fn lateness(left: Duration) -> Duration {
    // On a busy machine a short time is over before there is a connection.
    for _ in 0..20 {
        let provider = Provider::start([Act::Hang]).await;
        let upstream = start(Settings {
            timeout: Duration::from_secs(5),
            ..settings(&provider.url)
        });
        let deadline = Instant::now() + left;
        let still = Cell::new(false);
        let only_waits = async {
            while provider.requests().is_empty() {
                tokio::task::yield_now().await;
            }
            still.set(true);
            tokio::time::pause();
            pending::<()>().await;
        };
        tokio::select! {
            _ = crate::timing::until(Some(deadline), failure(&upstream, read())) => {}
            () = only_waits => {}
        }
        if still.get() {
            let now = Instant::now();
            tokio::time::resume();
            assert!(now >= deadline, "{left:?} are not over yet");
            return now - deadline;
        }
    }
    panic!("no exchange with {left:?} left was begun");
}

#[tokio::test]
async fn an_exchange_ends_when_whoever_asks_for_it_stops_waiting() {
    for left in LEFT.map(Duration::from_millis) {
        let late = lateness(left).await;
        println!("{left:?} left: cut off {late:?} later");
        assert!(late <= Duration::from_millis(20), "{left:?} left: {late:?}");
    }
}

#[tokio::test]
async fn an_exchange_has_no_longer_than_whoever_asks_for_it_waits() {
    let provider = Provider::start([Act::Hang]).await;
    let upstream = upstream(&provider.url);
    let within = async |time: Duration| {
        let deadline = tokio::time::Instant::now() + time;
        let failure = crate::timing::until(Some(deadline), failure(&upstream, read())).await;
        (failure.kind, failure.withheld)
    };
    let asked = within(Duration::from_secs(1)).await;
    assert_eq!(asked, (FailureKind::Interrupted, None), "long before its own 30 s");
    assert_eq!(provider.requests().len(), 1);
    let expired = within(Duration::ZERO).await;
    assert_eq!(expired, (FailureKind::NotSent, Some(Withheld::TooLate)));
    assert_eq!(provider.requests().len(), 1, "nobody waits for the answer");
}

/// What becomes of an exchange that somebody waits for so long.
async fn within(time: Duration, upstream: &Upstream, exchange: Exchange) -> Failure {
    let deadline = tokio::time::Instant::now() + time;
    crate::timing::until(Some(deadline), failure(upstream, exchange)).await
}

#[tokio::test]
async fn an_act_is_not_begun_with_less_than_half_of_its_time() {
    let provider = Provider::start([Act::Hang]).await;
    let upstream = upstream(&provider.url);
    let refused = within(Duration::from_secs(14), &upstream, act()).await;
    assert_eq!(refused.withheld, Some(Withheld::TooLate));
    assert_eq!(provider.requests().len(), 0);
}

#[tokio::test]
async fn who_has_too_little_time_for_an_answer_says_nothing_of_the_provider() {
    let provider = Provider::start([Act::Hang]).await;
    let upstream = upstream(&provider.url);
    for _ in 0..10 {
        let cut_off = within(Duration::from_millis(60), &upstream, read()).await;
        assert_eq!(cut_off.withheld, None);
    }
    assert_eq!(upstream.health(), Health::default());
}
