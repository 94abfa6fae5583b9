//! Each gateway behind nginx is ended and started again, one after the other: no client notices.

use std::time::Duration;

use crate::bed::redis::Server;
use crate::dial;
use crate::site::{Fleet, LATE};
use crate::traffic::{GIVEN_UP, LEAST};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn gateways_restarted_in_turn_behind_nginx_fail_no_request_and_lose_no_event() {
    let restarts = dial("SWITCHBOARD_RESTARTS", 2);
    let redis = Server::start();
    let mut fleet = Fleet::over(&redis.url()).await;
    let traffic = fleet.traffic().await;
    let mut slowest = Duration::ZERO;
    for restart in 0..2 * restarts {
        traffic.go_round(3).await;
        let station = &mut fleet.stations[restart % 2];
        let (status, took) = station.end().await;
        assert_eq!(status.code(), Some(0), "{}", station.log());
        slowest = slowest.max(took);
        station.restart(&fleet.site.home);
    }
    traffic.go_round(3).await;
    let ledger = traffic.end().await;
    let lost = fleet.lost(&ledger, GIVEN_UP).await;
    println!(
        "{restarts} rolling restarts of two gateways behind nginx: {} events lost, {} not heard live; the feed resumed {} times; \
         slowest end {:.2} s; {}",
        lost.len(),
        ledger.unheard().len(),
        ledger.resumed,
        slowest.as_secs_f64(),
        ledger.summary(),
    );
    print!("{}", fleet.nginx.log());
    ledger.is_spotless((2 * restarts + 1) * LEAST);
    assert!(lost.is_empty(), "{lost:?}");
    assert!(slowest <= LATE, "{slowest:?}");
}
