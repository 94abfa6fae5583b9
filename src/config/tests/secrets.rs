//! Secrets are read from their places and shown nowhere.

use std::os::unix::fs::PermissionsExt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::*;

fn ring(config: &Config) -> &KeyRing {
    &config.accounts["zenvia-br"].keys
}

#[test]
fn a_file_gives_its_text_less_the_newline_at_its_end() {
    let directory = tempfile::tempdir().unwrap();
    for text in ["canary", "canary\n", "canary\r\n"] {
        let path = directory.path().join("secret");
        std::fs::write(&path, text).unwrap();
        let place = format!("file::{}", path.display());
        let config = config(&format!(
            "[accounts.zenvia-br]\nkeys = [ {{ id = '1', secret = '{place}' }} ]"
        ));
        assert_eq!(ring(&config).iter().next().unwrap().secret.expose(), "canary");
        assert_eq!(config.secret_files(), [path]);
    }
}

#[test]
fn an_empty_file_is_a_fault() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "\n").unwrap();
    let text = format!("[store]\nurl = 'file::{}'", file.path().display());
    assert_eq!(paths(&faults(&text)), ["store.url"]);
}

#[test]
fn nothing_secret_is_in_debug() {
    let text = r#"
        [secrets]
        keys = [ { id = "1", secret = "env::LONG" } ]
        [store]
        url = "env::REDIS"
        [accounts.zenvia-br]
        webhook_keys = [ { id = "a", secret = "env::HOOK" } ]
        forward_url = "https://example.com/canary-forward"
        [subscriptions.billing]
        tenant = "billing"
        url = "https://billing.example.com/hooks"
        types = ["call.*"]
        keys = [ { id = "1", secret = "env::HOOK" } ]
        [verification.test_numbers]
        "+5511900000001" = "env::CODE"
    "#;
    let env = [("REDIS", "redis://:canary-redis@127.0.0.1/0"), ("HOOK", "canary-hook")];
    let config = read(text, &env).unwrap();
    assert!(config.store.url().contains("canary-redis"));
    let shown = format!("{config:?} {config:#?}");
    assert!(shown.contains("zenvia-br") && shown.contains("[secret]"));
    for hidden in ["canary", "424242", "+5511900000001"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

#[test]
fn the_first_valid_key_signs_and_every_valid_key_is_accepted() {
    let config = config(
        "[accounts.zenvia-br]
         keys = [ { id = 'next', secret = 'env::LONG', from = '2026-12-01T00:00:00Z' },
                  { id = 'now', secret = 'env::ZENVIA', until = 2026-12-02T00:00:00Z },
                  { id = 'ever', secret = 'env::JWT' } ]",
    );
    let ids = |now: &str| {
        let now: Timestamp = now.parse().unwrap();
        let valid: Vec<_> = ring(&config).valid(now).map(|key| key.id.as_str()).collect();
        assert_eq!(
            ring(&config).signing(now).map(|key| key.id.as_str()),
            valid.first().copied()
        );
        valid
    };
    assert_eq!(ids("2026-11-30T23:59:59Z"), ["now", "ever"]);
    assert_eq!(ids("2026-12-01T00:00:00Z"), ["next", "now", "ever"]);
    assert_eq!(ids("2026-12-02T00:00:00Z"), ["next", "ever"]);
}

#[test]
fn a_fingerprint_tells_secrets_apart_and_reveals_none() {
    let fingerprint = |secret: &str| {
        let ring = KeyRing::single("1", Secret::new(secret));
        ring.iter().next().unwrap().fingerprint()
    };
    assert_eq!(fingerprint("canary"), fingerprint("canary"));
    assert_ne!(fingerprint("canary"), fingerprint("canary2"));
    assert_eq!(fingerprint("canary").len(), 8);
    // The bare hash would let anyone test guesses against public tables.
    let bare = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"canary");
    assert!(!hex::encode(bare.as_ref()).starts_with(&fingerprint("canary")));
}

#[test]
fn a_token_key_must_fit_its_algorithm() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let public = pem("PUBLIC KEY", public.as_ref());
    let private = pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref());
    let env = [("PUBLIC", public.as_str()), ("PRIVATE", private.as_str())];
    let text = |alg| {
        format!(
            "[auth]\nkeys = [ {{ id = '1', alg = '{alg}', public_key = 'env::PUBLIC', private_key = 'env::PRIVATE' }} ]"
        )
    };
    let config = read(&text("EdDSA"), &env).unwrap();
    let key = config.auth.valid(Timestamp::UNIX_EPOCH).next().unwrap();
    assert_eq!(key.alg, Algorithm::EdDSA);
    assert_eq!(key.verifying.expose(), public);
    assert_eq!(key.signing.as_ref().unwrap().expose(), private);
    for alg in ["ES256", "RS256"] {
        let faults = read(&text(alg), &env).unwrap_err().0;
        assert_eq!(paths(&faults), ["auth.keys[0].public_key", "auth.keys[0].private_key"]);
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        STANDARD.encode(der)
    )
}

#[test]
fn the_first_start_makes_a_secret_and_later_ones_load_it() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("data");
    let made = generate_or_load_secret(&directory).unwrap();
    let loaded = generate_or_load_secret(&directory).unwrap();
    assert_eq!(made.expose(), loaded.expose());
    assert_eq!(made.expose().len(), 64);
    let files: Vec<_> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .collect();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let other = generate_or_load_secret(&parent.path().join("other")).unwrap();
    assert_ne!(made.expose(), other.expose());
}

#[test]
fn a_damaged_secret_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("secret.key"), "canary").unwrap();
    let error = generate_or_load_secret(directory.path()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert!(!error.to_string().contains("canary"));
}
