//! What happened reaches whoever subscribed, whatever the receiver does and whenever SIGKILL comes.

use std::collections::{BTreeMap, BTreeSet};

use rstest::rstest;

use crate::bed::{Reaction, Receiver, eventually};
use crate::site::{Site, Store, connect, number};

/// How often the gateway is killed.
const KILLS: usize = 10;
/// How many calls are placed before each kill.
const CROWD: usize = 6;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

/// Refuses every event once, each in another way, and takes it when it comes again.
fn refuses_once() -> impl Fn(usize) -> Reaction + Send + Sync + 'static {
    let count = std::sync::atomic::AtomicUsize::new(0);
    move |before| {
        let ways = [
            Reaction::Status(500),
            Reaction::Close,
            Reaction::Status(302),
            Reaction::Half,
        ];
        let turn = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if before == 0 {
            ways[turn % ways.len()]
        } else {
            Reaction::Status(200)
        }
    }
}

#[rstest]
#[tokio::test]
async fn no_kill_hides_an_event_from_a_receiver(#[values(Store::Embedded, Store::Redis)] store: Store) {
    let good = Receiver::start(|_| Reaction::Status(204)).await;
    let bad = Receiver::start(refuses_once()).await;
    let hangs = Receiver::start(|_| Reaction::Hang).await;
    let mut site = Site::start_with(store, |home| {
        for (name, receiver) in [("good", &good), ("bad", &bad), ("hangs", &hangs)] {
            home.subscribe(name, "acme", (&receiver.url, &[SECRET]));
        }
    })
    .await;
    let mut placed = BTreeSet::new();
    for kill in 0..KILLS {
        for place in 0..CROWD {
            let call = site.post("/calls", connect(&number(kill * CROWD + place))).await;
            placed.insert(call.expect(201).id());
        }
        site.crash();
    }
    for (name, receiver) in [("good", &good), ("bad", &bad)] {
        eventually(&format!("{name} has every call"), async || {
            receiver.taken("call.queued").is_superset(&placed).then_some(())
        })
        .await;
    }
    assert_eq!(hangs.taken("call.queued"), BTreeSet::new());
    let mut bodies = BTreeMap::new();
    for letter in [good.got(), bad.got(), hangs.got()].concat() {
        let body = bodies
            .entry(letter.id().to_owned())
            .or_insert_with(|| letter.body.clone());
        assert_eq!(body, &letter.body, "a repeat is the same event");
    }
    println!(
        "{store:?}: {KILLS} kills among {} calls: 0 lost; {} letters to the good receiver, {} to the bad one",
        placed.len(),
        good.got().len(),
        bad.got().len()
    );
}
