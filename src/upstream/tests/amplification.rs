//! How many requests a provider that fails gets more than were asked for; it counts them itself.

use std::collections::VecDeque;

use futures_util::future::join_all;

use super::provider::{Provider, answer};
use super::*;

const OK: &str = "200 OK";
const BROKEN: &str = "503 Oops";
/// What is asked for in a second.
const RATE: usize = 500;

/// A client whose breaker never opens.
fn without_breaker(url: &str) -> Upstream {
    let settings = settings(url);
    let breaker = Breaker {
        min_requests: 1_000_000,
        ..settings.breaker
    };
    start(Settings {
        breaker,
        concurrent: 1_000,
        ..settings
    })
}

/// A provider that answers every other request, in no order that helps.
async fn half_broken(answers: usize) -> Provider {
    let mut random = 0x2545_f491_u32;
    let acts = (0..answers).map(|_| {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        answer(if random & 1 == 0 { OK } else { BROKEN }, "")
    });
    Provider::start(acts.collect::<Vec<_>>()).await
}

#[tokio::test]
async fn a_provider_that_fails_half_the_time_gets_a_tenth_more_requests_at_most_and_no_act_twice() {
    const ASKED: usize = 2_000;
    for (exchange, most) in [(read(), ASKED * 11 / 10), (act(), ASKED)] {
        let provider = half_broken(4 * ASKED).await;
        let upstream = without_breaker(&provider.url);
        for _ in 0..ASKED / 8 {
            join_all((0..8).map(|_| upstream.exchange(exchange.clone(), judge))).await;
        }
        let sent = provider.requests().len();
        println!("{}: {sent} sent for {ASKED} asked", exchange.operation);
        assert!(
            (ASKED..=most).contains(&sent),
            "{}: {sent} of {most}",
            exchange.operation
        );
    }
}

/// How long a provider fails: three seconds, or as many as `SWITCHBOARD_AMPLIFICATION_SECONDS` says.
fn seconds() -> usize {
    let asked = std::env::var("SWITCHBOARD_AMPLIFICATION_SECONDS");
    asked.map_or(3, |seconds| seconds.parse().unwrap())
}

/// The most that a provider got for each request of ten seconds, or of all where there are fewer.
fn most_in_ten_seconds(sent_by_second: &[usize]) -> f64 {
    let mut window = VecDeque::from([0]);
    let ratios = sent_by_second.iter().enumerate().filter_map(|(second, sent)| {
        window.push_back(*sent);
        if window.len() > 11 {
            window.pop_front();
        }
        let whole = window.len() == 11 || second + 1 == sent_by_second.len();
        let asked = (window.len() - 1) * RATE;
        whole.then(|| (sent - window[0]) as f64 / asked as f64)
    });
    ratios.fold(0.0, f64::max)
}

#[tokio::test]
async fn a_provider_that_always_fails_gets_a_tenth_more_in_any_ten_seconds_and_no_act_twice() {
    for (exchange, most) in [(read(), 1.10), (act(), 1.0)] {
        let provider = Provider::start([answer(BROKEN, "")]).await;
        let upstream = without_breaker(&provider.url);
        let mut pace = tokio::time::interval(Duration::from_secs(1) / 10);
        let mut sent = Vec::new();
        for _ in 0..seconds() {
            for _ in 0..10 {
                pace.tick().await;
                let failures = join_all((0..RATE / 10).map(|_| failure(&upstream, exchange.clone()))).await;
                assert!(failures.iter().all(|failure| failure.withheld.is_none()));
            }
            sent.push(provider.requests().len());
        }
        let (ratio, sent, asked) = (most_in_ten_seconds(&sent), sent[sent.len() - 1], seconds() * RATE);
        println!(
            "{}: {sent} sent for {asked} asked, in ten seconds {ratio:.3} for one at most",
            exchange.operation
        );
        assert!(sent >= asked && ratio <= most, "{ratio} of {most}");
    }
}
