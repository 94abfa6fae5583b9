//! Where configuration comes from, and how its layers become one table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::fault::Fault;

/// `config/default.toml`, compiled in: every key and its default.
pub(super) const DEFAULTS: &str = include_str!("../../config/default.toml");

const PREFIX: &str = "SWITCHBOARD__";
/// Sections whose second level is a name: there `ZENVIA_BR` means `zenvia-br`.
const NAMED: [&str; 2] = ["accounts", "subscriptions"];

/// What a configuration is loaded from, besides the compiled-in defaults.
#[derive(Clone, Default)]
pub struct Sources {
    /// TOML files; a later one overrides an earlier one.
    pub files: Vec<PathBuf>,
    /// The environment: `SWITCHBOARD__SECTION__KEY` overrides every file, and `env::NAME` is looked up here.
    pub env: Vec<(String, String)>,
}

impl Sources {
    /// Takes the files together with the environment of this process, less what is not UTF-8.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_process(files: Vec<PathBuf>) -> Self {
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { files, env }
    }
}

/// The layers merged so far, each over the ones before.
pub(super) struct Layers {
    pub(super) merged: Table,
    /// Path of each value that came from the environment, and its variable.
    pub(super) overlaid: BTreeMap<String, String>,
    pub(super) faults: Vec<Fault>,
}

impl Layers {
    /// Starts with the compiled-in defaults.
    pub(super) fn new() -> Self {
        let mut layers = Self {
            merged: Table::new(),
            overlaid: BTreeMap::new(),
            faults: Vec::new(),
        };
        layers.add_text("config/default.toml", DEFAULTS);
        layers
    }

    pub(super) fn add_file(&mut self, path: &Path) {
        match std::fs::read_to_string(path) {
            Ok(text) => self.add_text(&path.display().to_string(), &text),
            Err(error) => self.faults.push(Fault {
                path: path.display().to_string(),
                problem: format!("cannot be read: {error}"),
                remedy: "name a readable TOML file".into(),
            }),
        }
    }

    pub(super) fn add_text(&mut self, origin: &str, text: &str) {
        let (_, mut errors) = toml::de::DeTable::parse_recoverable(text);
        errors.sort_by_key(|error| error.span().map(|span| span.start));
        if errors.is_empty() {
            match text.parse() {
                Ok(table) => merge(&mut self.merged, table),
                Err(error) => self.faults.push(syntax_fault(origin, text, &error)),
            }
        }
        let faults = errors.iter().map(|error| syntax_fault(origin, text, error));
        self.faults.extend(faults);
    }

    pub(super) fn add_environment(&mut self, env: &BTreeMap<String, String>) {
        for (variable, value) in env {
            let Some(keys) = variable.strip_prefix(PREFIX) else {
                continue;
            };
            let path = path_of(keys);
            self.overlaid.insert(path.join("."), variable.clone());
            set(&mut self.merged, &path, value);
        }
    }
}

/// Lays `over` on `base`: tables merge key by key, all else is replaced.
pub(super) fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

fn path_of(keys: &str) -> Vec<String> {
    let mut path: Vec<String> = keys.split("__").map(str::to_ascii_lowercase).collect();
    if let [section, name, ..] = path.as_mut_slice()
        && NAMED.contains(&section.as_str())
    {
        *name = name.replace('_', "-");
    }
    path
}

fn set(table: &mut Table, path: &[String], value: &str) {
    match path {
        [] => {}
        [key] => {
            table.insert(key.clone(), Value::String(value.to_owned()));
        }
        [key, rest @ ..] => {
            let entry = table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
            if !entry.is_table() {
                *entry = Value::Table(Table::new());
            }
            if let Value::Table(inner) = entry {
                set(inner, rest, value);
            }
        }
    }
}

/// Names file and line only: the parser's own text quotes the line, which may hold a secret.
fn syntax_fault(origin: &str, text: &str, error: &toml::de::Error) -> Fault {
    let start = error.span().map_or(0, |span| span.start);
    let line = 1 + text.bytes().take(start).filter(|&byte| byte == b'\n').count();
    Fault {
        path: format!("{origin}:{line}"),
        problem: format!("is not TOML: {}", error.message()),
        remedy: "correct the syntax of this line".into(),
    }
}
