//! What is wrong with a webhook is answered so that the provider does the right thing next, and changes nothing else.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bed::{Client, Home, Providers, WHATSAPP, ZENVIA, eventually, http};
use crate::site::{Site, say};

async fn post(url: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let answer = http().post(url).body(body).send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn events(client: &Client, kind: &str, count: usize) -> Vec<Value> {
    eventually("the events are told", async || {
        let page = client.get(&format!("/events?types={kind}")).await;
        let data = page.expect(200).body["data"].as_array().unwrap().clone();
        (data.len() >= count).then_some(data)
    })
    .await
}

#[tokio::test]
async fn what_cannot_be_read_is_taken_told_of_and_never_a_fault() {
    let site = Site::start().await;
    let mut unreadable = 0;
    for (account, kind) in [
        (ZENVIA, Some("call-end")),
        (ZENVIA, Some("sms-reply")),
        (WHATSAPP, None),
    ] {
        let url = site.hook(account, kind);
        for body in [&b"not json"[..], b"[]", b"\"text\"", b"{", b"\xff\xfe", b""] {
            assert_eq!(post(&url, body.to_vec()).await.0, 200, "{account} {kind:?} {body:?}");
            unreadable += 1;
        }
    }
    let told = events(&site.acme, "webhook.unreadable", unreadable).await;
    assert_eq!(told.len(), unreadable);
    assert!(told.iter().all(|event| !event.to_string().contains("not json")));
}

#[tokio::test]
async fn absurd_values_do_no_harm() {
    let site = Site::start().await;
    let absurd = [
        r#"{"id":1e400,"sms_id":-99999999999999999999999,"resposta":"ok","data_resposta":"9999-99-99T99:99:99Z"}"#,
        r#"{"id":7,"sms_id":7,"resposta":{"a":[[[[1]]]]},"data_resposta":-1}"#,
        r#"{"id":7,"id":8,"duracao_segundos":1e308,"status":"atendida","origem":{"preco":"NaN"},"destino":{"duracao":"-1"}}"#,
    ];
    for kind in ["sms-reply", "call-end", "tts-end", "did-event", "balance", "voicemail"] {
        for body in absurd {
            assert_eq!(post(&site.hook(ZENVIA, Some(kind)), body).await.0, 200, "{kind} {body}");
        }
    }
    let call = r#"{"calls":[{"id":"wacid.absurd","from":"1","to":"99999999999999999999999","event":"terminate",
        "timestamp":"99999999999999","start_time":-5,"end_time":"1e9","duration":-3,"status":"COMPLETED"}]}"#;
    assert_eq!(post(&site.hook(WHATSAPP, None), call).await.0, 200);
    let after = r#"{"id":9,"sms_id":9,"resposta":"still here"}"#;
    assert_eq!(post(&site.hook(ZENVIA, Some("sms-reply")), after).await.0, 200);
    eventually("what follows is applied", async || {
        let told = events(&site.acme, "sms.reply", 1).await;
        told.iter().any(|event| event["subject"] == "9").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_wrong_secret_kind_or_account_is_an_unknown_path() {
    let site = Site::start().await;
    let right = site.hook(ZENVIA, Some("call-end"));
    let (path, secret) = right.rsplit_once('/').unwrap();
    let base = right.split("/webhooks").next().unwrap();
    let unknown = post(&format!("{base}/nowhere"), "{}").await;
    assert_eq!(unknown.0, 404);
    let plain = |(status, mut body): (u16, Value)| {
        body.as_object_mut()
            .unwrap()
            .retain(|name, _| name != "instance" && name != "request_id");
        (status, body)
    };
    for wrong in [
        format!("{path}/wrong"),
        format!("{path}/{secret}x"),
        format!("{base}/webhooks/{ZENVIA}/no-such-kind/{secret}"),
        format!("{base}/webhooks/{ZENVIA}/{secret}"),
        format!("{base}/webhooks/nobody/call-end/{secret}"),
        format!("{base}/webhooks/{WHATSAPP}/call-end/{secret}"),
    ] {
        assert_eq!(plain(post(&wrong, "{}").await), plain(unknown.clone()), "{wrong}");
    }
}

#[tokio::test]
async fn the_body_of_a_stranger_is_not_waited_for() {
    let site = Site::start().await;
    let head =
        format!("POST /webhooks/{ZENVIA}/call-end/wrong HTTP/1.1\r\nHost: gateway\r\nContent-Length: 1048576\r\n\r\n");
    let mut socket = TcpStream::connect(site.address()).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    let answered = tokio::time::timeout(Duration::from_secs(5), socket.read_exact(&mut status)).await;
    answered.expect("before a body comes").unwrap();
    assert_eq!(&status, b"HTTP/1.1 404");
}

#[tokio::test]
async fn a_body_beyond_a_mebibyte_is_refused() {
    let site = Site::start().await;
    let url = site.hook(ZENVIA, Some("sms-reply"));
    let (status, problem) = post(&url, vec![b' '; (1 << 20) + 1]).await;
    assert_eq!((status, &problem["type"]), (413, &json!("/problems/body-too-large")));
    assert_eq!(post(&url, vec![b' '; 1 << 20]).await.0, 200);
}

#[tokio::test]
async fn a_body_that_names_another_account_s_call_leaves_it_alone() {
    let providers = Providers::start().await;
    let mut home = Home::embedded(&providers);
    home.add_zenvia("other", &providers.zenvia.url());
    let gateway = home.run().await;
    let acme = home.client(gateway.address, "acme");
    let call = acme.post("/calls", say("+5511970001234")).await;
    let id = call.expect(201).body["provider_ref"]["id"].as_str().unwrap().to_owned();
    let body = format!(
        r#"{{"id":{id},"numero_destino":"11970001234","status":"ocupado","data_criacao":"2026-11-22T12:00:00Z"}}"#
    );
    let hook = home.hook(gateway.address, "other", Some("tts-end"));
    assert_eq!(post(&hook, body).await.0, 200);
    let ended = events(&acme, "call.ended", 1).await;
    assert_eq!(ended[0]["source"], "/accounts/other");
    assert_ne!(ended[0]["subject"], call.id());
    let own = acme.get(&format!("/calls/{}", call.id())).await;
    assert_ne!(own.expect(200).body["status"], "busy");
    gateway.stop().await;
}
