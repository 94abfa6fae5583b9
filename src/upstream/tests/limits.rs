//! Places, deadlines, and exchanges given up by their caller.

use super::provider::{Act, Provider, answer};
use super::*;
use crate::domain::error::Withheld;

fn one_place(provider: &Provider) -> Upstream {
    start(Settings {
        concurrent: 1,
        timeout: Duration::from_secs(3),
        ..settings(&provider.url)
    })
}

/// Waits until the provider has read a request.
async fn until_asked(provider: &Provider) {
    while provider.requests().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_finds_no_place_in_time_is_told_so_and_sends_nothing() {
    let provider = Provider::start([Act::Hang]).await;
    let upstream = one_place(&provider);
    let second = async {
        until_asked(&provider).await;
        failure(&upstream, act()).await
    };
    // The second does not wait to its deadline but only as long as a try could still be made: it ends first.
    tokio::select! {
        _ = upstream.exchange(act(), judge) => panic!("the provider says nothing"),
        second = second => assert_eq!(second.withheld, Some(Withheld::Full)),
    }
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn an_exchange_given_up_leaves_its_place_and_its_connection_to_nobody() {
    let provider = Provider::start([Act::Hang, answer("200 OK", "next")]).await;
    let upstream = one_place(&provider);
    tokio::select! {
        _ = upstream.exchange(act(), judge) => panic!("the provider says nothing"),
        () = until_asked(&provider) => {}
    }
    assert_eq!(upstream.exchange(act(), judge).await.unwrap(), "next");
    assert_eq!(provider.connections(), 2);
}

#[tokio::test]
async fn time_spent_with_the_provider_is_told_to_the_request_and_to_the_metrics() {
    let metrics = crate::telemetry::install_metrics();
    let provider = Provider::start([answer("200 OK", ""), answer("404 Not Found", "")]).await;
    let upstream = upstream(&provider.url);
    let timing = crate::timing::scope(async {
        upstream.exchange(act(), judge).await.unwrap();
        failure(&upstream, act()).await;
        crate::timing::read()
    });
    assert!(timing.await.upstream > Duration::ZERO);
    let page = metrics.render();
    for outcome in ["success", "refused"] {
        let labels = format!("{{account=\"zenvia-br\",operation=\"POST /x\",outcome=\"{outcome}\"}}");
        let series = format!("switchboard_upstream_duration_seconds_count{labels}");
        assert!(page.contains(&series), "{page}");
    }
}

#[tokio::test]
async fn exchanges_may_run_as_tasks_of_their_own() {
    let provider = Provider::start([answer("200 OK", "here")]).await;
    let upstream = Arc::new(upstream(&provider.url));
    let tasks = (0..20).map(|_| {
        let upstream = Arc::clone(&upstream);
        tokio::spawn(async move { upstream.exchange(read(), judge).await })
    });
    for task in tasks.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap().unwrap(), "here");
    }
    assert!(provider.connections() <= 8, "there are eight places");
}

#[tokio::test]
async fn an_account_that_is_switched_off_is_sent_nothing() {
    let provider = Provider::start([answer("200 OK", "")]).await;
    let upstream = start(Settings {
        off: true,
        ..settings(&provider.url)
    });
    assert_eq!(failure(&upstream, read()).await.withheld, Some(Withheld::Off));
    assert_eq!(provider.connections(), 0);
}
