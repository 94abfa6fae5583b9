//! The places among the exchanges under way, and who may wait for one.

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::exchange::Urgency;

/// The part of the places that only what is urgent may take: an eighth.
const KEPT_FREE: usize = 8;
/// The part of the places that reading history may take: a quarter.
const HISTORY: usize = 4;
/// The most shares that one place counts against.
const SHARES: usize = 2;
/// How many may wait for each place.
const WAITING: usize = 2;

/// As many places as exchanges may be under way.
///
/// What is less urgent has a share of them, so it never takes the last ones. Those who wait are so few that each had a
/// chance; only reading history waits before its time begins, in a line of any length.
pub(super) struct Bulkhead {
    places: Semaphore,
    usual: Semaphore,
    last: Semaphore,
    queues: [Semaphore; 3],
}

/// A place, free again when this is dropped.
pub(super) type Place<'a> = Vec<SemaphorePermit<'a>>;

impl Bulkhead {
    pub(super) fn new(places: u32) -> Self {
        let places = places as usize;
        let queue = || Semaphore::new(places * WAITING);
        Self {
            places: Semaphore::new(places),
            usual: Semaphore::new(places - places / KEPT_FREE),
            last: Semaphore::new((places / HISTORY).max(1)),
            queues: [queue(), queue(), queue()],
        }
    }

    /// Waits for the turn of reading history, as long as whoever asks does; anything else has no turns.
    pub(super) async fn turn(&self, urgency: Urgency) -> Option<SemaphorePermit<'_>> {
        match urgency {
            Urgency::Last => self.last.acquire().await.ok(),
            Urgency::First | Urgency::Usual => None,
        }
    }

    /// Whether nobody of this urgency would get a place, or even wait for one.
    pub(super) fn is_full(&self, urgency: Urgency) -> bool {
        let (shares, queue) = self.way(urgency);
        let free = shares.into_iter().flatten().all(|share| share.available_permits() > 0);
        !free && queue.available_permits() == 0
    }

    /// Waits for a place; nothing if too many wait already, or none is free in time.
    pub(super) async fn enter(&self, urgency: Urgency, until: Instant) -> Option<Place<'_>> {
        let (shares, queue) = self.way(urgency);
        let shares = shares.into_iter().flatten();
        let free: Option<Place<'_>> = shares.clone().map(|share| share.try_acquire().ok()).collect();
        if free.is_some() {
            return free;
        }
        let _waiting = queue.try_acquire().ok()?;
        let mut place = Vec::with_capacity(SHARES);
        for share in shares {
            place.push(timeout_at(until, share.acquire()).await.ok()?.ok()?);
        }
        Some(place)
    }

    /// The shares that a place counts against, and where one waits for it.
    fn way(&self, urgency: Urgency) -> ([Option<&Semaphore>; SHARES], &Semaphore) {
        let (usual, all) = (Some(&self.usual), Some(&self.places));
        match urgency {
            Urgency::First => ([None, all], &self.queues[0]),
            Urgency::Usual => ([usual, all], &self.queues[1]),
            Urgency::Last => ([usual, all], &self.queues[2]),
        }
    }
}
