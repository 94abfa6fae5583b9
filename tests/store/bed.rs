//! A store to test, with what keeps it alive and what moves its time.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use switchboard::clock::{Clock, ManualClock, SystemClock};
use switchboard::store::{self, SharedStore};
use tempfile::TempDir;

use crate::server::Server;

/// 2026-01-01, in Unix milliseconds.
pub const START: i64 = 1_767_225_600_000;

/// A store under test.
pub struct Bed {
    pub store: SharedStore,
    clock: Option<Arc<ManualClock>>,
    _alive: Box<dyn Any>,
}

impl Bed {
    /// Moves time past `by`, where the store takes the time from us.
    pub fn pass(&self, by: Duration) {
        if let Some(clock) = &self.clock {
            clock.advance(by);
        }
    }
}

pub fn memory() -> Bed {
    let clock = Arc::new(ManualClock::at(START));
    Bed {
        store: store::open("memory:", Arc::clone(&clock) as Arc<dyn Clock>).unwrap(),
        clock: Some(clock),
        _alive: Box::new(()),
    }
}

pub fn embedded() -> Bed {
    let clock = Arc::new(ManualClock::at(START));
    let directory = TempDir::new().unwrap();
    Bed {
        store: open_embedded(directory.path(), &clock),
        clock: Some(clock),
        _alive: Box::new(directory),
    }
}

pub fn redis() -> Bed {
    let server = Server::start();
    Bed {
        store: open_redis(&server.url()),
        clock: None,
        _alive: Box::new(server),
    }
}

/// A store in a Redis that somebody else keeps alive.
pub fn on(url: &str) -> Bed {
    Bed {
        store: open_redis(url),
        clock: None,
        _alive: Box::new(()),
    }
}

pub fn open_redis(url: &str) -> SharedStore {
    store::open(url, Arc::new(SystemClock)).unwrap()
}

pub fn open_embedded(directory: &Path, clock: &Arc<ManualClock>) -> SharedStore {
    let url = format!("embedded:{}", directory.display());
    store::open(&url, Arc::clone(clock) as Arc<dyn Clock>).unwrap()
}

/// Asks until the answer is yes.
pub async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(20), "it never became so");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
