//! Rows that come in at a steady rate of wall time while a site is walked, and go again in batches.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use switchboard::simulators::zenvia::Zenvia;
use tokio::sync::oneshot;

use crate::bed::{Client, Providers};
use crate::site::{Listed, dialled, list};

/// How many rows come in per second.
const RATE: u128 = 500;
/// How often they do: whatever is due by then, so that a busy machine delays rows and leaves none out.
const TICK: Duration = Duration::from_millis(20);
/// After a longer pause than this the rate would not be steady.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// At how many rows that came in Zenvia takes the oldest away: no walk has ever more before it.
const HIGH: usize = 400;
/// How many it leaves: what goes at once moves its first report by a page.
const LOW: usize = 50;

/// What comes in at a site.
#[derive(Clone)]
pub struct Tide {
    zenvia: Arc<Zenvia>,
    dialler: Client,
    /// The rows that came in at Zenvia, oldest first; none is here that is not listed.
    here: Arc<Mutex<VecDeque<Listed>>>,
}

/// How many rows came in and went, and in which time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Came {
    pub rows: u128,
    pub gone: usize,
    pub time: Duration,
    pub longest_pause: Duration,
}

impl Tide {
    /// One that has not begun.
    pub fn new(providers: &Providers) -> Self {
        Self {
            zenvia: Arc::clone(providers.zenvia.app()),
            dialler: Providers::controls(&providers.evolux.url()),
            here: Arc::default(),
        }
    }

    /// Lets rows in while something is done; fails unless they came in all the while.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> (T, Came) {
        let (over, mut is_over) = oneshot::channel();
        let (tide, began) = (self.clone(), Instant::now());
        // In a task of its own, so that nothing that is done holds it up.
        let coming = tokio::spawn(async move {
            let mut came = Came::default();
            loop {
                let last = tokio::time::timeout(TICK, &mut is_over).await.is_ok();
                tide.rise(&mut came, began.elapsed()).await;
                if last {
                    return came;
                }
            }
        });
        let done = work.await;
        over.send(()).unwrap();
        let came = coming.await.unwrap();
        assert!(came.longest_pause <= LONGEST_PAUSE, "{came:?}");
        (done, came)
    }

    /// The rows that came in at Zenvia and are listed now.
    pub fn listed(&self) -> Vec<Listed> {
        self.here.lock().unwrap().iter().copied().collect()
    }

    /// Lets in what is due after such a time, at the dialler in one request.
    async fn rise(&self, came: &mut Came, time: Duration) {
        let due = due(time);
        let (at_dialler, at_zenvia): (Vec<_>, Vec<_>) =
            (came.rows as i64..due as i64).partition(|number| number % 5 == 0);
        came.gone += self.list(&at_zenvia);
        if !at_dialler.is_empty() {
            let rows: Vec<_> = at_dialler.iter().map(|_| dialled(None, 0)).collect();
            let made = self.dialler.post("/rows", json!({ "dialer": rows })).await;
            assert!(made.status < 300, "{}", made.body);
        }
        came.longest_pause = came.longest_pause.max(time - came.time);
        (came.rows, came.time) = (due, time);
    }

    /// Lists rows at Zenvia; how many went.
    fn list(&self, numbers: &[i64]) -> usize {
        let mut here = self.here.lock().unwrap();
        here.extend(numbers.iter().map(|number| list(&self.zenvia, (age(*number), *number))));
        if here.len() < HIGH {
            return 0;
        }
        let going: Vec<_> = here.drain(..HIGH - LOW).collect();
        going.iter().for_each(|row| self.zenvia.forget(row.id));
        going.len()
    }
}

fn due(time: Duration) -> u128 {
    time.as_millis() * RATE / 1_000
}

/// How many seconds old a row is: most are newer than every walk, some are dated back into its window and some to before it.
fn age(number: i64) -> i64 {
    match number % 5 {
        1 => 60 + number * 37 % 9_000,
        2 => 11_000 + number % 900,
        _ => 0,
    }
}
