//! At most one dial for a request, whatever breaks at whichever byte.
//!
//! Each provider over each store has its share. `SWITCHBOARD_FAULTS=20000` has that many requests suffer; by default a
//! few hundred do.

mod cases;
mod judge;
mod round;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use tokio::sync::Semaphore;

use crate::site::Store;
use cases::{Act, Case, Fault, Kind, Scene};
use judge::Tried;
use round::{Cut, Round};

/// How many requests suffer, unless the environment says so.
const FAULTS: usize = 288;
/// How many of them there are in a round at most, how many rounds are run side by side, and how many are under way, most of
/// which only wait for what is asked after late.
const ROUND: usize = 400;
const LANES: usize = 6;
const UNDER_WAY: usize = 3 * LANES;
/// How soon after it was told that nobody knows what became of a call its end is known: of all but one in a thousand, and
/// of every one.
const SETTLED_WITHIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));
/// How long what comes of a request is waited for while others wait behind it, and how long in the end, for all together:
/// a claim whose answer a slow store did not take stands for a minute, a call that rang is asked after when it was silent
/// for 90 s.
const SOON: Duration = Duration::from_secs(10);
const LATE: Duration = Duration::from_secs(150);

/// How many requests are to suffer, where the environment says so.
fn asked() -> Option<usize> {
    let faults = std::env::var("SWITCHBOARD_FAULTS").ok()?;
    Some(faults.parse().unwrap())
}

/// What came of all requests.
#[derive(Default)]
struct Sum {
    suffered: usize,
    kinds: BTreeMap<(Scene, &'static str), usize>,
    answers: BTreeMap<String, usize>,
    /// The bytes at which a connection to the provider was cut.
    cut: BTreeSet<Cut>,
    /// How many there are for each kind of request.
    bytes: BTreeMap<Act, usize>,
    /// How long each call took to be settled whose answer was lost, where the provider tells of its calls by itself.
    settled: Vec<(Duration, Scene)>,
    broken: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_a_request_dials_once_at_most() {
    let asked = asked();
    let share = asked.unwrap_or(FAULTS).div_ceil(Scene::ALL.len());
    let mut sum = Sum::default();
    let rounds = (0..share).step_by(ROUND).flat_map(|first| {
        let cases = first..share.min(first + ROUND);
        Scene::ALL.map(|scene| (scene, cases.clone()))
    });
    let rounds: Vec<_> = rounds.collect();
    let turns = Semaphore::new(LANES);
    let rounds = stream::iter(rounds).map(|(scene, cases)| run(scene, cases, &turns));
    let mut rounds = pin!(rounds.buffer_unordered(UNDER_WAY));
    while let Some(round) = rounds.next().await {
        sum.add(round);
        sum.print();
    }
    assert!(sum.broken.is_empty(), "{:#?}", sum.broken);
    if asked.is_some() {
        let late = |than: Duration| sum.settled.iter().filter(|(took, _)| *took > than).count();
        let (soon, every) = SETTLED_WITHIN;
        assert!(
            late(every) == 0 && late(soon) * 1000 <= sum.settled.len(),
            "settled late"
        );
    }
}

/// Runs a round of these cases, in its turn.
async fn run(scene: Scene, cases: Range<usize>, turns: &Semaphore) -> Sum {
    let turn = turns.acquire().await.unwrap();
    let mut sum = Sum::default();
    let round = Round::begin(scene).await;
    let mut all = Vec::new();
    for (within, n) in cases.enumerate() {
        let key = format!("order-{n}");
        let (mut tried, suffered) = round.suffer(Case::nth(scene, n, within), Some(&key)).await;
        sum.note(scene, &tried, suffered);
        sum.cut.extend(round.cut(&tried.case).filter(|_| suffered));
        if tried.told.is_some() {
            round.repeat(&mut tried, Some(&key), Instant::now() + SOON).await;
        }
        if tried.told.is_some() && scene.provider.tells() {
            let settled = round.settle(&mut tried, Instant::now() + SOON).await;
            let lost = tried.told.as_ref().is_some_and(|told| told.status == 202);
            sum.settled.extend(settled.filter(|_| lost).map(|took| (took, scene)));
        }
        all.push((tried, key));
    }
    drop(turn);
    // The dead are mourned for seconds, and who does not tell is asked after seconds; so all of those together.
    let (now, waits) = (Instant::now(), asked().is_some());
    for (tried, key) in &mut all {
        if tried.repeated.is_none() {
            round.repeat(tried, Some(key), now + LATE).await;
        }
    }
    for (tried, _) in &mut all {
        if !tried.is_settled() {
            let in_vain = tried.may_stay_open(scene, waits);
            round.settle(tried, if in_vain { now } else { now + LATE }).await;
        }
    }
    for (tried, _) in &mut all {
        round.settle_again(tried, now + LATE).await;
        sum.judge(tried, (scene, tried.may_stay_open(scene, waits)));
    }
    sum.bytes = round.bytes();
    sum
}

impl Sum {
    fn note(&mut self, scene: Scene, tried: &Tried, suffered: bool) {
        self.suffered += usize::from(suffered);
        let kind = match tried.case.fault {
            _ if !suffered => "unharmed",
            Fault::Cut(..) => "cut",
            Fault::Answer(_) | Fault::CutAnswer(..) => "answered badly",
            Fault::Stale => "stale",
            Fault::Unreachable => "unreachable",
            Fault::Kill(..) => "killed",
        };
        *self.kinds.entry((scene, kind)).or_default() += 1;
        let answer = tried
            .told
            .as_ref()
            .map_or("none".to_owned(), |told| told.status.to_string());
        *self.answers.entry(answer).or_default() += 1;
    }

    fn judge(&mut self, tried: &Tried, (scene, may_be_open): (Scene, bool)) {
        for broken in tried.broken(may_be_open) {
            println!("{broken}, {scene:?}: {tried:?}");
            self.broken.push(format!("{broken}: {:?}", tried.case));
        }
    }

    fn add(&mut self, other: Self) {
        self.suffered += other.suffered;
        self.settled.extend(other.settled);
        self.broken.extend(other.broken);
        self.cut.extend(other.cut);
        self.bytes.extend(other.bytes);
        for (kind, times) in other.kinds {
            *self.kinds.entry(kind).or_default() += times;
        }
        for (answer, times) in other.answers {
            *self.answers.entry(answer).or_default() += times;
        }
    }

    fn print(&mut self) {
        self.settled.sort_unstable();
        let at = |part: usize| {
            self.settled
                .get(self.settled.len() * part / 1000)
                .map(|(took, _)| *took)
        };
        for (Scene { provider, store }, kind, times) in
            self.kinds.iter().map(|((scene, kind), times)| (scene, kind, times))
        {
            println!("{provider:?} on {store:?}, {kind}: {times}");
        }
        println!(
            "{} requests suffered (answers {:?}): {} promises broken (95 %: below {:.3} % of requests)\n\
             connections to the provider were cut at {} of {} bytes; {} calls whose answer was lost were settled: p50 {:?}, p99 {:?}, at most {:?} after the caller was told",
            self.suffered,
            self.answers,
            self.broken.len(),
            300.0 / self.suffered as f64,
            self.cut.len(),
            self.bytes.values().sum::<usize>(),
            self.settled.len(),
            at(500),
            at(990),
            self.settled.last(),
        );
    }
}

/// The red control: a caller who repeats without a key dials again, and that is found out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_repeats_without_a_key_would_be_found_out() {
    const CONTROLS: usize = 24;
    let scene = Scene::of(Kind::Zenvia, Store::Redis);
    let round = Round::begin(scene).await;
    let mut twice = 0;
    for n in 0..CONTROLS {
        let (mut tried, _) = round.suffer(Case::nth(scene, n, n), None).await;
        round.repeat(&mut tried, None, Instant::now() + SOON).await;
        round.settle(&mut tried, Instant::now() + SOON).await;
        twice += usize::from(tried.broken(false).contains(&"dialled more than once"));
    }
    println!("the control: {twice} of {CONTROLS} requests dialled twice");
    assert!(twice > 0);
}
