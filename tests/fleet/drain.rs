//! A gateway is asked to end while it works: it answers everything that it has taken, and leaves nothing held.

use std::time::Duration;

use crate::bed::redis::Server;
use crate::dial;
use crate::site::{DRAIN, Site, Station};
use crate::traffic::{Traffic, lost};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_gateway_that_ends_answers_what_it_took_and_gives_back_its_leases() {
    let drains = dial("SWITCHBOARD_DRAINS", 3);
    let redis = Server::start();
    let site = Site::on(&redis.url()).await;
    let mut station = Station::open(&site.home);
    site.providers.tell(&site.home, station.address).await;
    let traffic = Traffic::to(station.address, &site);
    let mut took = Vec::new();
    for _ in 0..drains {
        traffic.go_round(3).await;
        let (status, time) = station.end().await;
        assert_eq!(status.code(), Some(0), "{}", station.log());
        took.push(time);
        let leases = redis.ask(&["KEYS", "sb:lease:*"]);
        assert_eq!(leases.trim(), "", "held by a gateway that is gone");
        station.restart(&site.home);
    }
    traffic.go_round(3).await;
    let ledger = traffic.end().await;
    let acme = site.home.client(station.address, "acme");
    let (untold, undelivered) = lost(&ledger.taken, &acme, &site).await;
    took.sort();
    println!(
        "{drains} drains under load: {} of {} requests failed, {} refused by a slow store, {} webhooks taken, {} not told, {} \
         not delivered; time to end median {:.2} s, at most {:.2} s; {}",
        ledger.failures().len(),
        ledger.entries.len(),
        ledger.refusals().len(),
        ledger.taken.len(),
        untold.len(),
        undelivered.len(),
        took[took.len() / 2].as_secs_f64(),
        took.last().map_or(0.0, Duration::as_secs_f64),
        ledger.summary(),
    );
    assert_eq!(ledger.failures(), Vec::<String>::new());
    assert_eq!(ledger.wrong, Vec::<String>::new());
    assert!(untold.is_empty() && undelivered.is_empty(), "{untold:?} {undelivered:?}");
    assert!(took.iter().all(|time| *time <= DRAIN), "{took:?}");
}
