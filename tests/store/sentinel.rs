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
