//! From configured accounts to providers: the one place that knows every kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::evolux::Evolux;
use super::port::Provider;
use super::positus::Positus;
use crate::clock::Clock;
use crate::config::{Account, Config, Faults};
use crate::domain::account::AccountName;

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

type Constructor = fn(&Account, &Arc<dyn Clock>) -> Result<Arc<dyn Provider>, Faults>;

/// The kinds of provider: one line each.
const KINDS: &[(&str, Constructor)] = &[
    ("evolux", |account, clock| Ok(Arc::new(Evolux::new(account, clock.clone())?))),
    ("positus", |account, clock| Ok(Arc::new(Positus::new(account, clock.clone())?))),
];

impl Accounts {
    /// Makes the provider of every account.
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

fn construct(account: &Account, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Provider>, Faults> {
    match KINDS.iter().find(|(kind, _)| *kind == account.provider) {
        Some((_, build)) => build(account, clock),
        None => {
            let known: Vec<_> = KINDS.iter().map(|(kind, _)| *kind).collect();
            Err(Faults(vec![crate::config::Fault {
                path: format!("accounts.{}.provider", account.name),
                problem: "is not a kind of provider".to_owned(),
                remedy: format!("use one of: {}", known.join(", ")),
            }]))
        }
    }
}
