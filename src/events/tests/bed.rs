//! A gateway with subscriptions, and receivers that remember what they got.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::value::to_raw_value;
use tokio_util::sync::CancellationToken;

use crate::domain::delivery::{Delivery, DeliveryError, DeliveryStatus};
use crate::domain::event::{Event, EventType};
use crate::domain::ids::EventId;
use crate::domain::time::Timestamp;
use crate::events::courier::{Courier, Means, Post};
use crate::store::{Order, Position, Range, SharedStore, keys};
use crate::upstream::{Letter, Reply};
use crate::usecases::requests::{DeliveryQuery, Paging};
use crate::usecases::tests::bed::{Bed, SAY, Scripted, bed_over, caller};

/// An answer, if there is one.
pub type Answer = Result<u16, DeliveryError>;
/// What a receiver answers to which event at which time.
pub type Manner = Box<dyn Fn(&str, EventId, Timestamp) -> Answer + Send + Sync>;

/// One letter that arrived, and how it was answered.
#[derive(Debug, Clone)]
pub struct Got {
    pub at: Timestamp,
    pub event: EventId,
    pub body: String,
    pub answer: Answer,
}

/// Receivers by the first part of their host, which is the name of their subscription.
pub struct Receivers {
    manner: Mutex<Manner>,
    got: Mutex<BTreeMap<String, Vec<Got>>>,
}

impl Receivers {
    pub fn that(manner: impl Fn(&str, EventId, Timestamp) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            manner: Mutex::new(Box::new(manner)),
            got: Mutex::default(),
        })
    }

    pub fn now_answer(&self, answer: Answer) {
        *self.manner.lock().unwrap() = Box::new(move |_, _, _| answer);
    }

    /// What a receiver got, in order.
    pub fn got(&self, name: &str) -> Vec<Got> {
        self.got.lock().unwrap().get(name).cloned().unwrap_or_default()
    }

    /// The events a receiver got, in order.
    pub fn events(&self, name: &str) -> Vec<EventId> {
        self.got(name).into_iter().map(|got| got.event).collect()
    }
}

#[async_trait]
impl Post for Receivers {
    async fn post(&self, letter: Letter, at: Timestamp) -> Result<Reply, DeliveryError> {
        tokio::task::yield_now().await;
        let name = letter.url.host_str().unwrap().split('.').next().unwrap().to_owned();
        let (_, id) = &letter.headers[0];
        let event = id.parse().unwrap();
        let answer = (self.manner.lock().unwrap())(&name, event, at);
        let got = Got {
            at,
            event,
            body: String::from_utf8(letter.body.to_vec()).unwrap(),
            answer,
        };
        self.got.lock().unwrap().entry(name).or_default().push(got);
        tokio::task::yield_now().await;
        answer.map(|status| Reply {
            status,
            retry_after: None,
        })
    }
}

/// The section of a subscription.
pub fn section(name: &str, tenant: &str, types: &str) -> String {
    format!(
        "[subscriptions.{name}]\ntenant = \"{tenant}\"\nurl = \"https://{name}.example.com/\"\ntypes = [\"{types}\"]\n\
         keys = [ {{ id = \"1\", secret = \"env::HOOK\" }} ]\n"
    )
}

/// A gateway with subscriptions, its store, and the receivers behind them.
pub struct Yard {
    pub bed: Bed,
    pub means: Means,
    pub receivers: Arc<Receivers>,
}

impl Yard {
    pub fn new(sections: &str, receivers: Arc<Receivers>) -> Self {
        Self::over(sections, receivers, |store| store)
    }

    pub fn over(sections: &str, receivers: Arc<Receivers>, between: impl FnOnce(SharedStore) -> SharedStore) -> Self {
        let mut shared = None;
        let bed = bed_over(&[&Scripted::new("one", SAY)], sections, |store| {
            shared = Some(between(store));
            shared.clone().unwrap()
        });
        let means = Means {
            gateway: Arc::clone(&bed.gateway),
            store: shared.unwrap(),
            post: receivers.clone(),
            stop: CancellationToken::new(),
        };
        Self { bed, means, receivers }
    }

    pub fn courier(&self, name: &str) -> Courier {
        Courier::new(self.means.clone(), name).unwrap()
    }

    /// Does all that is to be done now for one subscription.
    pub async fn work(&self, name: &str) {
        let courier = self.courier(name);
        let mut place = courier.place().await.unwrap();
        while let Some(reached) = courier.try_new(place).await.unwrap().filter(|reached| *reached > place) {
            place = reached;
        }
        courier.try_again().await.unwrap();
    }

    /// Puts an event into the log.
    pub async fn happens(&self, kind: EventType, tenant: &str) -> EventId {
        let event = event(kind, tenant, Timestamp::from_millis(self.bed.gateway.now().as_millis()));
        let entry = serde_json::to_vec(&event).unwrap();
        self.means.store.append(&keys::events(), entry.into()).await.unwrap();
        event.id
    }

    pub fn later(&self, seconds: u64) {
        self.bed.clock.advance(Duration::from_secs(seconds));
    }

    /// All deliveries that a tenant sees of such statuses.
    pub async fn deliveries(&self, tenant: &str, status: &[DeliveryStatus]) -> Vec<Delivery> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let query = DeliveryQuery {
                status: status.to_vec(),
                ..DeliveryQuery::default()
            };
            let paging = Paging { limit: 7, cursor };
            let page = self
                .bed
                .gateway
                .deliveries(&caller(tenant), query, paging)
                .await
                .unwrap();
            all.extend(page.data);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return all;
            }
        }
    }

    /// When something is due next, in Unix milliseconds.
    pub async fn next_due(&self, name: &str) -> Option<i64> {
        let first = Range {
            scores: 0..=1 << 52,
            order: Order::Ascending,
            after: None,
            limit: 1,
        };
        let due = self.means.store.range(&keys::deliveries_due(name), first).await;
        due.unwrap().first().map(|due| due.score)
    }

    /// How far a subscription has read the log.
    pub async fn place(&self, name: &str) -> Position {
        self.courier(name).place().await.unwrap()
    }
}

fn event(kind: EventType, tenant: &str, time: Timestamp) -> Event {
    let id = EventId::generate();
    Event {
        id,
        kind,
        source: Event::source_of(None),
        subject: format!("call_{id}"),
        tenant: tenant.to_owned(),
        time,
        data: to_raw_value(&serde_json::json!({ "price": 1.50, "of": id.to_string() })).unwrap(),
    }
}
