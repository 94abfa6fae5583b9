//! A gateway over a store in memory, a clock that stands still, and scripted providers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::clock::{Clock, ManualClock};
use crate::config::{Account, Config};
use crate::domain::account::AccountName;
use crate::domain::address::Address;
use crate::domain::call::{CallKind, LegSide, ProviderRef};
use crate::domain::caller::{Caller, Scope};
use crate::domain::error::{Error, Failure, FailureKind, Refusal};
use crate::domain::facts::CallFacts;
use crate::domain::history::{Row, Window};
use crate::domain::ids::CallId;
use crate::domain::money::Money;
use crate::domain::phone::{PhoneNumber, Region};
use crate::domain::place::{Action, ActionKind, Capability, NewCall, Script};
use crate::domain::time::Timestamp;
use crate::domain::verification::Channel;
use crate::providers::port::{
    Authentic, Balance, Calls, Code, Codes, Consent, Control, Filter, Health, History, KeyUsage, Lookup, MonitorMode,
    NewCode, News, Notice, Obstacle, Offer, Permission, Provider, Report, ReportPage, ReportQuery, Target, Unreadable,
    Webhooks,
};
use crate::providers::registry::{Accounts, Entry};
use crate::seal::Sealer;
use crate::store::{self, SharedStore};
use crate::usecases::Gateway;

/// When every test happens: 2026-11-22T12:00:00Z.
pub const NOON: i64 = 1_795_348_800_000;

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
    /// When its one key was last accepted, and when rejected.
    pub key: Mutex<(Option<Timestamp>, Option<Timestamp>)>,
    /// Whether a WhatsApp user may be called, if it can tell.
    pub permission: Mutex<Option<Permission>>,
    permissions_read: Mutex<usize>,
}

/// The account that every tenant owns.
pub const EVERYONES: &str = "everyones";

pub const SAY: &[Offer] = &[Offer {
    operation: Capability::Say,
    options: &[Capability::Record],
}];
const REPORT: &[Report] = &[Report {
    name: "calls",
    code: b'c',
    kinds: &[CallKind::Say],
    filters: &[Filter::To],
    page_size: 7,
    instants: true,
    fields_by_campaign: false,
}];

/// A report that knows only whole days.
pub const DAYS_REPORT: &[Report] = &[Report {
    instants: false,
    ..REPORT[0]
}];

/// A report of long pages.
pub const BUSY_REPORT: &[Report] = &[Report {
    page_size: 1_000,
    ..REPORT[0]
}];
/// Two reports, each of another kind of call.
pub const TWO_REPORTS: &[Report] = &[
    REPORT[0],
    Report {
        name: "flows",
        code: b'f',
        kinds: &[CallKind::Flow],
        ..REPORT[0]
    },
];

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
            tells_total: AtomicBool::default(),
            reports: Mutex::new(REPORT),
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
        vec![KeyUsage {
            id: "1".into(),
            fingerprint: "f".into(),
            preferred: true,
            last_used: None,
            last_accepted,
            last_rejected,
        }]
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

#[async_trait]
impl Calls for Scripted {
    fn offers(&self) -> &'static [Offer] {
        self.offers
    }

    fn operation(&self, _: CallKind) -> &'static str {
        "POST /scripted"
    }

    async fn place(&self, call: &NewCall) -> Result<Option<ProviderRef>, Failure> {
        self.placed.lock().unwrap().push(call.clone());
        self.places.lock().unwrap().pop_front().unwrap_or(Ok(None))
    }
}

#[async_trait]
impl Consent for Scripted {
    async fn permission(&self, _: &PhoneNumber) -> Result<Permission, Failure> {
        *self.permissions_read.lock().unwrap() += 1;
        let permission = self.permission.lock().unwrap().clone();
        permission.ok_or_else(|| failed(FailureKind::Broken))
    }
}

#[async_trait]
impl Balance for Scripted {
    async fn balance(&self) -> Result<Money, Failure> {
        *self.balances.lock().unwrap() += 1;
        Ok(Money::brl(7.into()))
    }
}

#[async_trait]
impl Control for Scripted {
    fn controls(&self, _: CallKind) -> &'static [Capability] {
        &[Capability::Hangup, Capability::Transfer, Capability::Monitor]
    }

    async fn hang_up(&self, _: Target<'_>) -> Result<(), Failure> {
        *self.hung_up.lock().unwrap() += 1;
        Ok(())
    }

    async fn transfer(&self, _: Target<'_>, _: &Address, _: LegSide) -> Result<(), Failure> {
        Ok(())
    }

    async fn monitor(&self, _: Target<'_>, _: &Address, _: MonitorMode) -> Result<(), Failure> {
        Ok(())
    }
}

#[async_trait]
impl Lookup for Scripted {
    fn can_fetch(&self, _: CallKind) -> bool {
        true
    }

    async fn fetch(&self, _: Target<'_>) -> Result<CallFacts, Failure> {
        *self.fetched.lock().unwrap() += 1;
        let state = self.state.lock().unwrap().clone();
        state.ok_or_else(|| refused(Refusal::NotFound))
    }
}

#[async_trait]
impl Codes for Scripted {
    fn channels(&self) -> &'static [Channel] {
        &[Channel::Sms, Channel::Voice]
    }

    fn operation(&self) -> &'static str {
        "POST /code"
    }

    async fn send(&self, _: NewCode<'_>) -> Result<ProviderRef, Failure> {
        *self.sent.lock().unwrap() += 1;
        self.sends
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or_else(|| Ok(ProviderRef::id("1")))
    }

    async fn check(&self, _: &ProviderRef, code: &Code) -> Result<bool, Failure> {
        self.checks
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or_else(|| Ok(code.expose() == "123456"))
    }
}

#[async_trait]
impl History for Scripted {
    fn reports(&self) -> &[Report] {
        *self.reports.lock().unwrap()
    }

    async fn page(&self, report: &str, query: &ReportQuery, from: usize) -> Result<ReportPage, Failure> {
        *self.pages.lock().unwrap() += 1;
        if self.pages() == *self.failing_page.lock().unwrap() {
            return Err(failed(FailureKind::Interrupted));
        }
        let slow = self.slow.lock().unwrap().filter(|(slow, _)| *slow == report);
        if let Some((_, time)) = slow {
            tokio::time::sleep(time).await;
        }
        *self.asked.lock().unwrap() = Some(query.clone());
        if self.absent.lock().unwrap().contains(&report) {
            return Ok(ReportPage {
                absent: Some(refused(Refusal::Policy)),
                ..ReportPage::default()
            });
        }
        let mut failing = self.failing.lock().unwrap();
        if *failing > 0 {
            *failing -= 1;
            return Err(failed(FailureKind::Interrupted));
        }
        let Report {
            page_size, instants, ..
        } = self.reports()[0];
        let rows = self.rows.lock().unwrap();
        let window = if instants {
            query.window
        } else {
            whole_days(query.window)
        };
        let named = &query.campaign_ids;
        let inside = || {
            let rows = rows
                .iter()
                .filter(|row| row.facts.created_at.is_none_or(|at| window.contains(at)));
            rows.filter(|row| {
                let campaign = row.campaign.as_ref().and_then(|campaign| campaign.id.as_ref());
                named.is_empty() || campaign.is_some_and(|campaign| named.contains(campaign))
            })
        };
        let mut page: Vec<_> = inside().skip(from).take(page_size).cloned().collect();
        if named.is_empty() {
            page.iter_mut().for_each(|row| row.custom_fields = None);
        }
        Ok(ReportPage {
            more: page.len() == page_size,
            rows: page,
            total: self
                .tells_total
                .load(Ordering::Relaxed)
                .then(|| inside().count() as u64),
            unreadable: *self.unreadable.lock().unwrap(),
            absent: None,
        })
    }

    async fn row(&self, _: &str, id: &str, _: Timestamp) -> Result<Row, Failure> {
        let rows = self.rows.lock().unwrap();
        rows.iter()
            .find(|row| row.id == id)
            .cloned()
            .ok_or_else(|| refused(Refusal::NotFound))
    }

    fn redacted_fields(&self) -> &'static [&'static str] {
        &["mensagem"]
    }
}

impl Webhooks for Scripted {
    fn kinds(&self) -> &'static [&'static str] {
        &[]
    }

    fn redacted_fields(&self) -> &'static [&'static str] {
        &["mensagem"]
    }

    fn parse(&self, webhook: &Authentic<'_>) -> Result<Vec<Notice>, Unreadable> {
        if webhook.body == b"garbage" {
            return Err(Unreadable::Malformed);
        }
        let raw = String::from_utf8(webhook.body.to_vec()).unwrap();
        let notice = |news| Notice { news, raw: raw.clone() };
        Ok(self.news.lock().unwrap().iter().cloned().map(notice).collect())
    }
}

/// The days of São Paulo that a window touches.
fn whole_days(window: Window) -> Window {
    const MIDNIGHT: i64 = 3 * 3_600_000;
    const DAY: i64 = 86_400_000;
    let begins = |at: i64| (at - MIDNIGHT).div_euclid(DAY) * DAY + MIDNIGHT;
    Window {
        since: Timestamp::from_millis(begins(window.since.as_millis())),
        until: Timestamp::from_millis(begins(window.until.as_millis() - 1) + DAY),
    }
}

/// A gateway and its clock.
pub struct Bed {
    pub gateway: Arc<Gateway>,
    pub clock: Arc<ManualClock>,
}

/// A gateway with these accounts, in this order of routing, and more configuration.
pub fn bed(providers: &[&Arc<Scripted>], more: &str) -> Bed {
    bed_over(providers, more, |store| store)
}

/// The same, with something between the gateway and its store.
pub fn bed_over(providers: &[&Arc<Scripted>], more: &str, between: impl FnOnce(SharedStore) -> SharedStore) -> Bed {
    let names: Vec<_> = providers
        .iter()
        .map(|provider| format!("\"{}\"", provider.name))
        .collect();
    let order = names.join(", ");
    let mut text = format!(
        "{more}\n[auth]\nissuer = \"i\"\naudience = \"a\"\nkeys = [ {{ id = \"1\", alg = \"HS256\", secret = \"env::LONG\" }} ]\n\
         [routing]\ncalls = [{order}]\nverifications = [{order}]\n"
    );
    for provider in providers {
        let owner = if provider.name.as_str() == EVERYONES {
            "*"
        } else {
            "owner"
        };
        text += &format!(
            "[accounts.{}]\nprovider = \"scripted\"\nowner = \"{owner}\"\nkeys = [ {{ id = \"1\", secret = \"env::LONG\" }} ]\n\
             webhook_keys = [ {{ id = \"1\", secret = \"env::HOOK\" }} ]\n",
            provider.name
        );
    }
    let env = [
        ("LONG", "a secret of at least thirty-two bytes"),
        ("HOOK", "hook"),
        ("CODE", "424242"),
    ];
    let config = Config::from_toml_with(&text, &env).unwrap();
    let clock = Arc::new(ManualClock::at(NOON));
    let shared: Arc<dyn Clock> = clock.clone();
    let store = between(store::open("memory:", Arc::clone(&shared)).unwrap());
    let sealer = Sealer::new(&config.accounts.values().next().unwrap().keys, Arc::clone(&shared));
    let gateway = instance(providers, Arc::new(config), (store, sealer), shared);
    Bed { gateway, clock }
}

fn instance(
    providers: &[&Arc<Scripted>],
    config: Arc<Config>,
    (store, sealer): (SharedStore, Sealer),
    clock: Arc<dyn Clock>,
) -> Arc<Gateway> {
    let entries = providers.iter().map(|provider| {
        let entry = Entry {
            config: Arc::new(config.accounts[&provider.name].clone()),
            provider: Arc::clone(*provider) as Arc<dyn Provider>,
        };
        (provider.name.clone(), entry)
    });
    let accounts = Accounts::of(entries.collect::<BTreeMap<_, _>>());
    Arc::new(Gateway::new(config, store, accounts, sealer, clock))
}

impl Bed {
    /// Another instance over the same store whose ring begins with a new key; or over an empty store.
    pub fn another(&self, providers: &[&Arc<Scripted>], flushed: bool) -> Arc<Gateway> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let store = match flushed {
            true => store::open("memory:", Arc::clone(&clock)).unwrap(),
            false => Arc::clone(&self.gateway.store),
        };
        let ring = Config::from_toml_with(
            "[auth]\nissuer = \"i\"\naudience = \"a\"\nkeys = [ { id = \"1\", alg = \"HS256\", secret = \"env::OLD\" } ]\n\
             [secrets]\nkeys = [ { id = \"2\", secret = \"env::NEW\" }, { id = \"1\", secret = \"env::OLD\" } ]\n",
            &[
                ("OLD", "a secret of at least thirty-two bytes"),
                ("NEW", "another secret of at least thirty-two bytes"),
            ],
        );
        let sealer = Sealer::new(&ring.unwrap().secrets, Arc::clone(&clock));
        instance(providers, Arc::clone(&self.gateway.config), (store, sealer), clock)
    }

    /// Another instance over the same store whose accounts are configured otherwise.
    pub fn reconfigured(&self, providers: &[&Arc<Scripted>], change: impl Fn(&mut Account)) -> Arc<Gateway> {
        let mut config = Config::clone(&self.gateway.config);
        config.accounts.values_mut().for_each(change);
        let ring = &config.accounts.values().next().unwrap().keys;
        let clock: Arc<dyn Clock> = self.clock.clone();
        let sealer = Sealer::new(ring, Arc::clone(&clock));
        let store = Arc::clone(&self.gateway.store);
        instance(providers, Arc::new(config), (store, sealer), clock)
    }
}

/// A caller of a tenant who may do everything.
pub fn caller(tenant: &str) -> Caller {
    Caller {
        tenant: tenant.to_owned(),
        subject: "test".to_owned(),
        scopes: Scope::ALL.to_vec(),
        expires_at: Timestamp::from_millis(NOON).plus_seconds(3600),
    }
}

/// A call that says something.
pub fn say(to: &str) -> NewCall {
    NewCall {
        id: CallId::generate(),
        to: Address::parse(to, Region::BR).unwrap(),
        from: None,
        script: Script::Actions(vec![Action {
            what: ActionKind::Say {
                text: "oi".into(),
                voice: None,
            },
            on_digit: None,
        }]),
        record: false,
        hang_up_on_machine: false,
        collect_digits: false,
        max_duration_seconds: None,
        schedule_at: None,
        tag: None,
        account: None,
    }
}

/// The number most tests use.
pub fn number() -> PhoneNumber {
    PhoneNumber::parse("+5511988887777", Region::BR).unwrap()
}

impl Gateway {
    /// Takes a webhook whose head and body come together.
    pub async fn take(&self, account: &str, kind: Option<&str>, secret: &str, body: Bytes) -> Result<(), Error> {
        self.take_webhook(self.expect_webhook(account, kind, secret)?, body)
            .await
    }
}
