use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use futures_util::future::join_all;
use futures_util::poll;
use redb::{ReadableTableMetadata, StorageBackend};

use super::super::keys;
use super::tables::{ENTRIES, EXPIRIES};
use super::*;
use crate::clock::ManualClock;

const NOW: i64 = 1_767_225_600_000;
const TTL: Duration = Duration::from_secs(1);
const ENTRY: Bytes = Bytes::from_static(b"entry");

/// A disk that counts how often it was synced, and breaks when told.
#[derive(Debug, Default, Clone)]
struct Disk {
    memory: Arc<InMemoryBackend>,
    syncs: Arc<AtomicUsize>,
    broken: Arc<AtomicBool>,
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        match self.broken.load(Ordering::SeqCst) {
            true => Err(io::Error::other("the disk is gone")),
            false => self.memory.sync_data(),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.memory.write(offset, data)
    }
}

fn on(disk: &Disk) -> (Embedded, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(NOW));
    let db = Database::builder().create_with_backend(disk.clone()).unwrap();
    let store = Embedded::start((db, None), Arc::clone(&clock) as Arc<dyn Clock>, &[]).unwrap();
    (store, clock)
}

/// Keeps the writer busy until the sender is dropped.
async fn hold(store: &Embedded) -> (mpsc::Sender<()>, impl Future<Output = ()>) {
    let (release, held) = mpsc::channel::<()>();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let mut holding = Box::pin(store.writer.submit(move |_| {
        let _ = begin.send(());
        let _ = held.recv();
        Ok(())
    }));
    assert!(poll!(&mut holding).is_pending());
    begun.await.unwrap();
    (release, async { holding.await.unwrap() })
}

fn rows(store: &Embedded) -> (u64, u64) {
    let txn = store.read_txn().unwrap();
    let entries = txn.open_table(ENTRIES).unwrap().len().unwrap();
    let expiries = txn.open_table(EXPIRIES).unwrap().len().unwrap();
    (entries, expiries)
}

#[tokio::test]
async fn one_sync_serves_all_that_wait() {
    let disk = Disk::default();
    let (store, _) = on(&disk);
    let (release, holding) = hold(&store).await;
    let log = keys::events();
    let appends: Vec<_> = (0..200).map(|_| store.append(&log, ENTRY)).collect();
    let mut appends = Box::pin(join_all(appends));
    assert!(poll!(&mut appends).is_pending());
    let before = disk.syncs.load(Ordering::SeqCst);
    drop(release);
    holding.await;
    assert!(appends.await.iter().all(Result::is_ok));
    let syncs = disk.syncs.load(Ordering::SeqCst) - before;
    assert!((1..20).contains(&syncs), "{syncs} for 200 writes");
}

#[tokio::test]
async fn what_does_not_reach_the_disk_is_not_acknowledged() {
    let disk = Disk::default();
    let (store, _) = on(&disk);
    store.append(&keys::events(), ENTRY).await.unwrap();
    disk.broken.store(true, Ordering::SeqCst);
    let log = keys::events();
    let appends = join_all((0..5).map(|_| store.append(&log, ENTRY))).await;
    assert!(
        appends
            .iter()
            .all(|append| matches!(append, Err(StoreError::Unavailable(_))))
    );
    assert!(store.ready().await.is_err());
}

#[tokio::test]
async fn a_full_queue_is_said_to_be_full() {
    let (store, _) = on(&Disk::default());
    let (release, holding) = hold(&store).await;
    let log = keys::events();
    let mut waiting: Vec<_> = (0..writer::QUEUE).map(|_| store.append(&log, ENTRY)).collect();
    for append in &mut waiting {
        assert!(poll!(append).is_pending());
    }
    let refused = store.append(&log, ENTRY).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    drop(release);
    holding.await;
    assert!(join_all(waiting).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn leases_end_with_the_process_that_held_them() {
    let disk = Disk::default();
    let (store, _) = on(&disk);
    let others = [keys::idempotency("a", "b"), keys::mark()];
    let leases = [keys::lease("inbox"), keys::lease("instance/1")];
    for key in others.iter().chain(&leases) {
        store.put(key, ENTRY, Some(TTL), Expect::Any).await.unwrap();
    }
    drop(store);
    let (store, _) = on(&disk);
    assert_eq!(store.get_many(&leases).await.unwrap(), [None, None]);
    assert!(store.get_many(&others).await.unwrap().iter().all(Option::is_some));
    assert_eq!(rows(&store), (2, 2), "nothing is left of them");
}

#[tokio::test]
async fn what_has_expired_leaves_with_the_next_writes() {
    let (store, clock) = on(&Disk::default());
    for n in 0..3 {
        let key = keys::call(n);
        store.put(&key, ENTRY, Some(TTL), Expect::Any).await.unwrap();
    }
    store.add(&keys::counter("a", "b"), 1, TTL).await.unwrap();
    store.put(&keys::call(0), ENTRY, None, Expect::Any).await.unwrap();
    assert_eq!(rows(&store), (4, 3));
    clock.advance(TTL);
    for left in [2, 1] {
        store.append(&keys::events(), ENTRY).await.unwrap();
        assert_eq!(rows(&store), (left, left - 1));
    }
}

#[tokio::test]
async fn what_has_expired_leaves_in_a_quiet_moment() {
    let (store, clock) = on(&Disk::default());
    store.put(&keys::call(1), ENTRY, Some(TTL), Expect::Any).await.unwrap();
    clock.advance(TTL);
    let began = Instant::now();
    while rows(&store) != (0, 0) {
        assert!(began.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_clock_set_back_does_not_set_a_log_back() {
    let (store, clock) = on(&Disk::default());
    let first = store.append(&keys::events(), ENTRY).await.unwrap();
    clock.set(NOW - 5_000);
    let second = store.append(&keys::events(), ENTRY).await.unwrap();
    assert!(second > first);
    clock.set(-1);
    let third = store.append(&keys::inbox(), ENTRY).await.unwrap();
    assert!(third > Position::START);
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_undo_its_write() {
    let (store, _) = on(&Disk::default());
    let (release, holding) = hold(&store).await;
    let log = keys::events();
    let mut append = store.append(&log, ENTRY);
    assert!(poll!(&mut append).is_pending());
    drop(append);
    drop(release);
    holding.await;
    store.ready().await.unwrap();
    assert_eq!(store.read(&log, Position::START, 9).await.unwrap().len(), 1);
}

#[test]
fn nobody_waits_for_writes_of_a_runtime_that_ended() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (store, _) = on(&Disk::default());
    let log = keys::events();
    let mut first = store.append(&log, ENTRY);
    let ended = runtime().unwrap();
    ended.block_on(async { assert!(poll!(&mut first).is_pending()) });
    drop(ended);
    runtime().unwrap().block_on(async {
        assert!(matches!(first.await, Err(StoreError::Unavailable(_))));
        store.append(&log, ENTRY).await.unwrap();
    });
}
