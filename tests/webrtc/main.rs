//! WhatsApp calls carry audio: two WebRTC peers talk, and all they know of each other came through the gateway.
//!
//! `tests/webrtc/install.sh` puts what the peers are made of below the build directory.
// The figures are printed for whoever runs it with `--no-capture`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "../bed/mod.rs"]
mod bed;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rstest::rstest;
use tokio::task::spawn_blocking;

use bed::{Home, Process, Providers, WHATSAPP};

/// A tenant who may use the account and does not own it.
const USER: &str = "globex";

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call(#[values("outbound", "turned_down", "inbound", "rejected")] story: &str) {
    let providers = Providers::start().await;
    let mut home = Home::embedded(&providers);
    home.lay_over(&format!("[accounts.{WHATSAPP}]\nusers = [\"{USER}\"]\n"));
    let gateway = Process::start(&home);
    providers.tell(&home, gateway.address).await;

    let mut peers = Command::new(python());
    peers
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/webrtc/calls.py"))
        .args([story, &format!("http://{}", gateway.address), &providers.positus.url()])
        .args([home.tokens.of("acme"), home.tokens.of(USER)])
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let began = Instant::now();
    let output = spawn_blocking(move || peers.output()).await.unwrap();
    let output = output.unwrap_or_else(|error| panic!("the script does not start: {error}"));
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        gateway.log()
    );
    let packets = String::from_utf8_lossy(&output.stdout);
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{story}: packets [sent, received] {} in {seconds:.1} s",
        packets.trim_end()
    );
}

fn python() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("webrtc/bin/python");
    assert!(
        path.exists(),
        "{} is missing: run tests/webrtc/install.sh",
        path.display()
    );
    path
}
