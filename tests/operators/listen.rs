//! `switchboard listen`: the feed as signed requests, whatever interrupts it.

use std::process::Stdio;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::process::Command;

use crate::bed::redis::free_port;
use crate::bed::{Letter, Process, Reaction, Receiver, eventually};
use crate::site::{SECRET, Site};

fn is_signed(letter: &Letter) -> bool {
    let (id, time) = (&letter.headers["webhook-id"], &letter.headers["webhook-timestamp"]);
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, format!("{id}.{time}.{}", letter.body).as_bytes());
    letter.headers["webhook-signature"] == format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

#[tokio::test]
async fn every_event_asked_for_comes_once_though_the_gateway_is_started_again() {
    let port = free_port();
    let mut site = Site::start(|home| home.lay_over(&format!("[server]\nbind = \"127.0.0.1:{port}\"\n"))).await;
    let receiver = Receiver::start(|nth| Reaction::Status(if nth == 0 { 204 } else { 500 })).await;
    let mut listening = Command::new(env!("CARGO_BIN_EXE_switchboard"))
        .args(["listen", "--types", "call.*", "--forward-to", &receiver.url])
        .args(["--url", &format!("http://127.0.0.1:{port}")])
        .env("SWITCHBOARD_TOKEN", site.home.tokens.of("acme"))
        .env("SWITCHBOARD_SECRET", SECRET)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = {
        use tokio::io::{AsyncBufReadExt, BufReader};
        BufReader::new(listening.stdout.take().unwrap()).lines()
    };
    assert!(lines.next_line().await.unwrap().unwrap().starts_with("Listening"));
    let first = site.ended_call("r-1").await;
    eventually("it is forwarded", async || {
        receiver.taken("call.ended").contains(&first).then_some(())
    })
    .await;
    site.gateway.kill();
    site.gateway = Process::start(&site.home);
    site.approved().await;
    let second = site.ended_call("r-2").await;
    eventually("it goes on", async || {
        receiver.taken("call.ended").contains(&second).then_some(())
    })
    .await;
    let got = receiver.got();
    let log = site.acme().get("/events?types=call.*&limit=200").await;
    let log: Vec<_> = log.expect(200).body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["id"].clone())
        .collect();
    let forwarded: Vec<_> = got.iter().map(|letter| json!(letter.id())).collect();
    assert_eq!(forwarded, log[..forwarded.len()], "in the order of the log, each once");
    assert!(got.iter().all(is_signed));
    let line = lines.next_line().await.unwrap().unwrap();
    assert!(line.ends_with(&format!("{first}  204")), "{line}");
}

#[tokio::test]
async fn a_token_that_is_refused_ends_it() {
    let site = Site::start(|_| ()).await;
    let url = format!("http://{}", site.gateway.address);
    let done = crate::site::run(&[
        "listen",
        "--forward-to",
        "http://127.0.0.1:1",
        "--url",
        &url,
        "--token",
        "x",
    ])
    .await;
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(done.err.contains("401"), "{}", done.err);
}
