//! What a configuration remembers of where it came from, for a reload.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::{Table, Value};

use super::reference;

/// What a configuration remembers of where it came from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) secret_files: Vec<PathBuf>,
    pub(super) sha256: String,
    /// Changes with any secret that was read, and reveals none.
    pub(super) secrets: String,
    /// The value at each path marked `restart`.
    restart: BTreeMap<String, Option<Value>>,
}

impl Origin {
    pub(super) fn new(merged: &Table) -> Self {
        let text = merged.to_string();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        let value = |path: String| {
            let value = lookup(merged, &path).cloned();
            (path, value)
        };
        Self {
            secret_files: Vec::new(),
            sha256: hex::encode(digest.as_ref()),
            secrets: String::new(),
            restart: reference::restart_paths().map(value).collect(),
        }
    }

    pub(super) fn restart_changes(&self, other: &Self) -> Vec<String> {
        let differs = |(path, value): &(&String, &Option<Value>)| other.restart.get(*path) != Some(*value);
        self.restart
            .iter()
            .filter(differs)
            .map(|(path, _)| path.clone())
            .collect()
    }
}

fn lookup<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    let (section, key) = path.split_once('.')?;
    table.get(section)?.get(key)
}
