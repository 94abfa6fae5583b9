//! Who gets a place, with the time standing still.

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::provider::{Provider, answer};
use super::*;
use crate::upstream::bulkhead::{Bulkhead, Place};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(1)
}

/// Takes places until one would have to wait.
fn fill(bulkhead: &Bulkhead, urgency: Urgency) -> Vec<(Option<SemaphorePermit<'_>>, Place<'_>)> {
    let enter = async || {
        let turn = bulkhead.turn(urgency).await;
        Some((turn, bulkhead.enter(urgency, soon()).await?))
    };
    std::iter::from_fn(|| enter().now_or_never().flatten()).collect()
}

#[tokio::test(start_paused = true)]
async fn history_takes_a_quarter_and_only_what_is_urgent_the_last_eighth() {
    let bulkhead = Bulkhead::new(64);
    let history = fill(&bulkhead, Urgency::Last);
    let usual = fill(&bulkhead, Urgency::Usual);
    let first = fill(&bulkhead, Urgency::First);
    assert_eq!((history.len(), usual.len(), first.len()), (16, 40, 8));
}

#[tokio::test(start_paused = true)]
async fn one_place_serves_everybody_in_turn() {
    let bulkhead = Bulkhead::new(1);
    for urgency in [Urgency::Last, Urgency::Usual, Urgency::First] {
        assert_eq!(fill(&bulkhead, urgency).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_full_where_nobody_may_even_wait_and_what_is_urgent_has_its_own_room() {
    let bulkhead = Bulkhead::new(8);
    let _usual = fill(&bulkhead, Urgency::Usual);
    let waiting = || Box::pin(bulkhead.enter(Urgency::Usual, soon()));
    let mut waiting: Vec<_> = std::iter::repeat_with(waiting).take(16).collect();
    for (ahead, place) in waiting.iter_mut().enumerate() {
        assert!(!bulkhead.is_full(Urgency::Usual), "behind {ahead}");
        assert!(place.now_or_never().is_none());
    }
    assert!(bulkhead.is_full(Urgency::Usual) && !bulkhead.is_full(Urgency::First));
    drop(waiting);
    assert!(!bulkhead.is_full(Urgency::Usual));
}

#[tokio::test(start_paused = true)]
async fn as_many_as_twice_the_places_may_wait_and_none_longer_than_it_may() {
    let bulkhead = Bulkhead::new(1);
    let taken = fill(&bulkhead, Urgency::Usual);
    let began = Instant::now();
    let until = soon();
    let enter = || bulkhead.enter(Urgency::Usual, until);
    let (one, two, too_many) = tokio::join!(enter(), enter(), async { (enter().await.is_none(), began.elapsed()) });
    assert!(one.is_none() && two.is_none());
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    assert_eq!(too_many, (true, Duration::ZERO), "it is told at once");
    drop(taken);
    assert_eq!(fill(&bulkhead, Urgency::Usual).len(), 1);
}

#[tokio::test]
async fn reading_history_waits_its_turn_however_many_pages_are_asked_for_at_once() {
    let provider = Provider::start([answer("200 OK", "[]")]).await;
    let narrow = Settings {
        concurrent: 1,
        ..settings(&provider.url)
    };
    let upstream = start(narrow);
    let pages = (0..20).map(|_| upstream.exchange(read().urgency(Urgency::Last), judge));
    let pages = join_all(pages).await;
    assert!(pages.iter().all(Result::is_ok), "{pages:?}");
}
