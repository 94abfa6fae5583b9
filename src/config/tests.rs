//! What a configuration promises: its values, its layers, its faults, and that secrets stay hidden.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod another;
mod faults;
mod layers;
mod secrets;
mod values;

use super::*;

/// The least that loads; tests lay their own text over it.
const BASE: &str = r#"
    [auth]
    issuer = "https://auth.example.com"
    keys = [ { id = "1", alg = "HS256", secret = "env::JWT" } ]

    [accounts.zenvia-br]
    provider = "zenvia"
    owner = "telephony"
    keys = [ { id = "1", secret = "env::ZENVIA" } ]
"#;

const ENV: [(&str, &str); 5] = [
    ("JWT", "canary-jwt-0123456789-0123456789-0123"),
    ("ZENVIA", "canary-zenvia"),
    ("LONG", "canary-long-0123456789-0123456789-0123"),
    ("CODE", "424242"),
    ("EMPTY", ""),
];

fn read(text: &str, env: &[(&str, &str)]) -> Result<Config, Faults> {
    let pair = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    let env: BTreeMap<_, _> = ENV.iter().chain(env).map(pair).collect();
    let mut layers = Layers::new();
    layers.add_text("base", BASE);
    layers.add_text("text", text);
    layers.add_environment(&env);
    Config::read(layers, env, |_| Ok(()))
}

fn config(text: &str) -> Config {
    read(text, &[]).unwrap_or_else(|faults| panic!("{faults}"))
}

fn faults(text: &str) -> Vec<Fault> {
    read(text, &[]).expect_err("this configuration has faults").0
}

fn paths(faults: &[Fault]) -> Vec<&str> {
    faults.iter().map(|fault| fault.path.as_str()).collect()
}

fn account(name: &str) -> AccountName {
    name.parse().unwrap()
}
