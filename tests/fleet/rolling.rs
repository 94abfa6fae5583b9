//! Each gateway behind nginx is ended and started again, one after the other: no client notices.

use std::time::Duration;

use crate::bed::redis::Server;
use crate::dial;
use crate::nginx::Nginx;
use crate::site::{DRAIN, Site, Station};
use crate::traffic::{Traffic, lost};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn gateways_restarted_in_turn_behind_nginx_fail_no_request_and_lose_no_event() {
    let restarts = dial("SWITCHBOARD_RESTARTS", 2);
    let redis = Server::start();
    let site = Site::on(&redis.url()).await;
    let mut stations = [Station::open(&site.home), Station::open(&site.home)];
    let nginx = Nginx::before(stations.each_ref().map(|station| station.address)).await;
    site.providers.tell(&site.home, nginx.address).await;
    let traffic = Traffic::to(nginx.address, &site).await;
    let mut slowest = Duration::ZERO;
    for restart in 0..2 * restarts {
        traffic.go_round(3).await;
        let station = &mut stations[restart % 2];
        let (status, took) = station.end().await;
        assert_eq!(status.code(), Some(0));
        slowest = slowest.max(took);
        station.restart(&site.home);
    }
    traffic.go_round(3).await;
    let ledger = traffic.end().await;
    let acme = site.home.client(nginx.address, "acme");
    let (untold, undelivered) = lost(&ledger.taken, &acme, &site).await;
    println!(
        "{restarts} rolling restarts of two gateways behind nginx: {} of {} requests failed, {} refused by a slow store, {} \
         webhooks taken, {} not told, {} not delivered, {} not heard live; the feed resumed {} times; slowest end {:.1} s; {}",
        ledger.failures().len(),
        ledger.entries.len(),
        ledger.refusals().len(),
        ledger.taken.len(),
        untold.len(),
        undelivered.len(),
        ledger.taken.difference(&ledger.followed).count(),
        ledger.resumed,
        slowest.as_secs_f64(),
        ledger.summary(),
    );
    assert_eq!(
        ledger.failures().iter().take(9).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "{}",
        nginx.log()
    );
    assert_eq!(ledger.wrong, Vec::<String>::new());
    assert!(
        untold.is_empty() && undelivered.is_empty(),
        "{untold:?} {undelivered:?}"
    );
    assert!(ledger.taken.is_subset(&ledger.followed));
    assert!(slowest <= DRAIN, "{slowest:?}");
}
