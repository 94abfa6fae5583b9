//! Sends webhooks, keeps a ledger of them, and misbehaves on request.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Client;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Webhooks of one subject keep their order; different subjects do not wait for each other.
const LANES: usize = 16;
const LEDGER_SIZE: usize = 10_000;
const TIMEOUT: Duration = Duration::from_secs(5);
/// The pauses before the second and the third attempt.
const BACKOFF: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(200)];

/// Where webhooks go and how they misbehave.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// URL by kind; `*` stands for the kinds not named, and a kind without any is not sent. In a change, kinds not
    /// named keep theirs and `""` removes one.
    pub urls: BTreeMap<String, String>,
    /// Extra copies of each.
    pub duplicate: u32,
    /// Holds each for up to this many milliseconds so that the subject's next one overtakes it; 0 = in order.
    pub reorder_ms: u64,
    /// Kinds that are never sent although they have a URL; `*` is every kind.
    pub drop: Vec<String>,
}

impl Settings {
    fn url(&self, kind: &str) -> Option<String> {
        self.urls.get(kind).or_else(|| self.urls.get("*")).cloned()
    }
}

/// One webhook that was attempted or dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// The kind.
    pub kind: String,
    /// What it tells about: a call's id, a number.
    pub subject: String,
    /// Where it went.
    pub url: String,
    /// The body.
    pub body: String,
    /// Attempts made; 0 when dropped on purpose.
    pub attempts: usize,
    /// The receiver's last status; absent when it never answered.
    pub status: Option<u16>,
}

struct Delivery {
    kind: String,
    subject: String,
    url: String,
    body: String,
}

/// Webhooks waiting, and the ledger of those sent. It has no `Debug`: registered URLs hold secrets.
pub struct Outbox {
    lanes: Vec<UnboundedSender<Delivery>>,
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    settings: Mutex<Settings>,
    ledger: Mutex<VecDeque<Sent>>,
}

impl Outbox {
    /// An outbox whose senders run in `tasks` until `stopping`.
    ///
    /// # Errors
    ///
    /// The HTTP client cannot be built.
    pub fn start(
        urls: BTreeMap<String, String>,
        tasks: &TaskTracker,
        stopping: &CancellationToken,
    ) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // Plain HTTP only: without this the client reads the system's certificates, and fails where there are none.
            .tls_certs_only([])
            .build()?;
        let settings = Mutex::new(Settings {
            urls,
            ..Settings::default()
        });
        let shared = Arc::new(Shared {
            client,
            settings,
            ledger: Mutex::default(),
        });
        let lanes = (0..LANES).map(|_| {
            let (lane, waiting) = mpsc::unbounded_channel();
            let (shared, stopping) = (shared.clone(), stopping.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = stopping.cancelled() => {}
                    () = shared.work(waiting) => {}
                }
            });
            lane
        });
        Ok(Self {
            lanes: lanes.collect(),
            shared,
        })
    }

    /// Sends a webhook in the background; does nothing when its kind has no URL.
    pub fn fire(&self, kind: &str, subject: &str, body: String) {
        let settings = self.shared.settings();
        let Some(url) = settings.url(kind) else {
            return;
        };
        let delivery = Delivery {
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            url,
            body,
        };
        let dropped = settings.drop.iter().any(|named| named == kind || named == "*");
        let copies = settings.duplicate;
        drop(settings);
        if dropped {
            return self.shared.note(delivery, 0, None);
        }
        let lane = BuildHasherDefault::<DefaultHasher>::default().hash_one(subject) as usize % LANES;
        for _ in 0..=copies {
            let copy = Delivery {
                kind: delivery.kind.clone(),
                subject: delivery.subject.clone(),
                url: delivery.url.clone(),
                body: delivery.body.clone(),
            };
            // A closed lane means the simulator is stopping.
            let _ = self.lanes[lane].send(copy);
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> Settings {
        self.shared.settings().clone()
    }

    /// Changes the settings: URLs are merged, everything else is replaced.
    pub fn configure(&self, change: Settings) {
        let mut settings = self.shared.settings();
        let mut urls = std::mem::take(&mut settings.urls);
        urls.extend(change.urls);
        urls.retain(|_, url| !url.is_empty());
        *settings = Settings { urls, ..change };
    }

    /// Sets or removes the URL of one kind.
    pub fn register(&self, kind: &str, url: Option<String>) {
        let mut settings = self.shared.settings();
        match url {
            Some(url) => settings.urls.insert(kind.to_owned(), url),
            None => settings.urls.remove(kind),
        };
    }

    /// The last webhooks attempted or dropped, oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        self.shared.ledger().iter().cloned().collect()
    }
}

impl Shared {
    async fn work(&self, mut waiting: UnboundedReceiver<Delivery>) {
        while let Some(delivery) = waiting.recv().await {
            let hold = Duration::from_millis(self.settings().reorder_ms);
            if !hold.is_zero()
                && let Ok(Some(overtaking)) = tokio::time::timeout(hold, waiting.recv()).await
            {
                self.deliver(overtaking).await;
            }
            self.deliver(delivery).await;
        }
    }

    async fn deliver(&self, delivery: Delivery) {
        let mut attempts = 0;
        let status = loop {
            attempts += 1;
            let status = self.attempt(&delivery).await;
            let accepted = status.is_some_and(|status| (200..300).contains(&status));
            match BACKOFF.get(attempts - 1) {
                Some(pause) if !accepted => tokio::time::sleep(*pause).await,
                _ => break status,
            }
        };
        self.note(delivery, attempts, status);
    }

    async fn attempt(&self, delivery: &Delivery) -> Option<u16> {
        let request = self
            .client
            .post(&delivery.url)
            .header("content-type", "application/json");
        let request = request.body(delivery.body.clone()).build().ok()?;
        Some(self.client.execute(request).await.ok()?.status().as_u16())
    }

    fn note(&self, delivery: Delivery, attempts: usize, status: Option<u16>) {
        let Delivery {
            kind,
            subject,
            url,
            body,
        } = delivery;
        let mut ledger = self.ledger();
        if ledger.len() == LEDGER_SIZE {
            ledger.pop_front();
        }
        ledger.push_back(Sent {
            kind,
            subject,
            url,
            body,
            attempts,
            status,
        });
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> MutexGuard<'_, VecDeque<Sent>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
