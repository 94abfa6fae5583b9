//! Clients that are generated from the document, and `curl`: the blocks of docs/quickstart.md, as they stand.

use std::process::Command;

use tokio::task::spawn_blocking;

use crate::bed::{Home, Process, Providers};
use crate::files::{installed, succeeds};

async fn works(language: &str) {
    installed("node/node_modules");
    let providers = Providers::start().await;
    let home = Home::embedded(&providers);
    let gateway = Process::start(&home);
    providers.tell(&home, gateway.address).await;
    let mut run = Command::new("tests/clients/run");
    run.arg(language)
        .env("GW", format!("http://{}", gateway.address))
        .env("T", home.tokens.of("acme"))
        .env("SIMULATOR", providers.zenvia.url());
    spawn_blocking(move || succeeds(&mut run)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn curl() {
    works("curl").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typescript() {
    works("TypeScript").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    works("Python").await;
}
