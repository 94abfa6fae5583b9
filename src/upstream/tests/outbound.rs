//! What is posted to addresses given by others, and which of them get nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::guard::{Guard, Lookup};
use super::provider::{Act, Provider, answer, answer_with};
use super::*;
use crate::config::{Outbound as Exceptions, PrivateTarget};
use crate::domain::delivery::DeliveryError;
use bytes::Bytes;
use futures_util::FutureExt as _;

pub fn exceptions(targets: &[&str]) -> Exceptions {
    let target = |text: &&str| match text.parse() {
        Ok(network) => PrivateTarget::Network(network),
        Err(_) => PrivateTarget::Host((*text).to_owned()),
    };
    Exceptions {
        allow_private: targets.iter().map(target).collect(),
    }
}

/// A way out where every name means these addresses, one after the other, the last one for ever.
fn outbound(targets: &[&str], addresses: &'static [&'static [&'static str]]) -> Outbound {
    Outbound::with(
        Guard::new(exceptions(targets), lookup(addresses)),
        Duration::from_secs(1),
    )
    .unwrap()
}

/// A lookup by which every name means these addresses.
pub fn lookup(addresses: &'static [&'static [&'static str]]) -> Lookup {
    let asked = AtomicUsize::new(0);
    Arc::new(move |_| {
        let turn = asked.fetch_add(1, Ordering::SeqCst).min(addresses.len() - 1);
        let found = addresses[turn].iter().map(|text| text.parse().unwrap()).collect();
        async move { Ok(found) }.boxed()
    })
}

fn letter(url: &str) -> Letter {
    Letter {
        url: url.parse().unwrap(),
        content_type: "application/cloudevents+json",
        headers: vec![("webhook-id", "evt_1".into())],
        body: Bytes::from_static(br#"{"n":1.50}"#),
    }
}

async fn post(outbound: &Outbound, url: &str) -> Result<u16, DeliveryError> {
    outbound.post(letter(url), now()).await.map(|reply| reply.status)
}

async fn told(act: Act) -> (Provider, Result<u16, DeliveryError>) {
    let receiver = Provider::start([act]).await;
    let posted = post(&outbound(&["127.0.0.0/8"], &[&[]]), &receiver.url).await;
    (receiver, posted)
}

#[tokio::test]
async fn a_letter_arrives_as_it_was_given() {
    let (receiver, posted) = told(answer("204 No Content", "")).await;
    assert_eq!(posted, Ok(204));
    let request = receiver.requests()[0].clone();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST / HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/cloudevents+json"), "{head}");
    assert!(head.contains("webhook-id: evt_1"), "{head}");
    assert!(!head.to_lowercase().contains("authorization"), "{head}");
    assert_eq!(body, r#"{"n":1.50}"#);
}

#[tokio::test]
async fn an_answer_counts_when_it_is_whole() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec();
    for (act, expected) in [
        (answer("500 Oops", "no"), Ok(500)),
        (Act::WriteAndClose(half.clone()), Err(DeliveryError::BrokenAnswer)),
        (Act::Write(half), Err(DeliveryError::Timeout)),
        (
            Act::WriteAndClose(b"smtp ready\r\n".to_vec()),
            Err(DeliveryError::BrokenAnswer),
        ),
        (Act::Hang, Err(DeliveryError::Timeout)),
        (Act::Close, Err(DeliveryError::BrokenAnswer)),
        (answer("200 OK", &"x".repeat(1 << 20)), Ok(200)),
    ] {
        let (receiver, posted) = told(act).await;
        assert_eq!(posted, expected);
        assert_eq!(receiver.requests().len(), 1, "it is sent once");
    }
    let nobody = post(&outbound(&["127.0.0.0/8"], &[&[]]), &nobody().await).await;
    assert_eq!(nobody, Err(DeliveryError::NotConnected));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_leads_nowhere() {
    let other = Provider::start([answer("200 OK", "")]).await;
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        let (_, posted) = told(answer_with(status, &format!("location: {}/\r\n", other.url), "")).await;
        assert_eq!(posted, Ok(status[..3].parse().unwrap()));
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_receiver_may_ask_to_be_left_alone() {
    let late = "retry-after: Sun, 22 Nov 2026 18:02:00 GMT\r\n";
    for (header, seconds) in [("retry-after: 90\r\n", Some(90)), (late, Some(120)), ("", None)] {
        let receiver = Provider::start([answer_with("503 Busy", header, "")]).await;
        let outbound = outbound(&["127.0.0.0/8"], &[&[]]);
        let reply = outbound.post(letter(&receiver.url), now()).await.unwrap();
        assert_eq!(reply.retry_after, seconds.map(Duration::from_secs), "{header}");
    }
}

/// Hosts that are addresses, in all the ways that a URL may write them.
const LITERALS: &[&str] = &[
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0X7F.0.0.0x1",
    "0177.0.0.1",
    "017700000001",
    "0177.0x0.1",
    "%31%32%37.0.0.1",
    "127。0。0。1",
    "１２７.０.０.１",
    "①②⑦.⓪.⓪.①",
    "me@127.0.0.1",
    "example.com@127.0.0.1",
    "example.com:80@127.0.0.1",
    "0",
    "0.0.0.0",
    "0x0",
    "00.0",
    "10.0.0.1",
    "10.1",
    "167772161",
    "012.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "192.168.257",
    "3232235777",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "169.254.43518",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "0xffffffff",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:a9fe:a9fe]",
    "[::FFFF:10.0.0.1]",
    "[0:0:0:0:0:ffff:192.168.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2001:0:7f00:1::1]",
    "[2001:db8::1]",
    "[100::1]",
    "[fe80::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "[3fff::1]",
    "[5f00::1]",
];

#[tokio::test]
async fn no_literal_that_is_not_public_is_reached() {
    assert!(LITERALS.len() > 60);
    // No name means anything, so whatever is looked up fails otherwise.
    let outbound = outbound(&[], &[&[]]);
    for host in LITERALS {
        for rest in ["/hooks", ":22/", ":6379/"] {
            let url = format!("http://{host}{rest}");
            assert_eq!(
                post(&outbound, &url).await,
                Err(DeliveryError::AddressNotAllowed),
                "{url}"
            );
        }
    }
}

#[tokio::test]
async fn no_name_for_an_address_that_is_not_public_is_reached() {
    let receiver = Provider::start([answer("200 OK", "")]).await;
    let port = receiver.url.rsplit(':').next().unwrap();
    const MEANT: [&[&[&str]]; 3] = [
        &[&["127.0.0.1"]],
        &[&["::ffff:127.0.0.1"]],
        &[&["10.0.0.1", "127.0.0.1", "fd00::1", "::1", "0.0.0.0"]],
    ];
    for addresses in MEANT {
        for host in [
            "localhost",
            "localhost.",
            "LOCALHOST",
            "hooks.example.com",
            "metadata.google.internal",
        ] {
            let posted = post(&outbound(&[], addresses), &format!("http://{host}:{port}/")).await;
            assert_eq!(posted, Err(DeliveryError::AddressNotAllowed), "{host}");
        }
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_reaches_nothing() {
    let receiver = Provider::start([answer("200 OK", "")]).await;
    let port = receiver.url.rsplit(':').next().unwrap();
    let url = format!("http://hooks.example.com:{port}/");
    // Nobody listens at 127.0.0.2, which stands for an address that may be reached.
    let outbound = outbound(&["127.0.0.2/32"], &[&["127.0.0.2"], &["127.0.0.1"]]);
    assert_eq!(post(&outbound, &url).await, Err(DeliveryError::NotConnected));
    for _ in 0..1_000 {
        assert_eq!(post(&outbound, &url).await, Err(DeliveryError::AddressNotAllowed));
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn of_several_addresses_only_those_allowed_are_tried() {
    let receiver = Provider::start([answer("200 OK", "")]).await;
    let port = receiver.url.rsplit(':').next().unwrap();
    let mixed = outbound(&["127.0.0.2/32"], &[&["127.0.0.1", "127.0.0.2"]]);
    let posted = post(&mixed, &format!("http://hooks.example.com:{port}/")).await;
    assert_eq!(posted, Err(DeliveryError::NotConnected));
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn exceptions_are_networks_and_names() {
    let receiver = Provider::start([answer("200 OK", "")]).await;
    let port = receiver.url.rsplit(':').next().unwrap();
    for (targets, host, expected) in [
        (&["127.0.0.0/8"] as &[_], "127.0.0.1", Ok(200)),
        (&["127.0.0.0/8"], "[::ffff:127.0.0.1]", Ok(200)),
        (&["127.0.0.0/8"], "hooks.internal", Ok(200)),
        (&["hooks.internal"], "hooks.internal", Ok(200)),
        (&["hooks.internal"], "Hooks.Internal", Ok(200)),
        (
            &["hooks.internal"],
            "other.internal",
            Err(DeliveryError::AddressNotAllowed),
        ),
        (
            &["hooks.internal"],
            "a.hooks.internal",
            Err(DeliveryError::AddressNotAllowed),
        ),
        (&["hooks.internal"], "127.0.0.1", Err(DeliveryError::AddressNotAllowed)),
        (&["10.0.0.0/8"], "127.0.0.1", Err(DeliveryError::AddressNotAllowed)),
    ] {
        let posted = post(&outbound(targets, &[&["127.0.0.1"]]), &format!("http://{host}:{port}/")).await;
        assert_eq!(posted, expected, "{targets:?} {host}");
    }
}
