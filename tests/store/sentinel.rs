//! A master that changes, as the sentinels tell.

use std::fs;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use switchboard::store::{Expect, Position, keys};
use tempfile::TempDir;

use crate::bed::{eventually, open_redis};
use crate::server::{Server, cli, free_port, until};

struct Sentinel {
    child: Child,
    port: u16,
    _directory: TempDir,
}

impl Sentinel {
    fn watching(master: u16) -> Self {
        let directory = TempDir::new().unwrap();
        let port = free_port();
        let file = directory.path().join("sentinel.conf");
        let settings = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {master} 1\n\
             sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 3000\n"
        );
        fs::write(&file, settings).unwrap();
        let child = Command::new("redis-server")
            .arg(&file)
            .arg("--sentinel")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        until(|| cli(port, &["PING"]).trim() == "PONG");
        Self {
            child,
            port,
            _directory: directory,
        }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn writes_follow_the_master() {
    let mut master = Server::start();
    let port = master.port().to_string();
    let replica = Server::with(&["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]);
    until(|| replica.ask(&["INFO", "replication"]).contains("master_link_status:up"));
    let sentinel = Sentinel::watching(master.port());
    until(|| cli(sentinel.port, &["SENTINEL", "REPLICAS", "main"]).contains("master-link-status\nok"));

    let store = open_redis(&format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port));
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
