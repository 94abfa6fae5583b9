//! No packet to an address that is not public, whatever the URL looks like.
//!
//! The judge is the kernel of a network namespace of the test's own: every address there is, is its loopback interface,
//! so that it can count who is asked for and nothing leaves the machine.

mod net;
mod urls;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::Command;

use bytes::Bytes;
use switchboard::config::{Outbound as Exceptions, PrivateTarget};
use switchboard::domain::network::is_public;
use switchboard::domain::time::Timestamp;
use switchboard::upstream::{self, Letter, Outbound};
use url::Url;

use net::Net;

const INSIDE: &str = "SWITCHBOARD_TEST_INSIDE_NAMESPACE";
const ROUNDS: &str = "SWITCHBOARD_REBINDING_ROUNDS";

/// Runs the test of this name once more, in a namespace; says whether this is that run.
fn inside(name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "--mount"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        // Who asks for others does not ask through whom the environment names.
        .env("HTTP_PROXY", "http://127.0.0.1:3128")
        .env("http_proxy", "http://127.0.0.1:3128")
        .env("ALL_PROXY", "http://127.0.0.1:3128")
        .output()
        .expect("`unshare` of util-linux is installed");
    let told = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{told}");
    assert!(
        output.status.success() && told.contains("1 passed"),
        "this needs a kernel that lets a test have a user and a network namespace (`unshare --user --net true`), and \
         iproute2; it is not skipped without"
    );
    false
}

fn nothing_allowed() -> Exceptions {
    Exceptions {
        allow_private: Vec::new(),
    }
}

/// The filter switched off.
fn everything_allowed() -> Exceptions {
    let networks = ["0.0.0.0/0", "::/0"].map(|network| PrivateTarget::Network(network.parse().unwrap()));
    Exceptions {
        allow_private: networks.into(),
    }
}

/// Has the gateway ask for a URL in both ways in which it asks for what it is given.
async fn ask(outbound: &Outbound, exceptions: &Exceptions, url: &str) {
    let Ok(url) = url.parse::<Url>() else { return };
    let letter = Letter {
        url: url.clone(),
        content_type: "application/json",
        headers: Vec::new(),
        body: Bytes::from_static(b"{}"),
    };
    // What becomes of it is of no interest: the judge counts.
    let _ = outbound.post(letter, Timestamp::from_seconds(0)).await;
    let _ = upstream::fetch(&url, exceptions.clone()).await;
}

fn forbidden(reached: &[IpAddr]) -> BTreeSet<IpAddr> {
    reached
        .iter()
        .filter(|address| !is_public(**address))
        .copied()
        .collect()
}

#[tokio::test]
async fn no_spelling_of_an_address_reaches_it() {
    if !inside("ssrf::no_spelling_of_an_address_reaches_it") {
        return;
    }
    let net = Net::enter();
    let urls = urls::all();
    assert!(urls.len() >= 300, "{}", urls.len());
    let exceptions = nothing_allowed();
    let outbound = Outbound::new(exceptions.clone()).unwrap();
    for url in &urls {
        ask(&outbound, &exceptions, url).await;
    }
    assert_eq!(
        (net.connects(), net.reached()),
        (0, vec![]),
        "connections tried, connections made"
    );
    println!("{} URLs, asked for in 2 ways: 0 connections", urls.len());

    // The judge sees what is allowed, and what the filter holds back.
    ask(&outbound, &exceptions, "http://1.1.1.1/").await;
    assert!(net.reached().contains(&IpAddr::from([1, 1, 1, 1])));
    let off = Outbound::new(everything_allowed()).unwrap();
    for url in &urls {
        ask(&off, &everything_allowed(), url).await;
    }
    let seen = net.connects();
    println!(
        "red control, the filter off: {seen} connections tried, to {} forbidden addresses",
        forbidden(&net.reached()).len()
    );
    assert!(
        seen > 300 && forbidden(&net.reached()).len() >= 20,
        "{seen} {:?}",
        forbidden(&net.reached())
    );
}

#[tokio::test]
async fn no_name_leads_to_one_whatever_it_meant_before() {
    if !inside("ssrf::no_name_leads_to_one_whatever_it_meant_before") {
        return;
    }
    let rounds = std::env::var(ROUNDS).map_or(1_000, |rounds| rounds.parse().unwrap());
    let net = Net::enter();
    net.answer_names();
    let exceptions = nothing_allowed();
    let outbound = Outbound::new(exceptions.clone()).unwrap();
    for round in 0..rounds {
        ask(&outbound, &exceptions, "http://rebind.test/").await;
        if round % 50 == 0 {
            for name in ["private", "mapped", "mixed", "many", "alias", "metadata"] {
                ask(&outbound, &exceptions, &format!("http://{name}.test/")).await;
            }
            ask(&outbound, &exceptions, "http://localhost/").await;
        }
    }
    let reached = net.reached();
    assert_eq!(forbidden(&reached), BTreeSet::new());
    let public = reached.len();
    assert!(public >= rounds / 8, "the name is reached while it is public: {public}");
    println!(
        "{rounds} rounds, the name public in {public}: 0 connections to a forbidden address, bound {:.1e}",
        3.0 / rounds as f64
    );

    let off = Outbound::new(everything_allowed()).unwrap();
    for _ in 0..20 {
        ask(&off, &everything_allowed(), "http://rebind.test/").await;
    }
    assert!(
        forbidden(&net.reached()).contains(&IpAddr::from([127, 0, 0, 1])),
        "red control"
    );
}

#[tokio::test]
async fn no_redirect_is_followed() {
    if !inside("ssrf::no_redirect_is_followed") {
        return;
    }
    let net = Net::enter();
    let exceptions = nothing_allowed();
    let outbound = Outbound::new(exceptions.clone()).unwrap();
    for status in [301, 302, 303, 307, 308] {
        for target in [
            "http://169.254.169.254/",
            "http://127.0.0.1/",
            "http://[::1]/",
            "//10.0.0.1/",
            "/again",
        ] {
            net.redirect(status, target);
            ask(&outbound, &exceptions, "http://1.1.1.1/").await;
        }
    }
    let reached = net.reached();
    assert_eq!(forbidden(&reached), BTreeSet::new());
    assert!(reached.iter().all(|address| *address == IpAddr::from([1, 1, 1, 1])) && !reached.is_empty());
}
