//! From configured accounts to providers: the one place that knows every kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use super::port::Provider;
use super::{evolux, positus, zenvia};
use crate::clock::{Clock, SystemClock};
use crate::config::{Account, Config, Fault, Faults};
use crate::domain::account::AccountName;
use crate::upstream::{Credential, Settings, Upstream};

/// A kind of provider.
struct Kind {
    /// As `provider` in an account's configuration names it.
    name: &'static str,
    /// How its credential is sent.
    credential: Credential,
    /// Where it is unless the account says; each tenant has a server of its own where there is none.
    base_url: Option<&'static str>,
    build: fn(&Account, Upstream) -> Result<Arc<dyn Provider>, Faults>,
}

/// Every kind of provider: one entry each.
const KINDS: &[Kind] = &[
    Kind {
        name: "zenvia",
        credential: zenvia::CREDENTIAL,
        base_url: Some(zenvia::BASE_URL),
        build: |account, upstream| Ok(Arc::new(zenvia::Zenvia::new(account, upstream)?)),
    },
    Kind {
        name: "evolux",
        credential: evolux::CREDENTIAL,
        base_url: None,
        build: |account, upstream| Ok(Arc::new(evolux::Evolux::new(account, upstream)?)),
    },
    Kind {
        name: "positus",
        credential: positus::CREDENTIAL,
        base_url: Some(positus::BASE_URL),
        build: |account, upstream| Ok(Arc::new(positus::Positus::new(account, upstream)?)),
    },
];

/// A configured account and the provider behind it.
#[derive(Clone)]
pub struct Entry {
    /// Its configuration.
    pub config: Arc<Account>,
    /// Its provider.
    pub provider: Arc<dyn Provider>,
}

/// Every configured account by name.
#[derive(Clone, Default)]
pub struct Accounts(BTreeMap<AccountName, Entry>);

impl Accounts {
    /// Makes the provider of every account; connects nowhere.
    ///
    /// # Errors
    /// All faults of all accounts' own settings, unknown kinds included.
    pub fn build(config: &Config, clock: &Arc<dyn Clock>) -> Result<Self, Faults> {
        let mut entries = BTreeMap::new();
        let mut faults = Vec::new();
        for (name, account) in &config.accounts {
            match construct(account, clock) {
                Ok(provider) => {
                    entries.insert(name.clone(), Entry { config: Arc::new(account.clone()), provider });
                }
                Err(Faults(more)) => faults.extend(more),
            }
        }
        if faults.is_empty() { Ok(Self(entries)) } else { Err(Faults(faults)) }
    }

    /// The account of that name.
    pub fn get(&self, name: &AccountName) -> Option<&Entry> {
        self.0.get(name)
    }

    /// Every account in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&AccountName, &Entry)> {
        self.0.iter()
    }
}

/// Has an account's kind of provider check the settings that only it knows.
///
/// # Errors
/// Every fault of them.
pub fn check(account: &Account) -> Result<(), Faults> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    construct(account, &clock).map(|_| ())
}

fn construct(account: &Account, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Provider>, Faults> {
    let Some(kind) = KINDS.iter().find(|kind| kind.name == account.provider) else { return Err(unknown_kind(account)) };
    let base_url = account.base_url.clone().or_else(|| kind.base_url?.parse::<Url>().ok());
    let Some(base_url) = base_url else { return Err(no_base_url(account)) };
    let settings = Settings {
        account: account.name.clone(),
        base_url,
        keys: account.keys.clone(),
        credential: kind.credential,
        timeout: account.timeout,
        concurrent: account.concurrent,
    };
    (kind.build)(account, Upstream::new(settings, Arc::clone(clock)))
}

fn unknown_kind(account: &Account) -> Faults {
    let known: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    fault(account, "provider", "is not a kind of provider", format!("use one of: {}", known.join(", ")))
}

fn no_base_url(account: &Account) -> Faults {
    fault(account, "base_url", "is missing", "give the address of your server at this provider".to_owned())
}

fn fault(account: &Account, key: &str, problem: &str, remedy: String) -> Faults {
    Faults(vec![Fault { path: format!("accounts.{}.{key}", account.name), problem: problem.to_owned(), remedy }])
}

/// One account of each kind with sample settings, to read from them what each kind can do.
///
/// # Errors
/// None unless the samples no longer fit their providers.
pub fn samples() -> Result<Vec<Arc<dyn Provider>>, Faults> {
    let secret = "a sample secret of thirty-two bytes or more";
    let config = Config::from_toml_with(SAMPLES, &[("SAMPLE", secret)])?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    config.accounts.values().map(|account| construct(account, &clock)).collect()
}

const SAMPLES: &str = r#"
[auth]
issuer = "sample"
audience = "sample"
keys = [ { id = "1", alg = "HS256", secret = "env::SAMPLE" } ]

[accounts.zenvia]
provider = "zenvia"
owner = "sample"
keys = [ { id = "1", secret = "env::SAMPLE" } ]

[accounts.evolux]
provider = "evolux"
owner = "sample"
base_url = "https://sample.evolux.net.br"
keys = [ { id = "1", secret = "env::SAMPLE" } ]

[accounts.positus]
provider = "positus"
owner = "sample"
number_id = "5dbbbf01-2f92-4389-b512-45de86c4a66f"
number = "+5511999990000"
keys = [ { id = "1", secret = "env::SAMPLE" } ]
"#;
