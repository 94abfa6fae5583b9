//! Every fault is listed, at its path, and none repeats what may be a secret.

use super::*;

/// Bad configurations, and the paths of all their faults.
fn cases() -> impl Iterator<Item = (Vec<&'static str>, &'static str)> {
    let blocks = include_str!("faults.txt").split("\n\n").skip(1);
    blocks.filter_map(|block| {
        let (paths, text) = block.strip_prefix("# ")?.split_once('\n')?;
        Some((paths.split(' ').collect(), text))
    })
}

#[test]
fn each_fault_is_found_at_its_path() {
    assert!(cases().count() > 60);
    for (mut expected, text) in cases() {
        let found = faults(text);
        let mut found_paths = paths(&found);
        found_paths.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found_paths, expected, "{text}\n{}", Faults(found.clone()));
        for fault in &found {
            assert!(!fault.problem.is_empty() && !fault.remedy.is_empty());
            assert!(!fault.to_string().contains("canary"), "{fault}");
        }
    }
}

#[test]
fn a_request_without_the_time_for_an_act_is_a_fault_that_names_both_times() {
    let text = |ms| format!("[server]\nrequest_timeout_ms = {ms}\n[accounts.zenvia-br]\ntimeout_ms = 6000");
    config(&text(3001));
    let found = faults(&text(3000));
    assert_eq!(paths(&found), ["server.request_timeout_ms"]);
    assert!(found[0].problem.contains("accounts.zenvia-br.timeout_ms"));
}

#[test]
fn the_defaults_alone_lack_only_what_cannot_have_a_default() {
    let faults = Config::from_toml("").unwrap_err().0;
    assert_eq!(paths(&faults), ["auth.issuer", "auth.keys"]);
}

#[test]
fn more_than_five_keys_are_a_fault() {
    let entry = |id| format!("{{ id = '{id}', secret = 'env::ZENVIA' }}");
    let ring = |size| (0..size).map(entry).collect::<Vec<_>>().join(", ");
    let text = |size| format!("[accounts.zenvia-br]\nkeys = [ {} ]", ring(size));
    config(&text(5));
    assert_eq!(paths(&faults(&text(6))), ["accounts.zenvia-br.keys"]);
}

#[test]
fn one_bad_configuration_lists_all_its_faults_at_once() {
    let found = faults(
        r#"
        [server]
        bind = "everywhere"
        colour = "red"
        [secrets]
        keys = [ { id = "1", secret = "canary" } ]
        [auth]
        keys = [ { id = "1", alg = "HS256", secret = "env::ZENVIA" } ]
        [store]
        url = "redis+sentinel://h1"
        [history]
        time_zone = "Brazil/Atlantis"
        [verification]
        max_attempts = 0
        [routing]
        calls = ["zenvia-ar"]
        [accounts.zenvia-br]
        owner = ""
        keys = [ { id = "1", secret = "env::ABSENT" }, { id = "1", secret = "file::/nowhere" } ]
        [subscriptions.billing]
        url = "billing"
        "#,
    );
    let expected = [
        "store.url",
        "server.bind",
        "server.colour",
        "secrets.keys[0].secret",
        "auth.keys[0].secret",
        "history.time_zone",
        "verification.max_attempts",
        "routing.calls",
        "accounts.zenvia-br.owner",
        "accounts.zenvia-br.keys[0].secret",
        "accounts.zenvia-br.keys[1].id",
        "accounts.zenvia-br.keys[1].secret",
        "subscriptions.billing.url",
        "subscriptions.billing.tenant",
        "subscriptions.billing.types",
        "subscriptions.billing.keys",
    ];
    assert_eq!(paths(&found), expected);
    assert_eq!(Faults(found).to_string().lines().count(), expected.len());
}

#[test]
fn syntax_faults_of_all_files_are_listed_by_line_without_quoting_it() {
    let directory = tempfile::tempdir().unwrap();
    let one = directory.path().join("one.toml");
    let two = directory.path().join("two.toml");
    let three = directory.path().join("three.toml");
    std::fs::write(&one, "[server]\nbind = canary\n\n[store\nurl = 'canary'\n").unwrap();
    std::fs::write(&two, "[server]\nworkers = 1\nworkers = 2\n").unwrap();
    let files = vec![one.clone(), two.clone(), three.clone()];
    let sources = Sources { files, env: Vec::new() };
    let faults = Config::load(&sources).unwrap_err();
    let expected = [
        format!("{}:2", one.display()),
        format!("{}:4", one.display()),
        format!("{}:3", two.display()),
        three.display().to_string(),
    ];
    assert_eq!(paths(&faults.0), expected);
    assert!(!faults.to_string().contains("canary"), "{faults}");
}

#[test]
fn an_unknown_key_is_answered_with_the_known_ones() {
    let faults = faults("[history]\nzone = 'UTC'");
    assert_eq!(faults[0].remedy, "remove it; known here: time_zone");
}

#[test]
fn a_secret_in_the_form_of_standard_webhooks_is_base64() {
    let text = r#"
        [subscriptions.billing]
        tenant = "billing"
        url = "https://billing.example.com/hooks"
        types = ["*"]
        keys = [ { id = "1", secret = "env::LONG" }, { id = "2", secret = "env::HOOK" } ]
    "#;
    let signs = |secret| {
        let config = read(text, &[("HOOK", secret)]).unwrap();
        let now = crate::domain::time::Timestamp::from_seconds(0);
        config.subscriptions["billing"].signing_keys(now).nth(1).unwrap()
    };
    assert_eq!(signs("whsec_MDEyMw=="), b"0123");
    assert_eq!(signs("MDEyMw=="), b"MDEyMw==", "any other text is itself");
    for secret in ["whsec_", "whsec_canary", "whsec_!", "whsec_MDEyMw"] {
        let found = read(text, &[("HOOK", secret)]).unwrap_err().0;
        assert_eq!(paths(&found), ["subscriptions.billing.keys[1].secret"], "{secret}");
        assert!(!found[0].to_string().contains("canary"));
    }
}
