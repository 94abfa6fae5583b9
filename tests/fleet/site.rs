//! Gateways that come back at the same address, over a store that they share.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tokio::task::block_in_place;

use crate::bed::{Client, Home, Process, Providers, Reaction, Receiver};
use crate::ledger::Ledger;
use crate::nginx::Nginx;
use crate::traffic::{self, Traffic};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
/// How long a gateway may take to end, in the sample configuration and everywhere.
pub const DRAIN: Duration = Duration::from_secs(10);
/// When an end counts as late: what else a busy machine does takes its time too.
pub const LATE: Duration = Duration::from_secs(15);

/// Finds a port that the kernel gives to nobody by itself, so that it is still free after a restart.
pub fn steady_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Suites run side by side, each in a process of its own.
    let first = 12_000 + u16::try_from(std::process::id() % 1_500).unwrap() * 10;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 5_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A gateway at an address of its own.
pub struct Station {
    pub address: SocketAddr,
    process: Process,
}

impl Station {
    pub fn open(home: &Home) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], steady_port()));
        Self {
            process: start(home, address),
            address,
        }
    }

    /// Ends it with SIGTERM; returns how it ended, and after how long.
    pub async fn end(&mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        self.process.terminate();
        loop {
            if let Some(status) = self.process.ended() {
                return (status, began.elapsed());
            }
            assert!(began.elapsed() < 6 * DRAIN, "it does not end");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Starts it anew.
    pub fn restart(&mut self, home: &Home) {
        self.process = start(home, self.address);
    }

    /// What it logged since it was started.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

fn start(home: &Home, address: SocketAddr) -> Process {
    block_in_place(|| {
        Process::start_with(home, |command| {
            command.env("SWITCHBOARD__SERVER__BIND", address.to_string());
        })
    })
}

/// What gateways over one store are started from, with somebody who is told of every event.
pub struct Site {
    pub home: Home,
    pub providers: Providers,
    pub receiver: Receiver,
}

impl Site {
    pub async fn on(store: &str) -> Self {
        let providers = Providers::start().await;
        let receiver = Receiver::start(|_| Reaction::Status(204)).await;
        let mut home = Home::on(store, &providers);
        home.subscribe("all", "acme", (&receiver.url, &[SECRET]));
        // The gateway makes the codes, so that an approval is nobody's word but the store's.
        home.lay_over("[verification]\ncodes = \"gateway\"\n");
        Self {
            home,
            providers,
            receiver,
        }
    }
}

/// Two gateways over one store, behind nginx.
pub struct Fleet {
    pub site: Site,
    pub stations: [Station; 2],
    pub nginx: Nginx,
}

impl Fleet {
    pub async fn over(store: &str) -> Self {
        let site = Site::on(store).await;
        let stations = [Station::open(&site.home), Station::open(&site.home)];
        let nginx = Nginx::before(stations.each_ref().map(|station| station.address)).await;
        site.providers.tell(&site.home, nginx.address).await;
        Self { site, stations, nginx }
    }

    /// Clients that begin now.
    pub async fn traffic(&self) -> Traffic {
        Traffic::to(self.nginx.address, &self.site).await
    }

    /// Which of the webhooks taken were not told, or not delivered, when nothing more came of them for so long.
    pub async fn lost(&self, ledger: &Ledger, patience: Duration) -> BTreeSet<u64> {
        let client: Client = self.site.home.client(self.nginx.address, "acme");
        traffic::lost(ledger, (&client, &self.site), patience).await
    }
}
