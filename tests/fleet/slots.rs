//! Slots of a Redis Cluster move from node to node under load.

use std::collections::BTreeSet;
use std::time::Instant;

use tokio::task::block_in_place;

use crate::bed::redis::{Server, until};
use crate::dial;
use crate::ledger::spread;
use crate::site::Fleet;
use crate::traffic::GIVEN_UP;

/// How many slots move in one round, besides those of the logs, places and leases, which everybody needs.
const OTHERS: usize = 6;
/// How many slots move in a round at least.
const LEAST: usize = 15;
/// How many keys of a slot move at once.
const KEYS: &str = "50";

/// Three nodes, each with a third of the slots at first.
struct Cluster {
    nodes: Vec<Server>,
    ids: Vec<String>,
}

impl Cluster {
    fn start() -> Self {
        let options = [
            "--cluster-enabled",
            "yes",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
        ];
        let nodes: Vec<_> = (0..3).map(|_| Server::with(&options)).collect();
        for (node, slots) in nodes.iter().zip([["0", "5460"], ["5461", "10922"], ["10923", "16383"]]) {
            node.ask(&["CLUSTER", "ADDSLOTSRANGE", slots[0], slots[1]]);
            nodes[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &node.port().to_string()]);
        }
        for node in &nodes {
            until(|| {
                let info = node.ask(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            });
        }
        let ids = nodes
            .iter()
            .map(|node| node.ask(&["CLUSTER", "MYID"]).trim().to_owned());
        Self {
            ids: ids.collect(),
            nodes,
        }
    }

    fn url(&self) -> String {
        let hosts = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port()));
        format!("redis+cluster://{}", hosts.collect::<Vec<_>>().join(","))
    }

    /// Moves what each node has on to the next one: the slots that everybody needs, and some of the others. Tells how many.
    fn turn(&self) -> usize {
        let held: Vec<_> = self.nodes.iter().map(|node| self.slots_in_use(node)).collect();
        for (from, slots) in held.iter().enumerate() {
            for slot in slots {
                self.move_slot(slot, (from, (from + 1) % self.nodes.len()));
            }
        }
        held.iter().map(BTreeSet::len).sum()
    }

    fn slots_in_use(&self, node: &Server) -> BTreeSet<String> {
        let keys = node.ask(&["KEYS", "*"]);
        let needed = |key: &&str| {
            ["sb:log:", "sb:position:", "sb:lease:"]
                .iter()
                .any(|start| key.starts_with(start))
        };
        let (needed, others): (Vec<_>, Vec<_>) = keys.lines().partition(needed);
        let moving = needed.into_iter().chain(others.into_iter().take(OTHERS));
        moving
            .map(|key| node.ask(&["CLUSTER", "KEYSLOT", key]).trim().to_owned())
            .collect()
    }

    fn move_slot(&self, slot: &str, (from, to): (usize, usize)) {
        let set = |node: usize, what: &[&str]| {
            let said = self.nodes[node].ask(&[&["CLUSTER", "SETSLOT", slot], what].concat());
            assert_eq!(said.trim(), "OK");
        };
        set(to, &["IMPORTING", &self.ids[from]]);
        set(from, &["MIGRATING", &self.ids[to]]);
        let port = self.nodes[to].port().to_string();
        loop {
            let keys = self.nodes[from].ask(&["CLUSTER", "GETKEYSINSLOT", slot, KEYS]);
            let keys: Vec<_> = keys.lines().filter(|key| !key.is_empty()).collect();
            if keys.is_empty() {
                break;
            }
            let migrate = [&["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"], &keys[..]].concat();
            // A key may be gone meanwhile.
            let said = self.nodes[from].ask(&migrate);
            assert!(["OK", "NOKEY"].contains(&said.trim()), "{said}");
        }
        for node in [to, from, 3 - to - from] {
            set(node, &["NODE", &self.ids[to]]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn slots_that_move_under_load_approve_nothing_twice_and_lose_nothing() {
    let turns = dial("SWITCHBOARD_SLOT_TURNS", 1);
    let redis = block_in_place(Cluster::start);
    let fleet = Fleet::over(&redis.url()).await;
    let traffic = fleet.traffic().await;
    let (mut moved, mut away, mut again) = (0, Vec::new(), 0);
    for _ in 0..turns {
        traffic.go_round(4).await;
        let began = Instant::now();
        moved += block_in_place(|| redis.turn());
        let ended = Instant::now();
        traffic.go_round(4).await;
        away.extend(traffic.ledger().away(began, ended));
        again += traffic.check_again(began).await;
    }
    let ledger = traffic.end().await;
    let lost = fleet.lost(&ledger, GIVEN_UP).await;
    println!(
        "{moved} slots moved in {turns} turns: {} events lost; {again} approved codes told again; a request was not served in {} \
         turns, and the next one after {}; {}",
        lost.len(),
        away.len(),
        spread(&mut away),
        ledger.summary(),
    );
    for told in ledger.failures().iter().chain(&ledger.refusals()).take(9) {
        println!("{told}");
    }
    assert!(
        moved >= LEAST * turns && again > 0,
        "{moved} slots moved, {again} codes told again"
    );
    assert_eq!(ledger.failures(), Vec::<String>::new());
    assert_eq!(ledger.wrong, Vec::<String>::new());
    assert!(ledger.missing.is_empty(), "{:?}", ledger.missing);
    assert!(lost.is_empty(), "{lost:?}");
}
