//! What the gateways of every suite wrote to their outputs, searched for the bed's own secrets.
//!
//! `scripts/canaries` has all suites keep it in the folder that `SWITCHBOARD_OUTPUTS` names, and then this search it; by
//! default one short run is searched.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::bed::{HOOK, Home, OUTPUTS, PROVIDER_TOKEN, Process, Providers, SECRET};
use crate::canaries::search::{Canary, found};

/// How long a number of Brazil is with its country.
const NUMBER: std::ops::RangeInclusive<usize> = 12..=13;

fn secrets() -> Vec<Canary> {
    let secrets = [
        ("the provider's token, and the sealing key", PROVIDER_TOKEN),
        ("the secret part of webhook URLs", HOOK),
        ("the key of callers' tokens", SECRET),
        // How each token of a caller begins.
        ("a token", "eyJ0eXAiOiJKV1Qi"),
    ];
    let canary = |(name, value): (&'static str, &str)| Canary {
        name,
        value: value.to_owned(),
        told_to_its_owner: false,
    };
    secrets.into_iter().map(canary).collect()
}

/// The full telephone numbers in a text: whole words of digits, since identifiers have such runs of digits within.
fn numbers(text: &[u8]) -> usize {
    let words = text.split(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'-'));
    // A plus that is URL-encoded leaves this behind.
    let words = words.map(|word| word.strip_prefix(b"2B").unwrap_or(word));
    words
        .filter(|word| NUMBER.contains(&word.len()) && word.starts_with(b"55") && word.iter().all(u8::is_ascii_digit))
        .count()
}

/// What is found in the files of a folder, and how many bytes there are.
fn search(folder: &Path) -> (Vec<String>, usize) {
    let (mut all, mut bytes) = (Vec::new(), 0);
    let outputs = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_output = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "log" || kind == "err");
    for path in outputs.filter(is_output) {
        let text = fs::read(&path).unwrap();
        bytes += text.len();
        let found = found(&secrets(), &text);
        all.extend(found.into_iter().map(|what| format!("{what} in {}", path.display())));
        if numbers(&text) > 0 {
            all.push(format!("a number in {}", path.display()));
        }
    }
    (all, bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_output_of_any_suite_holds_a_secret_of_the_bed() {
    let providers = Providers::start().await;
    let home = Home::embedded(&providers);
    let gateway = Process::start(&home);
    let acme = home.client(gateway.address, "acme");
    let call = json!({ "to": "+5511988881234", "actions": [{ "type": "say", "text": "Bom dia" }] });
    acme.post("/calls", call).await.expect(201);
    assert!(gateway.log().contains("/calls"), "requests are logged");
    let kept = std::env::var_os(OUTPUTS).map(PathBuf::from);
    let (found, bytes) = search(kept.as_deref().unwrap_or(home.path()));
    println!("{bytes} bytes of outputs searched: {} found", found.len());
    assert!(bytes > 0 && found.is_empty(), "{found:#?}");
}

#[test]
fn a_secret_in_an_output_is_found() {
    let home = tempfile::TempDir::new().unwrap();
    let token = "Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.e30.x";
    let holds = |text: &str| {
        fs::write(home.path().join("gateway.log"), format!("{{\"said\":\"{text}\"}}\n")).unwrap();
        !search(home.path()).0.is_empty()
    };
    for secret in [
        PROVIDER_TOKEN,
        HOOK,
        SECRET,
        token,
        "+5511988881234",
        "?to=%2B551130001234",
    ] {
        assert!(holds(secret), "{secret}");
    }
    for harmless in [
        "+5511*****",
        "call_0199e5511988881234c07d6f2a1b3c4d",
        "9e1b7c2a-0d4f-7a11-8c3e-551198888123",
    ] {
        assert!(!holds(harmless), "{harmless}");
    }
}
