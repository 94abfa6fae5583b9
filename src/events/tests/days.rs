//! Four days with bad receivers and couriers that are killed, in no time.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Mutex;
use std::task::Poll;

use super::bed::{Answer, Got, Receivers, Yard, section};
use crate::domain::delivery::{DeliveryError, DeliveryStatus};
use crate::domain::event::EventType;
use crate::domain::ids::EventId;

const RECEIVERS: usize = 50;
/// Of those, so many never answer well.
const LOST: usize = 5;
const EVENTS: usize = 60;
/// An event happens every so many seconds.
const EVERY: u64 = 1_200;
/// At least so many couriers are killed.
const KILLS: usize = 20;
/// How finely the clock is moved, in milliseconds.
const STEP: i64 = 500;
const WAITS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
const FOUR_DAYS_MS: i64 = 4 * 24 * 3_600_000;

/// The same numbers every time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn bad(random: &mut Random) -> Answer {
    match random.below(7) {
        0 => Err(DeliveryError::Timeout),
        1 => Err(DeliveryError::BrokenAnswer),
        2 => Err(DeliveryError::NotConnected),
        3 => Ok(500),
        4 => Ok(302),
        5 => Ok(429),
        _ => Ok(404),
    }
}

fn receivers() -> std::sync::Arc<Receivers> {
    let random = Mutex::new(Random(0x5eed));
    Receivers::that(move |name, _, _| {
        let mut random = random.lock().unwrap();
        let number: usize = name[1..].parse().unwrap();
        if number < LOST || random.below(10) < 3 {
            bad(&mut random)
        } else {
            Ok(200)
        }
    })
}

/// Drops a future when it was polled so often; says whether that was before its end.
async fn cut<T>(polls: u64, work: impl Future<Output = T>) -> Option<T> {
    let (mut left, mut work) = (polls, pin!(work));
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

/// Does what is to be done for one subscription now; one courier in a few is killed on its way, and another goes on.
async fn work(yard: &Yard, name: &str, random: &mut Random) -> usize {
    let mut kills = 0;
    while random.below(12) == 0 {
        let polls = 1 + random.below(40);
        kills += usize::from(cut(polls, yard.work(name)).await.is_none());
    }
    yard.work(name).await;
    kills
}

#[tokio::test]
async fn in_four_days_of_faults_and_kills_nothing_is_lost_and_the_dead_are_those_never_taken() {
    let names: Vec<_> = (0..RECEIVERS).map(|number| format!("r{number}")).collect();
    let sections: String = names.iter().map(|name| section(name, "*", "call.*")).collect();
    let yard = Yard::new(&sections, receivers());
    for name in &names {
        yard.place(name).await;
    }
    let (mut random, mut kills, mut events) = (Random(0xdead), 0, Vec::new());
    let began = yard.bed.gateway.now().as_millis();
    for _ in 0..EVENTS {
        events.push(yard.happens(EventType::CallEnded, "acme").await);
        for name in &names {
            kills += work(&yard, name, &mut random).await;
        }
        let until = yard.bed.gateway.now().plus_seconds(EVERY as i64).as_millis();
        kills += pass_time(&yard, &names, until, &mut random).await;
    }
    let end = began + FOUR_DAYS_MS + EVENTS as i64 * EVERY as i64 * 1000;
    kills += pass_time(&yard, &names, end, &mut random).await;

    assert!(kills >= KILLS, "{kills}");
    judge(&yard, &names, &events).await;
    println!(
        "{RECEIVERS} receivers, {EVENTS} events, {kills} kills: {} letters",
        names.iter().map(|name| yard.receivers.got(name).len()).sum::<usize>()
    );
}

/// Moves the clock from one due try to the next.
async fn pass_time(yard: &Yard, names: &[String], until: i64, random: &mut Random) -> usize {
    let mut kills = 0;
    loop {
        let now = yard.bed.gateway.now().as_millis();
        let mut due = Vec::new();
        for name in names {
            due.extend(yard.next_due(name).await.map(|at| (at, name)));
        }
        let next = due.iter().map(|(at, _)| *at).min().unwrap_or(until).max(now + STEP);
        if next >= until {
            yard.bed.clock.set(until);
            return kills;
        }
        yard.bed.clock.set(next);
        for (_, name) in due.into_iter().filter(|(at, _)| *at <= next) {
            kills += work(yard, name, random).await;
        }
    }
}

async fn judge(yard: &Yard, names: &[String], events: &[EventId]) {
    let mut never_taken = BTreeSet::new();
    let mut bodies = BTreeMap::new();
    for name in names {
        let mut by_event: BTreeMap<EventId, Vec<Got>> = BTreeMap::new();
        for got in yard.receivers.got(name) {
            assert_eq!(
                bodies.entry(got.event).or_insert_with(|| got.body.clone()),
                &got.body,
                "one event, one body"
            );
            by_event.entry(got.event).or_default().push(got);
        }
        assert_eq!(by_event.len(), events.len(), "{name} was sent everything");
        for (event, letters) in by_event {
            judge_times(name, &letters);
            if !letters.iter().any(|got| got.answer == Ok(200)) {
                never_taken.insert((name.clone(), event));
            }
        }
    }
    assert_eq!(never_taken.len(), LOST * events.len());
    let dead = yard.deliveries("*", &[DeliveryStatus::Dead]).await;
    let dead: BTreeSet<_> = dead
        .into_iter()
        .map(|delivery| (delivery.subscription, delivery.event_id))
        .collect();
    assert_eq!(dead, never_taken);
    assert_eq!(yard.deliveries("*", &[DeliveryStatus::Pending]).await, []);
    for name in names {
        assert_eq!(yard.next_due(name).await, None);
        let dead = yard.courier(name).count_dead().await.unwrap();
        let lost: usize = if name[1..].parse::<usize>().unwrap() < LOST {
            events.len()
        } else {
            0
        };
        assert_eq!(dead, lost);
    }
}

/// Letters come when they are due, or at once for a courier that was killed before it could note the one before.
fn judge_times(name: &str, letters: &[Got]) {
    let mut tries = 0;
    for pair in letters.windows(2) {
        let waited = pair[1].at.as_millis() - pair[0].at.as_millis();
        if waited < STEP {
            continue;
        }
        let wait = WAITS[tries] * 1000;
        let latest = wait + wait / 10 + STEP;
        assert!(
            (wait..=latest).contains(&waited),
            "{name}: {waited} ms instead of {wait}"
        );
        tries += 1;
    }
    let taken = letters.iter().any(|got| got.answer == Ok(200));
    assert!(taken || tries == WAITS.len(), "{name}: {tries} waits");
}
