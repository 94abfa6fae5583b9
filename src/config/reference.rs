//! The reference of all keys, made from the comments in `config/default.toml`.

use std::fmt::Write;

use super::source::DEFAULTS;

const INTRODUCTION: &str = "\
# Configuration

<!-- Made from config/default.toml. To change it, change that file and run
     UPDATE=1 cargo nextest run config::reference -->

";

/// One line of `config/default.toml`.
enum Line<'a> {
    Section(&'a str),
    /// What a change needs, whether there is a default, and what the key is for.
    Comment(Mark<'a>),
    Setting {
        key: &'a str,
        value: &'a str,
    },
    Prose(&'a str),
    Blank,
}

struct Mark<'a> {
    change: &'a str,
    presence: Option<&'a str>,
    meaning: &'a str,
}

/// Returns the reference of all keys in Markdown, as `docs/configuration.md` holds it.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    let mut prose = Vec::new();
    let mut mark = None;
    for line in DEFAULTS.lines().map(Line::read) {
        match line {
            Line::Prose(text) => prose.push(text),
            Line::Blank => put_prose(&mut page, &mut prose),
            Line::Section(name) => {
                let _ = writeln!(page, "\n## `[{name}]`\n");
                put_prose(&mut page, &mut prose);
                page.push_str("\n| Key | Default | Change | Meaning |\n|---|---|---|---|\n");
            }
            Line::Comment(found) => mark = Some(found),
            Line::Setting { key, value } => {
                if let Some(mark) = mark.take() {
                    put_row(&mut page, key, value, &mark);
                }
            }
        }
    }
    page
}

/// Returns the path of every key marked `restart`.
pub(super) fn restart_paths() -> impl Iterator<Item = String> {
    let mut section = "";
    let mut restart = false;
    DEFAULTS.lines().filter_map(move |line| {
        match Line::read(line) {
            Line::Section(name) => section = name,
            Line::Comment(mark) => restart = mark.change == "restart",
            Line::Setting { key, .. } if restart => return Some(format!("{section}.{key}")),
            _ => {}
        }
        None
    })
}

fn put_prose(page: &mut String, prose: &mut Vec<&str>) {
    for line in prose.drain(..) {
        page.push_str(line);
        page.push('\n');
    }
}

fn put_row(page: &mut String, key: &str, value: &str, mark: &Mark<'_>) {
    let default = match mark.presence {
        None => format!("`{value}`"),
        Some("optional") => format!("none; e.g. `{value}`"),
        Some(required) => format!("{required}; e.g. `{value}`"),
    };
    let (change, meaning) = (mark.change, mark.meaning);
    let _ = writeln!(page, "| `{key}` | {default} | {change} | {meaning} |");
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Self {
        let comment = line.strip_prefix('#').map(str::trim_start);
        let body = comment.unwrap_or(line);
        if body.is_empty() && comment.is_none() {
            return Self::Blank;
        }
        if let Some(name) = body.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return Self::Section(name);
        }
        if let Some(mark) = comment.and_then(Mark::read) {
            return Self::Comment(mark);
        }
        match body.split_once(" = ") {
            Some((key, value)) if !key.contains(' ') => Self::Setting { key, value },
            _ => Self::Prose(body),
        }
    }
}

impl<'a> Mark<'a> {
    fn read(comment: &'a str) -> Option<Self> {
        let (head, meaning) = comment.split_once(": ")?;
        let (change, presence) = match head.split_once(", ") {
            Some((change, presence)) => (change, Some(presence)),
            None => (head, None),
        };
        matches!(change, "hot" | "restart").then_some(Self {
            change,
            presence,
            meaning,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, reference()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == reference(),
            "docs/configuration.md is stale: run UPDATE=1 cargo nextest run config::reference"
        );
    }

    #[test]
    fn every_key_has_one_comment_that_says_what_a_change_needs() {
        let mut marked = false;
        for line in DEFAULTS.lines() {
            match Line::read(line) {
                Line::Comment(_) => {
                    assert!(!marked, "two comments before: {line}");
                    marked = true;
                }
                Line::Setting { key, .. } => {
                    assert!(marked, "{key} has no comment");
                    marked = false;
                }
                _ => assert!(!marked, "a comment without its key before: {line}"),
            }
        }
    }

    #[test]
    fn restart_paths_lead_to_values() {
        let defaults: toml::Table = DEFAULTS.parse().unwrap();
        let paths: Vec<_> = restart_paths().collect();
        assert!(paths.contains(&"server.bind".to_owned()));
        for path in paths {
            let (section, key) = path.split_once('.').unwrap();
            assert!(defaults[section].get(key).is_some(), "{path}");
        }
    }
}
