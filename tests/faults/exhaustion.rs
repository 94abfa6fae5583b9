//! No room on the disk, no handle left: what can be served is served, what cannot is refused, and all is well again once
//! there is room.
//!
//! The limits are the system's own, set on the process while it runs. A file that may not grow stands for a disk that is
//! full: to the store it is the same failure of a write.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::bed::{Answer, Client, Home, Process, Providers, ZENVIA, eventually, http};
use crate::site::{connect, number};

/// As much as a webhook may hold.
const LARGE: usize = 900_000;

fn limit(gateway: &Process, what: &str) {
    let pid = gateway.pid().to_string();
    let done = Command::new("prlimit").args(["--pid", &pid, what]).status();
    assert!(done.expect("prlimit is installed").success());
}

/// How many handles a gateway may have.
fn handles(gateway: &Process) -> u64 {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.pid())).unwrap();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

struct Site {
    gateway: Process,
    home: Home,
    providers: Providers,
}

impl Site {
    /// A gateway that is told that a write failed instead of being killed for it.
    async fn start() -> Self {
        let providers = Providers::start().await;
        let home = Home::embedded(&providers);
        let gateway = Process::start_by(&["env", "--ignore-signal=XFSZ"], &home);
        Self {
            gateway,
            home,
            providers,
        }
    }

    fn acme(&self) -> Client {
        self.home.client(self.gateway.address, "acme")
    }

    async fn place(&self, n: usize) -> Answer {
        self.acme().post("/calls", connect(&number(n))).await
    }

    /// Sends a webhook that nobody can read, which is kept as it came; its status.
    async fn unreadable(&self) -> u16 {
        let hook = self.home.hook(self.gateway.address, ZENVIA, Some("call-end"));
        let sent = http().post(hook).body("x".repeat(LARGE)).send().await;
        sent.unwrap().status().as_u16()
    }
}

#[tokio::test]
async fn a_full_disk_refuses_what_must_be_kept_and_loses_nothing_that_was_taken() {
    let site = Site::start().await;
    let call = site.place(1).await.expect(201).id();
    let store = site.home.path().join("store/store.redb");
    let room = std::fs::metadata(&store).unwrap().len() + 4 * LARGE as u64;
    limit(&site.gateway, &format!("--fsize={room}:unlimited"));
    let mut taken = 0;
    eventually("the disk is full", async || {
        let status = site.unreadable().await;
        assert!([200, 503].contains(&status), "{status}");
        taken += usize::from(status == 200);
        (status == 503).then_some(())
    })
    .await;
    let acme = site.acme();
    acme.get("/health/live").await.expect(200);
    let path = format!("/calls/{call}");
    eventually("what is there can be read", async || {
        let read = acme.get(&path).await;
        assert!([200, 503].contains(&read.status), "{read:?}");
        (read.status == 200).then_some(())
    })
    .await;
    let before = site.providers.zenvia.dials().len();
    eventually("the next is refused as well", async || {
        (site.unreadable().await == 503).then_some(())
    })
    .await;
    let refused = site.place(2).await;
    if refused.status == 503 {
        refused.expect_problem(503, "store-unavailable");
        assert_eq!(
            site.providers.zenvia.dials().len(),
            before,
            "what cannot be kept is not dialled"
        );
    }
    limit(&site.gateway, "--fsize=unlimited:unlimited");
    eventually("there is room again", async || {
        let placed = site.place(3).await;
        (placed.status == 201).then_some(())
    })
    .await;
    acme.get("/health/ready").await.expect(200);
    acme.get(&path).await.expect(200);
    eventually("everything taken is told of", async || {
        let told = acme.get("/events?types=webhook.unreadable&limit=200").await;
        let told = told.expect(200).body["data"].as_array().unwrap().len();
        (told >= taken).then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_a_handle_whoever_is_connected_is_served_and_others_once_there_is_one() {
    let site = Site::start().await;
    let acme = site.acme();
    let call = acme.post("/calls", connect(&number(1))).await.expect(201).id();
    let path = format!("/calls/{call}");
    acme.get(&path).await.expect(200);
    let open = std::fs::read_dir(format!("/proc/{}/fd", site.gateway.pid()))
        .unwrap()
        .count();
    let before = handles(&site.gateway);
    limit(&site.gateway, &format!("--nofile={}:", open + 4));
    let strangers: Vec<_> = (0..64)
        .map(|_| TcpStream::connect(site.gateway.address).unwrap())
        .collect();
    let mut stranger = TcpStream::connect(site.gateway.address).unwrap();
    stranger
        .write_all(b"GET /health/live HTTP/1.1\r\nhost: gateway\r\n\r\n")
        .unwrap();
    stranger.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    stranger.read_exact(&mut [0]).expect_err("served without a handle");
    // The client goes on with the connection that it has.
    acme.get("/health/live").await.expect(200);
    acme.get(&path).await.expect(200);
    let placed = acme
        .ask(Method::POST, "/calls")
        .json(&connect(&number(2)))
        .answer()
        .await;
    assert!([201, 202, 503].contains(&placed.status), "{placed:?}");
    drop(strangers);
    limit(&site.gateway, &format!("--nofile={before}:"));
    eventually("others are served", async || {
        let url = format!("http://{}/health/ready", site.gateway.address);
        let other = http().get(url).send().await.ok()?;
        (other.status() == 200).then_some(())
    })
    .await;
    let again = eventually("calls are placed", async || {
        let placed = site.place(3).await;
        (placed.status == 201).then_some(placed)
    });
    assert_eq!(again.await.body["to"], json!(number(3)));
}
