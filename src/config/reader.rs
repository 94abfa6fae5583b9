//! Reads a table key by key and notes every fault, instead of stopping at the first.

mod nested;
mod settings;

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use toml::{Table, Value};

pub use settings::Settings;

use super::context::Context;
use super::format::{Format, TEXT};

const LIST_REMEDY: &str = "write a list in a file: [ … ]; the environment takes single values only";

/// Reads one table of the configuration.
///
/// Each method takes its key out of the table. On a fault it notes the fault and returns a stand-in
/// (the type's default, or `None`), so that reading goes on; whoever started the reader learns of
/// the faults and discards what was read. Keys nobody asked for are faults too, noted on drop.
pub struct Reader<'a> {
    context: &'a Context,
    path: String,
    table: Table,
    known: Vec<&'static str>,
    /// Set where the table itself was faulty: its missing keys are no further news.
    muted: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(context: &'a Context, path: &str, table: Table) -> Self {
        Self {
            context,
            path: path.to_owned(),
            table,
            known: Vec::new(),
            muted: false,
        }
    }

    /// Reads a required text that is not empty.
    pub fn text(&mut self, key: &'static str) -> String {
        self.required(key, &TEXT).unwrap_or_default()
    }

    /// Reads a text; absent and empty both mean none.
    pub fn optional_text(&mut self, key: &'static str) -> Option<String> {
        self.optional(key, &TEXT)
    }

    /// Reads a required value written as text.
    pub fn required<T>(&mut self, key: &'static str, format: &Format<T>) -> Option<T> {
        let text = self.take_text(key, true)?;
        self.parse(key, &text, format)
    }

    /// Reads a value written as text; absent and empty both mean none.
    pub fn optional<T>(&mut self, key: &'static str, format: &Format<T>) -> Option<T> {
        let text = self.take_text(key, false).filter(|text| !text.is_empty())?;
        self.parse(key, &text, format)
    }

    /// Reads a list of values written as texts; absent means empty.
    pub fn list<T>(&mut self, key: &'static str, format: &Format<T>) -> Vec<T> {
        let items = self.take_array(key).unwrap_or_default();
        let mut values = Vec::with_capacity(items.len());
        for (position, item) in items.iter().enumerate() {
            let place = format!("{key}[{position}]");
            match item {
                Value::String(text) => values.extend(self.parse(&place, text, format)),
                _ => self.wrong_form(&place, format),
            }
        }
        values
    }

    /// Reads a list that holds at least one value.
    pub fn filled_list<T>(&mut self, key: &'static str, format: &Format<T>) -> Vec<T> {
        let empty = self
            .table
            .get(key)
            .is_none_or(|value| value.as_array().is_some_and(Vec::is_empty));
        if empty {
            self.fault(
                key,
                "is an empty list",
                &format!("list at least one, such as \"{}\"", format.example),
            );
        }
        self.list(key, format)
    }

    /// Reads a required word out of `choices`.
    pub fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.take_text(key, true)?;
        let chosen = choices.iter().find(|(word, _)| *word == text);
        if chosen.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            let remedy = format!("write one of: {}", words.join(", "));
            self.fault(key, "is not a word known here", &remedy);
        }
        chosen.map(|(_, value)| *value)
    }

    /// Reads a required whole number within `range`.
    pub fn integer<T>(&mut self, key: &'static str, range: RangeInclusive<T>) -> T
    where
        T: TryFrom<i64> + PartialOrd + Default + std::fmt::Display,
    {
        let Some(value) = self.take_required(key) else {
            return T::default();
        };
        let whole = match &value {
            Value::Integer(number) => Some(*number),
            Value::String(text) if self.is_overlaid(key) => text.parse().ok(),
            _ => None,
        };
        match whole.map(T::try_from) {
            Some(Ok(number)) if range.contains(&number) => return number,
            Some(_) => self.fault(
                key,
                "is out of range",
                &format!("write a whole number from {} to {}", range.start(), range.end()),
            ),
            None => self.fault(
                key,
                "is not a whole number",
                &format!("write one from {} to {}, without quotes", range.start(), range.end()),
            ),
        }
        T::default()
    }

    /// Reads a switch; absent means `absent`.
    pub fn switch(&mut self, key: &'static str, absent: bool) -> bool {
        let switch = match self.take(key) {
            None => return absent,
            Some(Value::Boolean(switch)) => Some(switch),
            Some(Value::String(text)) if self.is_overlaid(key) => text.parse().ok(),
            Some(_) => None,
        };
        switch.unwrap_or_else(|| {
            self.fault(key, "is neither true nor false", "write one of them, without quotes");
            absent
        })
    }

    /// Reads a required duration given in whole seconds.
    pub fn seconds(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.integer(key, range))
    }

    /// Reads a required duration given in whole milliseconds.
    pub fn milliseconds(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.integer(key, range))
    }

    /// Reads a required share, above 0 and at most 1.
    pub fn ratio(&mut self, key: &'static str) -> f64 {
        let Some(value) = self.take_required(key) else {
            return 0.0;
        };
        let number = match &value {
            Value::Float(number) => Some(*number),
            Value::Integer(1) => Some(1.0),
            Value::String(text) if self.is_overlaid(key) => text.parse().ok(),
            _ => None,
        };
        number
            .filter(|&number| number > 0.0 && number <= 1.0)
            .unwrap_or_else(|| {
                self.fault(key, "is not a share", "write a number above 0 and up to 1, such as 0.5");
                0.0
            })
    }

    /// Notes a fault at `key`, which may carry a position such as `keys[1]`.
    pub fn fault(&self, key: &str, problem: &str, remedy: &str) {
        if !self.muted {
            self.context.note(self.path_to(key), problem, remedy);
        }
    }
}

/// What the readers of single sections build on.
impl Reader<'_> {
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    pub(super) fn take_text(&mut self, key: &'static str, required: bool) -> Option<String> {
        let value = if required {
            self.take_required(key)
        } else {
            self.take(key)
        };
        match value? {
            Value::String(text) => Some(text),
            _ => {
                self.fault(key, "is not text", "write it in quotes");
                None
            }
        }
    }

    pub(super) fn is_overlaid(&self, key: &str) -> bool {
        self.context.overlaid.contains_key(&self.path_to(key))
    }

    pub(super) fn environment(&self, name: &str) -> Option<String> {
        self.context.env.get(name).cloned()
    }

    /// Notes a secret, so that a reload can tell whether it is another.
    pub(super) fn note_secret(&self, value: &str) {
        self.context.secrets.borrow_mut().note(value);
    }

    pub(super) fn watch(&self, file: &Path) {
        self.context.secret_files.borrow_mut().push(file.to_owned());
    }

    pub(super) fn take_required(&mut self, key: &'static str) -> Option<Value> {
        let value = self.take(key);
        if value.is_none() {
            self.fault(key, "is missing", "add this key");
        }
        value
    }

    fn take_array(&mut self, key: &'static str) -> Option<Vec<Value>> {
        match self.take(key)? {
            Value::Array(items) => Some(items),
            _ => {
                self.fault(key, "is not a list", LIST_REMEDY);
                None
            }
        }
    }

    fn parse<T>(&self, key: &str, text: &str, format: &Format<T>) -> Option<T> {
        let value = (format.parse)(text);
        if value.is_none() {
            self.wrong_form(key, format);
        }
        value
    }

    fn wrong_form<T>(&self, key: &str, format: &Format<T>) {
        let problem = format!("is not {}", format.what);
        self.fault(key, &problem, &format!("write it like \"{}\"", format.example));
    }

    fn path_to(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let unknown = std::mem::take(&mut self.table);
        let remedy = match self.known.as_slice() {
            [] => "remove it".to_owned(),
            known => format!("remove it; known here: {}", known.join(", ")),
        };
        for key in unknown.keys() {
            self.fault(key, "is not a known key", &remedy);
        }
    }
}
