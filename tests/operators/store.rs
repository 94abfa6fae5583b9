//! Everything that a store holds, as text.

use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::read::DeflateDecoder;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde_json::Value;

use crate::bed::redis::Server;

type Entry<'a> = (Option<u64>, i64, &'a [u8]);

/// The live rows of an embedded store that nobody has open.
pub fn of_files(directory: &Path) -> Vec<String> {
    const ENTRIES: TableDefinition<&str, Entry<'static>> = TableDefinition::new("entries");
    const LOGS: TableDefinition<(&str, u64, u64), &[u8]> = TableDefinition::new("log_entries");
    const SCORES: TableDefinition<(&str, i64, &str), ()> = TableDefinition::new("scores");
    const MEMBERS: TableDefinition<(&str, &str), i64> = TableDefinition::new("members");
    let file = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let file = file
        .into_iter()
        .find(|path| path.extension().is_some_and(|ending| ending == "redb"))
        .unwrap();
    let database = Database::open(file).unwrap();
    let read = database.begin_read().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut all = Vec::new();
    for row in read.open_table(ENTRIES).unwrap().iter().unwrap() {
        let (key, value) = row.unwrap();
        all.push(format!("{} {}", key.value(), text(value.value().2)));
    }
    for row in read.open_table(LOGS).unwrap().iter().unwrap() {
        let (key, value) = row.unwrap();
        all.push(format!("{} {}", key.value().0, text(value.value())));
    }
    for row in read.open_table(SCORES).unwrap().iter().unwrap() {
        let (key, _) = row.unwrap();
        all.push(format!("{} {}", key.value().0, key.value().2));
    }
    for row in read.open_table(MEMBERS).unwrap().iter().unwrap() {
        let (key, _) = row.unwrap();
        all.push(format!("{} {}", key.value().0, key.value().1));
    }
    all
}

/// Every key of a Redis and what stands there.
pub fn of_redis(server: &Server) -> Vec<String> {
    let keys = server.ask(&["--scan"]);
    let dump = |key: &str| {
        let kind = server.ask(&["TYPE", key]);
        let command: &[&str] = match kind.trim() {
            "string" => &["GET", key],
            "hash" => &["HGETALL", key],
            "stream" => &["XRANGE", key, "-", "+"],
            "zset" => &["ZRANGE", key, "0", "-1"],
            // It has expired since.
            "none" => return Vec::new(),
            other => panic!("what is a {other}?"),
        };
        server
            .ask(command)
            .lines()
            .map(|line| format!("{key} {line}"))
            .collect::<Vec<_>>()
    };
    keys.lines().flat_map(dump).collect()
}

/// The rows in which one of these stands, packed texts unpacked.
pub fn holding(rows: &[String], texts: &[&str]) -> Vec<String> {
    let holds = |row: &&String| {
        let unpacked = unpacked(row);
        texts
            .iter()
            .any(|text| row.contains(text) || unpacked.iter().any(|packed| packed.contains(text)))
    };
    rows.iter().filter(holds).cloned().collect()
}

/// Every packed webhook in a row.
fn unpacked(row: &str) -> Vec<String> {
    let Some((_, value)) = row.split_once(' ') else {
        return Vec::new();
    };
    let mut texts = Vec::new();
    if let Ok(value) = serde_json::from_str(value) {
        collect(&value, &mut texts);
    }
    texts
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str().filter(|_| name == "raw") {
                    Some(packed) => {
                        let packed = STANDARD_NO_PAD.decode(packed).unwrap();
                        let mut text = String::new();
                        DeflateDecoder::new(packed.as_slice())
                            .read_to_string(&mut text)
                            .unwrap();
                        texts.push(text);
                    }
                    None => collect(member, texts),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        _ => {}
    }
}
