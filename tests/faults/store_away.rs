//! Without its store the gateway sends nothing, approves nothing, answers soon, and comes back by itself.

use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rstest::rstest;
use serde_json::{Value, json};
use switchboard::simulators::faults::{Delay, Effect, Rule};
use tokio::task::block_in_place;

use crate::bed::redis::Server;
use crate::bed::{Answer, Client, Home, Process, Providers, Wire, ZENVIA, eventually, http};
use crate::site::{code, comparisons, number, say, verification, wrong};

/// How soon a request is answered whose store is away, and how soon all works again once the store does.
const ANSWERED_WITHIN: Duration = Duration::from_millis(600);
const BACK_WITHIN: Duration = Duration::from_secs(2);
/// How many takes of a scene must be in time, and how many may be late.
const IN_TIME: usize = 2;
const LATE: usize = 1;
/// How many times as long as promised no take may last, whether it counts or not.
const AT_MOST: u32 = 3;
/// A take that is late does not count where the machine woke a thread that only sleeps so late; so many such takes at most.
const LAG: Duration = Duration::from_millis(20);
const UNCOUNTED: usize = 3;
/// How many requests are under way when the store goes away.
const CROWD: usize = 20;

struct Scene {
    home: Home,
    gateway: Process,
    providers: Providers,
    redis: Server,
    acme: Client,
    /// Between the gateway and Redis.
    wire: Wire,
    /// How long answers took, by the gateway's own clock.
    took: Mutex<Vec<Duration>>,
}

/// How long the gateway says that it took for an answer.
fn took(answer: &Answer) -> Duration {
    let timing = answer.header("server-timing").unwrap();
    let total = timing.split(',').next().unwrap().rsplit('=').next().unwrap();
    Duration::from_secs_f64(total.parse::<f64>().unwrap() / 1000.0)
}

impl Scene {
    async fn set() -> Self {
        let providers = Providers::start().await;
        let redis = Server::start();
        let wire = Wire::before(([127, 0, 0, 1], redis.port()).into()).await;
        let home = Home::on(&format!("redis://{}", wire.address), &providers);
        let gateway = block_in_place(|| Process::start(&home));
        let acme = home.client(gateway.address, "acme");
        Self {
            home,
            gateway,
            providers,
            redis,
            acme,
            wire,
            took: Mutex::default(),
        }
    }

    /// What is promised while the store is away, and once it is back; how long that took.
    async fn assert_survives(&mut self, lose: impl Fn(&mut Self), mend: impl Fn(&mut Self)) -> Duration {
        let started = self.acme.post("/verifications", verification(&number(0))).await;
        let check = format!("/verifications/{}/check", started.expect(201).id());
        let right = code(&self.providers.zenvia, &number(0));
        let guess = json!({ "code": wrong(&right) });
        self.acme.post(&check, guess).await.expect(200);
        let right = json!({ "code": right });
        self.lose_in_a_crowd(lose).await;
        self.assert_refuses(&check, &right).await;
        block_in_place(|| mend(self));
        let began = Instant::now();
        self.ready().await;
        let back = began.elapsed();
        self.assert_recovers(&check, &right).await;
        back
    }

    /// Has the store go away while codes are sent: whatever each is told, it is told soon.
    async fn lose_in_a_crowd(&mut self, lose: impl Fn(&mut Self)) {
        let starts = (0..CROWD).map(|n| {
            let acme = self.acme.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(2) * n as u32).await;
                acme.post("/verifications", verification(&number(100 + n))).await
            })
        });
        let starts: Vec<_> = starts.collect();
        tokio::time::sleep(Duration::from_millis(2) * (CROWD / 2) as u32).await;
        block_in_place(|| lose(self));
        for answer in join_all(starts).await {
            let answer = answer.unwrap();
            assert!([201, 202, 503].contains(&answer.status), "{}", answer.body);
            self.note(&answer);
        }
    }

    /// Remembers how long an answer took.
    fn note(&self, answer: &Answer) {
        self.took.lock().unwrap().push(took(answer));
    }

    /// A call whose key is always the same.
    async fn keyed_call(&self) -> Answer {
        let asked = self.acme.ask(reqwest::Method::POST, "/calls").key("order-7");
        asked.json(&say(&number(2))).answer().await
    }

    async fn ready(&self) {
        let is_ready = async || (self.acme.get("/health/ready").await.status == 200).then_some(());
        eventually("it is ready", is_ready).await;
    }

    /// The warnings of the gateway, once there are so many, and once it has found the store's mark.
    async fn told(&self, warnings: usize) -> String {
        eventually("it is told", async || {
            let health = self.health().await;
            let told = health["warnings"].as_array()?;
            let marked = self.redis.ask(&["EXISTS", "sb:mark"]) == "1\n";
            (told.len() == warnings && marked).then(|| health["warnings"].to_string())
        })
        .await
    }

    /// What the provider was asked to do so far.
    fn asked(&self) -> (usize, u64) {
        (self.providers.zenvia.dials().len(), comparisons(&self.providers.zenvia))
    }

    /// The details of the gateway's health.
    async fn health(&self) -> Value {
        let url = format!("http://{}/health", self.gateway.management);
        http().get(url).send().await.unwrap().json().await.unwrap()
    }

    async fn webhook(&self) -> u16 {
        let url = self.home.hook(self.gateway.address, ZENVIA, Some("call-end"));
        http()
            .post(url)
            .body(r#"{"id":7,"status":"atendida"}"#)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    }

    /// Everything that needs the store is refused, and nothing reaches the provider.
    async fn assert_refuses(&self, check: &str, code: &Value) {
        let before = self.asked();
        for (path, body) in [
            ("/verifications", verification(&number(1))),
            ("/calls", say(&number(1))),
            (check, code.clone()),
        ] {
            let answer = self.acme.post(path, body.clone()).await;
            answer.expect_problem(503, "store-unavailable");
            assert!(answer.header("retry-after").is_some());
            self.note(&answer);
            let keyed = self
                .acme
                .ask(reqwest::Method::POST, path)
                .key("order-7")
                .json(&body)
                .answer()
                .await;
            keyed.expect_problem(503, "store-unavailable");
            self.note(&keyed);
        }
        let read = self.acme.get(check.trim_end_matches("/check")).await;
        self.note(&read);
        assert!([200, 503].contains(&read.status), "{}", read.body);
        assert_eq!(self.webhook().await, 503, "the provider is to send it again");
        self.acme.get("/health/live").await.expect(200);
        self.acme.get("/health/ready").await.expect(503);
        assert_eq!(self.asked(), before, "nothing was sent and nothing was compared");
    }

    /// Everything works again, and what was refused has left nothing behind.
    async fn assert_recovers(&self, check: &str, code: &Value) {
        for (path, body) in [
            ("/verifications", verification(&number(1))),
            ("/calls", say(&number(1))),
        ] {
            self.acme
                .ask(reqwest::Method::POST, path)
                .key("order-7")
                .json(&body)
                .answer()
                .await
                .expect(201);
        }
        assert_eq!(self.acme.get("/calls").await.body["data"].as_array().unwrap().len(), 1);
        let checked = self.acme.post(check, code.clone()).await;
        assert_eq!(checked.expect(200).body["valid"], true);
        assert_eq!(
            checked.body["attempts_left"], 3,
            "one wrong before, one right now, none while the store was away"
        );
        assert_eq!(self.webhook().await, 200);
    }
}

/// Watches how late a thread is woken that only sleeps; tells the worst of it when asked.
fn watch_lag() -> impl FnOnce() -> Duration {
    const NAP: Duration = Duration::from_millis(2);
    let (end, ended) = channel::<()>();
    let watching = thread::spawn(move || {
        let mut worst = Duration::ZERO;
        loop {
            let began = Instant::now();
            if ended.recv_timeout(NAP) != Err(RecvTimeoutError::Timeout) {
                return worst;
            }
            worst = worst.max(began.elapsed().saturating_sub(NAP));
        }
    });
    move || {
        drop(end);
        watching.join().unwrap()
    }
}

/// Plays a scene until it was in time often enough, and tells how long it took each time.
async fn play(what: &str, lose: impl Fn(&mut Scene), mend: impl Fn(&mut Scene)) {
    let (mut in_time, mut late, mut uncounted) = (0, 0, 0);
    while in_time < IN_TIME {
        let lag = watch_lag();
        let mut scene = Scene::set().await;
        let back = scene.assert_survives(&lose, &mend).await;
        let (lag, took) = (lag(), scene.took.into_inner().unwrap());
        let slowest = *took.iter().max().unwrap();
        println!(
            "{what}: the slowest of {} answers took {slowest:?}, and it was back {back:?} after its store; the machine was \
             {lag:?} late",
            took.len()
        );
        assert!(slowest <= AT_MOST * ANSWERED_WITHIN + lag, "an answer took {slowest:?}");
        assert!(back <= AT_MOST * BACK_WITHIN + lag, "it was back after {back:?}");
        if slowest <= ANSWERED_WITHIN && back <= BACK_WITHIN {
            in_time += 1;
        } else if lag >= LAG && uncounted < UNCOUNTED {
            uncounted += 1;
        } else {
            late += 1;
            assert!(late <= LATE, "it was late {late} times, {in_time} times in time");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_store_nothing_is_sent_and_nothing_approved() {
    play("Redis killed", |it| it.redis.kill(), |it| it.redis.restart()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_reached_is_away_too() {
    play("Redis cut off", |it| it.wire.part(true), |it| it.wire.part(false)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_without_memory_is_away_too() {
    let memory = |bytes: &'static str| move |it: &mut Scene| drop(it.redis.ask(&["CONFIG", "SET", "maxmemory", bytes]));
    play("Redis out of memory", memory("1"), memory("0")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_hangs_is_away_too() {
    play("Redis stopped", |it| it.redis.freeze(true), |it| it.redis.freeze(false)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_forgets_is_told_of_and_approves_nothing() {
    let scene = Scene::set().await;
    let started = scene.acme.post("/verifications", verification(&number(0))).await;
    let check = format!("/verifications/{}/check", started.expect(201).id());
    let right = json!({ "code": code(&scene.providers.zenvia, &number(0)) });
    scene
        .redis
        .ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
    scene.redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    eventually("everything is dropped", async || {
        scene.redis.ask(&["SET", "x", "x"]);
        (scene.redis.ask(&["DBSIZE"]) == "0\n").then_some(())
    })
    .await;
    let before = scene.asked();
    let checked = scene.acme.post(&check, right.clone()).await;
    assert!([404, 503].contains(&checked.status), "{}", checked.body);
    println!(
        "Redis that evicts: a check is answered {} after {:?}",
        checked.status,
        took(&checked)
    );
    assert_eq!(scene.asked(), before, "nothing was compared");
    scene.redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    scene.acme.post(&check, right).await.expect_problem(404, "not-found");
    let warnings = scene.health().await["warnings"].to_string();
    assert!(warnings.contains("maxmemory-policy allkeys-random"), "{warnings}");
    scene.acme.post("/calls", say(&number(2))).await.expect(201);
}

/// Emptied in the middle, or started anew with nothing in it.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_store_approves_nothing_of_before_and_is_told_of(#[values(false, true)] restarted: bool) {
    let mut scene = Scene::set().await;
    let started = scene.acme.post("/verifications", verification(&number(0))).await;
    let check = format!("/verifications/{}/check", started.expect(201).id());
    let right = json!({ "code": code(&scene.providers.zenvia, &number(0)) });
    let first = scene.keyed_call().await;
    let again = scene.keyed_call().await;
    assert_eq!(
        (first.expect(201).id(), again.header("idempotent-replayed")),
        (again.id(), Some("true"))
    );
    scene.told(0).await;
    scene.redis.ask(&["FLUSHALL"]);
    if restarted {
        scene.redis.kill();
        scene.redis.restart();
        scene.ready().await;
    }
    let before = scene.asked();
    scene.acme.post(&check, right).await.expect_problem(404, "not-found");
    assert_eq!(scene.asked(), before, "nothing was compared");
    let anew = scene.keyed_call().await;
    assert_ne!(anew.expect(201).id(), first.id());
    assert_eq!(
        anew.header("idempotent-replayed"),
        None,
        "no answer pretends to be of before"
    );
    let warnings = scene.told(1).await;
    assert!(warnings.contains("emptied"), "{warnings}");
    let started = scene.acme.post("/verifications", verification(&number(1))).await;
    let check = format!("/verifications/{}/check", started.expect(201).id());
    let right = json!({ "code": code(&scene.providers.zenvia, &number(1)) });
    assert_eq!(scene.acme.post(&check, right).await.expect(200).body["valid"], true);
}

/// Longer than it takes to end a Redis.
const A_WHILE: Delay = Delay { before: 0, after: 500 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_dies_while_a_call_is_placed_makes_the_answer_uncertain_and_no_error() {
    let mut scene = Scene::set().await;
    let call = scene.act_while_the_store_dies("/calls", say(&number(0))).await;
    let kept = scene.acme.get(&format!("/calls/{}", call.expect(202).id())).await;
    assert_eq!(kept.expect(200).body, call.body, "what was told is what is kept");
    assert_eq!(scene.asked().0, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_dies_while_a_code_is_sent_makes_the_answer_uncertain_and_no_error() {
    let mut scene = Scene::set().await;
    let started = scene
        .act_while_the_store_dies("/verifications", verification(&number(0)))
        .await;
    assert_eq!(started.expect(202).body["sends"][0]["status"], "unknown");
    let path = format!("/verifications/{}", started.id());
    assert_eq!(
        scene.acme.get(&path).await.expect(200).body,
        started.body,
        "what was told is what is kept"
    );
    let code = json!({ "code": code(&scene.providers.zenvia, &number(0)) });
    let check = scene.acme.post(&format!("{path}/check"), code).await;
    check.expect_problem(409, "verification-not-checkable");
}

impl Scene {
    /// The answer to a request during which Redis dies, told once Redis lives again.
    async fn act_while_the_store_dies(&mut self, path: &'static str, body: Value) -> Answer {
        let rule = Rule {
            method: Some("POST".to_owned()),
            path: String::new(),
            skip: 0,
            times: Some(1),
            effect: Effect::DelayMs(A_WHILE),
        };
        self.providers.zenvia.control().faults.add(rule);
        let acme = self.acme.clone();
        let acting = tokio::spawn(async move { acme.post(path, body).await });
        eventually("the provider acts", async || (self.asked().0 == 1).then_some(())).await;
        self.redis.kill();
        let answer = acting.await.unwrap();
        self.redis.restart();
        let ready = async || (self.acme.get("/health/ready").await.status == 200).then_some(());
        eventually("it is ready", ready).await;
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_can_lose_what_was_acknowledged_are_told_of() {
    let scene = Scene::set().await;
    assert_eq!(scene.health().await["warnings"], json!([]));
    scene.redis.ask(&["CONFIG", "SET", "appendfsync", "everysec"]);
    let health = scene.health().await;
    assert_eq!(health["status"], "ready");
    let warnings = health["warnings"].to_string();
    assert!(warnings.contains("appendfsync everysec"), "{warnings}");
}
