//! The history as a stream: the same rows as its pages, and no clean end where some are missing.

use jsonwebtoken::Algorithm;
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use switchboard::simulators::faults::{Delay, Effect, Rule};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bed::{Client, Providers, Tokens, eventually};
use crate::site::{Site, expect_wrong, say, with};

const WEEK: &str = "/history?since=2020-05-01&until=2020-05-07";

/// Puts rows into the Evolux simulator: `count` of them, `minutes` apart, back from the end of the week.
async fn seed(providers: &Providers, count: i64, minutes: i64) {
    let end: jiff::Timestamp = "2020-05-08T02:00:00Z".parse().unwrap();
    let row = |index: i64| {
        let at = end - jiff::SignedDuration::from_mins(index * minutes);
        json!({
            "id": index + 1,
            "start_time": at.to_string(),
            "agent": { "id": 149, "name": "=cmd|' /C calc'!A0" },
            "subscriber": { "external_id": "19", "number": "84999999999", "name": "Ana; \"Ana\"\nSouza" },
            "talk_seconds": if index % 3 == 0 { Value::Null } else { json!(30) },
        })
    };
    let rows: Vec<Value> = (0..count).map(row).collect();
    let controls = Providers::controls(&providers.evolux.url());
    for rows in rows.chunks(2_000) {
        controls.post("/rows", json!({ "dialer": rows })).await.expect(200);
    }
}

/// The records of every page.
async fn listed(client: &Client, path: &str, limit: usize) -> Vec<Value> {
    let mut records = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{path}&limit={limit}{cursor}")).await;
        records.extend(page.expect(200).body["data"].as_array().unwrap().clone());
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return records,
        }
    }
}

async fn text_of(client: &Client, path: &str, accept: &str) -> String {
    let answer = client.ask(Method::GET, path).header("accept", accept).stream().await;
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

#[tokio::test]
async fn a_stream_has_the_records_of_the_pages_in_their_order() {
    let site = Site::start().await;
    seed(&site.providers, 230, 40).await;
    let listed = listed(&site.acme, WEEK, 70).await;
    assert_eq!(listed.len(), 230);

    let lines = text_of(&site.acme, WEEK, "application/x-ndjson").await;
    let streamed: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(streamed, listed);
    assert_eq!(
        text_of(&site.acme, &format!("{WEEK}&format=ndjson"), "text/csv").await,
        lines
    );

    let table = text_of(&site.acme, WEEK, "text/csv").await;
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let names = rows.headers().unwrap().clone();
    let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), listed.len());
    for (row, record) in rows.iter().zip(&listed) {
        let cell = |name: &str| row[names.iter().position(|known| known == name).unwrap()].to_owned();
        for name in ["id", "status", "created_at", "to", "row_hash"] {
            assert_eq!(cell(name), record[name].as_str().unwrap());
        }
        assert_eq!(
            cell("agent_name"),
            format!("'{}", record["agent"]["name"].as_str().unwrap())
        );
        assert_eq!(cell("subscriber_name"), record["subscriber"]["name"].as_str().unwrap());
        assert_eq!(cell("answered_at"), record["answered_at"].as_str().unwrap_or_default());
    }
}

#[tokio::test]
async fn a_stream_is_a_file_to_be_saved() {
    let site = Site::start().await;
    seed(&site.providers, 1, 40).await;
    for (format, media_type, file) in [
        (
            "csv",
            "text/csv; charset=utf-8; header=present",
            "history_2020-05-01_2020-05-07.csv",
        ),
        ("ndjson", "application/x-ndjson", "history_2020-05-01_2020-05-07.ndjson"),
    ] {
        let answer = site.acme.get(&format!("{WEEK}&format={format}")).await;
        assert_eq!(answer.expect(200).header("content-type"), Some(media_type));
        let disposition = format!("attachment; filename=\"{file}\"");
        assert_eq!(answer.header("content-disposition"), Some(disposition.as_str()));
    }
    let page = site.acme.ask(Method::GET, &format!("{WEEK}&format=json"));
    let page = page.header("accept", "text/csv").answer().await;
    assert!(
        page.expect(200).body["data"].is_array(),
        "what is asked for by name wins"
    );

    let excel = site
        .acme
        .ask(Method::GET, &format!("{WEEK}&format=csv&dialect=excel-br"));
    let excel = excel.stream().await.bytes().await.unwrap();
    let text = std::str::from_utf8(excel.strip_prefix(b"\xef\xbb\xbf").unwrap()).unwrap();
    assert!(text.starts_with("id;call_id;"), "{text}");
    assert!(text.contains(";07/05/2020 23:00:00;"), "{text}");
}

#[rstest]
#[case::limit("format=csv&limit=10", "limit")]
#[case::cursor("format=ndjson&cursor=x", "cursor")]
#[case::partial("format=csv&partial=true", "partial")]
#[case::dialect_of_lines("format=ndjson&dialect=excel-br", "dialect")]
#[case::dialect_of_a_page("dialect=excel-br", "dialect")]
#[tokio::test]
async fn what_is_for_pages_is_refused(#[case] query: &str, #[case] name: &str) {
    let site = Site::start().await;
    expect_wrong(&site.acme.get(&format!("/history?{query}")).await, name, "not_allowed");
}

#[tokio::test]
async fn what_nobody_can_give_is_not_acceptable() {
    let site = Site::start().await;
    for accept in ["application/xml", "text/csv;q=0", "image/*"] {
        let asked = site.acme.ask(Method::GET, "/history").header("accept", accept);
        asked.answer().await.expect_problem(406, "not-acceptable");
    }
    // HTTP/1.0 has no chunks, so an interruption would look like the end.
    let answer = rest_of(open(&site, "GET /history?format=csv HTTP/1.0").await).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 406 "), "{answer}");
    assert!(answer.contains("/problems/not-acceptable"), "{answer}");
}

/// Sends a request of one line and its token.
async fn open(site: &Site, line: &str) -> TcpStream {
    let mut connection = TcpStream::connect(site.address()).await.unwrap();
    let token = site.home.tokens.of("acme");
    let request = format!("{line}\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

/// What still comes, byte for byte, until the connection ends.
async fn rest_of(mut connection: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A connection that is cut may end with an error.
    let _ = connection.read_to_end(&mut rest).await;
    rest
}

#[tokio::test]
async fn a_source_that_fails_before_the_first_byte_is_told() {
    let site = Site::start().await;
    hurt_evolux(&site.providers, Effect::Html).await;
    for format in ["csv", "ndjson"] {
        let answer = site.acme.get(&format!("{WEEK}&format={format}")).await;
        answer.expect_problem(503, "source-unavailable");
        assert_eq!(answer.body["account"], "evolux-natal");
    }
}

/// Has the dialler's report suffer this from now on, and nothing else.
async fn hurt_evolux(providers: &Providers, effect: Effect) {
    let controls = Providers::controls(&providers.evolux.url());
    controls.ask(Method::DELETE, "/faults").answer().await.expect(200);
    let rule = Rule {
        method: Some("GET".into()),
        path: "/api/v1/dialer/calls_history".into(),
        skip: 0,
        times: None,
        effect,
    };
    let rule = serde_json::to_value(rule).unwrap();
    controls.post("/faults", rule).await.expect(200);
}

#[tokio::test]
async fn a_source_that_fails_later_leaves_no_clean_end() {
    let site = Site::start().await;
    seed(&site.providers, 6_500, 1).await;
    let slow = Effect::DelayMs(Delay { before: 5, after: 0 });
    let path = format!("{WEEK}&format=ndjson");

    hurt_evolux(&site.providers, slow.clone()).await;
    let mut answer = site.acme.ask(Method::GET, &path).stream().await;
    assert_eq!(answer.status(), 200);
    assert!(answer.chunk().await.unwrap().is_some());
    hurt_evolux(&site.providers, Effect::Html).await;
    let broken = loop {
        match answer.chunk().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert!(broken.is_err(), "a client took a part for the whole");

    hurt_evolux(&site.providers, slow).await;
    let mut connection = open(&site, &format!("GET {path} HTTP/1.1")).await;
    let mut bytes = vec![0; 4096];
    connection.read_exact(&mut bytes).await.unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"));
    hurt_evolux(&site.providers, Effect::Html).await;
    let rest = rest_of(connection).await;
    assert!(!rest.ends_with(b"\r\n0\r\n\r\n"), "the last chunk came");
}

#[tokio::test]
async fn a_tenant_gets_no_other_s_rows() {
    let site = Site::start().await;
    seed(&site.providers, 3, 40).await;
    let other = site.acme.with_token(site.home.tokens.of("other"));
    assert_eq!(text_of(&other, WEEK, "application/x-ndjson").await, "");
    let table = text_of(&other, WEEK, "text/csv").await;
    assert_eq!(table.lines().count(), 1, "the names of the columns");

    // A user of the owner's account has one call among the owner's.
    const RECENT: &str = "/history?since=yesterday&kind=say";
    for (client, tag) in [(&site.acme, "acme"), (&other, "other"), (&site.acme, "acme")] {
        let body = with(&say("+5511970001234"), json!({ "tag": tag }));
        client.post("/calls", body).await.expect(201);
    }
    let of = |tenant: &str, text: String| -> Vec<Value> {
        let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let own = records.filter(|record| record["tag"] == tenant);
        own.map(|record| record["id"].clone()).collect()
    };
    let all = eventually("the rows are listed", async || {
        let all = text_of(&site.acme, RECENT, "application/x-ndjson").await;
        (all.lines().count() == 3).then_some(all)
    })
    .await;
    let streamed = text_of(&other, RECENT, "application/x-ndjson").await;
    assert_eq!(streamed.lines().count(), 1);
    assert_eq!(of("other", streamed), of("other", all));
    let table = text_of(&other, RECENT, "text/csv").await;
    assert_eq!(table.lines().count(), 2);

    let mut claims = Tokens::claims("acme");
    claims["scope"] = json!("history:read");
    let without_raw = site.acme.with_token(site.home.tokens.sign(Algorithm::HS256, &claims));
    let raw = without_raw.get(&format!("{WEEK}&format=csv&include=raw")).await;
    raw.expect_problem(403, "forbidden");
}
