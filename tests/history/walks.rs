//! Walks at random: gateways killed, keys rotated and the store flushed between pages, half a thousand rows a second coming in.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

use crate::bed::{EVOLUX, ZENVIA};
use crate::site::{Dice, ROWS, Site, dialled_ids};
use crate::tide::Came;

/// How many walks go on at once over one site.
const WALKS: u64 = 8;
/// How many walks are walked over reports that hide removals.
const BLIND_WALKS: u64 = 8;
/// How many rows are listed then, so that a walk crosses from one page of a report to the next several times.
const BLIND_ROWS: i64 = 3 * ROWS;
/// How many rows a page has at most, in turns.
const MOST: [usize; 4] = [5, 20, 80, 200];
/// How many sites are walked at once.
const SITES: usize = 4;

/// One walk, as far as it has come.
struct Walk<'a> {
    site: &'a Site,
    dice: Dice,
    /// What every page repeats.
    base: String,
    /// Whether a page may lack a source, whose rows come later.
    partial: bool,
    most: usize,
    as_of: Option<String>,
    rows: Vec<Value>,
}

impl<'a> Walk<'a> {
    fn new(site: &'a Site, (seed, most): (u64, usize), since: jiff::Timestamp) -> Self {
        let mut dice = Dice::new(seed);
        let account = ["", "&account=zenvia-br"][dice.below(2)];
        let partial = dice.below(4) == 0;
        let wanted = if partial { "&partial=true" } else { "" };
        Self {
            site,
            base: format!("/history?since={since}&until=today{account}{wanted}"),
            partial,
            most,
            dice,
            as_of: None,
            rows: Vec::new(),
        }
    }

    /// Walks to the end, every page as chance has it.
    async fn go(&mut self) {
        let mut cursor = None;
        loop {
            let mut path = format!("{}&limit={}", self.base, 1 + self.dice.below(self.most));
            if let Some(cursor) = &cursor {
                path = format!("{path}&cursor={cursor}");
            }
            let page = match self.happen(&path).await {
                Some(page) => page,
                None => self.site.page(self.dice.below(2), &path).await,
            };
            match self.take(&page) {
                Some(next) => cursor = Some(next),
                None => return,
            }
        }
    }

    /// What may happen before a page, which is given by what happens or is to be asked for.
    async fn happen(&mut self, path: &str) -> Option<Value> {
        match self.dice.below(24) {
            0 if self.dice.below(2) == 0 => self.site.kill(self.dice.below(2)).await,
            1 if self.dice.below(2) == 0 => self.site.flush(),
            2 => return self.site.page_of_less(self.dice.below(2), path).await,
            3 => self.site.dial_back().await,
            4 | 5 => self.site.update(&mut self.dice),
            6 | 7 => {
                self.site.tell("pauses");
                tokio::time::sleep(Duration::from_millis(self.dice.below(100) as u64)).await;
            }
            8 if self.dice.below(3) == 0 => self.site.rotate().await,
            _ => {}
        }
        None
    }

    /// Takes a page; where the next one begins.
    fn take(&mut self, page: &Value) -> Option<String> {
        let as_of = page["as_of"].as_str().unwrap();
        assert_eq!(self.as_of.get_or_insert_with(|| as_of.to_owned()), as_of);
        assert!(self.partial || page["complete"] == true, "{}", page["sources"]);
        self.rows.extend(page["data"].as_array().unwrap().iter().cloned());
        let cursor = page["next_cursor"].as_str()?;
        assert!(cursor.len() <= 512);
        Some(cursor.to_owned())
    }

    /// The promise that it broke, if any: every row once, in order, none newer than the walk, and none missing of those that
    /// were there all the time.
    fn broken(&self, there: &BTreeSet<String>) -> Option<String> {
        let places: Vec<_> = self.rows.iter().map(place).collect();
        let different: BTreeSet<_> = places.iter().collect();
        // What a source that failed gives later is in order among itself.
        let in_order = places.windows(2).all(|pair| pair[0] > pair[1]);
        let as_of = self.as_of.as_ref().unwrap();
        let promises = [
            ("each once", different.len() == places.len()),
            ("in order", self.partial || in_order),
            ("none too new", places.iter().all(|(created_at, _)| created_at <= as_of)),
        ];
        let broken = promises
            .iter()
            .find(|(_, kept)| !kept)
            .map(|(promise, _)| (*promise).to_owned());
        let dialled = match self.base.contains("account=") {
            true => BTreeSet::new(),
            false => dialled_ids(),
        };
        let lost = [(ZENVIA, there), (EVOLUX, &dialled)].map(|(account, there)| self.lacks(account, there));
        broken.or_else(|| lost.into_iter().flatten().next())
    }

    fn lacks(&self, account: &str, there: &BTreeSet<String>) -> Option<String> {
        let of_it = self.rows.iter().filter(|row| row["account"] == account);
        let given: BTreeSet<_> = of_it
            .map(|row| row["provider_ref"]["id"].as_str().unwrap().to_owned())
            .collect();
        let missing: Vec<_> = there.difference(&given).collect();
        (!missing.is_empty()).then(|| format!("{account}: {} rows are lost: {missing:?}", missing.len()))
    }
}

fn place(row: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&row["created_at"]), text(&row["id"]))
}

/// The beginning of the walked window: before every row that a site starts with.
fn since() -> jiff::Timestamp {
    jiff::Timestamp::now() - jiff::SignedDuration::from_hours(3)
}

/// Walks once in pages of at most so many rows; the promise that was broken, if any.
async fn walk(site: &Site, seed: u64, most: usize) -> Option<String> {
    let since = since();
    let mut there = site.listed(since);
    assert!(there.len() >= ROWS as usize, "{}", there.len());
    let mut walk = Walk::new(site, (seed, most), since);
    walk.go().await;
    let still_there = site.listed(since);
    there.retain(|id| still_there.contains(id));
    site.tell("walks");
    walk.broken(&there).map(|promise| format!("{}: {promise}", walk.base))
}

/// How many walks there are: `SWITCHBOARD_WALKS`, else as many as one site has.
fn walks() -> u64 {
    std::env::var("SWITCHBOARD_WALKS").map_or(WALKS, |text| text.parse().expect("a number"))
}

/// What happened at sites.
#[derive(Default)]
struct Told {
    what: BTreeMap<&'static str, u64>,
    came: Vec<Came>,
}

impl Told {
    fn add(&mut self, site: &Site, came: Came) {
        for (what, times) in std::mem::take(&mut *site.told.lock().unwrap()) {
            *self.what.entry(what).or_default() += times;
        }
        self.came.push(came);
    }

    /// How many rows came in at each site in every second of its walks.
    fn rate(&self) -> f64 {
        let rows: u128 = self.came.iter().map(|came| came.rows).sum();
        let time: Duration = self.came.iter().map(|came| came.time).sum();
        rows as f64 / time.as_secs_f64()
    }

    fn tides(&self) -> usize {
        self.came.iter().map(|came| came.gone).sum()
    }
}

/// Walks one site so often, all at the same time.
async fn walk_site(seeds: Range<u64>) -> (Site, Came) {
    let site = Site::start().await;
    let (broken, came) = site
        .tide
        .during(join_all(seeds.map(|seed| walk(&site, seed, MOST[seed as usize % 4]))))
        .await;
    assert_eq!(broken.into_iter().flatten().next(), None);
    (site, came)
}

// Whoever starts a gateway holds up a thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn rows_there_from_the_beginning_come_once_and_in_order_whatever_happens_between_the_pages() {
    let (walks, began) = (walks(), Instant::now());
    let sites = (0..walks).step_by(WALKS as usize);
    let sites = sites.map(|first| tokio::spawn(walk_site(first..walks.min(first + WALKS))));
    let mut walked = stream::iter(sites).buffer_unordered(SITES);
    let mut told = Told::default();
    while let Some(site) = walked.next().await {
        let (site, came) = site.unwrap();
        told.add(&site, came);
        let walks = told.what["walks"];
        println!(
            "{walks} walks in {:.0} s: no row lost, doubled or out of order (95 %: below {:.2} % of walks); at each site \
             {:.0} rows a second came in, {} went; {:?}",
            began.elapsed().as_secs_f64(),
            300.0 / walks as f64,
            told.rate(),
            told.tides(),
            told.what
        );
    }
    if walks >= WALKS {
        for what in ["kills", "rotations", "flushes", "failures of a report"] {
            assert!(told.what.contains_key(what), "no {what}: {:?}", told.what);
        }
    }
}

/// Walks one site so often, one walk after the other, while its reports hide removals; how many broke a promise.
async fn walk_blindly(seeds: Range<u64>) -> usize {
    let site = Site::of(BLIND_ROWS).await;
    site.hide_removals();
    let walks = async {
        let mut broken = 0;
        for seed in seeds {
            broken += usize::from(walk(&site, seed, MOST[1]).await.is_some());
        }
        broken
    };
    site.tide.during(walks).await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn where_reports_hide_removals_the_same_walks_lose_rows() {
    let sites = (0..BLIND_WALKS).step_by(2).map(|first| walk_blindly(first..first + 2));
    let broken: usize = join_all(sites).await.into_iter().sum();
    println!("{broken} of {BLIND_WALKS} walks break a promise where removals cannot be noticed");
    assert!(broken as u64 * 2 >= BLIND_WALKS, "{broken} of {BLIND_WALKS}");
}

/// Every record's identifier, read in pages of this size from the gateways in turns.
async fn sequence(site: &Site, base: &str, limit: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let mut path = format!("{base}&limit={limit}");
    for turn in 0.. {
        let page = site.page(turn % 2, &path).await;
        let data = page["data"].as_array().unwrap();
        ids.extend(data.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("{base}&limit={limit}&cursor={cursor}");
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_every_size_side_by_side_give_the_same_sequence() {
    let site = Site::start().await;
    let base = format!("/history?since={}&until=today", since());
    let sizes = [1, 7, 50, 200, 500];
    let sequences = join_all(sizes.map(|limit| sequence(&site, &base, limit))).await;
    assert!(sequences[0].len() >= ROWS as usize, "{}", sequences[0].len());
    for (limit, sequence) in sizes.iter().zip(&sequences) {
        let apart = sequence.iter().zip(&sequences[0]).position(|(one, other)| one != other);
        assert!(
            *sequence == sequences[0],
            "pages of {limit}: {} rows instead of {}, the first apart {apart:?}",
            sequence.len(),
            sequences[0].len()
        );
    }
}
