//! What the feed of events tells, live and from its beginning, and what of the webhooks taken it never told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use super::{REST, Shared};
use crate::bed::{Client, eventually};
use crate::ledger::{Ledger, Outcome};
use crate::site::Site;

impl Shared {
    /// Follows the live feed behind an event, and takes it up again wherever it ends.
    pub(super) async fn follow(self: Arc<Self>, mut last: String) {
        loop {
            let began = Instant::now();
            let asked = self.client.ask(Method::GET, "/events");
            let asked = asked
                .header("accept", "text/event-stream")
                .header("last-event-id", &last);
            match asked.try_stream().await {
                Ok(stream) if stream.status() == 200 => {
                    let ended = self.listen(stream, &mut last).await;
                    self.note("GET /events live", began, ended);
                    self.ledger.lock().unwrap().resumed += 1;
                }
                Ok(stream) => {
                    let (status, text) = (stream.status(), stream.text().await.unwrap_or_default());
                    let outcome = match text.contains("/problems/store-unavailable") {
                        true => Outcome::Refused(text),
                        false => Outcome::Failed(format!("{status} {text}")),
                    };
                    self.note("GET /events live", began, outcome);
                }
                Err(error) if error.is_connect() => {}
                Err(error) => self.note("GET /events live", began, Outcome::Failed(format!("{error:?}"))),
            }
            tokio::time::sleep(REST).await;
        }
    }

    /// Reads a live feed to its end; tells how that was.
    async fn listen(&self, mut stream: reqwest::Response, last: &mut String) -> Outcome {
        let mut text = String::new();
        loop {
            match stream.chunk().await {
                Ok(Some(chunk)) => text.push_str(std::str::from_utf8(&chunk).unwrap()),
                Ok(None) => return Outcome::Served,
                Err(error) => return Outcome::Failed(format!("{error:?}")),
            }
            while let Some((block, rest)) = text.split_once("\n\n") {
                let data = block.lines().find_map(|line| line.strip_prefix("data: "));
                if let Some(event) = data.map(|data| serde_json::from_str::<Value>(data).unwrap()) {
                    *last = event["id"].as_str().unwrap().to_owned();
                    if let Some(id) = reply_of(&event) {
                        self.ledger.lock().unwrap().followed.insert(id);
                    }
                }
                text = rest.to_owned();
            }
        }
    }
}

/// The webhook that an event tells of.
fn reply_of(event: &Value) -> Option<u64> {
    let is_reply = event["type"] == "sms.reply";
    event["subject"].as_str().filter(|_| is_reply)?.parse().ok()
}

/// The webhooks that the feed tells of, read from its beginning at `client`.
async fn told(client: &Client) -> BTreeSet<u64> {
    let (mut told, mut after) = (BTreeSet::new(), String::new());
    loop {
        let page = eventually("the feed is read", async || {
            Some(client.get(&format!("/events?limit=500{after}")).await).filter(|page| page.status == 200)
        })
        .await;
        let data = page.body["data"].as_array().unwrap();
        if data.is_empty() {
            return told;
        }
        told.extend(data.iter().filter_map(reply_of));
        after = format!("&after={}", page.body["next_cursor"].as_str().unwrap());
    }
}

/// Which of the webhooks taken the feed does not tell of, or the receiver did not get, when these have not become fewer
/// for so long.
pub async fn lost(ledger: &Ledger, (client, site): (&Client, &Site), patience: Duration) -> BTreeSet<u64> {
    let taken: BTreeSet<u64> = ledger.taken.keys().copied().collect();
    let missing = async || {
        let told = told(client).await;
        let delivered: BTreeSet<u64> = site
            .receiver
            .taken("sms.reply")
            .iter()
            .map(|subject| subject.parse().unwrap())
            .collect();
        &(&taken - &told) | &(&taken - &delivered)
    };
    still(missing, patience).await
}

/// What is missing once nothing is, or when it has not become less for so long.
pub(super) async fn still(mut missing: impl AsyncFnMut() -> BTreeSet<u64>, patience: Duration) -> BTreeSet<u64> {
    let (mut least, mut since) = (usize::MAX, Instant::now());
    loop {
        let missing = missing().await;
        if missing.len() < least {
            (least, since) = (missing.len(), Instant::now());
        }
        if missing.is_empty() || since.elapsed() > patience {
            return missing;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
