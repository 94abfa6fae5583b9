//! Codes that the gateway makes, and limits, over processes and sockets.

use std::fs;
use std::path::Path;

use futures_util::future::join_all;
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::bed::{Answer, Client, Home, Process, ZENVIA, eventually, http};
use crate::races::spoken;
use crate::site::{Site, Store, number, wrong};

/// Codes that the gateway makes, and all it can log.
pub const GATEWAY_CODES: &str = "[verification]\ncodes = \"gateway\"\n[telemetry]\nlog_level = \"trace\"";

pub fn by_voice(to: &str) -> Value {
    json!({ "to": to, "channel": "voice" })
}

/// The code that a verification's first send spoke.
pub fn code_of(site: &Site, started: &Answer) -> String {
    let reference = &started.expect(201).body["sends"][0]["provider_ref"]["id"];
    spoken(&site.providers.zenvia, reference.as_str().unwrap())
}

async fn metrics(gateway: &Process) -> String {
    let url = format!("http://{}/metrics", gateway.management);
    http().get(url).send().await.unwrap().text().await.unwrap()
}

/// A gateway for every store, two where one can be shared.
pub async fn site_of(store: Store, toml: &str) -> (Site, Option<Process>, Vec<Client>) {
    let site = Site::start_with(store, |home| home.lay_over(toml)).await;
    let second = (store == Store::Redis).then(|| Process::start(&site.home));
    let mut clients = vec![site.acme()];
    clients.extend(second.iter().map(|gateway| site.home.client(gateway.address, "acme")));
    (site, second, clients)
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_starts_at_once_five_are_dialled(#[values(Store::Embedded, Store::Redis)] store: Store) {
    let (site, second, clients) = site_of(store, GATEWAY_CODES).await;
    let starts = (0..200).map(|n| clients[n % clients.len()].post("/verifications", by_voice(&number(0))));
    let mut sent = 0;
    for answer in join_all(starts).await {
        if answer.status == 201 {
            sent += 1;
            continue;
        }
        answer.expect_problem(429, "rate-limited");
        let limit = &answer.body["limit"];
        assert_eq!(
            (&limit["name"], &limit["max"]),
            (&json!("verification.sends_per_number"), &json!(5))
        );
        assert_eq!(
            answer.header("ratelimit-policy"),
            Some("\"verification.sends_per_number\";q=5;w=600")
        );
        let wait = answer.header("retry-after").unwrap();
        assert_eq!(
            answer.header("ratelimit"),
            Some(format!("\"verification.sends_per_number\";r=0;t={wait}").as_str())
        );
    }
    assert_eq!((sent, site.providers.zenvia.dials().len()), (5, 5));
    let mut metrics_of_all = metrics(&site.gateway).await;
    if let Some(second) = &second {
        metrics_of_all += &metrics(second).await;
    }
    for decision in ["allowed", "refused"] {
        let line = format!(
            "switchboard_guard_decisions_total{{rule=\"verification.sends_per_number\",decision=\"{decision}\"}}"
        );
        assert!(metrics_of_all.contains(&line), "{metrics_of_all}");
    }
    let log = site.gateway.log();
    let decided = log.lines().find(|line| line.contains("the guard decided")).unwrap();
    let decided: Value = serde_json::from_str(decided).unwrap();
    assert_eq!(decided["rule"], "verification.sends_per_number");
    assert_eq!(
        (&decided["decision"], &decided["tenant"]),
        (&json!("refused"), &json!("acme"))
    );
    assert_eq!(
        (&decided["account"], &decided["prefix"]),
        (&json!("zenvia-br"), &json!("+5511*****"))
    );
    assert!(!log.contains(&number(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_codes_of_one_number_are_ten_at_whichever_process_they_are_told() {
    let (site, _second, clients) =
        site_of(Store::Redis, &format!("{GATEWAY_CODES}\n[calls]\nsettle_seconds = 900")).await;
    let (mut guessed, mut refused) = (0, 0);
    for n in 0..4 {
        let started = clients[n % 2].post("/verifications", by_voice(&number(0))).await;
        let code = json!({ "code": wrong(&code_of(&site, &started)) });
        let check = format!("/verifications/{}/check", started.id());
        for n in 0..4 {
            let answer = clients[n % 2].post(&check, code.clone()).await;
            match answer.status {
                200 => guessed += 1,
                _ => {
                    answer.expect_problem(429, "rate-limited");
                    assert_eq!(answer.body["limit"]["name"], "verification.failures_per_number");
                    refused += 1;
                }
            }
        }
    }
    assert_eq!((guessed, refused), (10, 6));
}

/// Whether the bytes hold a text.
fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn every_file(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(every_file(&path));
        } else {
            files.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    files
}

/// The spellings that a code of ten digits could be found in.
fn spellings(code: &str) -> [String; 4] {
    let apart = |between: &str| {
        let digits: Vec<_> = code.chars().map(String::from).collect();
        digits.join(between)
    };
    [code.to_owned(), apart(", "), apart(" "), apart(",")]
}

/// The provider echoes the spoken text in its rows and webhooks; nothing of it stays here.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_found_nowhere(#[values(Store::Embedded, Store::Redis)] store: Store) {
    let (mut site, _second, clients) = site_of(store, GATEWAY_CODES).await;
    site.providers.tell(&site.home, site.gateway.address).await;
    let acme = &clients[0];
    let mut codes = Vec::new();
    for n in 0..12 {
        let new = json!({ "to": number(n), "channel": "voice", "brand": "Acme", "code_length": 10 });
        let started = acme.post("/verifications", new).await;
        let code = code_of(&site, &started);
        let check = format!("/verifications/{}/check", started.id());
        if n % 3 > 0 {
            acme.post(&check, json!({ "code": wrong(&code) })).await.expect(200);
        }
        if n % 3 == 1 {
            assert_eq!(acme.post(&check, json!({ "code": code })).await.body["valid"], true);
        }
        codes.push(code);
    }
    // A webhook that cannot be read, and one in another shape.
    let hook = site.home.hook(site.gateway.address, ZENVIA, Some("tts-end"));
    let text = format!("Seu código é: {}.", spellings(&codes[0])[1]);
    for body in [
        json!({ "mensagem": text }).to_string(),
        format!("{{\"id\":1,\"mensagem\":\"{text}"),
        json!([{ "mensagem": text }]).to_string(),
    ] {
        http().post(&hook).body(body).send().await.unwrap();
    }
    let history = "/history?account=zenvia-br&include=raw&limit=100";
    let rows = eventually("the calls are in the history", async || {
        let answer = acme.get(history).await;
        let ended = answer.expect(200).body["data"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| !row["ended_at"].is_null())
            .count();
        (ended == codes.len()).then_some(answer)
    })
    .await;
    assert!(rows.body.to_string().contains("[redacted]"), "the texts were there");
    let mut said = vec![("history".to_owned(), rows.body.to_string())];
    for path in [
        "/verifications",
        "/calls",
        "/events?limit=500",
        "/deliveries",
        "/accounts",
    ] {
        let answer = acme
            .ask(Method::GET, path)
            .header("accept", "application/json")
            .answer()
            .await;
        said.push((path.to_owned(), answer.expect(200).body.to_string()));
    }
    said.push(("metrics".to_owned(), metrics(&site.gateway).await));
    site.gateway.kill();
    let mut found: Vec<(String, Vec<u8>)> = every_file(site.home.path());
    if let Some(redis) = &site.redis {
        let directory = redis.ask(&["CONFIG", "GET", "dir"]);
        found.extend(every_file(Path::new(directory.lines().nth(1).unwrap())));
    }
    found.extend(said.into_iter().map(|(place, text)| (place, text.into_bytes())));
    let searched: usize = found.iter().map(|(_, bytes)| bytes.len()).sum();
    for (place, bytes) in &found {
        for spelling in codes.iter().flat_map(|code| spellings(code)) {
            assert!(!holds(bytes, &spelling), "{place} holds a code");
        }
    }
    assert!(
        found.iter().any(|(_, bytes)| holds(bytes, "verification.approved")),
        "it is searched where things are"
    );
    println!(
        "{store:?}: {} codes, {} places, {searched} bytes: 0 found",
        codes.len(),
        found.len()
    );
}

#[tokio::test]
async fn requests_are_counted_by_tenant_and_address() {
    let toml = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n[limits]\n\
                requests_per_tenant = { max = 3, per_seconds = 600 }\n\
                requests_per_address = { max = 5, per_seconds = 600 }";
    let (site, _second, clients) = site_of(Store::Redis, toml).await;
    let ask = async |client: &Client, from: &str| {
        client
            .ask(Method::GET, "/calls")
            .header("x-forwarded-for", from)
            .answer()
            .await
    };
    for n in 0..3_usize {
        let answer = ask(&clients[n % 2], "198.51.100.1").await;
        let told: Vec<_> = answer.expect(200).headers.get_all("ratelimit").iter().collect();
        assert_eq!(told.len(), 2);
        assert!(
            told[0]
                .to_str()
                .unwrap()
                .starts_with(&format!("\"limits.requests_per_tenant\";r={};t=", 2 - n))
        );
        let policies: Vec<_> = answer.headers.get_all("ratelimit-policy").iter().collect();
        assert_eq!(
            policies,
            [
                "\"limits.requests_per_tenant\";q=3;w=600",
                "\"limits.requests_per_address\";q=5;w=600"
            ]
        );
    }
    let over = ask(&clients[0], "198.51.100.1").await;
    over.expect_problem(429, "rate-limited");
    assert_eq!(over.body["limit"]["name"], "limits.requests_per_tenant");
    assert_eq!(
        over.header("retry-after").unwrap(),
        over.body["retry_after_seconds"].to_string()
    );
    let other = |home: &Home| home.client(site.gateway.address, "other");
    assert_eq!(ask(&other(&site.home), "198.51.100.1").await.status, 200);
    let address = ask(&other(&site.home), "1.1.1.1, 198.51.100.1").await;
    address.expect_problem(429, "rate-limited");
    assert_eq!(address.body["limit"]["name"], "limits.requests_per_address");
    assert_eq!(ask(&other(&site.home), "198.51.100.2").await.status, 200);
    for _ in 0..9 {
        clients[0].get("/health/live").await.expect(200);
    }
}
