//! What a configuration knows of the one before it.

use super::*;
use crate::domain::time::Timestamp;

fn uses(config: &Config) -> &KeyUses {
    &config.accounts["zenvia-br"].keys.iter().next().unwrap().uses
}

#[test]
fn another_secret_at_the_same_place_is_another_configuration() {
    let rotated = read("", &[("ZENVIA", "canary-other")]).unwrap();
    assert!(config("").is_same_as(&config("")));
    assert!(!config("").is_same_as(&rotated));
    assert!(!config("").is_same_as(&config("[calls]\nsettle_seconds = 901")));
    assert_eq!(config("").sha256(), rotated.sha256(), "which the hash must not tell");
}

#[test]
fn a_key_goes_on_with_its_uses_as_long_as_its_secret_is_the_same() {
    let at = Timestamp::from_millis(1);
    let before = config("");
    uses(&before).used.note(at);
    let mut same = config("[accounts.zenvia-br]\nconcurrent = 3");
    same.carry_over(&before);
    assert_eq!(uses(&same).used.get(), Some(at));
    uses(&before).accepted.note(at);
    assert_eq!(uses(&same).accepted.get(), Some(at), "what is under way counts too");
    let mut rotated = read("", &[("ZENVIA", "canary-other")]).unwrap();
    rotated.carry_over(&before);
    assert_eq!(uses(&rotated).used.get(), None);
}

#[test]
fn what_is_published_goes_on_while_the_url_is_the_same() {
    let at = |url| config(&format!("[auth]\njwks_url = '{url}'"));
    let (early, late) = (Timestamp::from_millis(1), Timestamp::from_millis(3));
    let before = at("https://issuer.test/one");
    before
        .auth
        .published
        .publish([("1", "shadowed"), ("a", "x"), ("b", "y")].into_iter(), Some(late));
    before.auth.published.uses("a", "x").accepted.note(early);
    let shown = |config: &Config, now| -> Vec<(String, bool, Option<Timestamp>)> {
        let rings = config.rings(now).into_iter();
        let keys = rings
            .filter(|(ring, _)| ring == PUBLISHED_RING)
            .flat_map(|(_, keys)| keys);
        keys.map(|key| (key.id, key.valid, key.uses.accepted.get())).collect()
    };
    let told = |valid| vec![("a".to_owned(), valid, Some(early)), ("b".to_owned(), valid, None)];
    assert_eq!(shown(&before, early), told(true));
    assert_eq!(shown(&before, late), told(false));
    for (url, expected) in [
        ("https://issuer.test/one", told(true)),
        ("https://issuer.test/two", vec![]),
    ] {
        let mut config = at(url);
        config.carry_over(&before);
        assert_eq!(shown(&config, early), expected, "{url}");
    }
}

#[test]
fn another_url_of_the_store_takes_a_restart_even_at_the_same_place() {
    let at = |url| read("[store]\nurl = 'env::STORE'\n", &[("STORE", url)]).unwrap();
    assert_eq!(at("memory:").restart_changes(&at("embedded:./x")), ["store.url"]);
    assert_eq!(at("memory:").restart_changes(&at("memory:")), [""; 0]);
}

#[test]
fn every_ring_is_told_of() {
    let text = r#"
        [secrets]
        keys = [ { id = "s", secret = "env::LONG", until = "2026-01-01T00:00:00Z" } ]
        [accounts.zenvia-br]
        webhook_keys = [ { id = "w", secret = "env::LONG" } ]
        [subscriptions.billing]
        tenant = "billing"
        url = "https://billing.example.com"
        types = ["*"]
        keys = [ { id = "b", secret = "env::LONG" } ]"#;
    let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    let rings = config(text).rings(now).into_iter();
    let keys = rings.flat_map(|(ring, keys)| keys.into_iter().map(move |key| (ring.clone(), key.id, key.valid)));
    let told = |(ring, key, valid): (&str, &str, bool)| (ring.to_owned(), key.to_owned(), valid);
    let expected = [
        ("secrets.keys", "s", false),
        ("auth.keys", "1", true),
        ("accounts.zenvia-br.keys", "1", true),
        ("accounts.zenvia-br.webhook_keys", "w", true),
        ("subscriptions.billing.keys", "b", true),
    ];
    assert_eq!(keys.collect::<Vec<_>>(), expected.map(told));
}
