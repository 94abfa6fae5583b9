//! `switchboard export` as whoever runs it meets it: a process, a file, and a gateway that may be slow, away or unwilling.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

#[path = "../bed/mod.rs"]
mod bed;
mod site;

use std::fs;
use std::process::Stdio;

use jsonwebtoken::Algorithm;
use rstest::rstest;
use serde_json::{Value, json};
use switchboard::simulators::faults::{Delay, Effect};

use bed::{Tokens, eventually};
use site::{Site, WINDOW};

#[rstest]
#[case("ndjson")]
#[case("csv")]
#[tokio::test]
async fn a_file_has_what_the_api_lists(#[case] format: &str) {
    let site = Site::start().await;
    let whole = site.stream(format).await;
    let done = site.export("history", format).output().await.unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert!(String::from_utf8(done.stdout).unwrap().starts_with(&format!(
        "{} records of 2020-05-01T03:00:00.000Z to 2020-05-08T03:00:00.000Z",
        site::rows()
    )));
    assert_eq!(fs::read_to_string(site.file("history")).unwrap(), whole);
    assert!(!site.file("history.part").exists() && !site.file("history.part.json").exists());
}

#[rstest]
#[case("ndjson")]
#[case("csv")]
#[tokio::test]
async fn an_export_that_was_killed_goes_on_and_the_file_is_the_same(#[case] format: &str) {
    let site = Site::start().await;
    let whole = site.stream(format).await;
    site.hurt(Effect::DelayMs(Delay { before: 60, after: 0 }), None).await;
    let mut killed = 0;
    for days in [1, 3] {
        let mut child = site.export("history", format).stderr(Stdio::null()).spawn().unwrap();
        eventually("some days are there", async || {
            (site.days("history") >= Some(days)).then_some(())
        })
        .await;
        child.kill().await.unwrap();
        assert!(!site.file("history").exists());
        killed += 1;
    }
    assert_eq!(killed, 2);
    let mut other = site.export("history", format);
    let refused = other
        .env("SWITCHBOARD_TOKEN", site.home.tokens.of("other"))
        .output()
        .await;
    let refused = String::from_utf8(refused.unwrap().stderr).unwrap();
    assert!(refused.contains("another tenant"), "{refused}");
    let before = site.asked().await;
    let done = site.export("history", format).output().await.unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let told = String::from_utf8(done.stderr).unwrap();
    assert!(told.contains("Goes on with 2020-05-01T03:00:00.000Z to "), "{told}");
    assert_eq!(fs::read_to_string(site.file("history")).unwrap(), whole);
    let resumed = site.asked().await - before;
    site.export("again", format).output().await.unwrap();
    let whole = site.asked().await - before - resumed;
    assert!(resumed < whole, "days that were whole are read again");
}

#[tokio::test]
async fn whoever_stops_it_is_told_how_to_go_on() {
    let site = Site::start().await;
    site.hurt(Effect::DelayMs(Delay { before: 60, after: 0 }), None).await;
    let child = site.export("history", "ndjson").stderr(Stdio::piped()).spawn().unwrap();
    eventually("a day is there", async || site.days("history").map(drop)).await;
    let id = child.id().unwrap().to_string();
    let told = std::process::Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(told.success());
    let done = child.wait_with_output().await.unwrap();
    assert_eq!(done.status.code(), Some(3), "{done:?}");
    assert!(
        String::from_utf8(done.stderr)
            .unwrap()
            .contains("the same command goes on")
    );
    assert!(site.file("history.part").exists() && !site.file("history").exists());
}

#[tokio::test]
async fn a_gateway_that_cannot_answer_is_asked_again() {
    let site = Site::start().await;
    let whole = site.stream("ndjson").await;
    // Each exchange is tried twice by the gateway itself.
    site.hurt(Effect::Html, Some(4)).await;
    let done = site.export("history", "ndjson").output().await.unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert_eq!(fs::read_to_string(site.file("history")).unwrap(), whole);
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_and_tells_no_token() {
    let site = Site::start().await;
    let mut claims = Tokens::claims("acme");
    claims["scope"] = json!("calls:read");
    let token = site.home.tokens.sign(Algorithm::HS256, &claims);
    let mut export = site.export("history", "ndjson");
    let done = export.env("SWITCHBOARD_TOKEN", &token).output().await.unwrap();
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    let told = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
    assert!(told.contains("403") && told.contains("history:read"), "{told}");
    assert!(!told.contains(&token));
    assert!(!site.file("history.part").exists() && !site.file("history.part.json").exists());

    let wrong = site.export("history", "xml").output().await.unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(!String::from_utf8(wrong.stderr).unwrap().contains(&site.token()));
    let backwards = site
        .export_since("history", "csv", "2020-06-01")
        .output()
        .await
        .unwrap();
    assert_eq!(backwards.status.code(), Some(1));
    assert!(!site.file("history.part").exists());
    let help = site.export("history", "csv").arg("--help").output().await.unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(
        help.contains("Exit codes: 0 complete") && help.contains("SWITCHBOARD_TOKEN"),
        "{help}"
    );
    assert!(!help.contains(&site.token()));
}

#[tokio::test]
async fn a_window_longer_than_the_api_s_is_exported_all_the_same() {
    let site = Site::start().await;
    let (first, last) = WINDOW;
    let refused = site
        .acme
        .get(&format!("/history?since=2020-01-01&until={last}&limit=1"))
        .await;
    refused.expect_problem(422, "invalid-input");
    let mut export = site.export_since("history", "ndjson", "2020-01-01");
    let done = export.output().await.unwrap();
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let lines = fs::read_to_string(site.file("history")).unwrap();
    let ids: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone())
        .collect();
    assert_eq!(ids.len(), site::rows(), "those since {first}");
}
