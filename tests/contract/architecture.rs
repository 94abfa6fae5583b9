//! Who may import whom: imports point down, never up and never sideways.

mod imports;
mod table;

use std::collections::BTreeSet;

use super::repository::{files, text};
use imports::{Import, imports};
use table::{DOORS, ROOMS, Room};

#[test]
fn imports_point_down() {
    let mut broken = Vec::new();
    for path in sources() {
        let text = text(&path).unwrap();
        broken.extend(
            violations(&path, &text)
                .into_iter()
                .map(|what| format!("{path}: {what}")),
        );
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_room_has_its_place_in_the_table() {
    let inhabited: BTreeSet<_> = sources()
        .iter()
        .filter_map(|path| room(&module(path)))
        .map(|room| room.name)
        .collect();
    let named: BTreeSet<_> = ROOMS.iter().map(|room| room.name).collect();
    assert_eq!(named, inhabited, "the table names the rooms of src/ and no others");
    let homeless: Vec<_> = sources()
        .into_iter()
        .filter(|path| room(&module(path)).is_none())
        .collect();
    assert!(
        homeless.iter().all(|path| is_root(path)),
        "files of no room: {homeless:?}"
    );
}

#[test]
fn what_points_up_or_sideways_is_found() {
    for (path, source) in [
        ("src/domain/call.rs", "use crate::config::Config;"),
        (
            "src/domain/call.rs",
            "fn now() -> u64 { crate::clock::SystemClock.now_ms() }",
        ),
        ("src/config/mod.rs", "use crate::{domain::ids, store::Store};"),
        ("src/store/redis/mod.rs", "use crate::upstream::Upstream;"),
        ("src/upstream/client.rs", "use crate::store;"),
        ("src/upstream/client.rs", "use super::super::store::Store;"),
        ("src/providers/zenvia/mod.rs", "use crate::store::Store;"),
        ("src/providers/zenvia/calls.rs", "use crate::providers::evolux::wire;"),
        ("src/providers/zenvia/mod.rs", "use super::positus;"),
        (
            "src/providers/zenvia/mod.rs",
            "use super::{port::Calls, registry::Accounts};",
        ),
        ("src/providers/port/mod.rs", "use super::zenvia::Zenvia;"),
        ("src/usecases/verify.rs", "use crate::providers::zenvia::Zenvia;"),
        ("src/usecases/verify.rs", "use crate::upstream::Exchange;"),
        ("src/usecases/verify.rs", "use crate::api::problem;"),
        ("src/usecases/verify.rs", "mod inner { use super::super::super::api; }"),
        (
            "src/api/calls.rs",
            "use crate::usecases::Gateway; use crate::providers::port::Calls;",
        ),
        ("src/api/calls.rs", "use crate::store::keys;"),
        ("src/api/calls.rs", "use crate::upstream::Upstream;"),
        ("src/api/mod.rs", "use crate::cli;"),
        ("src/app.rs", "use crate::cli;"),
        ("src/simulators/zenvia/mod.rs", "use crate::domain::phone::PhoneNumber;"),
        ("src/usecases/verify.rs", "use crate::*;"),
        ("src/usecases/verify.rs", "use switchboard::upstream::Exchange;"),
        ("src/usecases/verify.rs", "use reqwest::Client;"),
        ("src/providers/zenvia/mod.rs", "async fn f() { reqwest::get(\"x\"); }"),
        ("src/api/mod.rs", "fn f(_: redb::Database) {}"),
    ] {
        assert_eq!(
            violations(path, source).len(),
            1,
            "{path}: {source}: {:?}",
            violations(path, source)
        );
    }
}

#[test]
fn what_points_down_is_not() {
    for (path, source) in [
        (
            "src/domain/call.rs",
            "use super::ids::CallId; use crate::domain::time::Timestamp; use serde::Serialize;",
        ),
        (
            "src/domain/call.rs",
            "/// As [`crate::api`] does.\nconst WHERE: &str = \"crate::api\"; // crate::api",
        ),
        (
            "src/upstream/client.rs",
            "use super::exchange::Exchange; use crate::clock::Clock; use reqwest::Client;",
        ),
        (
            "src/providers/zenvia/calls.rs",
            "use super::wire; use crate::providers::port::Calls; use crate::upstream::Exchange;",
        ),
        ("src/providers/registry.rs", "use super::zenvia::Zenvia;"),
        (
            "src/usecases/verify.rs",
            "use crate::providers::{choose, port::Codes}; use crate::store::keys;",
        ),
        (
            "src/usecases/verify.rs",
            "mod tests { use super::super::Gateway; use super::*; }",
        ),
        (
            "src/api/calls.rs",
            "use crate::usecases::Gateway; use self::body::Body; use actix_web::web;",
        ),
        ("src/app.rs", "use crate::{api, providers::registry, store, usecases};"),
        ("src/main.rs", "fn main() { switchboard::cli::run() }"),
    ] {
        assert_eq!(violations(path, source), Vec::<String>::new(), "{path}: {source}");
    }
}

fn sources() -> Vec<String> {
    files()
        .into_iter()
        .filter(|path| path.starts_with("src/") && path.ends_with(".rs"))
        .collect()
}

/// The library's root and the program see everything; they hold nothing but what they name.
fn is_root(path: &str) -> bool {
    matches!(path, "src/lib.rs" | "src/main.rs")
}

/// The path of the module that a file is.
fn module(path: &str) -> Vec<String> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').map(str::to_owned).collect()
}

/// The room that a path leads to: the one whose name is the longest beginning of it.
fn room(path: &[String]) -> Option<&'static Room> {
    ROOMS
        .iter()
        .filter(|room| room.holds(path))
        .max_by_key(|room| room.name.len())
}

/// What a file imports and must not.
fn violations(path: &str, source: &str) -> Vec<String> {
    let module = module(path);
    let Some(here) = room(&module) else { return Vec::new() };
    let allowed = |import: &Import| match import {
        Import::Own(to) => match room(to) {
            Some(there) => same(here, &module, there, to) || here.sees.contains(&there.name) || here.sees == ["*"],
            None => false,
        },
        Import::Crate(name) => match DOORS.iter().find(|(door, _)| door == name) {
            Some((_, rooms)) => rooms.contains(&here.name),
            None => true,
        },
    };
    let broken = imports(&module, source).into_iter().filter(|import| !allowed(import));
    broken
        .map(|import| format!("{import}, which {} may not see", here.name))
        .collect()
}

/// Whether two paths lie in the same room; of a room that stands for many, in the same one of them.
fn same(here: &Room, from: &[String], there: &Room, to: &[String]) -> bool {
    let depth = here.name.split('/').count();
    here.name == there.name && from.get(..depth) == to.get(..depth)
}
