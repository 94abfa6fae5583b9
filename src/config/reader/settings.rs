//! Keys of an account that are read later, by its provider.

use std::collections::BTreeMap;
use std::fmt;

use toml::Table;

use super::super::context::Context;
use super::super::fault::Faults;
use super::Reader;

/// The keys of an account that only its kind of provider knows.
#[derive(Clone, Default)]
pub struct Settings {
    path: String,
    table: Table,
    /// Keys every account knows: they help to mend a misspelt one.
    known: Vec<&'static str>,
    overlaid: BTreeMap<String, String>,
}

impl Settings {
    /// Reads the settings with `read`, which takes each key it knows out of the reader.
    ///
    /// # Errors
    ///
    /// Returns every fault that `read` noted, and every key it did not take, each with its path.
    pub fn read<T>(&self, read: impl FnOnce(&mut Reader<'_>) -> T) -> Result<T, Faults> {
        let context = Context {
            overlaid: self.overlaid.clone(),
            ..Context::default()
        };
        let mut reader = Reader::new(&context, &self.path, self.table.clone());
        reader.known.clone_from(&self.known);
        let value = read(&mut reader);
        drop(reader);
        context.finish(value)
    }
}

/// As TOML, with references to secrets instead of secrets.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table.fmt(f)
    }
}

/// Tells the keys only: what the values are is known to the provider alone.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.table.keys()).finish()
    }
}

impl Reader<'_> {
    /// Takes all keys not read so far, to be read later.
    pub(in super::super) fn settings(&mut self) -> Settings {
        let prefix = format!("{}.", self.path);
        let overlaid = self.context.overlaid.clone();
        Settings {
            path: self.path.clone(),
            table: self.take_rest(),
            known: self.known.clone(),
            overlaid: overlaid
                .into_iter()
                .filter(|(path, _)| path.starts_with(&prefix))
                .collect(),
        }
    }
}
