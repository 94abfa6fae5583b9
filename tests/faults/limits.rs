//! Limits that are raced for: sends and wrong codes of a number, and the time of a code.
//!
//! Gateways in this process as in [`crate::races`]; `SWITCHBOARD_RACES=10000` runs that many of each.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rstest::rstest;
use switchboard::clock::{Clock, ManualClock, SystemClock};
use switchboard::domain::error::Problem;
use switchboard::domain::ids::VerificationId;
use switchboard::domain::verification::VerificationStatus;
use tokio::task::JoinHandle;

use crate::races::{LANES, Track, UNLIMITED_SENDS, acme, bound, check, new, races_or, side_by_side};
use crate::site::{Store, wrong};

/// How many races run of each kind, unless the environment says so.
const RACES: usize = 30;
/// How many starts of one number, and checks of one verification, come at once.
const CROWD: usize = 20;
/// How many codes a number is sent at most, and how many wrong ones are compared.
const SENDS: usize = 5;
const FAILURES: usize = 10;
/// How many verifications of one number are guessed at at once.
const OPEN: usize = 3;
const LIFETIME_MS: i64 = 600_000;
const HOUR_MS: i64 = 3_600_000;

/// A code by voice is a call, and of automated calls a number gets few.
const UNLIMITED_CALLS: &str = "[calls]\nautomated_calls_per_number = false";

async fn track(store: Store, instances: usize, with: (&str, Arc<dyn Clock>)) -> Track {
    Track::lay_with(store, instances, with, |store| store).await
}

/// What became of a crowd.
#[derive(Default)]
struct Crowd {
    /// How many got what there is only so much of.
    served: usize,
    /// How many met a store that was too slow; each may have been counted all the same.
    slow: usize,
}

impl Crowd {
    fn of<T>(answers: Vec<Result<T, Problem>>, is_served: impl Fn(&T) -> bool) -> Self {
        let mut crowd = Self::default();
        for answer in answers {
            match answer {
                Ok(answer) => crowd.served += usize::from(is_served(&answer)),
                Err(Problem::StoreUnavailable | Problem::Overloaded) => crowd.slow += 1,
                Err(problem) => assert!(
                    [Problem::RateLimited, Problem::VerificationClosed].contains(&problem),
                    "{problem:?}"
                ),
            }
        }
        crowd
    }
}

/// Judges races for so many of something, and tells of them.
fn judge(what: &str, crowds: &[Crowd], limit: usize) {
    let unfair = crowds.iter().filter(|crowd| {
        let short = crowd.served < limit && crowd.slow == 0;
        crowd.served > limit || short
    });
    assert_eq!(unfair.count(), 0);
    let slow = crowds.iter().filter(|crowd| crowd.slow > 0).count();
    assert!(
        slow * 2 < crowds.len(),
        "the store was too slow in {slow} races to judge them"
    );
    println!(
        "{what}: {} races, {slow} with a slow store, {}",
        crowds.len(),
        bound(crowds.len())
    );
}

/// Of starts for one number at once, at whichever gateway, five are dialled and the others refused.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_starts_that_race_five_are_sent(
    #[values((Store::Embedded, 1), (Store::Redis, 1), (Store::Redis, 2))] (store, instances): (Store, usize),
) {
    let track = track(store, instances, (UNLIMITED_CALLS, Arc::new(SystemClock))).await;
    let crowds = side_by_side(races_or(RACES), async |n| {
        let starts = (0..CROWD).map(|place| {
            let gateway = Arc::clone(&track.gateways[place % instances]);
            tokio::spawn(async move { gateway.start_verification(&acme(), new(n)).await })
        });
        let answers = join_all(starts).await.into_iter();
        let answers = answers.map(|answer| answer.unwrap().map_err(|error| error.problem));
        Crowd::of(answers.collect(), |_| true)
    });
    let crowds = crowds.await;
    let served: usize = crowds.iter().map(|crowd| crowd.served).sum();
    assert_eq!(track.zenvia.dials().len(), served, "the provider counted the same");
    judge(
        &format!("{store:?}, {instances} gateway(s), {CROWD} starts of one number"),
        &crowds,
        SENDS,
    );
}

/// New codes for a number bring no new guesses, however many of its verifications are guessed at at once.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_codes_bring_no_new_guesses(
    #[values((Store::Embedded, 1), (Store::Redis, 1), (Store::Redis, 2))] (store, instances): (Store, usize),
) {
    let toml = format!("[verification]\n{UNLIMITED_SENDS}");
    let track = track(store, instances, (&toml, Arc::new(SystemClock))).await;
    let crowds = side_by_side(races_or(RACES), async |n| {
        let mut checks = Vec::new();
        for _ in 0..OPEN {
            let (id, right) = track.speak(n).await;
            checks.extend((0..CROWD / OPEN).map(|_| (id, wrong(&right))));
        }
        let checks = checks.into_iter().enumerate().map(|(place, (id, code))| {
            let gateway = Arc::clone(&track.gateways[place % instances]);
            tokio::spawn(check(gateway, id, code))
        });
        let answers = join_all(checks).await;
        Crowd::of(answers.into_iter().map(Result::unwrap).collect(), |valid| !valid)
    });
    let what = format!("{store:?}, {instances} gateway(s), guesses at {OPEN} codes of one number");
    judge(&what, &crowds.await, FAILURES);
}

/// While the time of a code ends some checks may be in time; afterwards none is, even if the clock is set back.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_whose_time_is_over_never_comes_back(
    #[values((Store::Embedded, 1), (Store::Redis, 1), (Store::Redis, 2))] (store, instances): (Store, usize),
) {
    let clock = Arc::new(ManualClock::at(1_795_370_400_000));
    let toml = format!("[verification]\nfailures_per_number = false\n{UNLIMITED_SENDS}");
    let track = track(store, instances, (&toml, Arc::clone(&clock) as Arc<dyn Clock>)).await;
    let (races, mut approved) = (races_or(RACES), 0);
    for first in (0..races).step_by(LANES) {
        let together = first..races.min(first + LANES);
        approved += end_of_time(&track, &clock, together).await;
    }
    if store == Store::Embedded {
        assert!(approved > 0, "no check was in time");
    }
    println!(
        "{store:?}, {instances} gateway(s), the end of a code's time: {races} races, {approved} approved in time, {}",
        bound(races)
    );
}

/// Has the time of these numbers' codes end while they are checked; how many were approved.
async fn end_of_time(track: &Track, clock: &ManualClock, numbers: Range<usize>) -> usize {
    let (over, batch) = (clock.now_ms() + LIFETIME_MS, numbers.start / LANES);
    let codes = join_all(numbers.map(|n| track.speak(n))).await;
    clock.set(over - 1);
    let begun: Vec<_> = codes.iter().map(|(id, right)| checks(track, *id, right)).collect();
    // Their time ends somewhere in the middle of them: by now, some turns of theirs later, or a moment later.
    match batch % 3 {
        0 => {}
        1 => {
            for _ in 0..batch % 50 * 20 {
                tokio::task::yield_now().await;
            }
        }
        _ => tokio::time::sleep(Duration::from_millis(1)).await,
    }
    clock.set(over);
    let mut settled = Vec::new();
    for ((id, _), begun) in codes.iter().zip(begun) {
        let in_time = ended(begun).await;
        let status = track.status(*id).await;
        let is_approved = status == VerificationStatus::Approved;
        assert!(in_time.served <= usize::from(is_approved), "{status:?}");
        assert!(is_approved || status == VerificationStatus::Expired, "{status:?}");
        assert!(
            in_time.served == 1 || !is_approved || in_time.slow > 0,
            "nobody was told"
        );
        settled.push(status);
    }
    clock.set(over - HOUR_MS);
    for ((id, right), status) in codes.iter().zip(&settled) {
        let late = ended(checks(track, *id, right)).await;
        assert_eq!(
            (late.served, track.status(*id).await),
            (0, *status),
            "after the clock was set back"
        );
    }
    clock.set(over + 1_000);
    let approved = settled.iter().filter(|status| **status == VerificationStatus::Approved);
    approved.count()
}

type Checks = Vec<JoinHandle<Result<bool, Problem>>>;

/// Checks with the right code, fewer than there are attempts, at every gateway in turn.
fn checks(track: &Track, id: VerificationId, right: &str) -> Checks {
    let gateways = track.gateways.iter().cycle().take(4);
    let check = |gateway| tokio::spawn(check(Arc::clone(gateway), id, right.to_owned()));
    gateways.map(check).collect()
}

async fn ended(checks: Checks) -> Crowd {
    let answers = join_all(checks).await;
    Crowd::of(answers.into_iter().map(Result::unwrap).collect(), |valid| *valid)
}
