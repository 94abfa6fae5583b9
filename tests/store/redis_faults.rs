//! What happens when Redis is away, slow, demoted or badly set up.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use switchboard::store::{Expect, Position, SharedStore, StoreError, keys};

use crate::bed::{eventually, open_redis};
use crate::proxy::Proxy;
use crate::server::{Server, until};

const ENTRY: Bytes = Bytes::from_static(b"entry");
const LONG: Duration = Duration::from_secs(600);
/// Far above what is promised, for a machine that does much else.
const SOON: Duration = Duration::from_secs(3);

async fn is_unavailable(store: &SharedStore) {
    let began = Instant::now();
    let read = store.get(&keys::call("c")).await;
    let written = store.append(&keys::events(), ENTRY).await;
    let ready = store.ready().await;
    assert!(began.elapsed() < 3 * SOON);
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    assert!(matches!(written, Err(StoreError::Unavailable(_))), "{written:?}");
    assert!(matches!(ready, Err(StoreError::Unavailable(_))), "{ready:?}");
}

async fn works_again(store: &SharedStore) {
    eventually(async || store.ready().await.is_ok()).await;
    store.append(&keys::events(), ENTRY).await.unwrap();
}

#[tokio::test]
async fn a_redis_that_was_killed_is_found_again_with_all_it_acknowledged() {
    let mut server = Server::start();
    let store = open_redis(&server.url());
    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        let log = keys::events();
        let appends = (0..50).map(|_| store.append(&log, ENTRY));
        acknowledged.extend(join_all(appends).await.into_iter().map(Result::unwrap));
        server.kill();
        is_unavailable(&store).await;
        server.restart();
        works_again(&store).await;
    }
    let read = store.read(&keys::events(), Position::START, 1000).await.unwrap();
    let kept: Vec<_> = read.iter().map(|(position, _)| position).collect();
    assert!(acknowledged.iter().all(|position| kept.contains(&position)));
}

#[tokio::test]
async fn a_thread_that_slept_while_redis_was_away_writes_at_once() {
    let mut server = Server::start();
    let store = open_redis(&server.url());
    let (wake, mut woken) = tokio::sync::mpsc::unbounded_channel();
    let (told, mut tells) = tokio::sync::mpsc::unbounded_channel();
    let elsewhere = store.clone();
    let sleeper = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            while let Some(()) = woken.recv().await {
                told.send(elsewhere.append(&keys::events(), ENTRY).await).unwrap();
            }
        });
    });
    wake.send(()).unwrap();
    tells.recv().await.unwrap().unwrap();
    store.ready().await.unwrap();
    server.kill();
    server.restart();
    works_again(&store).await;
    wake.send(()).unwrap();
    tells.recv().await.unwrap().unwrap();
    drop(wake);
    sleeper.join().unwrap();
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_redis_is_killed_under_load() {
    let mut server = Server::start();
    let store = open_redis(&server.url());
    let writers: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                while let Ok(position) = store.append(&keys::events(), ENTRY).await {
                    acknowledged.push(position);
                }
                acknowledged
            })
        })
        .collect();
    eventually(async || {
        let read = store.read(&keys::events(), Position::START, 500).await;
        read.unwrap().len() == 500
    })
    .await;
    server.kill();
    let acknowledged = join_all(writers).await;
    server.restart();
    works_again(&store).await;
    let read = store
        .read(&keys::events(), Position::START, usize::MAX >> 1)
        .await
        .unwrap();
    for position in acknowledged.into_iter().flat_map(Result::unwrap) {
        let found = read.binary_search_by_key(&position, |(position, _)| *position);
        assert!(found.is_ok(), "{position} was acknowledged");
    }
}

#[tokio::test]
async fn a_redis_that_hangs_is_reported_in_time_and_found_again() {
    let server = Server::start();
    let store = open_redis(&server.url());
    store.ready().await.unwrap();
    server.freeze(true);
    let began = Instant::now();
    let key = keys::call("c");
    let reads = (0..100).map(|_| store.get(&key));
    assert!(join_all(reads).await.iter().all(Result::is_err));
    assert!(began.elapsed() < SOON);
    is_unavailable(&store).await;
    server.freeze(false);
    works_again(&store).await;
}

#[tokio::test]
async fn nothing_listens_at_first() {
    let server = Server::start();
    let port = server.port();
    drop(server);
    let store = open_redis(&format!("redis://127.0.0.1:{port}"));
    is_unavailable(&store).await;
}

async fn a_lost_answer(store: &SharedStore, proxy: &Proxy) {
    let counter = keys::counter("{sb:log:events}", "h");
    store.append(&keys::events(), ENTRY).await.unwrap();
    store.add(&counter, 1, LONG).await.unwrap();

    proxy.cut_next();
    let lost = store.append(&keys::events(), ENTRY).await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
    eventually(async || store.read(&keys::events(), Position::START, 9).await.is_ok()).await;
    let log = store.read(&keys::events(), Position::START, 9).await.unwrap();
    assert_eq!(log.len(), 2, "it was sent once");

    proxy.cut_next();
    let lost = store.add(&counter, 1, LONG).await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
    eventually(async || store.get(&keys::call("c")).await.is_ok()).await;
    assert_eq!(store.add(&counter, 0, LONG).await.unwrap().total, 2);
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_not_sent_again() {
    let server = Server::start();
    let proxy = Proxy::before(server.port()).await;
    let store = open_redis(&format!("redis://127.0.0.1:{}", proxy.port()));
    a_lost_answer(&store, &proxy).await;
}

#[tokio::test]
async fn a_write_to_a_cluster_whose_answer_was_lost_is_not_sent_again() {
    let server = Server::with(&["--cluster-enabled", "yes"]);
    let proxy = Proxy::before(server.port()).await;
    let port = proxy.port().to_string();
    server.ask(&["CONFIG", "SET", "cluster-announce-port", &port]);
    server.ask(&["CONFIG", "SET", "cluster-announce-ip", "127.0.0.1"]);
    server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    until(|| server.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
    let store = open_redis(&format!("redis+cluster://127.0.0.1:{port}"));
    a_lost_answer(&store, &proxy).await;
}

#[tokio::test]
async fn a_read_whose_answer_was_lost_is_sent_again() {
    let server = Server::start();
    let proxy = Proxy::before(server.port()).await;
    let store = open_redis(&format!("redis://127.0.0.1:{}", proxy.port()));
    let key = keys::call("c");
    store.put(&key, ENTRY, None, Expect::Any).await.unwrap();
    for _ in 0..3 {
        proxy.cut_next();
        assert_eq!(store.get(&key).await.unwrap().unwrap().value, ENTRY);
    }
}

#[tokio::test]
async fn a_connection_that_died_unnoticed_costs_no_write() {
    let server = Server::start();
    let store = open_redis(&server.url());
    store.append(&keys::events(), ENTRY).await.unwrap();
    // Idle for longer than a connection is trusted without being asked.
    let idle = || server.ask(&["CLIENT", "LIST", "TYPE", "normal"]).contains("idle=2");
    eventually(async || idle()).await;
    server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    store.append(&keys::events(), ENTRY).await.unwrap();
}

#[tokio::test]
async fn a_demoted_redis_takes_no_writes_until_it_is_promoted() {
    let server = Server::start();
    let store = open_redis(&server.url());
    store.append(&keys::events(), ENTRY).await.unwrap();
    server.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    let refused = store.append(&keys::events(), ENTRY).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(store.ready().await.is_err());
    server.ask(&["REPLICAOF", "NO", "ONE"]);
    store.append(&keys::events(), ENTRY).await.unwrap();
}

#[tokio::test]
async fn settings_that_can_lose_work_are_told() {
    let server = Server::start();
    let store = open_redis(&server.url());
    store.ready().await.unwrap();
    assert_eq!(store.warnings(), Vec::<String>::new());
    server.ask(&["CONFIG", "SET", "appendfsync", "everysec"]);
    server.ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    store.ready().await.unwrap();
    let warnings = store.warnings().join("\n");
    assert!(
        warnings.contains("everysec") && warnings.contains("allkeys-lru"),
        "{warnings}"
    );
    server.ask(&["ACL", "SETUSER", "default", "-config"]);
    store.ready().await.unwrap();
    assert_eq!(
        store.warnings(),
        Vec::<String>::new(),
        "what is not told is not guessed"
    );
}

#[tokio::test]
async fn a_hundred_who_wait_share_a_connection() {
    let server = Server::start();
    let store = open_redis(&server.url());
    let last = store.append(&keys::events(), ENTRY).await.unwrap();
    let waiters = (0..100).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.wait(&keys::events(), last, LONG).await })
    });
    let waiters: Vec<_> = waiters.collect();
    eventually(async || server.ask(&["INFO", "clients"]).contains("blocked_clients:1")).await;
    let clients = server.ask(&["CLIENT", "LIST", "TYPE", "normal"]);
    // The writer's, the one that waits, and that of `redis-cli`.
    assert!(clients.trim().lines().count() <= 3, "{clients}");
    store.append(&keys::events(), ENTRY).await.unwrap();
    let ended = tokio::time::timeout(LONG / 20, join_all(waiters)).await.unwrap();
    assert!(ended.into_iter().all(|waited| waited.unwrap().is_ok()));
}

#[tokio::test]
async fn one_who_waits_may_give_up_without_stopping_the_others() {
    let server = Server::start();
    let store = open_redis(&server.url());
    let wait = || {
        let store = store.clone();
        tokio::spawn(async move { store.wait(&keys::events(), Position::START, LONG).await })
    };
    for _ in 0..5 {
        let (leaver, stayer) = (wait(), wait());
        eventually(async || server.ask(&["INFO", "clients"]).contains("blocked_clients:1")).await;
        leaver.abort();
        let position = store.append(&keys::events(), ENTRY).await.unwrap();
        tokio::time::timeout(LONG / 20, stayer).await.unwrap().unwrap().unwrap();
        let before = i64::try_from(position.ms()).unwrap() + 1;
        store.trim(&keys::events(), before).await.unwrap();
    }
}

#[tokio::test]
async fn appends_of_one_moment_travel_together_and_none_depends_on_who_still_waits() {
    let server = Server::start();
    let store = open_redis(&server.url());
    let entry = |n: usize| Bytes::from(n.to_string());
    let (leavers, stayers): (Vec<_>, Vec<_>) = (0..600)
        .map(|n| {
            let store = store.clone();
            let append = async move { store.append(&keys::events(), entry(n)).await };
            (n, tokio::spawn(append))
        })
        .partition(|(n, _)| n % 3 == 0);
    // Everybody begins, then a third give up, the very first among them.
    tokio::task::yield_now().await;
    leavers.iter().for_each(|(_, append)| append.abort());
    for (n, append) in stayers {
        let place = append.await.unwrap().unwrap();
        let there = store.read(&keys::events(), place.before(), 1).await.unwrap();
        assert_eq!(there, [(place, entry(n))]);
    }
    assert!(scripts_run(&server) <= 10);
}

#[tokio::test]
async fn what_travels_together_is_bounded_by_its_size() {
    let server = Server::start();
    let store = open_redis(&server.url());
    let (log, entry) = (keys::events(), Bytes::from(vec![b'x'; 700 * 1024]));
    let appends = (0..4).map(|_| store.append(&log, entry.clone()));
    assert!(join_all(appends).await.iter().all(Result::is_ok));
    assert!(scripts_run(&server) >= 4);
}

/// How many scripts a server has run.
fn scripts_run(server: &Server) -> usize {
    let stats = server.ask(&["INFO", "commandstats"]);
    let calls = stats
        .lines()
        .find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    calls.unwrap().split(',').next().unwrap().parse().unwrap()
}
