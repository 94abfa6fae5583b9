//! An embedded store survives the end of its process, however it ends.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use switchboard::clock::{Clock, ManualClock, SystemClock};
use switchboard::store::{self, Expect, Order, Position, Put, Range, SharedStore, keys};
use tempfile::TempDir;

use crate::bed::{START, open_embedded};

/// Names the directory in which this test, run as a child of itself, writes until it is killed.
const CHILD: &str = "SWITCHBOARD_TEST_STORE_OF_CHILD";

fn everything() -> Range {
    Range {
        scores: i64::MIN..=i64::MAX,
        order: Order::Ascending,
        after: None,
        limit: usize::MAX,
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    let directory = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(START));
    let (key, counter) = (keys::call("c"), keys::counter("sends", "h"));
    let ttl = Duration::from_secs(10);
    let store = open_embedded(directory.path(), &clock);
    let value = Bytes::from_static(b"value");
    let Put::Stored(version) = store.put(&key, value, Some(ttl), Expect::Any).await.unwrap() else {
        panic!("anything was expected");
    };
    store.add(&counter, 3, ttl).await.unwrap();
    let first = store.append(&keys::events(), Bytes::from_static(b"1")).await.unwrap();
    store.index(&keys::calls_all(), 5, "m", None).await.unwrap();
    drop(store);

    let store = open_embedded(directory.path(), &clock);
    assert_eq!(store.get(&key).await.unwrap().unwrap().version, version);
    assert_eq!(store.add(&counter, 1, ttl).await.unwrap().total, 4);
    let second = store.append(&keys::events(), Bytes::from_static(b"2")).await.unwrap();
    assert!(second > first);
    let log = store.read(&keys::events(), Position::START, 9).await.unwrap();
    assert_eq!(log.len(), 2);
    let members = store.range(&keys::calls_all(), everything()).await.unwrap();
    assert_eq!(members.len(), 1);
    clock.advance(ttl);
    assert_eq!(store.get(&key).await.unwrap(), None);
}

#[tokio::test]
async fn a_directory_has_one_owner_and_is_named_when_it_cannot_be_used() {
    let directory = TempDir::new().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let url = format!("embedded:{}", directory.path().join("new").display());
    let _owner = store::open(&url, Arc::clone(&clock)).unwrap();
    let error = store::open(&url, Arc::clone(&clock)).err().unwrap().to_string();
    assert!(error.contains("in use"), "{error}");
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let url = format!("embedded:{}", file.display());
    let error = store::open(&url, clock).err().unwrap().to_string();
    assert!(error.contains(&file.display().to_string()), "{error}");
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    if let Ok(directory) = std::env::var(CHILD) {
        return write_until_killed(&directory).await;
    }
    let directory = TempDir::new().unwrap();
    let mut acknowledged = HashSet::new();
    for round in 1..=3 {
        acknowledged.extend(run_and_kill(&directory, 400));
        let url = format!("embedded:{}", directory.path().display());
        let store = store::open(&url, Arc::new(SystemClock)).unwrap();
        check(&store, &acknowledged).await;
        assert!(acknowledged.len() >= 400 * round);
    }
}

/// Runs this test as a child, kills it after it told `enough` writes, and returns what it told.
fn run_and_kill(directory: &TempDir, enough: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "crash::nothing_acknowledged_is_lost_by_kill_9",
            "--exact",
            "--nocapture",
        ])
        .env(CHILD, directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    for line in lines {
        // The last line may have been cut short.
        let line = line.unwrap();
        if let Some(id) = line.strip_prefix("acknowledged ").and_then(|id| id.strip_suffix('.')) {
            told.push(id.to_owned());
        }
        if told.len() == enough {
            // SIGKILL; what was told before is still in the pipe.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    told
}

async fn write_until_killed(directory: &str) {
    let store = store::open(&format!("embedded:{directory}"), Arc::new(SystemClock)).unwrap();
    let run = std::process::id();
    join_all((0..16).map(|writer| {
        let store = store.clone();
        async move {
            for n in 0.. {
                let id = format!("{run}-{writer}-{n}");
                write(&store, &id).await;
                let line = format!("acknowledged {id}.\n");
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        }
    }))
    .await;
}

async fn write(store: &SharedStore, id: &str) {
    let bytes = Bytes::copy_from_slice(id.as_bytes());
    store.append(&keys::events(), bytes.clone()).await.unwrap();
    let put = store.put(&keys::call(id), bytes, None, Expect::Absent).await;
    assert!(matches!(put, Ok(Put::Stored(_))));
    store.index(&keys::calls_all(), 1, id, None).await.unwrap();
}

async fn check(store: &SharedStore, acknowledged: &HashSet<String>) {
    let log = store.read(&keys::events(), Position::START, usize::MAX).await.unwrap();
    let logged: HashSet<_> = log.iter().map(|(_, entry)| entry.to_vec()).collect();
    let members = store.range(&keys::calls_all(), everything()).await.unwrap();
    let members: HashSet<_> = members.into_iter().map(|scored| scored.member).collect();
    for id in acknowledged {
        assert!(logged.contains(id.as_bytes()), "{id} in the log");
        assert!(members.contains(id), "{id} in the set");
        assert!(store.get(&keys::call(id)).await.unwrap().is_some(), "{id} by key");
    }
}
