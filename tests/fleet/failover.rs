//! The primary of a Redis under sentinels is killed under load, and a replica takes over.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use tokio::task::block_in_place;

use crate::bed::redis::{Sentinel, Server, until};
use crate::dial;
use crate::ledger::{Ledger, spread};
use crate::site::Fleet;
use crate::traffic::GIVEN_UP;

/// How old what a failover loses may be: replication is asynchronous, so it is what was not on its way yet.
const UNREPLICATED: Duration = Duration::from_secs(1);
/// What was approved so long before the primary died is told again afterwards.
const RECENT: Duration = Duration::from_secs(5);
/// How long a primary goes on without replicas in the control, and how long the control waits for what it lost.
const BEHIND: Duration = Duration::from_secs(3);

/// A primary, two replicas, and three sentinels.
struct Guarded {
    nodes: Vec<Server>,
    sentinels: Vec<Sentinel>,
}

impl Guarded {
    fn start() -> Self {
        let options = [
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--repl-diskless-sync-delay",
            "0",
            // A primary without a replica takes no writes: they would be lost with it.
            "--min-replicas-to-write",
            "1",
            "--min-replicas-max-lag",
            "10",
        ];
        let primary = Server::with(&options);
        let port = primary.port().to_string();
        let following = [&options[..], &["--replicaof", "127.0.0.1", &port]].concat();
        let nodes = vec![primary, Server::with(&following), Server::with(&following)];
        until(|| is_whole(&nodes[0]));
        let sentinels: Vec<_> = (0..3).map(|_| Sentinel::watching(nodes[0].port(), 2)).collect();
        until(|| sentinels.iter().all(knows_everybody));
        Self { nodes, sentinels }
    }

    fn url(&self) -> String {
        let hosts = self
            .sentinels
            .iter()
            .map(|sentinel| format!("127.0.0.1:{}", sentinel.port()));
        format!("redis+sentinel://{}/main", hosts.collect::<Vec<_>>().join(","))
    }

    /// Which node the sentinels say is the primary.
    fn primary(&self) -> usize {
        let told = self.sentinels[0].ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"]);
        let port: u16 = told.lines().last().unwrap().trim().parse().unwrap();
        self.nodes.iter().position(|node| node.port() == port).unwrap()
    }

    /// How often a replica took over, as the sentinels count: more often than somebody was killed where the machine is so
    /// busy that who lives seems dead.
    fn takeovers(&self) -> usize {
        let told = self.sentinels[0].ask(&["SENTINEL", "MASTER", "main"]);
        let mut lines = told.lines().skip_while(|line| *line != "config-epoch");
        lines.nth(1).unwrap().parse().unwrap()
    }

    /// Has the primary go on without replicas, which hear nothing of it any more.
    fn leave_replicas_behind(&self) {
        let primary = self.primary();
        for (node, server) in self.nodes.iter().enumerate() {
            server.freeze(node != primary);
        }
        self.nodes[primary].ask(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
        self.nodes[primary].ask(&["CLIENT", "KILL", "TYPE", "replica"]);
    }

    /// Kills the primary, waits for the next one, and has the one before follow it; tells when the first was dead.
    async fn fail_over(&mut self) -> Instant {
        let before = self.primary();
        self.nodes[before].kill();
        let dead = Instant::now();
        for (_, replica) in self.nodes.iter().enumerate().filter(|(node, _)| *node != before) {
            replica.freeze(false);
        }
        patiently("a replica takes over", || self.primary() != before).await;
        let port = self.nodes[self.primary()].port().to_string();
        self.nodes[before].restart_with(&["--replicaof", "127.0.0.1", &port]);
        // On a busy machine one more may take over meanwhile.
        patiently("both others follow the new primary", || {
            is_whole(&self.nodes[self.primary()]) && self.sentinels.iter().all(knows_everybody)
        })
        .await;
        dead
    }
}

/// Waits for what sentinels agree on, who ask each node every ten seconds how it fares.
async fn patiently(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(180), "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a primary has both others behind it.
fn is_whole(primary: &Server) -> bool {
    primary.ask(&["INFO", "replication"]).matches("state=online").count() == 2
}

/// Whether a sentinel could have any replica take over.
fn knows_everybody(sentinel: &Sentinel) -> bool {
    let replicas = sentinel.ask(&["SENTINEL", "REPLICAS", "main"]);
    let others = sentinel.ask(&["SENTINEL", "SENTINELS", "main"]);
    replicas.matches("master-link-status\nok").count() == 2 && others.matches("\nflags\nsentinel\n").count() == 2
}

async fn start() -> (Guarded, Fleet) {
    let redis = block_in_place(Guarded::start);
    let fleet = Fleet::over(&redis.url()).await;
    (redis, fleet)
}

/// Whether what was answered then may be lost: it was not long enough before or after each death to have been replicated.
fn may_be_lost(answered: Instant, kills: &[Range<Instant>]) -> bool {
    let mut kills = kills.iter();
    kills.any(|kill| kill.contains(&answered) || kill.contains(&(answered + UNREPLICATED)))
}

/// Which of the webhooks lost should have been replicated.
fn lost_needlessly(ledger: &Ledger, lost: &BTreeSet<u64>, kills: &[Range<Instant>]) -> Vec<u64> {
    let needlessly = |id: &u64| !may_be_lost(ledger.taken[id], kills);
    lost.iter().copied().filter(needlessly).collect()
}

/// How many of the webhooks lost are of each failover.
fn by_failover(ledger: &Ledger, lost: &BTreeSet<u64>, kills: &[Range<Instant>]) -> Vec<usize> {
    let of = |kill: &Range<Instant>| {
        let kill = std::slice::from_ref(kill);
        lost.iter().filter(|id| may_be_lost(ledger.taken[id], kill)).count()
    };
    kills.iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_primary_killed_under_load_approves_nothing_twice_and_loses_only_what_was_not_replicated() {
    let failovers = dial("SWITCHBOARD_FAILOVERS", 1);
    let (mut redis, fleet) = start().await;
    let traffic = fleet.traffic().await;
    let (mut kills, mut away, mut again, mut deposed) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..failovers {
        traffic.go_round(6).await;
        let (before, killed) = (redis.takeovers(), Instant::now());
        let dead = redis.fail_over().await;
        traffic.go_round(6).await;
        away.extend(traffic.ledger().away(killed, Instant::now()));
        again += traffic.check_again(killed - RECENT).await;
        let living = redis.takeovers() - before - 1;
        deposed += living;
        // An answer that came before the end is read a moment after it. Whoever is deposed alive goes on answering until it
        // is told, and nobody here knows when that was.
        let end = if living > 0 {
            Instant::now()
        } else {
            dead + UNREPLICATED
        };
        kills.push(killed..end);
        println!(
            "failover {}: served again after {:?}; {living} deposed alive",
            kills.len(),
            away.last()
        );
    }
    let ledger = traffic.end().await;
    let lost = fleet.lost(&ledger, GIVEN_UP).await;
    println!(
        "{failovers} failovers, {deposed} primaries deposed alive: {} events lost, by failover {:?}; {again} approved codes told again; served again after {}; {}",
        lost.len(),
        by_failover(&ledger, &lost, &kills),
        spread(&mut away),
        ledger.summary(),
    );
    assert!(again > 0);
    assert_eq!(ledger.failures(), Vec::<String>::new());
    assert_eq!(ledger.wrong, Vec::<String>::new());
    let needlessly = lost_needlessly(&ledger, &lost, &kills);
    let missing: Vec<_> = ledger
        .missing
        .iter()
        .filter(|(_, at)| !may_be_lost(*at, &kills))
        .collect();
    assert!(
        missing.is_empty(),
        "gone though there was time to replicate: {missing:?}"
    );
    assert!(
        needlessly.is_empty(),
        "lost though there was time to replicate: {needlessly:?}"
    );
}

/// The test above would fail if a primary took writes for a while that no replica has: nobody can keep those.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn red_control_what_no_replica_had_is_missed() {
    let (mut redis, fleet) = start().await;
    let traffic = fleet.traffic().await;
    let code = traffic.speak().await;
    traffic.go_round(3).await;
    redis.leave_replicas_behind();
    let behind = Instant::now();
    traffic.approve(code).await;
    while behind.elapsed() < BEHIND {
        traffic.go_round(1).await;
    }
    let killed = Instant::now();
    let kill = killed..redis.fail_over().await + UNREPLICATED;
    traffic.go_round(3).await;
    let again = traffic.check_again(behind).await;
    let ledger = traffic.stop().await;
    let lost = fleet.lost(&ledger, BEHIND).await;
    let needlessly = lost_needlessly(&ledger, &lost, &[kill]);
    println!(
        "nothing replicated: {} webhooks lost, {} of them with time to replicate; of {again} approvals {} given again",
        lost.len(),
        needlessly.len(),
        ledger.wrong.len()
    );
    assert!(!needlessly.is_empty() && !ledger.wrong.is_empty());
}
