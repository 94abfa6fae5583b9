//! Opens tables within tables.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::super::source::merge;
use super::{LIST_REMEDY, Reader};

impl<'a> Reader<'a> {
    /// Opens the table at `key`; if there is none, that is a fault and the reader stays silent.
    pub(in super::super) fn section(&mut self, key: &'static str) -> Reader<'a> {
        let value = self.take_required(key);
        self.open(key, value)
    }

    /// Opens every table in the table at `key`, which may be absent.
    pub(in super::super) fn named_sections(&mut self, key: &'static str) -> Vec<(String, Reader<'a>)> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let mut parent = self.open(key, Some(value));
        let children = std::mem::take(&mut parent.table);
        let open = |(name, value): (String, Value)| {
            let child = parent.open(&name, Some(value));
            (name, child)
        };
        children.into_iter().map(open).collect()
    }

    /// Opens every table of the list at `key`, or a silent one in place of a faulty list.
    pub(in super::super) fn rows(&mut self, key: &'static str) -> Option<Vec<Reader<'a>>> {
        let Value::Array(items) = self.take(key)? else {
            self.fault(key, "is not a list", LIST_REMEDY);
            return Some(vec![self.open(key, None)]);
        };
        let open = |(position, item)| self.open(&format!("{key}[{position}]"), Some(item));
        Some(items.into_iter().enumerate().map(open).collect())
    }

    /// Opens `value` as the table at `key`.
    pub(in super::super) fn open(&self, key: &str, value: Option<Value>) -> Reader<'a> {
        let mut reader = Reader::new(self.context, &self.path_to(key), Table::new());
        reader.muted = self.muted;
        match value {
            Some(Value::Table(table)) => reader.table = table,
            Some(_) => {
                self.fault(key, "is not a table", "write a table: a [section] or { key = value }");
                reader.muted = true;
            }
            None => reader.muted = true,
        }
        reader
    }

    /// Lays the table under this reader over `defaults`.
    pub(in super::super) fn with_defaults(mut self, defaults: Table) -> Self {
        let given = std::mem::replace(&mut self.table, defaults);
        merge(&mut self.table, given);
        self
    }

    /// Takes all keys not read so far.
    pub(in super::super) fn take_rest(&mut self) -> Table {
        std::mem::take(&mut self.table)
    }

    /// Notes a fault of this table as a whole.
    pub(in super::super) fn fault_here(&self, problem: &str, remedy: &str) {
        self.context.note(self.path.clone(), problem, remedy);
    }

    /// Returns the keys of the table at `key`, without taking it.
    pub(in super::super) fn names(&self, key: &str) -> BTreeSet<String> {
        let table = self.table.get(key).and_then(Value::as_table);
        table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
    }
}
