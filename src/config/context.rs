//! What the readers of one configuration share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::fault::{Fault, Faults};
use super::secret::SecretsSeen;

/// What the readers of one configuration share.
#[derive(Default)]
pub(super) struct Context {
    /// The environment, for `env::NAME`.
    pub(super) env: BTreeMap<String, String>,
    /// Path of each value that came from the environment, and its variable.
    pub(super) overlaid: BTreeMap<String, String>,
    pub(super) faults: RefCell<Vec<Fault>>,
    /// Every file a secret was read from.
    pub(super) secret_files: RefCell<Vec<PathBuf>>,
    /// Every secret that was read, in order.
    pub(super) secrets: RefCell<SecretsSeen>,
}

impl Context {
    /// Hands out what was read, unless there were faults.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Faults> {
        let faults = self.faults.into_inner();
        if faults.is_empty() {
            Ok(value)
        } else {
            Err(Faults(faults))
        }
    }

    pub(super) fn note(&self, path: String, problem: &str, remedy: &str) {
        let problem = match self.overlaid.get(&path) {
            Some(variable) => format!("{problem} (set by {variable})"),
            None => problem.to_owned(),
        };
        let remedy = remedy.to_owned();
        self.faults.borrow_mut().push(Fault { path, problem, remedy });
    }
}
