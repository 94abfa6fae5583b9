//! Limits that are raced for: sends and wrong codes of a number, and the time of a code.
//!
//! Gateways in this process as in [`crate::races`]; `SWITCHBOARD_RACES=10000` runs that many of each.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rstest::rstest;
use switchboard::clock::{Clock, ManualClock, SystemClock};
use switchboard::domain::error::Problem;
use switchboard::domain::ids::VerificationId;
use switchboard::domain::verification::VerificationStatus;
use tokio::task::JoinHandle;

use crate::races::{Track, acme, bound, check, new, races_or, side_by_side};
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

async fn track(store: Store, instances: usize, toml: &str) -> Track {
    let clock = (toml, Arc::new(SystemClock) as Arc<dyn Clock>);
    Track::lay_with(store, instances, clock, |store| store).await
}

/// O13: of starts for one number at once, at whichever gateway, five are dialled and the others refused.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_starts_that_race_five_are_sent(
    #[values((Store::Embedded, 1), (Store::Redis, 1), (Store::Redis, 2))] (store, instances): (Store, usize),
) {
    let track = track(store, instances, "[calls]\nautomated_calls_per_number = false").await;
    let races = races_or(RACES);
    let sent = side_by_side(races, async |n| {
        let starts = (0..CROWD).map(|place| {
            let gateway = Arc::clone(&track.gateways[place % instances]);
            tokio::spawn(async move { gateway.start_verification(&acme(), new(n)).await })
        });
        let mut sent = 0;
        for answer in join_all(starts).await {
            match answer.unwrap() {
                Ok(_) => sent += 1,
                Err(error) => assert_eq!(error.problem, Problem::RateLimited, "{error}"),
            }
        }
        sent
    });
    let sent = sent.await;
    assert!(sent.iter().all(|sent| *sent == SENDS), "{sent:?}");
    assert_eq!(track.zenvia.dials().len(), races * SENDS, "the provider counted the same");
    println!(
        "{store:?}, {instances} gateway(s), starts: {races} races of {CROWD}, {}",
        bound(races)
    );
}

/// O4: new codes for a number bring no new guesses, however many of its verifications are guessed at at once.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_codes_bring_no_new_guesses(
    #[values((Store::Embedded, 1), (Store::Redis, 1), (Store::Redis, 2))] (store, instances): (Store, usize),
) {
    let track = track(store, instances, "[calls]\nautomated_calls_per_number = false").await;
    let races = races_or(RACES);
    let compared = side_by_side(races, async |n| {
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
        answers.into_iter().filter(|answer| matches!(answer, Ok(Ok(false)))).count()
    });
    let compared = compared.await;
    assert!(compared.iter().all(|compared| *compared == FAILURES), "{compared:?}");
    println!(
        "{store:?}, {instances} gateway(s), guesses at {OPEN} codes of one number: {races} races, {}",
        bound(races)
    );
}

/// O5: while the time of a code ends some checks may be in time; afterwards none is, even if the clock is set back.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_whose_time_is_over_never_comes_back(
    #[values((Store::Embedded, 1), (Store::Redis, 1), (Store::Redis, 2))] (store, instances): (Store, usize),
) {
    const NOW: i64 = 1_795_370_400_000;
    let clock = Arc::new(ManualClock::at(NOW));
    let toml = "[verification]\nfailures_per_number = false\n[calls]\nautomated_calls_per_number = false";
    let track = Track::lay_with(store, instances, (toml, Arc::clone(&clock) as Arc<dyn Clock>), |it| it).await;
    let (races, mut approved) = (races_or(RACES), 0);
    for n in 0..races {
        let began = clock.now_ms();
        let (id, right) = track.speak(n).await;
        clock.set(began + LIFETIME_MS - 1);
        let crowd = crowd(&track, id, &right);
        if n % 2 == 0 {
            tokio::task::yield_now().await;
        }
        clock.set(began + LIFETIME_MS);
        let in_time = valid(crowd).await;
        let status = track.status(id).await;
        let closed = [VerificationStatus::Expired, VerificationStatus::Approved][in_time.min(1)];
        assert!(in_time <= 1 && status == closed, "{in_time} approved, {status:?}");
        approved += in_time;
        clock.set(began + LIFETIME_MS - HOUR_MS);
        assert_eq!(valid(self::crowd(&track, id, &right)).await, 0, "after the clock was set back");
        assert_eq!(track.status(id).await, closed);
        clock.set(began + LIFETIME_MS + 1);
        clock.advance(Duration::from_secs(1));
    }
    println!(
        "{store:?}, {instances} gateway(s), the end of a code's time: {races} races, {approved} approved in time, {}",
        bound(races)
    );
}

type Checks = Vec<JoinHandle<Result<bool, Problem>>>;

/// Checks with the right code, as many as there are attempts, at every gateway in turn.
fn crowd(track: &Track, id: VerificationId, right: &str) -> Checks {
    let gateways = track.gateways.iter().cycle().take(4);
    gateways.map(|gateway| tokio::spawn(check(Arc::clone(gateway), id, right.to_owned()))).collect()
}

async fn valid(checks: Checks) -> usize {
    let answers = join_all(checks).await;
    answers.into_iter().filter(|answer| *answer.as_ref().unwrap() == Ok(true)).count()
}
