//! A master that changes, as the sentinels tell.

use bytes::Bytes;
use switchboard::store::{Expect, Position, keys};

use crate::bed::{eventually, open_redis};
use crate::server::{Sentinel, Server, until};

#[tokio::test]
async fn writes_follow_the_master() {
    let mut master = Server::start();
    let port = master.port().to_string();
    let replica = Server::with(&["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]);
    until(|| replica.ask(&["INFO", "replication"]).contains("master_link_status:up"));
    let sentinel = Sentinel::watching(master.port(), 1);
    until(|| {
        sentinel
            .ask(&["SENTINEL", "REPLICAS", "main"])
            .contains("master-link-status\nok")
    });

    let store = open_redis(&format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port()));
    let key = keys::call("c");
    store
        .put(&key, Bytes::from_static(b"before"), None, Expect::Any)
        .await
        .unwrap();
    store
        .append(&keys::events(), Bytes::from_static(b"before"))
        .await
        .unwrap();
    until(|| replica.ask(&["DBSIZE"]).trim() == "2");

    master.kill();
    assert!(store.ready().await.is_err(), "nobody has taken over yet");
    eventually(async || store.ready().await.is_ok()).await;
    store
        .append(&keys::events(), Bytes::from_static(b"after"))
        .await
        .unwrap();
    assert_eq!(store.get(&key).await.unwrap().unwrap().value, "before");
    assert_eq!(replica.ask(&["XLEN", keys::events().as_ref()]).trim(), "2");
    let log = store.read(&keys::events(), Position::START, 9).await.unwrap();
    assert_eq!(log.len(), 2);
}

/// A sentinel that takes a living master for dead has another one take over. The first goes on until somebody tells it
/// otherwise, which takes ten seconds and more, and refuses every write, since nobody follows it.
#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_nobody_follows_is_left_for_the_one_that_took_over() {
    let master = Server::with(&["--appendonly", "yes", "--min-replicas-to-write", "1"]);
    let replica = Server::with(&["--replicaof", "127.0.0.1", &master.port().to_string()]);
    until(|| master.ask(&["INFO", "replication"]).contains("state=online"));
    let sentinel = Sentinel::watching(master.port(), 1);
    let store = open_redis(&format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port()));
    let put = async |name: &str| {
        let (key, value) = (keys::call(name), Bytes::from_static(b"value"));
        store.put(&key, value, None, Expect::Any).await
    };
    put("before").await.unwrap();
    sentinel.ask(&["SENTINEL", "REMOVE", "main"]);
    replica.ask(&["REPLICAOF", "NO", "ONE"]);
    until(|| master.ask(&["INFO", "replication"]).contains("connected_slaves:0"));
    sentinel.ask(&[
        "SENTINEL",
        "MONITOR",
        "main",
        "127.0.0.1",
        &replica.port().to_string(),
        "1",
    ]);
    eventually(async || put("after").await.is_ok()).await;
    assert_eq!(replica.ask(&["DBSIZE"]).trim(), "2");
    assert_eq!(master.ask(&["DBSIZE"]).trim(), "1");
}
