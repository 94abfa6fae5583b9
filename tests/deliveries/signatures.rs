//! Receivers check signatures with the published libraries; `tests/sdk/install.sh` puts them below the build directory.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tokio::task::spawn_blocking;

use crate::bed::{Home, Letter, Providers, Reaction, Receiver, eventually};
use crate::connect;

const NEW: &str = "whsec_bmV3LWtleS1vZi10aGlydHktdHdvLWJ5dGVzLS0tLS0=";
const OLD: &str = "whsec_b2xkLWtleS1vZi10aGlydHktdHdvLWJ5dGVzLS0tLS0=";
const PLAIN: &str = "a secret that is not in base64 but plain";
/// At least so many letters are checked.
const LETTERS: usize = 200;

/// Letters signed during a rotation, and letters signed with a plain secret.
async fn letters() -> (Vec<Letter>, Vec<Letter>) {
    let rotating = Receiver::start(|_| Reaction::Status(200)).await;
    let plain = Receiver::start(|_| Reaction::Status(200)).await;
    let providers = Providers::start().await;
    let mut home = Home::embedded(&providers);
    home.subscribe("rotating", "acme", (&rotating.url, &[NEW, OLD]));
    home.subscribe("plain", "acme", (&plain.url, &[PLAIN]));
    let gateway = home.run().await;
    providers.tell(&home, gateway.address).await;
    let acme = home.client(gateway.address, "acme");
    for n in 0..LETTERS {
        acme.post("/calls", connect(n)).await.expect(201);
    }
    eventually("all letters came", async || {
        let all = [&rotating, &plain]
            .iter()
            .all(|receiver| receiver.got().len() >= LETTERS);
        all.then_some(())
    })
    .await;
    gateway.stop().await;
    (rotating.got(), plain.got())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_libraries_accept_every_letter_with_either_key_and_no_other() {
    let (rotating, plain) = letters().await;
    for letter in &rotating {
        assert_eq!(letter.headers["content-type"], "application/cloudevents+json");
        assert_eq!(letter.id(), letter.json()["id"]);
        assert_eq!(letter.headers["webhook-signature"].split(' ').count(), 2);
    }
    let directory = tempfile::TempDir::new().unwrap();
    for (index, (letters, secrets)) in [(&rotating, vec![NEW, OLD]), (&plain, vec![PLAIN])]
        .into_iter()
        .enumerate()
    {
        let file = directory.path().join(format!("{index}.json"));
        let letters: Vec<_> = letters
            .iter()
            .map(|letter| json!({ "headers": letter.headers, "body": letter.body }))
            .collect();
        std::fs::write(&file, json!(letters).to_string()).unwrap();
        for secret in secrets {
            node(&file, secret).await;
            python(&file, secret).await;
        }
    }
    println!(
        "{} letters accepted by both libraries",
        2 * rotating.len() + plain.len()
    );
}

async fn node(letters: &Path, secret: &str) {
    let mut node = Command::new("node");
    node.env("NODE_PATH", installed("node").join("node_modules"))
        .arg(script("verify.js"))
        .arg(letters)
        .arg(secret);
    run(node).await;
}

async fn python(letters: &Path, secret: &str) {
    let mut python = Command::new(installed("python").join("bin/python"));
    python.arg(script("verify.py")).arg(letters).arg(secret);
    run(python).await;
}

async fn run(mut checks: Command) {
    let output = spawn_blocking(move || checks.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/deliveries")
        .join(name)
}

fn installed(sdk: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("sdk").join(sdk);
    assert!(path.exists(), "{} is missing: run tests/sdk/install.sh", path.display());
    path
}
