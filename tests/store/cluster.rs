//! What only a Redis Cluster does: it sends us elsewhere.

use bytes::Bytes;
use std::time::Duration;

use switchboard::store::{Expect, Put, SharedStore, keys};

use crate::bed::{eventually, open_redis};
use crate::server::{Server, until};

/// Two nodes, each with half of the slots.
pub struct Cluster {
    nodes: [Server; 2],
    ids: [String; 2],
}

impl Cluster {
    pub fn start() -> Self {
        let nodes = [0, 1].map(|_| Server::with(&["--cluster-enabled", "yes"]));
        nodes[0].ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]);
        nodes[1].ask(&["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"]);
        let port = nodes[1].port().to_string();
        nodes[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port]);
        for node in &nodes {
            until(|| {
                let info = node.ask(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:2")
            });
        }
        let ids = [0, 1].map(|n: usize| nodes[n].ask(&["CLUSTER", "MYID"]).trim().to_owned());
        Self { nodes, ids }
    }

    pub fn url(&self) -> String {
        let [one, other] = [0, 1].map(|n: usize| self.nodes[n].port());
        format!("redis+cluster://127.0.0.1:{one},127.0.0.1:{other}")
    }

    pub fn flush(&self) {
        for node in &self.nodes {
            node.ask(&["FLUSHALL"]);
        }
    }

    fn slot_of(&self, key: &str) -> (String, usize) {
        let slot = self.nodes[0].ask(&["CLUSTER", "KEYSLOT", key]);
        let slot = slot.trim().to_owned();
        let owner = usize::from(slot.parse::<u16>().unwrap() > 8191);
        (slot, owner)
    }
}

async fn write(store: &SharedStore, text: &'static str) {
    let value = Bytes::from_static(text.as_bytes());
    let put = store.put(&keys::call("c"), value, None, Expect::Any).await;
    assert!(matches!(put, Ok(Put::Stored(_))), "{put:?}");
    // A counter in the same slot.
    let counter = keys::counter("{sb:call:c}", "h");
    store.add(&counter, 1, Duration::from_secs(60)).await.unwrap();
}

async fn read(store: &SharedStore) -> Bytes {
    let found = store.get(&keys::call("c")).await.unwrap();
    found.expect("it was written").value
}

#[tokio::test]
async fn a_slot_can_move_while_it_is_used() {
    let cluster = Cluster::start();
    let store = open_redis(&cluster.url());
    let (slot, from) = cluster.slot_of("sb:call:c");
    let to = 1 - from;
    store.ready().await.unwrap();

    let setslot = |node: usize, what: &str, id: &str| {
        let said = cluster.nodes[node].ask(&["CLUSTER", "SETSLOT", &slot, what, id]);
        assert_eq!(said.trim(), "OK");
    };
    setslot(to, "IMPORTING", &cluster.ids[from]);
    setslot(from, "MIGRATING", &cluster.ids[to]);
    // What is not there yet is made at the new node, which we are asked to use for this once.
    write(&store, "while it moves").await;
    assert_eq!(read(&store).await, "while it moves");
    assert_eq!(cluster.nodes[to].ask(&["DBSIZE"]).trim(), "2");

    for node in [to, from] {
        setslot(node, "NODE", &cluster.ids[to]);
    }
    write(&store, "after it moved").await;
    assert_eq!(read(&store).await, "after it moved");
}

#[tokio::test]
async fn a_node_that_was_away_is_found_again() {
    let mut cluster = Cluster::start();
    let store = open_redis(&cluster.url());
    write(&store, "before").await;
    let (_, owner) = cluster.slot_of("sb:call:c");
    cluster.nodes[owner].kill();
    assert!(store.get(&keys::call("c")).await.is_err());
    cluster.nodes[owner].restart();
    eventually(async || store.get(&keys::call("c")).await.is_ok()).await;
    write(&store, "after").await;
}
