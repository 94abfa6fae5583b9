//! What cannot be taken over changes nothing, and is told with every fault.

use std::fs;

use crate::bed::ZENVIA;
use crate::operator::{Site, replace};

const RIGHT: &str = "[calls]\nsettle_seconds = 901\n";

/// What is written, and a word of each fault that is told of it.
const WRONG: [(&str, &[&str]); 7] = [
    ("[calls\nsettle_seconds = 901\n", &["is not TOML"]),
    (
        "[calls]\nsettle_seconds = 0\nsettle = 3\n[phone]\nregion = \"XX\"\n",
        &["calls.settle_seconds", "calls.settle:", "phone.region"],
    ),
    (
        "[accounts.zenvia-br]\nkeys = []\n[accounts.new]\nprovider = \"none\"\nowner = \"acme\"\n",
        &["accounts.zenvia-br.keys", "accounts.new.keys", "accounts.new.provider"],
    ),
    (
        "[accounts.zenvia-br]\nkeys = [ { id = \"1\", secret = \"canary-in-clear\" } ]\n",
        &["accounts.zenvia-br.keys[0].secret: is written out"],
    ),
    (
        "[accounts.zenvia-br]\nkeys = [ { id = \"1\", secret = \"file::/nowhere/at/all\" } ]\n",
        &["/nowhere/at/all"],
    ),
    ("[routing]\ncalls = [\"nobody\"]\n", &["routing.calls"]),
    (
        "[server]\nworkers = 3\nmax_body_bytes = 70000\n",
        &["server.workers", "server.max_body_bytes"],
    ),
];

#[tokio::test]
async fn each_wrong_configuration_changes_nothing_and_is_told_with_every_fault() {
    let site = Site::start(|_| RIGHT.to_owned()).await;
    let sha256 = site.sha256().await;
    for (toml, words) in WRONG {
        replace(site.file(), toml);
        let faults = site.refused().await;
        for word in words {
            let told = faults.iter().any(|fault| fault.contains(word));
            assert!(told, "{word} in {faults:?}");
            let log = site.gateway.log();
            assert!(log.contains(word), "{word} in {log}");
        }
        assert_eq!(faults.len(), words.len(), "{faults:?}");
        let metrics = site.metrics().await;
        assert!(
            metrics.contains("\nswitchboard_config_last_reload_successful 0\n"),
            "{metrics}"
        );
        assert_eq!(site.sha256().await, sha256, "nothing has changed");
        site.acme().get("/calls").await.expect(200);
        replace(site.file(), RIGHT);
        site.taken_over(|now| now == sha256).await;
    }
    let metrics = site.metrics().await;
    assert!(
        metrics.contains("\nswitchboard_config_last_reload_successful 1\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains(&format!("switchboard_config_info{{sha256=\"{sha256}\"}} 1\n")),
        "{metrics}"
    );
    assert!(!site.gateway.log().contains("canary"));
}

#[tokio::test]
async fn a_secret_that_was_missing_is_found_when_it_comes() {
    let site = Site::start(|_| RIGHT.to_owned()).await;
    let late = site.home.path().join("late");
    let hook = "a-secret-part-of-webhook-urls-that-comes-late";
    replace(
        site.file(),
        &format!(
            "[accounts.{ZENVIA}]\nwebhook_keys = [ {{ id = \"late\", secret = \"file::{}\" }} ]\n",
            late.display()
        ),
    );
    site.refused().await;
    fs::write(&late, hook).unwrap();
    site.taken_over(|_| true).await;
    let path = format!("/webhooks/{ZENVIA}/balance/{hook}");
    site.acme()
        .post(&path, serde_json::json!({ "saldo": 1 }))
        .await
        .expect(200);
}
