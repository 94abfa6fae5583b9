//! Accounts for tests, read as the configuration reads them.

use crate::config::{Account, Config};

/// An account that `settings`, lines of TOML, say the rest of.
pub fn account(settings: &str) -> Account {
    let text = format!(
        r#"
        [auth]
        issuer = "https://auth.example.com"
        keys = [ {{ id = "1", alg = "HS256", secret = "env::JWT" }} ]
        [accounts.tested]
        owner = "telephony"
        keys = [ {{ id = "1", secret = "env::KEY" }} ]
        {settings}"#
    );
    let env = [("JWT", "a-secret-of-more-than-thirty-two-bytes"), ("KEY", "token-1")];
    let mut config = Config::from_toml_with(&text, &env).unwrap_or_else(|faults| panic!("{faults}"));
    config.accounts.remove("tested").unwrap()
}

/// Where the faults of some settings lie.
pub fn faulty<T>(read: Result<T, crate::config::Faults>) -> Vec<String> {
    let faults = read.err().unwrap();
    faults.0.into_iter().map(|fault| fault.path).collect()
}
