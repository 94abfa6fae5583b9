//! Defaults, then files, then the environment.

use super::*;
use std::time::Duration;

#[test]
fn a_later_file_overrides_an_earlier_one_key_by_key() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let files = vec![
        file("base.toml", BASE),
        file("one.toml", "[server]\nworkers = 2\ndrain_seconds = 1"),
        file("two.toml", "[server]\nworkers = 3"),
    ];
    let env = ENV.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let config = Config::load(&Sources { files, env }).unwrap();
    assert_eq!(config.server.workers, 3);
    assert_eq!(config.server.drain, Duration::from_secs(1));
    assert_eq!(config.server.max_body_bytes, 65_536);
}

#[test]
fn the_environment_overrides_files_with_values_of_every_type() {
    let env = [
        ("SWITCHBOARD__SERVER__WORKERS", "7"),
        ("SWITCHBOARD__SERVER__PUBLIC_URL", "https://gw.example.com"),
        ("SWITCHBOARD__VERIFICATION__BRAND", "123"),
        ("SWITCHBOARD__VERIFICATION__GUARD__MODE", "observe"),
        (
            "SWITCHBOARD__VERIFICATION__GUARD__PREFIX_BLOCK__MIN_VERIFIED_RATIO",
            "0.5",
        ),
        ("SWITCHBOARD__VERIFICATION__SENDS_PER_NUMBER", "false"),
        ("SWITCHBOARD__LIMITS__REQUESTS_PER_TENANT__MAX", "9"),
        ("SWITCHBOARD__LIMITS__REQUESTS_PER_TENANT__PER_SECONDS", "1"),
        ("SWITCHBOARD__ACCOUNTS__ZENVIA_BR__BASE_URL", "http://127.0.0.1:9101"),
        ("SWITCHBOARD__ACCOUNTS__ZENVIA_BR__CONCURRENT", "3"),
    ];
    let config = read("[server]\nworkers = 2", &env).unwrap();
    let rate = Rate {
        max: 9,
        per: Duration::from_secs(1),
    };
    assert_eq!(config.server.workers, 7);
    assert_eq!(config.server.public_url.unwrap().as_str(), "https://gw.example.com/");
    assert_eq!(config.verification.brand.as_deref(), Some("123"));
    assert_eq!(config.verification.guard.mode, GuardMode::Observe);
    assert_eq!(config.verification.guard.prefix_block.unwrap().min_verified_ratio, 0.5);
    assert_eq!(config.verification.sends_per_number, None);
    assert_eq!(config.limits.requests_per_tenant, Some(rate));
    let account = &config.accounts["zenvia-br"];
    assert_eq!(account.base_url.as_ref().unwrap().as_str(), "http://127.0.0.1:9101/");
    assert_eq!(account.concurrent, 3);
}

#[test]
fn a_fault_from_the_environment_names_its_variable() {
    let env = [
        ("SWITCHBOARD__SERVER__WORKERS", "many"),
        ("SWITCHBOARD__SERVER__WORKRES", "1"),
        ("SWITCHBOARD__SERVER__TRUSTED_PROXIES", "10.0.0.0/8"),
    ];
    let faults = read("", &env).unwrap_err().0;
    assert_eq!(
        paths(&faults),
        ["server.trusted_proxies", "server.workers", "server.workres"]
    );
    for (fault, variable) in faults.iter().zip(["TRUSTED_PROXIES", "WORKERS", "WORKRES"]) {
        assert!(
            fault
                .problem
                .ends_with(&format!("(set by SWITCHBOARD__SERVER__{variable})")),
            "{fault}"
        );
    }
}

#[test]
fn other_variables_do_not_matter() {
    read("", &[("SWITCHBOARD_HOME", "/"), ("SERVER__WORKERS", "many")]).unwrap();
}

#[test]
fn an_empty_endpoint_is_left_to_the_variable_of_opentelemetry() {
    let variable = |value| [("OTEL_EXPORTER_OTLP_ENDPOINT", value)];
    let endpoint = |text: &str, value| {
        read(text, &variable(value))
            .unwrap()
            .telemetry
            .otlp_endpoint
            .map(String::from)
    };
    let configured = "[telemetry]\notlp_endpoint = 'http://a:4318'";
    assert_eq!(endpoint("", "http://b:4318").as_deref(), Some("http://b:4318/"));
    assert_eq!(endpoint(configured, "http://b:4318").as_deref(), Some("http://a:4318/"));
    assert_eq!(endpoint("", ""), None);
    let faults = read("", &variable("b")).unwrap_err().0;
    assert_eq!(paths(&faults), ["telemetry.otlp_endpoint"]);
}

#[test]
fn only_keys_marked_restart_count_as_restart_changes() {
    let before = config("");
    let hot = config("[history]\ntime_zone = 'UTC'\n[server]\npublic_url = 'https://a.example.com'");
    let cold = config("[server]\nbind = '127.0.0.1:1'\n[store]\nurl = 'memory:'");
    assert_eq!(before.restart_changes(&hot), [""; 0]);
    assert_eq!(before.restart_changes(&cold), ["server.bind", "store.url"]);
}

#[test]
fn the_digest_follows_the_merged_configuration() {
    assert_eq!(config("").sha256(), config("[server]\nworkers = 0").sha256());
    assert_ne!(config("").sha256(), config("[server]\nworkers = 1").sha256());
    assert_eq!(config("").sha256().len(), 64);
}
