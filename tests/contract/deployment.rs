//! What `docker-compose.yml`, the `Dockerfile` and the files they mount promise, without an engine.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Map, Value};
use switchboard::app;
use switchboard::config::{Config, Sources};

use super::repository::{root, text};

const GATEWAYS: [&str; 2] = ["gateway-1", "gateway-2"];

#[test]
fn whatever_a_service_names_is_there() {
    let compose = compose();
    let services = section(&compose, "services");
    for (name, service) in services {
        assert!(
            names(service, "depends_on")
                .iter()
                .all(|other| services.contains_key(other)),
            "{name}"
        );
        assert!(
            names(service, "networks")
                .iter()
                .all(|it| section(&compose, "networks").contains_key(it)),
            "{name}"
        );
        assert!(
            names(service, "secrets")
                .iter()
                .all(|it| section(&compose, "secrets").contains_key(it)),
            "{name}"
        );
        for mount in strings(&service["volumes"]) {
            let (from, to) = mount.split_once(':').unwrap();
            let is_there = match from.strip_prefix("./") {
                Some(path) => root().join(path).exists() && to.ends_with(":ro"),
                None => section(&compose, "volumes").contains_key(from),
            };
            assert!(is_there, "{name}: {mount}");
        }
    }
}

#[test]
fn redis_keeps_what_was_acknowledged() {
    let redis = compose()["services"]["redis"].clone();
    let command = strings(&redis["command"]);
    for setting in [
        ["--appendonly", "yes"],
        ["--appendfsync", "always"],
        ["--maxmemory-policy", "noeviction"],
    ] {
        assert!(command.windows(2).any(|pair| pair == setting), "{setting:?}");
    }
    assert!(strings(&redis["volumes"]).iter().any(|mount| mount.ends_with(":/data")));
    assert_eq!(redis["ports"], Value::Null, "Redis is not published");
}

#[test]
fn gateways_are_alike_and_may_do_little() {
    let compose = compose();
    let [one, other] = GATEWAYS.map(|name| &compose["services"][name]);
    assert_eq!(one, other);
    assert_eq!(one["read_only"], true);
    assert_eq!(strings(&one["cap_drop"]), ["ALL"]);
    assert_eq!(strings(&one["security_opt"]), ["no-new-privileges:true"]);
    assert_eq!(one["ports"], Value::Null, "only nginx is published");
    let grace = one["stop_grace_period"]
        .as_str()
        .unwrap()
        .trim_end_matches('s')
        .parse::<u64>()
        .unwrap();
    assert!(grace > production(&["example", "compose"]).server.drain.as_secs());
}

#[test]
fn nginx_and_prometheus_know_every_gateway() {
    let config = production(&["example", "compose"]);
    let (port, management) = (config.server.bind.port(), config.server.management_bind.port());
    let nginx = text("config/nginx.conf").unwrap();
    let prometheus: Value = serde_saphyr::from_str(&text("config/prometheus.yml").unwrap()).unwrap();
    let targets = strings(&prometheus["scrape_configs"][0]["static_configs"][0]["targets"]);
    assert_eq!(targets, GATEWAYS.map(|name| format!("{name}:{management}")));
    for name in GATEWAYS {
        assert!(nginx.contains(&format!("server {name}:{port} ")), "{name}");
    }
    assert_eq!(nginx.matches("server gateway-").count(), GATEWAYS.len());
    let subnet = compose()["networks"]["gateways"]["ipam"]["config"][0]["subnet"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(config.server.trusted_proxies, [subnet.parse().unwrap()]);
}

#[test]
fn the_sample_configurations_are_valid() {
    assert!(production(&["example"]).store.directory().is_some());
    assert!(production(&["example", "compose"]).store.is_shared());
}

#[test]
fn every_secret_of_the_sample_is_mounted() {
    let places: BTreeSet<_> = text("config/example.toml")
        .unwrap()
        .split("file::/run/secrets/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    let mounted: BTreeSet<_> = names(&compose()["services"][GATEWAYS[0]], "secrets")
        .into_iter()
        .collect();
    assert_eq!(places, mounted);
}

#[test]
fn the_image_runs_as_nobody_in_particular_and_tells_its_health() {
    let dockerfile = text("Dockerfile").unwrap();
    let (build, image) = dockerfile.split_once("\nFROM debian").unwrap();
    let toolchain: toml::Table = text("rust-toolchain.toml").unwrap().parse().unwrap();
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    assert!(build.contains(&format!("RUSTUP_TOOLCHAIN={channel}\n")));
    assert!(build.contains(&format!("FROM rust:{}-", channel.trim_end_matches(".0"))));
    assert!(
        image.contains("ca-certificates"),
        "the HTTP client does not start without a trust store"
    );
    assert!(image.contains("\nUSER 10001\n"));
    assert!(image.contains("127.0.0.1:9090/health/ready"));
}

/// A production configuration of `config/`, its secrets in a directory of their own.
fn production(files: &[&str]) -> Config {
    let directory = tempfile::tempdir().unwrap();
    for name in names(&compose()["services"][GATEWAYS[0]], "secrets") {
        fs::write(
            directory.path().join(name),
            "a secret that is of thirty-two bytes or more",
        )
        .unwrap();
    }
    let here = |name: &&str| {
        let text = text(&format!("config/{name}.toml")).unwrap();
        let path = directory.path().join(name).with_extension("toml");
        fs::write(&path, text.replace("/run/secrets", directory.path().to_str().unwrap())).unwrap();
        path
    };
    let sources = Sources {
        files: files.iter().map(here).collect(),
        env: Vec::new(),
    };
    app::load(&sources).unwrap_or_else(|faults| panic!("{faults}"))
}

fn compose() -> Value {
    serde_saphyr::from_str(&text("docker-compose.yml").unwrap()).unwrap()
}

fn section<'a>(compose: &'a Value, name: &str) -> &'a Map<String, Value> {
    compose[name].as_object().unwrap()
}

/// The names under a key, which may be a list or a map.
fn names(service: &Value, key: &str) -> Vec<String> {
    match &service[key] {
        Value::Object(map) => map.keys().cloned().collect(),
        list => strings(list),
    }
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array()
        .into_iter()
        .flatten()
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}
