//! A gateway is asked to end while it works: it answers everything that it has taken, and leaves nothing held.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::json;
use switchboard::simulators::faults::{Delay, Effect, Rule};
use tokio::task::block_in_place;

use crate::bed::redis::Server;
use crate::bed::{Home, Process, Providers, eventually};
use crate::dial;
use crate::ledger::spread;
use crate::site::{LATE, Site, Station};
use crate::traffic::{GIVEN_UP, LEAST, Traffic, lost};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_gateway_that_ends_answers_what_it_took_and_gives_back_its_leases() {
    let drains = dial("SWITCHBOARD_DRAINS", 3);
    let redis = Server::start();
    let site = Site::on(&redis.url()).await;
    let mut station = Station::open(&site.home);
    site.providers.tell(&site.home, station.address).await;
    let traffic = Traffic::to(station.address, &site).await;
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
    let lost = lost(&ledger, (&acme, &site), GIVEN_UP).await;
    println!(
        "{drains} drains under load: {} events lost; time to end {}; {}",
        lost.len(),
        spread(&mut took),
        ledger.summary(),
    );
    ledger.is_spotless((drains + 1) * LEAST);
    assert!(lost.is_empty(), "{lost:?}");
    assert!(took.iter().all(|time| *time <= LATE), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_has_come_in_is_answered_and_whoever_comes_later_is_refused() {
    let providers = Providers::start().await;
    let home = Home::embedded(&providers);
    let (mut answered, mut refused) = (0, 0);
    let closings = dial("SWITCHBOARD_CLOSINGS", 5);
    for _ in 0..closings {
        let app = home.run().await;
        let knocking = Knocking::at(app.address);
        let before = knocking.answered();
        eventually("they knock", async || (knocking.answered() > before + 50).then_some(())).await;
        app.stop().await;
        let told = knocking.end();
        assert_eq!(told.broken, Vec::<String>::new(), "sent away after they had come in");
        answered += told.answered;
        refused += told.refused;
    }
    println!("{answered} connections answered, {refused} refused, 0 broken");
    assert!(answered >= 51 * closings && refused > 0);
}

/// Callers who open a connection for each request.
struct Knocking {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    callers: Vec<std::thread::JoinHandle<Told>>,
}

#[derive(Default)]
struct Told {
    answered: usize,
    refused: usize,
    broken: Vec<String>,
}

impl Knocking {
    fn at(address: SocketAddr) -> Self {
        let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let callers = (0..8).map(|_| {
            let (over, answered) = (Arc::clone(&over), Arc::clone(&answered));
            std::thread::spawn(move || {
                let mut told = Told::default();
                while !over.load(Ordering::SeqCst) {
                    match knock(address) {
                        Knock::Answered => {
                            told.answered += 1;
                            answered.fetch_add(1, Ordering::SeqCst);
                        }
                        Knock::Refused => told.refused += 1,
                        Knock::Broken(how) => told.broken.push(how),
                    }
                }
                told
            })
        });
        Self {
            callers: callers.collect(),
            over,
            answered,
        }
    }

    fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    fn end(self) -> Told {
        self.over.store(true, Ordering::SeqCst);
        let told = self.callers.into_iter().map(|caller| caller.join().unwrap());
        told.fold(Told::default(), |all, one| Told {
            answered: all.answered + one.answered,
            refused: all.refused + one.refused,
            broken: [all.broken, one.broken].concat(),
        })
    }
}

enum Knock {
    Answered,
    Refused,
    Broken(String),
}

fn knock(address: SocketAddr) -> Knock {
    let mut stream = match TcpStream::connect(address) {
        Ok(stream) => stream,
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Knock::Refused,
        Err(error) => return Knock::Broken(format!("connecting: {error}")),
    };
    let mut answer = String::new();
    let asked = stream
        .write_all(b"GET /health/live HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n")
        .and_then(|()| stream.read_to_string(&mut answer));
    match asked {
        Ok(_) if answer.starts_with("HTTP/1.1 200") => Knock::Answered,
        Ok(read) => Knock::Broken(format!("{read} bytes: {answer}")),
        Err(error) => Knock::Broken(format!("connected: {error}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_waits_for_news_is_answered_when_the_gateway_ends() {
    let providers = Providers::start().await;
    // No webhook comes, so there is no news.
    let home = Home::embedded(&providers);
    let mut gateway = Process::start(&home);
    let acme = home.client(gateway.address, "acme");
    let say = json!({ "to": "+5511912341234", "actions": [{ "type": "say", "text": "Oi" }] });
    let call = acme.post("/calls", say).await;
    let path = format!("/calls/{}", call.expect(201).id());
    let token = home.tokens.of("acme");
    let mut waiting = TcpStream::connect(gateway.address).unwrap();
    let asked =
        format!("GET {path} HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer {token}\r\nprefer: wait=30\r\n\r\n");
    waiting.write_all(asked.as_bytes()).unwrap();
    gateway.terminate();
    let mut answer = String::new();
    block_in_place(|| waiting.read_to_string(&mut answer)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    let status = eventually("it ends", async || gateway.ended()).await;
    assert_eq!(status.code(), Some(0));
    assert!(!gateway.log().contains("not everything was"), "{}", gateway.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_gateway_that_is_asked_twice_ends_at_once() {
    let providers = Providers::start().await;
    let delay = Delay {
        before: 60_000,
        after: 0,
    };
    providers.zenvia.control().faults.add(Rule {
        method: Some("POST".into()),
        path: "/tts".into(),
        skip: 0,
        times: None,
        effect: Effect::DelayMs(delay),
    });
    let home = Home::embedded(&providers);
    let mut gateway = Process::start(&home);
    let acme = home.client(gateway.address, "acme");
    let say = json!({ "to": "+5511912341234", "actions": [{ "type": "say", "text": "Oi" }] });
    let asking = acme.ask(Method::POST, "/calls").json(&say);
    let asking = tokio::spawn(asking.try_answer());
    let route = ("POST".to_owned(), "/tts".to_owned());
    eventually("the provider is asked", async || {
        providers.zenvia.control().requests().get(&route).copied()
    })
    .await;
    gateway.terminate();
    eventually("nobody new is let in", async || {
        TcpStream::connect(gateway.address).err()
    })
    .await;
    assert_eq!(gateway.ended(), None, "it waits for the provider");
    gateway.terminate();
    let status = eventually("it ends", async || gateway.ended()).await;
    assert_eq!(status.code(), Some(0));
    assert!(asking.await.unwrap().is_err(), "nobody waited for the answer");
}
