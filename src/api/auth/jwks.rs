//! A JSON Web Key Set, read for the keys that tokens can be verified with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use crate::api::json;

/// How many keys of a set are looked at.
const MOST_KEYS: usize = 100;
/// The longest identifier of a key, in bytes.
const LONGEST_ID: usize = 255;
/// The sizes of an RSA modulus, in bytes: 2,048 to 8,192 bits.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;
/// The smallest public exponent of RSA (NIST SP 800-56B §6.2.1).
const LEAST_EXPONENT: u64 = 65_537;

/// One key of a set, for one algorithm.
#[derive(Debug, Clone)]
pub struct PublishedKey {
    /// Its `kid`.
    pub id: String,
    /// The only algorithm that counts with it.
    pub algorithm: Algorithm,
    /// The key itself.
    pub key: DecodingKey,
    /// What it is made of, as it is written.
    pub public: String,
}

/// What is published is no JSON Web Key Set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no JSON Web Key Set")]
pub struct NoKeySet;

/// Reads the keys that verify with EdDSA, ES256 or RS256, in their order.
///
/// What is for something else is passed over: symmetric keys, other curves and algorithms, encryption, keys without an
/// identifier, weak ones, and those published with their private part.
///
/// # Errors
/// Fails if the text is no key set at all.
pub fn keys(text: &[u8]) -> Result<Vec<PublishedKey>, NoKeySet> {
    let set = json::parse(text).map_err(|_| NoKeySet)?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or(NoKeySet)?;
    Ok(keys
        .iter()
        .take(MOST_KEYS)
        .filter_map(Value::as_object)
        .filter_map(key)
        .collect())
}

fn key(jwk: &Map<String, Value>) -> Option<PublishedKey> {
    let id = text(jwk, "kid").filter(|id| (1..=LONGEST_ID).contains(&id.len()))?;
    if jwk.contains_key("d") {
        tracing::error!(
            key = id,
            "the issuer publishes the private part of a key; it is left out"
        );
        return None;
    }
    if !verifies(jwk) {
        return None;
    }
    let (algorithm, key) = match (text(jwk, "kty")?, jwk.get("crv").and_then(Value::as_str)) {
        ("OKP", Some("Ed25519")) => (Algorithm::EdDSA, ed25519(jwk)?),
        ("EC", Some("P-256")) => (Algorithm::ES256, p256(jwk)?),
        ("RSA", _) => (Algorithm::RS256, rsa(jwk)?),
        _ => return None,
    };
    let named = match algorithm {
        // RFC 9864 gives it a name of its own.
        Algorithm::EdDSA => &["EdDSA", "Ed25519"] as &[&str],
        Algorithm::ES256 => &["ES256"],
        _ => &["RS256"],
    };
    let fits = jwk
        .get("alg")
        .is_none_or(|alg| alg.as_str().is_some_and(|alg| named.contains(&alg)));
    fits.then(|| PublishedKey {
        id: id.to_owned(),
        algorithm,
        key,
        public: ["x", "y", "n", "e"]
            .map(|name| text(jwk, name).unwrap_or_default())
            .join("."),
    })
}

/// RFC 7517 §4.2 and §4.3: what the key is for, where its issuer says so.
fn verifies(jwk: &Map<String, Value>) -> bool {
    let signs = jwk.get("use").is_none_or(|usage| usage == "sig");
    let operation = jwk.get("key_ops").is_none_or(|operations| {
        let operations = operations.as_array();
        operations.is_some_and(|operations| operations.iter().any(|operation| operation == "verify"))
    });
    signs && operation
}

fn ed25519(jwk: &Map<String, Value>) -> Option<DecodingKey> {
    let (x, _) = bytes(jwk, "x").filter(|(_, bytes)| bytes.len() == 32)?;
    DecodingKey::from_ed_components(x).ok()
}

fn p256(jwk: &Map<String, Value>) -> Option<DecodingKey> {
    let (x, _) = bytes(jwk, "x").filter(|(_, bytes)| bytes.len() == 32)?;
    let (y, _) = bytes(jwk, "y").filter(|(_, bytes)| bytes.len() == 32)?;
    DecodingKey::from_ec_components(x, y).ok()
}

fn rsa(jwk: &Map<String, Value>) -> Option<DecodingKey> {
    let (n, modulus) = bytes(jwk, "n")?;
    let (e, exponent) = bytes(jwk, "e")?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let size = modulus.len() - zeros;
    let exponent = exponent.iter().try_fold(0u64, |value, byte| {
        value.checked_mul(256)?.checked_add(u64::from(*byte))
    })?;
    let strong = MODULUS.contains(&size) && exponent >= LEAST_EXPONENT && exponent % 2 == 1;
    strong.then(|| DecodingKey::from_rsa_components(n, e).ok()).flatten()
}

/// A member in base64url, and what it stands for.
fn bytes<'k>(jwk: &'k Map<String, Value>, name: &str) -> Option<(&'k str, Vec<u8>)> {
    let text = text(jwk, name)?;
    Some((text, URL_SAFE_NO_PAD.decode(text).ok()?))
}

fn text<'k>(jwk: &'k Map<String, Value>, name: &str) -> Option<&'k str> {
    jwk.get(name).and_then(Value::as_str)
}
