//! How many requests a provider that fails gets more than were asked for; it counts them itself.

use futures_util::future::join_all;

use tokio::time::Instant;

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

/// How much a provider had got by some instant.
type Mark = (Instant, usize);

/// What a provider got in the requests of ten seconds, or of all where there are fewer.
struct Window {
    asked: usize,
    sent: usize,
    took: Duration,
}

impl Window {
    /// All of them, from marks at the beginning and after each second's requests.
    fn all(marks: &[Mark]) -> Vec<Self> {
        let seconds = (marks.len() - 1).min(10);
        let windows = marks.windows(seconds + 1).map(|marks| {
            let ((began, before), (ended, after)) = (marks[0], marks[seconds]);
            Self {
                asked: seconds * RATE,
                sent: after - before,
                took: ended - began,
            }
        });
        windows.collect()
    }

    /// A tenth more than was asked for. A busy machine asks for it later than it should, and one more is allowed in each
    /// second beyond ten.
    fn allows(&self) -> usize {
        let beyond = self.took.saturating_sub(Duration::from_secs(10));
        self.asked * 11 / 10 + beyond.as_secs_f64().ceil() as usize
    }

    fn ratio(&self) -> f64 {
        self.sent as f64 / self.asked as f64
    }
}

#[tokio::test]
async fn a_provider_that_always_fails_gets_a_tenth_more_in_any_ten_seconds_and_no_act_twice() {
    for exchange in [read(), act()] {
        let provider = Provider::start([answer(BROKEN, "")]).await;
        let upstream = without_breaker(&provider.url);
        let mut pace = tokio::time::interval(Duration::from_secs(1) / 10);
        let mut marks = vec![(Instant::now(), 0)];
        for _ in 0..seconds() {
            for _ in 0..10 {
                pace.tick().await;
                let failures = join_all((0..RATE / 10).map(|_| failure(&upstream, exchange.clone()))).await;
                assert!(failures.iter().all(|failure| failure.withheld.is_none()));
            }
            marks.push((Instant::now(), provider.requests().len()));
        }
        let (windows, sent, asked) = (Window::all(&marks), marks[marks.len() - 1].1, seconds() * RATE);
        println!(
            "{}: {sent} sent for {asked} asked, in ten seconds {:.3} for one at most",
            exchange.operation,
            windows.iter().map(Window::ratio).fold(0.0, f64::max)
        );
        assert!(sent >= asked);
        for window in windows {
            let allowed = if exchange.repeatable {
                window.allows()
            } else {
                window.asked
            };
            assert!(window.sent <= allowed, "{} of {allowed}", window.sent);
        }
    }
}
