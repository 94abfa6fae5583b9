//! A gateway over a store in memory, a clock that stands still, and scripted providers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use crate::clock::{Clock, ManualClock};
use crate::config::Config;
use crate::domain::account::AccountName;
use crate::domain::address::Address;
use crate::domain::call::ProviderRef;
use crate::domain::caller::{Caller, Scope};
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::domain::history::Row;
use crate::domain::ids::CallId;
use crate::domain::phone::{PhoneNumber, Region};
use crate::domain::place::{Action, ActionKind, Capability, NewCall, Script};
use crate::domain::time::Timestamp;
use crate::domain::verification::Channel;
use crate::providers::port::{
    Authentic, Calls, Code, Codes, Filter, History, KeyUsage, NewCode, News, Notice, Offer, Provider, Report,
    ReportPage, ReportQuery, Unreadable, Webhooks,
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
    /// How many times reading the report fails before it works.
    pub failing: Mutex<usize>,
    pages: Mutex<usize>,
    news: Mutex<Vec<News>>,
}

pub const SAY: &[Offer] = &[Offer {
    operation: Capability::Say,
    options: &[Capability::Record],
}];
const REPORT: &[Report] = &[Report {
    name: "calls",
    kinds: &[crate::domain::call::CallKind::Say],
    filters: &[Filter::To],
    page_size: 7,
}];

impl Scripted {
    pub fn new(name: &str, offers: &'static [Offer]) -> Arc<Self> {
        Arc::new(Self {
            name: name.parse().unwrap(),
            offers,
            places: Mutex::default(),
            placed: Mutex::default(),
            sends: Mutex::default(),
            sent: Mutex::default(),
            checks: Mutex::default(),
            rows: Mutex::default(),
            failing: Mutex::default(),
            pages: Mutex::default(),
            news: Mutex::default(),
        })
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
        Vec::new()
    }

    fn calls(&self) -> Option<&dyn Calls> {
        Some(self)
    }

    fn codes(&self) -> Option<&dyn Codes> {
        Some(self)
    }

    fn history(&self) -> Option<&dyn History> {
        Some(self)
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

    fn operation(&self, _: &NewCall) -> &'static str {
        "POST /scripted"
    }

    async fn place(&self, call: &NewCall) -> Result<Option<ProviderRef>, Failure> {
        self.placed.lock().unwrap().push(call.clone());
        self.places.lock().unwrap().pop_front().unwrap_or(Ok(None))
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
        REPORT
    }

    async fn page(&self, _: &str, query: &ReportQuery, page: usize) -> Result<ReportPage, Failure> {
        *self.pages.lock().unwrap() += 1;
        let mut failing = self.failing.lock().unwrap();
        if *failing > 0 {
            *failing -= 1;
            return Err(failed(FailureKind::Interrupted));
        }
        let size = REPORT[0].page_size;
        let rows = self.rows.lock().unwrap();
        let inside: Vec<_> = rows
            .iter()
            .filter(|row| query.window.contains(row.facts.created_at.unwrap()))
            .cloned()
            .collect();
        let page: Vec<_> = inside.iter().skip(page * size).take(size).cloned().collect();
        Ok(ReportPage {
            more: page.len() == size,
            rows: page,
            total: None,
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
        text += &format!(
            "[accounts.{}]\nprovider = \"scripted\"\nowner = \"owner\"\nkeys = [ {{ id = \"1\", secret = \"env::LONG\" }} ]\n\
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
    let sealer = Sealer::new(
        &config.accounts.values().next().unwrap().keys,
        Timestamp::from_millis(NOON),
    );
    let entries = providers.iter().map(|provider| {
        let account = Arc::new(config.accounts[&provider.name].clone());
        (
            provider.name.clone(),
            Entry {
                config: account,
                provider: Arc::clone(*provider) as Arc<dyn Provider>,
            },
        )
    });
    let accounts = Accounts::of(entries.collect::<BTreeMap<_, _>>());
    let gateway = Gateway::new(Arc::new(config), store, accounts, sealer, shared);
    Bed {
        gateway: Arc::new(gateway),
        clock,
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
