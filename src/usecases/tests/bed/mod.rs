//! A gateway over a store in memory, a clock that stands still, and scripted providers.

mod scripted;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

pub use scripted::reports::{BUSY_REPORT, DAYS_REPORT, TWO_REPORTS};
pub use scripted::{SAY, Scripted, failed, refused};

use crate::clock::{Clock, ManualClock};
use crate::config::{Account, Config};
use crate::domain::address::Address;
use crate::domain::caller::{Caller, Scope};
use crate::domain::error::Error;
use crate::domain::ids::CallId;
use crate::domain::phone::{PhoneNumber, Region};
use crate::domain::place::{Action, ActionKind, NewCall, Script};
use crate::domain::time::Timestamp;
use crate::providers::port::Provider;
use crate::providers::registry::{Accounts, Entry};
use crate::seal::Sealer;
use crate::store::{self, SharedStore};
use crate::usecases::Gateway;

/// When every test happens: 2026-11-22T12:00:00Z.
pub const NOON: i64 = 1_795_348_800_000;

/// The account that every tenant owns.
pub const EVERYONES: &str = "everyones";

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
        .map(|provider| format!("\"{}\"", provider.account()))
        .collect();
    let order = names.join(", ");
    let mut text = format!(
        "{more}\n[auth]\nissuer = \"i\"\naudience = \"a\"\nkeys = [ {{ id = \"1\", alg = \"HS256\", secret = \"env::LONG\" }} ]\n\
         [routing]\ncalls = [{order}]\nverifications = [{order}]\n"
    );
    for provider in providers {
        let owner = if provider.account().as_str() == EVERYONES {
            "*"
        } else {
            "owner"
        };
        text += &format!(
            "[accounts.{}]\nprovider = \"scripted\"\nowner = \"{owner}\"\nkeys = [ {{ id = \"1\", secret = \"env::LONG\" }} ]\n\
             webhook_keys = [ {{ id = \"1\", secret = \"env::HOOK\" }} ]\n",
            provider.account()
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
            config: Arc::new(config.accounts[provider.account()].clone()),
            provider: Arc::clone(*provider) as Arc<dyn Provider>,
        };
        (provider.account().clone(), entry)
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
        let expected = self.expect_webhook(account, kind, secret)?;
        self.take_webhook(expected, body).await
    }
}
