//! Every ring is rotated under load, while the provider refuses the old key before the gateway has let go of it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bed::{EVOLUX, PROVIDER_TOKEN, Providers, Reaction, Receiver, WHATSAPP, ZENVIA, eventually};
use crate::dial;
use crate::load::{Known, Load, report};
use crate::operator::Site;

/// The secret of a ring's nth key; the provider's tokens have 32 characters.
fn secret(ring: &str, n: usize) -> String {
    let secret = format!("canary-{ring}-{n}-0123456789abcdefghijklmnopqrstuvwxyz");
    match ring {
        "zenvia" | "evolux" | "whatsapp" => secret[..32].to_owned(),
        _ => secret,
    }
}

/// A ring of these keys in order, their secrets in files.
fn ring(directory: &Path, name: &str, keys: &[usize]) -> String {
    let alg = if name == "jwt" { "alg = \"HS256\", " } else { "" };
    let keys = keys.iter().map(|n| {
        let file = directory.join(format!("{name}-{n}.secret"));
        let value = match (name, n) {
            ("zenvia" | "evolux" | "whatsapp", 0) => PROVIDER_TOKEN.to_owned(),
            _ => secret(name, *n),
        };
        fs::write(&file, value).unwrap();
        format!("{{ id = \"k{n}\", {alg}secret = \"file::{}\" }}", file.display())
    });
    format!("[ {} ]", keys.collect::<Vec<_>>().join(", "))
}

/// The configuration with these keys in our rings, and these in those of the providers.
fn toml(directory: &Path, receiver: &str, ours: &[usize], theirs: &[usize]) -> String {
    let ours = |name| ring(directory, name, ours);
    let theirs = |name| ring(directory, name, theirs);
    format!(
        r#"
[secrets]
keys = {seal}
[auth]
keys = {jwt}
[accounts.{ZENVIA}]
keys = {zenvia}
webhook_keys = {hook}
[accounts.{EVOLUX}]
keys = {evolux}
[accounts.{WHATSAPP}]
keys = {whatsapp}
webhook_keys = {hook}
[subscriptions.billing]
tenant = "acme"
url = "{receiver}"
types = ["*"]
keys = {billing}
"#,
        seal = ours("seal"),
        jwt = ours("jwt"),
        hook = ours("hook"),
        billing = ours("billing"),
        zenvia = theirs("zenvia"),
        evolux = theirs("evolux"),
        whatsapp = theirs("whatsapp"),
    )
}

fn known(n: usize) -> Known {
    Known {
        jwt: (format!("k{n}"), secret("jwt", n)),
        hook: secret("hook", n),
    }
}

/// What the providers accept from now on.
async fn accept(providers: &Providers, keys: &[usize]) {
    let token = |name: &str, n: &usize| match n {
        0 => PROVIDER_TOKEN.to_owned(),
        n => secret(name, *n),
    };
    for (name, url) in [
        ("zenvia", providers.zenvia.url()),
        ("evolux", providers.evolux.url()),
        ("whatsapp", providers.positus.url()),
    ] {
        let tokens: Vec<_> = keys.iter().map(|n| token(name, n)).collect();
        let told = Providers::controls(&url)
            .post("/tokens", json!({ "accept": tokens }))
            .await;
        told.expect(200);
    }
}

async fn start(receiver: &str) -> Site {
    Site::start(|directory| toml(directory, receiver, &[0], &[0])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_ring_is_rotated_twice_and_no_request_fails() {
    let receiver = Receiver::start(|_| Reaction::Status(200)).await;
    let site = start(&receiver.url).await;
    let directory = site.home.path().to_owned();
    let began = Instant::now();
    let load = Load::start(&site.acme(), known(0));
    let rest = Duration::from_secs(dial("SWITCHBOARD_ROTATION_SECONDS", 0)) / 6;
    for n in [1, 2] {
        let old = n - 1;
        // Ours: the new key comes first, both are accepted. Theirs: it comes second, in case the old one is refused.
        accept(&site.providers, &[old, n]).await;
        site.change(&toml(&directory, &receiver.url, &[n, old], &[old, n]))
            .await;
        tokio::time::sleep(rest).await;
        load.go_round().await;
        // The provider refuses the old key, and the gateway finds out by itself.
        accept(&site.providers, &[n]).await;
        load.learn(known(n)).await;
        tokio::time::sleep(rest).await;
        load.go_round().await;
        site.change(&toml(&directory, &receiver.url, &[n], &[n])).await;
        tokio::time::sleep(rest).await;
        load.go_round().await;
    }
    let (asked, failed) = load.end().await;
    report("every ring rotated twice", began, (asked, &failed));
    assert_eq!(failed, Vec::<String>::new());
    told_of_each_rotation(&site).await;
    shown_to_be_in_use(&site).await;
    no_secret_is_told(&site).await;
}

/// The account's owner is told when a key was refused and when another took over, once each.
async fn told_of_each_rotation(site: &Site) {
    let told = async |kind: &str| {
        let acme = site.acme().with_token(known(2).token());
        let (mut events, mut after) = (Vec::new(), String::new());
        loop {
            // A page may come by nothing that is asked for, and yet not be the last.
            let page = acme.get(&format!("/events?types={kind}&subject={ZENVIA}{after}")).await;
            events.extend(page.expect(200).body["data"].as_array().unwrap().clone());
            let next = format!("&after={}", page.body["next_cursor"].as_str().unwrap());
            if next == std::mem::replace(&mut after, next.clone()) {
                break;
            }
        }
        let of = |event: &Value| event["data"]["key"].as_str().unwrap().to_owned();
        events.iter().map(of).collect::<Vec<_>>()
    };
    eventually("every rotation is told", async || {
        let mut keys = told("account.key_rotated").await;
        keys.sort();
        (keys == ["k1", "k2"]).then_some(())
    })
    .await;
    let mut refused = told("account.key_rejected").await;
    refused.sort();
    assert_eq!(refused, ["k0", "k1"]);
}

/// Each ring tells when its key was last accepted.
async fn shown_to_be_in_use(site: &Site) {
    for ring in [
        "secrets.keys",
        "auth.keys",
        "accounts.zenvia-br.keys",
        "accounts.zenvia-br.webhook_keys",
        "subscriptions.billing.keys",
    ] {
        let series = format!("switchboard_key_last_accepted_timestamp_seconds{{ring=\"{ring}\",key=\"k2\"}}");
        eventually(&series, async || site.metrics().await.contains(&series).then_some(())).await;
    }
}

/// Neither the log nor what operators read holds a secret.
async fn no_secret_is_told(site: &Site) {
    let texts = [
        ("the log", site.gateway.log()),
        ("/metrics", site.metrics().await),
        ("/health", site.health().await.to_string()),
    ];
    for (place, text) in texts {
        assert!(!text.is_empty(), "{place}");
        assert!(!text.contains("canary-"), "a secret stands in {place}");
        assert!(!text.contains(PROVIDER_TOKEN), "a secret stands in {place}");
    }
}

/// What the test above would see if the keys did not overlap.
#[tokio::test(flavor = "multi_thread")]
async fn red_control_a_key_taken_away_while_it_is_in_use_fails_requests() {
    let receiver = Receiver::start(|_| Reaction::Status(200)).await;
    let site = start(&receiver.url).await;
    let load = Load::start(&site.acme(), known(0));
    load.go_round().await;
    site.change(&toml(site.home.path(), &receiver.url, &[1], &[0])).await;
    load.go_round().await;
    let (_, failed) = load.end().await;
    assert!(failed.iter().any(|failure| failure.contains("401")), "{failed:?}");
    assert!(
        failed.iter().any(|failure| failure.starts_with("POST /webhooks: 404")),
        "{failed:?}"
    );
}
