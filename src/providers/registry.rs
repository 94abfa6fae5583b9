//! From configured accounts to providers: the one place that knows every kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::evolux::Evolux;
use super::port::Provider;
pub use super::port::Ways;
use super::positus::Positus;
use super::zenvia::Zenvia;
use crate::clock::SystemClock;
use crate::config::{Account, Config, Fault, Faults};
use crate::domain::account::AccountName;

type Constructor = fn(&Account, Ways) -> Result<Arc<dyn Provider>, Faults>;

/// The kinds of provider: one line each.
const KINDS: &[(&str, Constructor)] = &[
    ("zenvia", |account, ways| Ok(Arc::new(Zenvia::new(account, ways)?))),
    ("evolux", |account, ways| Ok(Arc::new(Evolux::new(account, ways)?))),
    ("positus", |account, ways| Ok(Arc::new(Positus::new(account, ways)?))),
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
    /// Makes the provider of every account, each of which goes on from what `ways` know of it; connects nowhere.
    ///
    /// # Errors
    /// All faults of all accounts' own settings, unknown kinds included.
    pub fn build(config: &Config, ways: impl Into<Ways>) -> Result<Self, Faults> {
        let ways = ways.into();
        let mut entries = BTreeMap::new();
        let mut faults = Vec::new();
        for (name, account) in &config.accounts {
            match construct(account, &ways) {
                Ok(provider) => {
                    entries.insert(
                        name.clone(),
                        Entry {
                            config: Arc::new(account.clone()),
                            provider,
                        },
                    );
                }
                Err(Faults(more)) => faults.extend(more),
            }
        }
        if faults.is_empty() {
            Ok(Self(entries))
        } else {
            Err(Faults(faults))
        }
    }

    /// The accounts of a test, whose providers are its own.
    #[cfg(test)]
    pub(crate) fn of(entries: BTreeMap<AccountName, Entry>) -> Self {
        Self(entries)
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

/// The kinds of provider there are.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(kind, _)| *kind)
}

/// Makes the provider of one account, which knows nothing of any other; connects nowhere.
///
/// # Errors
/// Every fault of the account's own settings.
pub fn provider_of(account: &Account, ways: impl Into<Ways>) -> Result<Arc<dyn Provider>, Faults> {
    construct(account, &ways.into())
}

/// Has an account's kind of provider check the settings that only it knows.
///
/// # Errors
/// Every fault of them.
pub fn check(account: &Account) -> Result<(), Faults> {
    construct(account, &Ways::from(Arc::new(SystemClock))).map(|_| ())
}

fn construct(account: &Account, ways: &Ways) -> Result<Arc<dyn Provider>, Faults> {
    match KINDS.iter().find(|(kind, _)| *kind == account.provider) {
        Some((_, build)) => build(account, ways.clone()),
        None => {
            let known: Vec<_> = kinds().collect();
            Err(Faults(vec![Fault {
                path: format!("accounts.{}.provider", account.name),
                problem: "is not a kind of provider".to_owned(),
                remedy: format!("use one of: {}", known.join(", ")),
            }]))
        }
    }
}

/// One account of each kind with sample settings, to read from them what each kind can do.
///
/// # Errors
/// None unless the samples no longer fit their providers.
pub fn samples() -> Result<Vec<Arc<dyn Provider>>, Faults> {
    let secret = "a sample secret of thirty-two bytes or more";
    let config = Config::from_toml_with(SAMPLES, &[("SAMPLE", secret)])?;
    let ways = Ways::from(Arc::new(SystemClock));
    config
        .accounts
        .values()
        .map(|account| construct(account, &ways))
        .collect()
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
