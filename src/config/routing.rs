//! `[routing]`: which accounts are tried, in which order.

use std::collections::BTreeSet;

use super::format::Format;
use super::reader::Reader;
use crate::domain::account::AccountName;

/// Which accounts are tried, in order, when a request names none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routing {
    /// For calls.
    pub calls: Vec<AccountName>,
    /// For verifications.
    pub verifications: Vec<AccountName>,
}

const ACCOUNT: Format<AccountName> = Format {
    what: "the name of an account",
    example: "zenvia-br",
    parse: |text| text.parse().ok(),
};

impl Routing {
    /// Reads the order; every name must be among `accounts`, and named once.
    pub(super) fn read(mut reader: Reader<'_>, accounts: &BTreeSet<String>) -> Self {
        let mut read = |key| {
            let names = reader.list(key, &ACCOUNT);
            let mut seen = BTreeSet::new();
            for name in &names {
                if !accounts.contains(name.as_str()) {
                    let remedy = format!("add [accounts.{name}], or take it off the list");
                    reader.fault(key, &format!("names {name}, which is no account"), &remedy);
                }
                if !seen.insert(name) {
                    reader.fault(key, &format!("names {name} twice"), "name each account once");
                }
            }
            names
        };
        Self {
            calls: read("calls"),
            verifications: read("verifications"),
        }
    }
}
