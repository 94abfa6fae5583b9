//! How many requests are started in a second, with the time standing still.

use futures_util::future::join_all;
use tokio::time::Instant;

use super::*;
use crate::domain::error::Withheld;
use crate::upstream::pace::Pace;

const SECOND: Duration = Duration::from_secs(1);
const ANY: &str = "GET /x";

fn in_time() -> Instant {
    Instant::now() + 3_600 * SECOND
}

#[tokio::test(start_paused = true)]
async fn no_second_has_more_starts_than_are_allowed() {
    let pace = Pace::new(5);
    let began = Instant::now();
    let mut starts = Vec::new();
    for n in 0..50 {
        if n % 17 == 0 {
            tokio::time::sleep(Duration::from_millis(730)).await;
        }
        pace.turn(ANY, in_time()).await.unwrap();
        starts.push(began.elapsed());
    }
    for (first, sixth) in starts.iter().zip(&starts[5..]) {
        assert!(*sixth - *first >= SECOND, "{starts:?}");
    }
    assert!(began.elapsed() < 12 * SECOND, "nobody waits longer than needed");
}

#[tokio::test(start_paused = true)]
async fn whose_turn_would_come_too_late_is_told_when_to_come_again() {
    let pace = Pace::new(2);
    let latest = Instant::now() + Duration::from_millis(500);
    for _ in 0..2 {
        pace.turn(ANY, latest).await.unwrap();
    }
    assert_eq!(pace.turn(ANY, latest).await, Err((Withheld::Full, SECOND)));
    tokio::time::sleep(SECOND).await;
    assert_eq!(pace.turn(ANY, in_time()).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_asks_to_wait_is_left_alone_for_as_long_and_no_longer_than_a_minute() {
    for (asked, waited) in [(None, 1), (Some(7), 7), (Some(86_400), 60)] {
        let pace = Pace::new(100);
        pace.pause(None, asked.map(Duration::from_secs), Instant::now());
        let refused = pace.turn(ANY, Instant::now() + Duration::from_millis(500)).await;
        assert_eq!(refused, Err((Withheld::Paused, waited * SECOND)));
        let began = Instant::now();
        pace.turn(ANY, in_time()).await.unwrap();
        assert_eq!(began.elapsed(), waited * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_its_turn_waits_on_where_the_account_asks_to_be_left_alone_meanwhile() {
    let pace = Pace::new(1);
    pace.turn(ANY, in_time()).await.unwrap();
    let began = Instant::now();
    let pause = async {
        tokio::time::sleep(SECOND / 2).await;
        pace.pause(None, Some(5 * SECOND), Instant::now());
    };
    let (turn, ()) = tokio::join!(pace.turn(ANY, in_time()), pause);
    turn.unwrap();
    assert_eq!(began.elapsed(), 5 * SECOND + SECOND / 2);
}

#[tokio::test(start_paused = true)]
async fn those_who_waited_through_a_pause_do_not_start_all_at_once() {
    const WAITING: usize = 50;
    let pace = Pace::new(5);
    let began = Instant::now();
    let pause = async {
        tokio::time::sleep(SECOND / 2).await;
        pace.pause(None, Some(20 * SECOND), Instant::now());
    };
    let turns = join_all((0..WAITING).map(async |_| {
        pace.turn(ANY, in_time()).await.unwrap();
        began.elapsed()
    }));
    let (mut starts, ()) = tokio::join!(turns, pause);
    starts.sort();
    for (first, sixth) in starts.iter().zip(&starts[5..]) {
        assert!(*sixth - *first >= SECOND, "{starts:?}");
    }
    assert!(
        began.elapsed() < 30 * SECOND,
        "nobody waits longer than needed: {starts:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_one_operation_keeps_nobody_else_waiting() {
    let pace = Pace::new(1);
    let began = Instant::now();
    pace.pause(Some("GET /busy"), Some(5 * SECOND), began);
    let busy = async {
        pace.turn("GET /busy", in_time()).await.unwrap();
        began.elapsed()
    };
    let other = async {
        pace.turn(ANY, in_time()).await.unwrap();
        began.elapsed()
    };
    assert_eq!(tokio::join!(busy, other), (5 * SECOND, Duration::ZERO));
}
