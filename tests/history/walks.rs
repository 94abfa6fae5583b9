//! Walks at random: gateways killed, keys rotated and the store flushed between pages, half a thousand rows a second coming in.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

use crate::bed::{EVOLUX, ZENVIA};
use crate::site::{Dice, ROWS, Site, dialled_ids};

/// How many walks go on at once over one site.
const WALKS: u64 = 8;
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
    fn new(site: &'a Site, seed: u64, since: jiff::Timestamp) -> Self {
        let mut dice = Dice::new(seed);
        let account = ["", "&account=zenvia-br"][dice.below(2)];
        let partial = dice.below(4) == 0;
        let wanted = if partial { "&partial=true" } else { "" };
        Self {
            site,
            base: format!("/history?since={since}&until=today{account}{wanted}"),
            partial,
            most: [5, 20, 80, 200][dice.below(4)],
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

    /// Every row once, in order, none newer than the walk, and none missing of those that were there.
    fn judge(&self, there: &BTreeSet<String>) {
        let places: Vec<_> = self.rows.iter().map(place).collect();
        let different: BTreeSet<_> = places.iter().collect();
        assert_eq!(different.len(), places.len(), "each once: {}", self.base);
        // What a source that failed gives later is in order among itself.
        let in_order = places.windows(2).all(|pair| pair[0] > pair[1]);
        assert!(self.partial || in_order, "in order: {}", self.base);
        let as_of = self.as_of.as_ref().unwrap();
        assert!(
            places.iter().all(|(created_at, _)| created_at <= as_of),
            "{}",
            self.base
        );
        self.lacks_nothing(ZENVIA, there);
        if !self.base.contains("account=") {
            self.lacks_nothing(EVOLUX, &dialled_ids());
        }
    }

    fn lacks_nothing(&self, account: &str, there: &BTreeSet<String>) {
        let of_it = self.rows.iter().filter(|row| row["account"] == account);
        let given: BTreeSet<_> = of_it
            .map(|row| row["provider_ref"]["id"].as_str().unwrap().to_owned())
            .collect();
        let missing: Vec<_> = there.difference(&given).collect();
        assert!(missing.is_empty(), "{} lacks {missing:?}", self.base);
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

async fn walk(site: &Site, seed: u64) {
    let since = since();
    let there = site.listed(since).await;
    assert!(there.len() >= ROWS as usize, "{}", there.len());
    let mut walk = Walk::new(site, seed, since);
    walk.go().await;
    walk.judge(&there);
    site.tell("walks");
}

/// How many walks there are: `SWITCHBOARD_WALKS`, else as many as one site has.
fn walks() -> u64 {
    std::env::var("SWITCHBOARD_WALKS").map_or(WALKS, |text| text.parse().expect("a number"))
}

/// Walks one site so often; what happened to it.
async fn walk_site(seeds: Range<u64>) -> BTreeMap<&'static str, u64> {
    let site = Site::start().await;
    join_all(seeds.map(|seed| walk(&site, seed))).await;
    std::mem::take(&mut *site.told.lock().unwrap())
}

// Whoever starts a gateway holds up a thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn rows_there_from_the_beginning_come_once_and_in_order_whatever_happens_between_the_pages() {
    let (walks, began) = (walks(), Instant::now());
    // The lists of one site grow while it is walked, so every few walks have their own.
    let sites = (0..walks).step_by(WALKS as usize);
    let sites = sites.map(|first| tokio::spawn(walk_site(first..walks.min(first + WALKS))));
    let mut walked = stream::iter(sites).buffer_unordered(SITES);
    let mut told: BTreeMap<&str, u64> = BTreeMap::new();
    while let Some(site) = walked.next().await {
        for (what, times) in site.unwrap() {
            *told.entry(what).or_default() += times;
        }
        println!(
            "{} walks in {:.0} s: no row lost, doubled or out of order (95 %: below {:.2} % of walks); {told:?}",
            told["walks"],
            began.elapsed().as_secs_f64(),
            300.0 / told["walks"] as f64
        );
    }
    if walks >= WALKS {
        for what in ["kills", "rotations", "flushes", "failures of a report"] {
            assert!(told.contains_key(what), "no {what}: {told:?}");
        }
    }
}

/// Every record's identifier, read in pages of this size from the gateways in turns.
async fn sequence(site: &Site, base: &str, limit: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let mut path = format!("{base}&limit={limit}");
    for turn in 0.. {
        let page = site.quiet_page(turn % 2, &path).await;
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
