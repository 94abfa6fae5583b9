//! The pure parts, each behind one function without arguments: what a measurement of them needs and nothing else.

use std::hint::black_box;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::clock::ManualClock;
use crate::config::{KeyRing, Secret};
use crate::domain::call_file::CallFile;
use crate::domain::facts::CallFacts;
use crate::domain::fold::fold;
use crate::domain::history::Record;
use crate::domain::time::Timestamp;
use crate::providers::port::{Authentic, News, Proof, Provider};
use crate::providers::{evolux, registry};
use crate::seal::{Purpose, Sealer};
use crate::usecases;

/// A part with its input; to run it again is the same work again.
pub struct Part {
    /// What it is, in a few words.
    pub name: &'static str,
    /// Does it once.
    pub run: Box<dyn Fn()>,
}

const NOW: Timestamp = Timestamp::from_seconds(1_795_370_400);

/// The messages of one call: it rings, is answered, and ends.
const WEBHOOKS: [&str; 3] = [
    include_str!("../tests/fixtures/positus/connect_documented.json"),
    include_str!("../tests/fixtures/positus/meta_connect.json"),
    include_str!("../tests/fixtures/positus/terminate_documented.json"),
];
const CALL_END: &str = include_str!("../tests/fixtures/zenvia/call-end.json");
const REPORT: &str = include_str!("../tests/fixtures/evolux/queue_report.json");

/// How many lists are merged, and how many records each of them has.
const LISTS: (usize, usize) = (4, 25);

/// Every part, run once already: what is made at the first use is made.
pub fn parts() -> Vec<Part> {
    let parts = vec![
        part("wire: a webhook of Zenvia, the end of a call", || {
            drop(read("zenvia", Some("call-end"), CALL_END));
        }),
        part("wire: three webhooks of Positus, a call from beginning to end", || {
            WEBHOOKS.iter().for_each(|body| drop(read("positus", None, body)));
        }),
        part("wire: a page of Evolux' report of queues, three rows", || {
            black_box(evolux::rows_of(REPORT.as_bytes()));
        }),
        merged(),
        cursor(),
        folded(),
    ];
    parts.iter().for_each(|part| (part.run)());
    parts
}

fn part(name: &'static str, run: impl Fn() + 'static) -> Part {
    Part {
        name,
        run: Box::new(run),
    }
}

/// What a webhook says of calls.
#[expect(clippy::expect_used, reason = "a part that reads nothing measures nothing")]
fn read(provider: &str, kind: Option<&str>, body: &str) -> Vec<CallFacts> {
    thread_local! {
        static PROVIDERS: Vec<Arc<dyn Provider>> = registry::samples().unwrap_or_default();
        static RING: KeyRing = KeyRing::single("1", Secret::new("sample"));
    }
    let notices = PROVIDERS.with(|providers| {
        let mut all = providers.iter().filter(|one| one.kind() == provider);
        let webhooks = all.find_map(|one| one.webhooks()).expect("it sends webhooks");
        let proof = RING
            .with(|ring| Proof::check(ring, "sample", NOW))
            .expect("its key is right");
        webhooks
            .parse(&Authentic::new(proof, kind, body.as_bytes()))
            .expect("it can be read")
    });
    let facts = notices.into_iter().filter_map(|notice| match notice.news {
        News::Call(facts) => Some(*facts),
        News::Signal(_) => None,
    });
    facts.collect()
}

/// Four lists of 25 records become one.
#[expect(clippy::expect_used, reason = "the samples are ours")]
fn merged() -> Part {
    let record = |list: usize, row: usize| -> Record {
        let at = NOW.plus_seconds(-i64::try_from(row * LISTS.0 + list).unwrap_or(0));
        let record = json!({
            "id": format!("rec_{list}{row:04}"), "tenant": "acme", "provider": "zenvia", "account": "zenvia-br",
            "direction": "outbound", "kind": "connect", "status": "completed", "created_at": at,
            "recording": "none", "legs": [], "attempts": [], "source": "report", "row_hash": "0123456789abcdef",
        });
        serde_json::from_value(record).expect("it is a record")
    };
    let list = |list: usize| (0..LISTS.1).map(|row| record(list, row)).collect();
    let lists: Vec<Vec<Record>> = (0..LISTS.0).map(list).collect();
    part("merge: four lists of 25 records into one", move || {
        assert_eq!(usecases::merged(lists.clone()), LISTS.0 * LISTS.1);
    })
}

/// A cursor is sealed and opened, and the walk in it read and written.
#[expect(clippy::expect_used, reason = "the samples are ours")]
fn cursor() -> Part {
    let ring = KeyRing::single("1", Secret::new("0123456789abcdef0123456789abcdef"));
    let sealer = Sealer::new(&ring, Arc::new(ManualClock::at(NOW.as_millis())));
    let walk = usecases::sample_walk();
    part("cursor: packed, sealed, opened and read", move || {
        let packed = usecases::packed(&walk).expect("it has a place for each source");
        let text = sealer.seal(Purpose::Cursor, b"acme", &packed).expect("there is a key");
        let opened = sealer
            .open(Purpose::Cursor, b"acme", &text)
            .expect("it was sealed here");
        assert!(usecases::unpacked(&opened, &walk).is_some());
    })
}

/// What three webhooks say is joined with a call.
#[expect(clippy::expect_used, reason = "the samples are ours")]
fn folded() -> Part {
    let call: Value = json!({
        "id": "call_01a2085c7d7a75169b79b4599078ed0d", "tenant": "acme", "provider": "positus", "account": "positus",
        "direction": "outbound", "kind": "connect", "status": "queued", "created_at": NOW,
        "recording": "none", "legs": [], "attempts": [],
    });
    let file = CallFile::new(serde_json::from_value(call).expect("it is a call"));
    let facts: Vec<_> = WEBHOOKS.iter().flat_map(|body| read("positus", None, body)).collect();
    part("fold: the news of three webhooks into their call", move || {
        let mut file = file.clone();
        for facts in facts.clone() {
            fold(&mut file, facts, crate::domain::call::SettledBy::Webhook, NOW);
        }
        black_box(file);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_does_something_and_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = parts().iter().map(|part| part.name).collect();
        assert_eq!(names.len(), 6);
        assert!(!read("zenvia", Some("call-end"), CALL_END).is_empty());
        assert!(WEBHOOKS.iter().all(|body| !read("positus", None, body).is_empty()));
        assert_eq!(evolux::rows_of(REPORT.as_bytes()), 3);
    }
}
