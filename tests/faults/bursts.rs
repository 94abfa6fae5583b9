//! Bursts over sockets, at one process and at two.
//!
//! `SWITCHBOARD_RACES=10000` runs that many bursts of checks, and a hundredth as many floods.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rstest::rstest;
use serde_json::{Value, json};

use crate::bed::{Answer, Client, eventually, within};
use crate::codes::{by_voice, code_of, site_of};
use crate::races::{PATIENCE, UNLIMITED_SENDS, bound, races_or, side_by_side};
use crate::site::{Site, Store, answered, number, wrong};

/// How many bursts of checks there are, unless the environment says so.
const BURSTS: usize = 42;
/// How many checks are in one, in turn.
const CROWDS: [usize; 4] = [2, 5, 20, 40];
const ATTEMPTS: usize = 5;
/// How many sends of a prefix are let through in a flood.
const CAP: usize = 20;

/// What became of a burst.
struct Burst {
    crowd: usize,
    valid: usize,
    invalid: usize,
    /// How many met a store that was too slow; each may have been counted and compared all the same.
    slow: usize,
    status: Value,
}

impl Burst {
    /// Whether all went as promised to a crowd with so many right codes.
    fn is_fair(&self, rights: usize) -> bool {
        let approved = self.status == "approved";
        let told = self.valid <= usize::from(approved) && self.valid + self.invalid <= ATTEMPTS;
        let whole = match (rights, self.crowd - rights) {
            (0, wrong) => !approved && self.invalid == ATTEMPTS.min(wrong),
            (_, 0) => self.valid == 1 && self.invalid == 0,
            // Either a right one was among the five, or all five were wrong.
            _ => self.valid == usize::from(approved) && (approved || self.invalid == ATTEMPTS),
        };
        told && (whole || self.slow > 0)
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_processes_are_asked_five_guesses_are_compared_and_one_approves(
    #[values((Store::Embedded, 1), (Store::Redis, 1), (Store::Redis, 2))] (store, processes): (Store, usize),
) {
    let toml = format!("[verification]\ncodes = \"gateway\"\n{UNLIMITED_SENDS}");
    let (site, _second, mut clients) = site_of(store, &toml).await;
    clients.truncate(processes);
    let bursts = side_by_side(races_or(BURSTS), async |n| {
        let crowd = CROWDS[n / 3 % CROWDS.len()];
        // None is right, one is, or all are.
        let rights = [0, 1, crowd][n % 3];
        let burst = burst(&site, &clients, (number(n), crowd, rights)).await;
        assert!(
            burst.is_fair(rights),
            "burst {n}: {} right, {}",
            burst.valid,
            burst.status
        );
        usize::from(burst.slow > 0)
    });
    let bursts = bursts.await;
    let slow: usize = bursts.iter().sum();
    assert!(
        slow * 2 < bursts.len(),
        "the store was too slow in {slow} bursts to judge them"
    );
    println!(
        "{store:?}, {processes} process(es): {} bursts over sockets, {slow} with a slow store, {}",
        bursts.len(),
        bound(bursts.len())
    );
}

/// Has a code spoken to a number and checked by a crowd at once, some of whom know it.
async fn burst(site: &Site, clients: &[Client], (to, crowd, rights): (String, usize, usize)) -> Burst {
    let started = within(PATIENCE, "a code is spoken", async || {
        let started = clients[0].post("/verifications", by_voice(&to)).await;
        assert!([201, 202, 503].contains(&started.status), "{}", started.body);
        (started.status == 201).then_some(started)
    });
    let started = started.await;
    let right = code_of(site, &started);
    let path = format!("/verifications/{}", started.id());
    let check = format!("{path}/check");
    let checks = (0..crowd).map(|place| {
        let is_right = place * rights / crowd != (place + 1) * rights / crowd;
        let code = if is_right { right.clone() } else { wrong(&right) };
        clients[place % clients.len()].post(&check, json!({ "code": code }))
    });
    let answers = join_all(checks).await;
    let ended = answered(async || clients[0].get(&path).await).await;
    let mut burst = Burst {
        crowd,
        valid: 0,
        invalid: 0,
        slow: 0,
        status: ended.expect(200).body["status"].clone(),
    };
    for answer in answers {
        match (answer.status, &answer.body["valid"]) {
            (200, Value::Bool(true)) => burst.valid += 1,
            (200, _) => burst.invalid += 1,
            (503, _) => burst.slow += 1,
            _ => drop(answer.expect_problem(409, "verification-closed")),
        }
    }
    burst
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_goes_away_in_a_flood_lets_nothing_over_the_cap() {
    let toml = format!(
        "[verification.guard]\nmode = \"enforce\"\nprefix_block = false\n\
         sends_per_prefix = {{ max = {CAP}, per_seconds = 600 }}"
    );
    let (mut site, _second, clients) = site_of(Store::Redis, &toml).await;
    let (floods, mut slowest) = ((races_or(0) / 100).max(1), Vec::new());
    for n in 0..floods {
        slowest.push(flood_and_lose(&mut site, &clients, n).await);
        let sent = site.providers.zenvia.dials().len();
        assert!(sent <= CAP * (n + 1), "{sent} sent in {} floods", n + 1);
    }
    slowest.sort_unstable();
    println!(
        "{floods} floods of 170 starts, {} sent, {} may be; without a store the slowest answer took {:?} (median), \
         {:?} at most",
        site.providers.zenvia.dials().len(),
        CAP * floods,
        slowest[floods / 2],
        slowest[floods - 1]
    );
}

/// Floods the nth prefix while the store hangs and dies; how long the slowest answer took that it hung for.
async fn flood_and_lose(site: &mut Site, clients: &[Client], prefix: usize) -> Duration {
    let mut start = 0;
    let mut flood = async |count: usize| {
        let starts = (start..start + count).map(|n| {
            let to = format!("+55119{:04}{:04}", 8000 + prefix, 1000 + n);
            start_at(clients[n % clients.len()].clone(), to)
        });
        start += count;
        join_all(starts).await
    };
    let sends = || site.providers.zenvia.dials().len();
    let before = sends();
    judge(&flood(10).await);
    assert!(sends() > before, "nothing of the first was sent");
    site.redis.as_ref().unwrap().freeze(true);
    let frozen = flood(40).await;
    site.redis.as_ref().unwrap().freeze(false);
    for (answer, _) in &frozen {
        answer.expect_problem(503, "store-unavailable");
        assert!(answer.header("retry-after").is_some());
    }
    ready(clients).await;
    judge(&flood(40).await);
    site.redis.as_mut().unwrap().kill();
    for (answer, _) in flood(40).await {
        answer.expect_problem(503, "store-unavailable");
    }
    site.redis.as_mut().unwrap().restart();
    ready(clients).await;
    let last = flood(40).await;
    judge(&last);
    assert!(
        last.iter().any(|(answer, _)| answer.status == 429),
        "nobody was over the cap"
    );
    frozen.into_iter().map(|(_, took)| took).max().unwrap()
}

/// Holds that each was served, or refused by the cap or for a store that is slow.
fn judge(answers: &[(Answer, Duration)]) {
    for (answer, _) in answers {
        assert!(
            [201, 202, 429, 503].contains(&answer.status),
            "{} {}",
            answer.status,
            answer.body
        );
    }
}

/// Waits until every process says that it can work.
async fn ready(clients: &[Client]) {
    for client in clients {
        let is_ready = async || (client.get("/health/ready").await.status == 200).then_some(());
        eventually("it is ready", is_ready).await;
    }
}

async fn start_at(client: Client, to: String) -> (Answer, Duration) {
    let began = Instant::now();
    let answer = client
        .post("/verifications", json!({ "to": to, "channel": "sms" }))
        .await;
    (answer, began.elapsed())
}
