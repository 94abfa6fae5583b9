//! A provider that does as told.

mod acts;
pub mod reports;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::domain::account::AccountName;
use crate::domain::call::ProviderRef;
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::domain::facts::CallFacts;
use crate::domain::history::Row;
use crate::domain::place::{Capability, NewCall};
use crate::domain::time::Timestamp;
use crate::providers::port::{
    Balance, Calls, Codes, Consent, Control, Health, History, KeyUsage, Lookup, News, Obstacle, Offer, Permission,
    Provider, Report, ReportQuery, Webhooks,
};

/// A provider that answers what it is told, in order, and remembers what it was asked.
pub struct Scripted {
    name: AccountName,
    offers: &'static [Offer],
    places: Mutex<VecDeque<Result<Option<ProviderRef>, Failure>>>,
    placed: Mutex<Vec<NewCall>>,
    sends: Mutex<VecDeque<Result<ProviderRef, Failure>>>,
    sent: Mutex<usize>,
    checks: Mutex<VecDeque<Result<bool, Failure>>>,
    /// Rows of its one report.
    pub rows: Mutex<Vec<Row>>,
    /// Whether it has no report, so that its history is what webhooks told.
    pub unreported: AtomicBool,
    /// How many times reading the report fails before it works.
    pub failing: Mutex<usize>,
    /// The number of the one page that fails.
    pub failing_page: Mutex<usize>,
    /// How long each page of a report takes.
    pub slow: Mutex<Option<(&'static str, Duration)>>,
    pages: Mutex<usize>,
    /// How many of them were asked for identifiers only.
    pub listings: AtomicUsize,
    /// A row that comes in once a page of all rows was told.
    pub arrives: Mutex<Option<Row>>,
    /// How often it was asked for its credit.
    pub balances: Mutex<usize>,
    /// Whether it tells how many rows there are.
    pub tells_total: AtomicBool,
    /// Its reports, which all list the same rows.
    pub reports: Mutex<&'static [Report]>,
    /// The reports it does not have after all.
    pub absent: Mutex<Vec<&'static str>>,
    /// How many things on each page are no rows.
    pub unreadable: Mutex<usize>,
    /// What its report was last asked for.
    pub asked: Mutex<Option<ReportQuery>>,
    hung_up: Mutex<usize>,
    news: Mutex<Vec<News>>,
    /// What it says of any call it is asked about; that it knows none, if there is nothing.
    pub state: Mutex<Option<CallFacts>>,
    fetched: Mutex<usize>,
    /// Whether it can be asked about calls.
    answers: bool,
    /// What keeps it from being asked.
    pub obstacle: Mutex<Option<Obstacle>>,
    /// How it fares.
    pub health: Mutex<Health>,
    /// When its first key was last accepted, and when rejected.
    pub key: Mutex<(Option<Timestamp>, Option<Timestamp>)>,
    /// Whether it has another key as well, which was never sent.
    pub spare: AtomicBool,
    /// Whether a WhatsApp user may be called, if it can tell.
    pub permission: Mutex<Option<Permission>>,
    permissions_read: Mutex<usize>,
}

pub const SAY: &[Offer] = &[Offer {
    operation: Capability::Say,
    options: &[Capability::Record],
}];

impl Scripted {
    pub fn new(name: &str, offers: &'static [Offer]) -> Arc<Self> {
        Arc::new(Self::that(true, name, offers))
    }

    /// One that tells of calls only by webhook.
    pub fn unasked(name: &str, offers: &'static [Offer]) -> Arc<Self> {
        Arc::new(Self::that(false, name, offers))
    }

    fn that(answers: bool, name: &str, offers: &'static [Offer]) -> Self {
        Self {
            name: name.parse().unwrap(),
            offers,
            places: Mutex::default(),
            placed: Mutex::default(),
            sends: Mutex::default(),
            sent: Mutex::default(),
            checks: Mutex::default(),
            rows: Mutex::default(),
            unreported: AtomicBool::default(),
            failing: Mutex::default(),
            failing_page: Mutex::default(),
            slow: Mutex::default(),
            pages: Mutex::default(),
            listings: AtomicUsize::default(),
            arrives: Mutex::default(),
            tells_total: AtomicBool::default(),
            reports: Mutex::new(reports::REPORT),
            absent: Mutex::default(),
            unreadable: Mutex::default(),
            asked: Mutex::default(),
            balances: Mutex::default(),
            hung_up: Mutex::default(),
            news: Mutex::default(),
            state: Mutex::default(),
            fetched: Mutex::default(),
            answers,
            obstacle: Mutex::default(),
            health: Mutex::default(),
            key: Mutex::default(),
            spare: AtomicBool::default(),
            permission: Mutex::default(),
            permissions_read: Mutex::default(),
        }
    }

    pub fn will_place(&self, answer: Result<Option<ProviderRef>, Failure>) {
        self.places.lock().unwrap().push_back(answer);
    }

    pub fn will_send(&self, answer: Result<ProviderRef, Failure>) {
        self.sends.lock().unwrap().push_back(answer);
    }

    pub fn will_check(&self, answer: Result<bool, Failure>) {
        self.checks.lock().unwrap().push_back(answer);
    }

    pub fn will_tell(&self, news: Vec<News>) {
        *self.news.lock().unwrap() = news;
    }

    pub fn placed(&self) -> Vec<NewCall> {
        self.placed.lock().unwrap().clone()
    }

    /// How many codes it was asked to send.
    pub fn sent(&self) -> usize {
        *self.sent.lock().unwrap()
    }

    /// How many calls it was asked to end.
    pub fn hung_up(&self) -> usize {
        *self.hung_up.lock().unwrap()
    }

    /// How often it was asked about a call.
    pub fn fetched(&self) -> usize {
        *self.fetched.lock().unwrap()
    }

    /// How often it was asked whether a user may be called.
    pub fn permissions_read(&self) -> usize {
        *self.permissions_read.lock().unwrap()
    }

    pub fn pages(&self) -> usize {
        *self.pages.lock().unwrap()
    }
}

pub fn failed(kind: FailureKind) -> Failure {
    Failure::new(kind, "POST /scripted")
}

pub fn refused(refusal: Refusal) -> Failure {
    failed(FailureKind::Refused(refusal))
}

impl Provider for Scripted {
    fn account(&self) -> &AccountName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "scripted"
    }

    fn key_usage(&self) -> Vec<KeyUsage> {
        let (last_accepted, last_rejected) = *self.key.lock().unwrap();
        let first = KeyUsage {
            id: "1".into(),
            fingerprint: "f".into(),
            preferred: true,
            last_used: None,
            last_accepted,
            last_rejected,
        };
        let spare = self.spare.load(Ordering::Relaxed).then(|| KeyUsage {
            id: "spare".into(),
            preferred: false,
            last_accepted: None,
            last_rejected: None,
            ..first.clone()
        });
        std::iter::once(first).chain(spare).collect()
    }

    fn health(&self) -> Health {
        self.health.lock().unwrap().clone()
    }

    fn obstacle(&self, _: &str) -> Option<Obstacle> {
        *self.obstacle.lock().unwrap()
    }

    fn consent(&self) -> Option<&dyn Consent> {
        self.permission
            .lock()
            .unwrap()
            .is_some()
            .then_some(self as &dyn Consent)
    }

    fn balance(&self) -> Option<&dyn Balance> {
        Some(self)
    }

    fn calls(&self) -> Option<&dyn Calls> {
        Some(self)
    }

    fn control(&self) -> Option<&dyn Control> {
        Some(self)
    }

    fn codes(&self) -> Option<&dyn Codes> {
        Some(self)
    }

    fn lookup(&self) -> Option<&dyn Lookup> {
        self.answers.then_some(self)
    }

    fn history(&self) -> Option<&dyn History> {
        let reports = self.answers && !self.unreported.load(Ordering::Relaxed);
        reports.then_some(self as &dyn History)
    }

    fn webhooks(&self) -> Option<&dyn Webhooks> {
        Some(self)
    }
}
