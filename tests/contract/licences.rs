//! What is built in: the lists of `deny.toml`, held without the tool.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::repository;

/// A package by name, version and licence expression.
type Package = (String, String, String);

#[test]
fn every_licence_is_allowed() {
    let rules = rules();
    let allowed = strings(&rules["licenses"]["allow"]);
    let exceptions = exceptions(&rules);
    let refused: Vec<_> = packages("normal,build,dev")
        .into_iter()
        .filter(|(name, _, licence)| {
            let also = exceptions.get(name).cloned().unwrap_or_default();
            !satisfied(licence, &|term| allowed.contains(term) || also.contains(term))
        })
        .collect();
    assert!(
        refused.is_empty(),
        "licences that deny.toml does not allow: {refused:#?}"
    );
}

#[test]
fn exceptions_are_for_tests_only() {
    let exceptions = exceptions(&rules());
    let shipped: Vec<_> = packages("normal,build")
        .into_iter()
        .filter(|(name, ..)| exceptions.contains_key(name))
        .collect();
    assert!(shipped.is_empty(), "excepted, and yet part of the program: {shipped:?}");
}

#[test]
fn nothing_banned_is_built() {
    let banned: Vec<_> = rules()["bans"]["deny"].as_array().unwrap().clone();
    let packages = packages("normal,build,dev");
    for ban in &banned {
        let spec = ban["crate"].as_str().unwrap();
        let (name, version) = spec.split_once('@').unwrap_or((spec, ""));
        let matches = |package: &&Package| package.0 == name && is_of(&package.1, version);
        let found = packages.iter().find(matches);
        assert!(found.is_none(), "{spec} is built in: {}", ban["reason"]);
    }
}

#[test]
fn every_dependency_comes_from_the_one_registry() {
    let lock: Table = repository::text("Cargo.lock").unwrap().parse().unwrap();
    let sources: BTreeSet<_> = lock["package"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|package| package.get("source")?.as_str())
        .collect();
    assert_eq!(sources.len(), 1, "{sources:?}");
    assert!(
        sources
            .iter()
            .all(|source| source.ends_with("/rust-lang/crates.io-index")),
        "{sources:?}"
    );
}

#[test]
fn a_licence_expression_is_read_as_spdx_says() {
    let allows = |expression| {
        satisfied(expression, &|term| {
            matches!(term, "MIT" | "ISC" | "Apache-2.0 WITH LLVM-exception")
        })
    };
    for yes in [
        "MIT",
        "GPL-3.0 OR MIT",
        "GPL-3.0/MIT",
        "MIT AND ISC",
        "(GPL-3.0 OR MIT) AND ISC",
        "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
    ] {
        assert!(allows(yes), "{yes}");
    }
    for no in [
        "",
        "GPL-3.0",
        "Apache-2.0",
        "GPL-3.0 AND MIT",
        "MIT AND (GPL-3.0 OR MPL-2.0)",
        "GPL-3.0 AND MIT OR MPL-2.0",
    ] {
        assert!(!allows(no), "{no}");
    }
}

#[test]
fn a_version_is_of_its_series_only() {
    assert!(is_of("0.3.27", "0.3") && is_of("1.0.0", "") && is_of("0.3", "0.3"));
    assert!(!is_of("0.30.1", "0.3") && !is_of("0.4.3", "0.3"));
}

fn rules() -> Table {
    repository::text("deny.toml").unwrap().parse().unwrap()
}

fn exceptions(rules: &Table) -> BTreeMap<String, BTreeSet<String>> {
    let exceptions = rules["licenses"]["exceptions"].as_array().unwrap();
    exceptions
        .iter()
        .map(|entry| (entry["crate"].as_str().unwrap().to_owned(), strings(&entry["allow"])))
        .collect()
}

fn strings(list: &Value) -> BTreeSet<String> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

/// What this machine builds, over these kinds of edges.
fn packages(edges: &str) -> Vec<Package> {
    let tree = [
        "tree", "--locked", "--edges", edges, "--prefix", "none", "--format", "{p}|{l}",
    ];
    let package = |line: &str| {
        let (package, licence) = line.trim_end_matches(" (*)").split_once('|')?;
        let (name, rest) = package.split_once(" v")?;
        let version = rest.split(' ').next()?;
        Some((name.to_owned(), version.to_owned(), licence.to_owned()))
    };
    let packages: BTreeSet<_> = repository::output("cargo", &tree).lines().filter_map(package).collect();
    assert!(packages.len() > 100, "the tree is not read: {packages:?}");
    packages.into_iter().collect()
}

/// Whether a version is the series or below it.
fn is_of(version: &str, series: &str) -> bool {
    version
        .strip_prefix(series)
        .is_some_and(|rest| series.is_empty() || rest.is_empty() || rest.starts_with('.'))
}

/// Whether a licence expression can be met by terms that `allowed` accepts. `/` is an old spelling of `OR`.
fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<_> = spaced.split_whitespace().collect();
    let mut rest = tokens.as_slice();
    any(&mut rest, allowed) && rest.is_empty()
}

fn any(rest: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut met = all(rest, allowed);
    while take(rest, "OR") {
        met |= all(rest, allowed);
    }
    met
}

fn all(rest: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut met = term(rest, allowed);
    while take(rest, "AND") {
        met &= term(rest, allowed);
    }
    met
}

fn term(rest: &mut &[&str], allowed: &dyn Fn(&str) -> bool) -> bool {
    if take(rest, "(") {
        return any(rest, allowed) & take(rest, ")");
    }
    let Some((licence, after)) = rest.split_first() else {
        return false;
    };
    *rest = after;
    if take(rest, "WITH") {
        let Some((exception, after)) = rest.split_first() else {
            return false;
        };
        *rest = after;
        return allowed(&format!("{licence} WITH {exception}"));
    }
    allowed(licence)
}

fn take(rest: &mut &[&str], word: &str) -> bool {
    let found = rest.first() == Some(&word);
    if found {
        *rest = &rest[1..];
    }
    found
}
