//! Several instances and several receivers at the same time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::bed::{Receivers, Yard, section};
use crate::domain::delivery::DeliveryError;
use crate::domain::event::EventType;
use crate::domain::time::Timestamp;
use crate::events::courier::Post;
use crate::events::deliver::Deliverer;
use crate::upstream::{Letter, Reply};

/// Receivers of which one never answers.
struct OneHangs(Arc<Receivers>);

#[async_trait]
impl Post for OneHangs {
    async fn post(&self, letter: Letter, at: Timestamp) -> Result<Reply, DeliveryError> {
        let hangs = letter.url.host_str().unwrap().starts_with("hangs.");
        let reply = self.0.post(letter, at).await;
        if hangs { std::future::pending().await } else { reply }
    }
}

fn deliverer(yard: &Yard, post: Arc<dyn Post>) -> Deliverer {
    Deliverer::posting_by(Arc::clone(&yard.means.gateway), yard.means.store.clone(), post)
}

async fn until(what: impl Fn() -> bool) {
    let asking = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.unwrap();
}

#[tokio::test]
async fn one_that_hangs_delays_nobody_else_and_not_the_stop() {
    let names = ["hangs", "a", "b"];
    let sections: String = names.iter().map(|name| section(name, "acme", "*")).collect();
    let yard = Yard::new(&sections, Receivers::that(|_, _, _| Ok(200)));
    for _ in 0..50 {
        yard.happens(EventType::CallEnded, "acme").await;
    }
    let stop = CancellationToken::new();
    let post = Arc::new(OneHangs(Arc::clone(&yard.receivers)));
    let running = tokio::spawn(deliverer(&yard, post).run(stop.clone()));
    until(|| ["a", "b"].iter().all(|name| yard.receivers.got(name).len() == 50)).await;
    assert_eq!(yard.receivers.got("hangs").len(), 16, "no more at the same time");
    stop.cancel();
    running.await.unwrap();

    // What hung was not taken: the next one delivers it.
    let running = deliverer(&yard, Arc::clone(&yard.receivers) as Arc<dyn Post>).run(CancellationToken::new());
    let running = tokio::spawn(running);
    until(|| yard.receivers.got("hangs").len() == 16 + 50).await;
    running.abort();
}

#[tokio::test]
async fn of_two_instances_one_delivers_and_nothing_comes_twice() {
    let section = section("a", "acme", "*");
    let one = Yard::new(&section, Receivers::that(|_, _, _| Ok(200)));
    let other = Yard::over(&section, Arc::clone(&one.receivers), |_| one.means.store.clone());
    let stop = CancellationToken::new();
    let running: Vec<_> = [&one, &other]
        .map(|yard| tokio::spawn(deliverer(yard, Arc::clone(&one.receivers) as Arc<dyn Post>).run(stop.clone())))
        .into();
    for _ in 0..300 {
        one.happens(EventType::CallEnded, "acme").await;
    }
    until(|| one.receivers.got("a").len() >= 300).await;
    stop.cancel();
    for running in running {
        running.await.unwrap();
    }
    let mut events = one.receivers.events("a");
    events.sort();
    events.dedup();
    assert_eq!((events.len(), one.receivers.got("a").len()), (300, 300));
}
