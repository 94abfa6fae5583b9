//! What was taken is told to everyone who listens, whatever is killed and whoever goes away.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::bed::{Client, Home, Process, Reaction, Receiver, ZENVIA, eventually, http};
use crate::site::{Pair, Site, Store, number, say};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
/// How many send webhooks at the same time.
const SENDERS: usize = 32;
/// How long each waits between two: together they send some 1,600 a second.
const PACE: Duration = Duration::from_millis(20);
/// How long webhooks are sent between two kills.
const BETWEEN_KILLS: Duration = Duration::from_millis(1_500);

/// How often a kill comes; more in a longer run.
fn kills() -> usize {
    std::env::var("KILLS").map_or(4, |text| text.parse().expect("a number"))
}

/// A reply to a text message, told by a webhook.
fn reply(id: u64) -> String {
    json!({ "id": id, "sms_id": id, "resposta": "ok", "data_resposta": "2019-09-06T17:05:18.000Z" }).to_string()
}

/// Sends unique webhooks until told to stop; remembers which were answered 200.
struct Flood {
    acked: Arc<Mutex<BTreeSet<u64>>>,
    stop: watch::Sender<bool>,
    senders: JoinSet<()>,
}

impl Flood {
    fn start(home: &Home, address: &watch::Receiver<SocketAddr>) -> Self {
        let acked = Arc::new(Mutex::new(BTreeSet::new()));
        let (stop, stopped) = watch::channel(false);
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS as u64 {
            let (acked, stopped, address) = (Arc::clone(&acked), stopped.clone(), address.clone());
            let hook = home.hook(*address.borrow(), ZENVIA, Some("sms-reply"));
            let path = hook.split_once("/webhooks").unwrap().1.to_owned();
            senders.spawn(async move {
                let http = http();
                for id in (sender..).step_by(SENDERS) {
                    if *stopped.borrow() {
                        break;
                    }
                    let url = format!("http://{}/webhooks{path}", *address.borrow());
                    tokio::time::sleep(PACE).await;
                    match http.post(url).body(reply(id)).send().await {
                        Ok(answer) if answer.status() == 200 => {
                            acked.lock().unwrap().insert(id);
                        }
                        // Nobody is there for a moment, or the store is away: the provider would send it again.
                        _ => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                }
            });
        }
        Self { acked, stop, senders }
    }

    async fn end(self) -> BTreeSet<u64> {
        self.stop.send_replace(true);
        self.senders.join_all().await;
        Arc::into_inner(self.acked).unwrap().into_inner().unwrap()
    }
}

/// Reads the feed to its end, page by page, and tells where that was.
async fn from(client: &Client, after: Option<&str>) -> (Vec<Value>, String) {
    let (mut events, mut after) = (Vec::new(), after.map(str::to_owned));
    loop {
        let from = after.map(|after| format!("&after={after}")).unwrap_or_default();
        let page = client.get(&format!("/events?limit=500{from}")).await;
        let data = page.expect(200).body["data"].as_array().unwrap().clone();
        let next = page.body["next_cursor"].as_str().unwrap().to_owned();
        if data.is_empty() {
            return (events, next);
        }
        events.extend(data);
        after = Some(next);
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_webhook_that_was_taken_is_told_whatever_is_killed(
    #[values(Store::Embedded, Store::Redis)] store: Store,
) {
    let receiver = Receiver::start(|_| Reaction::Status(204)).await;
    let mut site = Site::start_with(store, |home| home.subscribe("all", "acme", (&receiver.url, &[SECRET]))).await;
    let (moved, address) = watch::channel(site.gateway.address);
    let began = Instant::now();
    let flood = Flood::start(&site.home, &address);
    for _ in 0..kills() {
        tokio::time::sleep(BETWEEN_KILLS).await;
        site.crash();
        moved.send_replace(site.gateway.address);
    }
    tokio::time::sleep(BETWEEN_KILLS).await;
    let seconds = began.elapsed().as_secs_f64();
    let acked = flood.end().await;
    let owner = site.home.client(site.gateway.address, "acme");
    let (mut told, mut after) = (BTreeSet::new(), None);
    while !acked.is_subset(&told) {
        // As long as there is more, there is hope.
        let missing: Vec<_> = acked.difference(&told).collect();
        let (count, first, last) = (missing.len(), missing.first(), missing.last());
        let what = format!("{count} webhooks, {first:?} to {last:?} of {}, are told", acked.len());
        let (events, last) = eventually(&what, async || {
            Some(from(&owner, after.as_deref()).await).filter(|(events, _)| !events.is_empty())
        })
        .await;
        told.extend(events.iter().filter_map(subject));
        after = Some(last);
    }
    let mut delivered = BTreeSet::new();
    while !acked.is_subset(&delivered) {
        let known = delivered.len();
        delivered = eventually("more of what was told is delivered", async || {
            let taken = receiver.taken("sms.reply");
            (taken.len() > known).then(|| taken.iter().map(|subject| subject.parse().unwrap()).collect())
        })
        .await;
    }
    let (kills, count) = (kills(), acked.len());
    println!(
        "{store:?}: {count} webhooks taken in {seconds:.0} s ({:.0}/s), {kills} kills, {} told, {} delivered: 0 missing (below {:.2} % per kill at 95 %)",
        count as f64 / seconds,
        told.len(),
        delivered.len(),
        300.0 / kills as f64,
    );
}

fn subject(event: &Value) -> Option<u64> {
    event["subject"].as_str()?.parse().ok()
}

/// A live feed, read as it comes.
struct Listening {
    answer: reqwest::Response,
    text: String,
}

impl Listening {
    async fn start(home: &Home, address: SocketAddr, tenant: &str, after: Option<&str>) -> Self {
        let mut asked = home
            .client(address, tenant)
            .ask(reqwest::Method::GET, "/events")
            .header("accept", "text/event-stream");
        if let Some(after) = after {
            asked = asked.header("last-event-id", after);
        }
        let answer = asked.stream().await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self {
            answer,
            text: String::new(),
        }
    }

    /// The next event; `None` where the feed ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let data = block.lines().find_map(|line| line.strip_prefix("data: "));
                let event: Option<Value> = data.map(|data| serde_json::from_str(data).unwrap());
                self.text = rest.to_owned();
                if event.is_some() {
                    return event;
                }
            }
            match self.answer.chunk().await {
                Ok(Some(chunk)) => self.text.push_str(std::str::from_utf8(&chunk).unwrap()),
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_comes_and_goes_sees_every_event_in_order_at_any_gateway() {
    const CALLS: usize = 40;
    let mut pair = Pair::start().await;
    pair.providers.tell(&pair.home, pair.a.address).await;
    let mut listening = Listening::start(&pair.home, pair.b.address, "acme", None).await;
    let placing = {
        let acme = pair.home.client(pair.a.address, "acme");
        tokio::spawn(async move {
            for round in 0..CALLS {
                acme.post("/calls", say(&number(round))).await.expect(201);
            }
        })
    };
    let (mut seen, mut last): (Vec<Value>, Option<String>) = (Vec::new(), None);
    let ended = |seen: &[Value]| seen.iter().filter(|event| event["type"] == "call.ended").count();
    let mut patience = tokio::time::Instant::now() + Duration::from_secs(60);
    while ended(&seen) < CALLS {
        let event = tokio::time::timeout_at(patience, listening.next())
            .await
            .expect("an event comes");
        if let Some(event) = event {
            last = event["id"].as_str().map(str::to_owned);
            seen.push(event);
            patience = tokio::time::Instant::now() + Duration::from_secs(60);
        }
        // Now and then it goes away, or its gateway does.
        let broken = seen.len().is_multiple_of(7);
        if seen.len() == 3 * 7 {
            pair.b.kill();
            pair.b = Process::start(&pair.home);
        }
        if broken {
            let address = if seen.len().is_multiple_of(2) {
                pair.a.address
            } else {
                pair.b.address
            };
            listening = Listening::start(&pair.home, address, "acme", last.as_deref()).await;
        }
    }
    placing.await.unwrap();
    let (logged, _) = from(&pair.home.client(pair.b.address, "acme"), None).await;
    let by_subject = |events: &[Value]| {
        let mut subjects: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for event in events {
            let ids = subjects.entry(event["subject"].to_string()).or_default();
            let id = event["id"].to_string();
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        subjects
    };
    assert_eq!(by_subject(&seen), by_subject(&logged));
    assert_eq!(by_subject(&seen).len(), CALLS);
    println!(
        "{} events of {CALLS} calls, {} breaks, 1 kill: no gap, in order",
        seen.len(),
        seen.len() / 7
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_at_one_gateway_is_heard_at_the_other() {
    const NEWS: u64 = 300;
    let pair = Pair::start().await;
    let mut listening = Listening::start(&pair.home, pair.b.address, "acme", None).await;
    let url = pair.home.hook(pair.a.address, ZENVIA, Some("sms-reply"));
    let (http, mut sent) = (http(), HashMap::new());
    let mut waited = Vec::new();
    for id in 0..NEWS {
        sent.insert(id, Instant::now());
        assert_eq!(http.post(&url).body(reply(id)).send().await.unwrap().status(), 200);
        let heard = tokio::time::timeout(Duration::from_secs(20), listening.next());
        let event = heard.await.expect("it is heard").expect("the feed goes on");
        waited.push(sent[&subject(&event).unwrap()].elapsed());
    }
    waited.sort();
    let at = |share: f64| waited[((waited.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!(
        "webhook at one gateway to event at the other, {NEWS} times: p50 {:.1} ms, p99 {:.1} ms",
        at(0.5),
        at(0.99)
    );
}
