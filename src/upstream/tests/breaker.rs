//! When a breaker opens, whom it lets through, and when it closes: pure, with the time given.

use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::upstream::breaker::{Breaker, Pass, Standing};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
/// After which a request is slow.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// A breaker and a time of its own.
struct Bench {
    breaker: Breaker,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self {
            breaker: Breaker::new(settings("http://x").breaker, PATIENCE),
            now: Instant::now(),
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    fn pass(&self) -> Option<Pass> {
        self.breaker.pass(self.now).ok()
    }

    fn end(&self, succeeded: bool) {
        self.pass().expect("it lets requests through").end(succeeded, self.now);
    }

    fn is(&self, standing: Standing) -> bool {
        self.breaker.standing(self.now) == standing
    }

    /// Fails until it opens, and says after how many.
    fn break_it(&self) -> usize {
        (1..100)
            .find(|_| {
                self.end(false);
                self.is(Standing::Open)
            })
            .expect("it opens")
    }
}

#[test]
fn five_failures_in_a_row_open_it() {
    let bench = Bench::new();
    bench.end(true);
    assert_eq!(bench.break_it(), 5);
    assert!(bench.pass().is_none());
}

#[test]
fn a_success_between_them_starts_the_row_again() {
    let bench = Bench::new();
    for succeeded in [false, false, false, false, true, false, false, false, false] {
        bench.end(succeeded);
    }
    assert!(bench.is(Standing::Closed));
}

#[test]
fn half_of_all_failing_opens_it_within_two_seconds_after_an_hour_of_health() {
    let mut bench = Bench::new();
    for _ in 0..36_000 {
        bench.wait(100 * MS);
        bench.end(true);
    }
    let began = bench.now;
    for n in 0.. {
        bench.wait(50 * MS);
        bench.end(n % 2 == 0);
        if bench.is(Standing::Open) {
            break;
        }
    }
    assert!(bench.now - began <= 2 * SECOND, "{:?}", bench.now - began);
}

#[test]
fn few_failures_among_many_successes_do_not_open_it() {
    let mut bench = Bench::new();
    for n in 0..1_000 {
        bench.wait(20 * MS);
        bench.end(n % 3 != 0);
    }
    assert!(bench.is(Standing::Closed));
}

#[test]
fn one_request_a_second_is_let_through_to_see_and_a_success_closes_it() {
    let mut bench = Bench::new();
    bench.break_it();
    bench.wait(SECOND - MS);
    assert!(bench.pass().is_none());
    bench.wait(MS);
    let probe = bench.pass().expect("a second has passed");
    assert!(bench.pass().is_none(), "one at a time");
    assert!(bench.is(Standing::Probing));
    probe.end(true, bench.now);
    assert!(bench.is(Standing::Closed));
    assert_eq!(bench.break_it(), 5, "what was before is forgotten");
}

#[test]
fn probes_that_fail_come_less_often_but_within_half_of_the_configured_time() {
    let mut bench = Bench::new();
    bench.break_it();
    let pauses: Vec<_> = (0..6)
        .map(|_| {
            let pause = bench.breaker.wait(bench.now).expect("it is open");
            bench.wait(pause);
            bench.end(false);
            pause.as_millis()
        })
        .collect();
    assert_eq!(pauses, [1_000, 2_000, 4_000, 7_500, 7_500, 7_500]);
}

#[test]
fn a_probe_given_up_is_released_and_counts_as_nothing() {
    let mut bench = Bench::new();
    bench.break_it();
    bench.wait(SECOND);
    drop(bench.pass().expect("a probe"));
    assert!(bench.pass().is_none(), "not more than one a second");
    bench.wait(SECOND);
    bench.end(true);
    assert!(bench.is(Standing::Closed));
}

#[test]
fn requests_given_up_do_not_open_it() {
    let bench = Bench::new();
    for _ in 0..1_000 {
        drop(bench.pass().expect("it stays closed"));
    }
    assert!(bench.is(Standing::Closed));
}

#[test]
fn what_was_begun_before_it_opened_says_nothing_afterwards() {
    let mut bench = Bench::new();
    let (late_failure, late_success) = (bench.pass().unwrap(), bench.pass().unwrap());
    bench.break_it();
    late_success.end(true, bench.now);
    assert!(bench.is(Standing::Open), "an old success does not close it");
    bench.wait(SECOND);
    bench.end(true);
    late_failure.end(false, bench.now);
    for _ in 0..4 {
        bench.end(false);
    }
    assert!(bench.is(Standing::Closed), "an old failure is none of the five");
}

#[test]
fn one_without_end_to_its_patience_waits_for_its_probe() {
    let mut bench = Bench {
        breaker: Breaker::new(settings("http://x").breaker, Duration::MAX),
        now: Instant::now(),
    };
    for _ in 0..5 {
        bench.end(false);
    }
    bench.wait(SECOND);
    let _probe = bench.pass().expect("a try after a second");
    bench.wait(SECOND);
    assert!(bench.is(Standing::Probing));
}

#[test]
fn silence_opens_it_before_anything_has_failed() {
    let mut bench = Bench::new();
    bench.end(true);
    let _slow: Vec<_> = (0..5).map(|_| bench.pass()).collect();
    bench.wait(PATIENCE - MS);
    assert!(bench.is(Standing::Closed));
    bench.wait(MS);
    assert!(bench.pass().is_none());
    assert!(bench.is(Standing::Open));
}

#[test]
fn slow_calls_count_with_those_that_failed_and_only_while_they_last() {
    let mut bench = Bench::new();
    let slow: Vec<_> = (0..3).map(|_| bench.pass().unwrap()).collect();
    bench.end(false);
    bench.wait(PATIENCE);
    assert!(bench.is(Standing::Closed), "four in a row");
    drop(slow);
    bench.end(false);
    bench.end(false);
    let _slow = bench.pass();
    assert!(bench.is(Standing::Closed), "three, and one that is not slow yet");
    bench.end(false);
    bench.wait(PATIENCE);
    assert!(bench.is(Standing::Open));
}

#[test]
fn a_provider_that_is_slow_but_answers_is_not_silent() {
    const IN_FLIGHT: usize = 50;
    let mut bench = Bench::new();
    let mut under_way: std::collections::VecDeque<_> = (0..IN_FLIGHT).map(|_| bench.pass().unwrap()).collect();
    for _ in 0..1_000 {
        bench.wait(100 * MS);
        under_way.pop_front().unwrap().end(true, bench.now);
        under_way.push_back(
            bench
                .pass()
                .expect("each takes up to five seconds, and one is answered all the time"),
        );
    }
}

#[test]
fn a_slow_call_that_succeeds_after_all_closes_what_silence_opened() {
    let mut bench = Bench::new();
    let mut slow: Vec<_> = (0..6).map(|_| bench.pass().unwrap()).collect();
    bench.wait(PATIENCE);
    assert!(bench.is(Standing::Open));
    slow.pop().unwrap().end(false, bench.now);
    assert_eq!(bench.breaker.wait(bench.now), Some(SECOND), "a timeout is no more news");
    slow.pop().unwrap().end(true, bench.now);
    assert!(bench.is(Standing::Closed));
    for slow in slow {
        slow.end(false, bench.now);
    }
    for _ in 0..4 {
        bench.end(false);
    }
    assert!(bench.is(Standing::Closed), "those begun before are none of the five");
}

#[test]
fn a_silent_provider_that_works_again_is_found_within_ten_seconds() {
    let mut bench = Bench::new();
    let mut silence: Vec<_> = (0..5).map(|_| bench.pass().unwrap()).collect();
    let mut latest = None;
    for _ in 0..60_000 {
        bench.wait(MS);
        if let Some(probe) = bench.pass() {
            let between = latest.map_or(Duration::ZERO, |latest| bench.now - latest);
            assert!(between <= Duration::from_secs(10), "{between:?}");
            latest = Some(bench.now);
            silence.push(probe);
        }
    }
    assert!(silence.len() > 10);
    silence.pop().unwrap().end(true, bench.now);
    assert!(bench.is(Standing::Closed));
}

/// What may happen next.
#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Begin,
    End { which: usize, succeeded: bool },
    GiveUp(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3_000_u64).prop_map(Step::Wait),
        Just(Step::Begin),
        (any::<usize>(), prop::bool::weighted(0.3)).prop_map(|(which, succeeded)| Step::End { which, succeeded }),
        any::<usize>().prop_map(Step::GiveUp),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_probes_are_rare_and_a_provider_that_works_again_is_found(steps in prop::collection::vec(step(), 0..200)) {
        let mut bench = Bench::new();
        let mut under_way = Vec::new();
        let mut last_probe: Option<Instant> = None;
        for step in steps {
            match step {
                Step::Wait(ms) => bench.wait(Duration::from_millis(ms)),
                Step::Begin => {
                    let probes = !bench.is(Standing::Closed);
                    if let Some(pass) = bench.pass() {
                        if probes {
                            prop_assert!(last_probe.is_none_or(|last| bench.now >= last + SECOND));
                            last_probe = Some(bench.now);
                        }
                        under_way.push(pass);
                    }
                }
                Step::End { which, succeeded } if !under_way.is_empty() => {
                    under_way.swap_remove(which % under_way.len()).end(succeeded, bench.now);
                }
                Step::GiveUp(which) if !under_way.is_empty() => {
                    under_way.swap_remove(which % under_way.len());
                }
                Step::End { .. } | Step::GiveUp(_) => {}
            }
        }
        under_way.clear();
        let recovered = bench.now;
        while !bench.is(Standing::Closed) {
            bench.wait(bench.breaker.wait(bench.now).unwrap_or_default());
            bench.end(true);
        }
        prop_assert!(bench.now - recovered <= Duration::from_secs(10));
    }
}
