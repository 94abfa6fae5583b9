//! Too much to do: reading history is turned away first, and whoever logs in does not notice.
//!
//! `SWITCHBOARD_OVERLOAD_CODES=200` has that many codes sent and checked meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use switchboard::app::App;
use switchboard::simulators::faults::{Delay, Effect, Rule};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::bed::{Answer, Client, Home, Process, Providers, ZENVIA, eventually, http};
use crate::site::{code, number, say, verification};

/// The places of the account that has too much to do.
const PLACES: usize = 8;
/// How many keep calling, and how many keep reading.
const CALLING: usize = 60;
const READING: usize = 150;
/// How many codes are sent and checked meanwhile, unless the environment says so.
const CODES: usize = 30;

/// A gateway of one worker, with too much to do at a provider that takes its time.
struct Crowd {
    app: App,
    home: Home,
    providers: Providers,
    acme: Client,
    called: Arc<Counts>,
    read: Arc<Counts>,
    asking: JoinSet<()>,
}

#[derive(Default)]
struct Counts {
    answered: AtomicUsize,
    refused: AtomicUsize,
}

impl Crowd {
    /// Starts it, and waits until it turns somebody away.
    async fn gather() -> Self {
        let providers = Providers::start().await;
        let mut home = Home::embedded(&providers);
        home.lay_over(&format!(
            "[server]\nworkers = 1\n[calls]\nautomated_calls_per_number = false\n[accounts.{ZENVIA}]\nconcurrent = {PLACES}\n"
        ));
        for path in ["/tts", "/chamada", "/audio", "/composto", "/did"] {
            slow_down(&providers, path);
        }
        let app = home.run().await;
        let acme = home.client(app.address, "acme");
        let (called, read) = (Arc::<Counts>::default(), Arc::<Counts>::default());
        let mut asking = JoinSet::new();
        for n in 0..CALLING {
            let acme = acme.clone();
            let call = async move || acme.post("/calls", say(&number(n))).await;
            asking.spawn(keep(call, Arc::clone(&called)));
        }
        for _ in 0..READING {
            let acme = acme.clone();
            let page = async move || acme.get(&format!("/history?account={ZENVIA}")).await;
            asking.spawn(keep(page, Arc::clone(&read)));
        }
        let refused = || read.refused.load(Ordering::Relaxed) > 0;
        eventually("somebody is turned away", async || refused().then_some(())).await;
        Self {
            app,
            home,
            providers,
            acme,
            called,
            read,
            asking,
        }
    }
}

fn slow_down(providers: &Providers, path: &str) {
    providers.zenvia.control().faults.add(Rule {
        method: None,
        path: path.into(),
        skip: 0,
        times: None,
        effect: Effect::DelayMs(Delay { before: 0, after: 100 }),
    });
}

/// Asks again and again; whoever is turned away is told when to come again, and comes sooner.
async fn keep(ask: impl AsyncFn() -> Answer, counts: Arc<Counts>) {
    loop {
        let answer = ask().await;
        if answer.status < 300 {
            counts.answered.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        // A report that is not read in time is no refusal of ours.
        assert_eq!(answer.status, 503, "{}", answer.body);
        if answer.body["type"] == "/problems/overloaded" {
            assert!(answer.header("retry-after").is_some(), "{}", answer.body);
            counts.refused.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_and_webhooks_go_through_while_history_is_turned_away() {
    let codes = std::env::var("SWITCHBOARD_OVERLOAD_CODES").map_or(CODES, |codes| codes.parse().unwrap());
    let mut crowd = Crowd::gather().await;
    let (http, hook) = (http(), crowd.home.hook(crowd.app.address, ZENVIA, Some("sms-status")));
    for n in 0..codes {
        let number = number(1_000 + n);
        let sent = crowd.acme.post("/verifications", verification(&number)).await;
        let code = code(&crowd.providers.zenvia, &number);
        let path = format!("/verifications/{}/check", sent.expect(201).id());
        let checked = crowd.acme.post(&path, json!({ "code": code })).await;
        assert_eq!(checked.expect(200).body["valid"], true);
        let told = http.post(&hook).json(&json!({ "id": n })).send().await.unwrap();
        assert!(told.status().is_success(), "{}", told.status());
        let ended = crowd.asking.try_join_next();
        assert!(ended.is_none(), "told something else: {ended:?}");
    }
    let told = |counts: &Counts| {
        (
            counts.answered.load(Ordering::Relaxed),
            counts.refused.load(Ordering::Relaxed),
        )
    };
    let (called, read) = (told(&crowd.called), told(&crowd.read));
    println!(
        "{codes} codes sent, {codes} checked and {codes} webhooks taken, none turned away; of calls {} were placed and {} \
         turned away, of pages {} read and {} turned away",
        called.0, called.1, read.0, read.1
    );
    assert!(called.0 > 0 && read.1 > 0);
}

/// Sends a request with a body over a connection, and returns the head of the answer.
async fn ask_over(connection: &mut TcpStream) -> String {
    let request = "POST /history HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    drop(connection.write_all(request.as_bytes()).await);
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        let length = |head: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
        };
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && length(head).is_some_and(|length: usize| body.len() >= length)
        {
            return head.to_owned();
        }
        assert_ne!(
            connection.read_buf(&mut read).await.unwrap_or(0),
            0,
            "closed after {text:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_turned_away_keeps_the_connection() {
    let crowd = Crowd::gather().await;
    let turned_away = |head: String| head.starts_with("HTTP/1.1 503");
    eventually("one connection is told twice", async || {
        let mut connection = TcpStream::connect(crowd.app.address).await.unwrap();
        // One of these may find a place that was just left.
        let first = turned_away(ask_over(&mut connection).await);
        (first && turned_away(ask_over(&mut connection).await)).then_some(())
    })
    .await;
}

/// The nice values of the threads of a process whose name begins so.
#[cfg(target_os = "linux")]
fn niceness(pid: u32, name: &str) -> Vec<i32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let stats = threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("stat")).unwrap());
    let named = stats.filter(|stat| stat.split_once('(').unwrap().1.starts_with(name));
    // The name may hold spaces; the seventeenth field after it is the nice value.
    let nice = |stat: String| {
        stat.rsplit_once(") ")
            .unwrap()
            .1
            .split(' ')
            .nth(16)
            .unwrap()
            .parse()
            .unwrap()
    };
    named.map(nice).collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn whoever_asks_goes_before_what_goes_on_between_requests() {
    let providers = Providers::start().await;
    let gateway = Process::start(&Home::embedded(&providers));
    let usual = niceness(std::process::id(), "")[0];
    // Also the threads for what blocks, one of which looks every second whether the configuration changed.
    let workers = std::thread::available_parallelism().unwrap().get();
    let all = async || (niceness(gateway.pid(), "tokio-rt-worker").len() > workers).then_some(());
    eventually("a thread is there for what blocks", all).await;
    for (name, nice) in [
        ("actix-server", usual),
        ("store-writer", usual),
        ("tokio-rt-worker", usual + 5),
    ] {
        let found = niceness(gateway.pid(), name);
        assert!(
            !found.is_empty() && found.iter().all(|found| *found == nice),
            "{name}: {found:?}"
        );
    }
}
