//! One token checked against a ring of keys; pure but for the time it is given.

use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use super::jwks::PublishedKey;
use crate::api::json;
use crate::config::{Algorithm, Auth, AuthKey, KeyUses};
use crate::domain::caller::{Caller, Scope};
use crate::domain::time::Timestamp;

/// How far the clock of whoever signed may be off, in seconds.
const LEEWAY: i64 = 30;
/// The longest token, in bytes.
const MAX_TOKEN: usize = 8 * 1024;
/// How many keys are tried for a token that names none: as many as a ring has.
const MOST_TRIED: usize = 5;
/// The longest tenant or subject, in characters.
const MAX_NAME: usize = 120;
/// Seconds since 1970 of the last second of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// Why a token is refused; repeats nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not a signed JWT in compact form.
    #[error("The token is not a signed JWT.")]
    Malformed,
    /// Its header asks for what is not understood here.
    #[error("The token's header is not acceptable.")]
    Header,
    /// It names no key of ours, or its algorithm is not that of its key.
    #[error("The token is not signed with a key known here.")]
    UnknownKey,
    /// The signature is not of its key.
    #[error("The token's signature is not valid.")]
    Signature,
    /// A claim is missing or not of its type.
    #[error("The token's {0} claim is missing or not valid.")]
    Claim(&'static str),
    /// Its time is over.
    #[error("The token has expired.")]
    Expired,
    /// Its time has not come.
    #[error("The token is not valid yet.")]
    TooEarly,
}

/// A token that was found good.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Who holds it.
    pub caller: Caller,
    /// The first instant at which it no longer counts: its own end or that of its key.
    pub until: Timestamp,
    /// Of the key that signed it.
    pub uses: Arc<KeyUses>,
}

/// What tokens are checked against.
#[derive(Debug)]
pub struct Ring {
    issuer: String,
    audience: String,
    scope_claim: String,
    tenant_claim: String,
    keys: Vec<VerifyingKey>,
}

#[derive(Debug, Clone)]
struct VerifyingKey {
    id: String,
    algorithm: jsonwebtoken::Algorithm,
    key: DecodingKey,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    uses: Arc<KeyUses>,
}

struct Parts<'t> {
    header: Map<String, Value>,
    claims: &'t str,
    signature: &'t str,
    signed: &'t str,
}

impl Ring {
    /// Takes over the configured keys, which the configuration has checked to fit their algorithms, and those that the
    /// issuer publishes, which count until then. A configured key is not replaced by one that is published under its
    /// identifier.
    pub fn new(auth: &Auth, published: &[PublishedKey], until: Option<Timestamp>) -> Self {
        let configured = |id: &str| auth.keys.iter().any(|key| key.id == id);
        let published = published.iter().filter(|key| !configured(&key.id));
        let published = published.map(|key| VerifyingKey {
            id: key.id.clone(),
            algorithm: key.algorithm,
            key: key.key.clone(),
            from: None,
            until,
            uses: auth.published.uses(&key.id, &key.public),
        });
        Self {
            issuer: auth.issuer.clone(),
            audience: auth.audience.clone(),
            scope_claim: auth.scope_claim.clone(),
            tenant_claim: auth.tenant_claim.clone(),
            keys: auth
                .keys
                .iter()
                .filter_map(VerifyingKey::new)
                .chain(published)
                .collect(),
        }
    }

    /// Whether a token may be signed with a key that is not known here: it names one, or names none and there is none.
    pub fn lacks_key_of(&self, token: &str, now: Timestamp) -> bool {
        let Ok(parts) = Parts::of(token) else { return false };
        let named = parts.header.get("kid").map(Value::as_str);
        let known = |key: &VerifyingKey| key.counts_at(now) && named.is_none_or(|id| id == Some(&key.id));
        check_header(&parts.header).is_ok() && named != Some(None) && !self.keys.iter().any(known)
    }

    /// Whether no key counts at `now`.
    pub fn is_empty(&self, now: Timestamp) -> bool {
        !self.keys.iter().any(|key| key.counts_at(now))
    }

    /// Checks a token: form, header, signature, then claims.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Verified, Refused> {
        let parts = Parts::of(token)?;
        check_header(&parts.header)?;
        let signed_by = |key: &&VerifyingKey| {
            jsonwebtoken::crypto::verify(parts.signature, parts.signed.as_bytes(), &key.key, key.algorithm)
                .unwrap_or(false)
        };
        let keys = self.keys_for(&parts.header, now)?;
        let Some(key) = keys.iter().copied().find(signed_by) else {
            keys.iter().for_each(|key| key.uses.rejected.note(now));
            return Err(Refused::Signature);
        };
        let claims = decode_object(parts.claims).ok_or(Refused::Malformed)?;
        let mut verified = self.read_claims((&claims, &key.uses), now)?;
        key.uses.tokens_end.note(verified.until);
        if let Some(until) = key.until {
            verified.until = verified.until.min(until);
        }
        Ok(verified)
    }

    /// The key named by `kid`; without one, every valid key that has the token's algorithm.
    fn keys_for(&self, header: &Map<String, Value>, now: Timestamp) -> Result<Vec<&VerifyingKey>, Refused> {
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Refused::Header)?;
        let algorithm = jsonwebtoken::Algorithm::from_str(algorithm).map_err(|_| Refused::UnknownKey)?;
        let named = header
            .get("kid")
            .map(|kid| kid.as_str().ok_or(Refused::Header))
            .transpose()?;
        let fits = |key: &&VerifyingKey| {
            key.algorithm == algorithm && key.counts_at(now) && named.is_none_or(|id| id == key.id)
        };
        let fitting: Vec<_> = self.keys.iter().filter(fits).take(MOST_TRIED).collect();
        if fitting.is_empty() {
            return Err(Refused::UnknownKey);
        }
        Ok(fitting)
    }

    fn read_claims(
        &self,
        (claims, uses): (&Map<String, Value>, &Arc<KeyUses>),
        now: Timestamp,
    ) -> Result<Verified, Refused> {
        let expires = seconds(claims, "exp")?.ok_or(Refused::Claim("exp"))?;
        let begins = seconds(claims, "nbf")?;
        seconds(claims, "iat")?;
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(Refused::Claim("iss"));
        }
        if !names_audience(claims.get("aud"), &self.audience) {
            return Err(Refused::Claim("aud"));
        }
        let subject = name(claims.get("sub")).ok_or(Refused::Claim("sub"))?;
        let tenant = name(claims.get(&self.tenant_claim))
            .filter(|tenant| is_tenant(tenant))
            .ok_or(Refused::Claim("tenant"))?;
        let scopes = scopes(claims.get(&self.scope_claim)).ok_or(Refused::Claim("scope"))?;
        let until = Timestamp::from_seconds(expires).plus_seconds(LEEWAY);
        if now >= until {
            return Err(Refused::Expired);
        }
        if begins.is_some_and(|begins| now < Timestamp::from_seconds(begins).plus_seconds(-LEEWAY)) {
            return Err(Refused::TooEarly);
        }
        Ok(Verified {
            caller: Caller {
                tenant: tenant.to_owned(),
                subject: subject.to_owned(),
                scopes,
                expires_at: Timestamp::from_seconds(expires),
            },
            until,
            uses: Arc::clone(uses),
        })
    }
}

impl VerifyingKey {
    fn new(key: &AuthKey) -> Option<Self> {
        let material = key.verifying.expose().as_bytes();
        let (algorithm, decoding) = match key.alg {
            Algorithm::HS256 => (jsonwebtoken::Algorithm::HS256, Ok(DecodingKey::from_secret(material))),
            Algorithm::RS256 => (jsonwebtoken::Algorithm::RS256, DecodingKey::from_rsa_pem(material)),
            Algorithm::ES256 => (jsonwebtoken::Algorithm::ES256, DecodingKey::from_ec_pem(material)),
            Algorithm::EdDSA => (jsonwebtoken::Algorithm::EdDSA, DecodingKey::from_ed_pem(material)),
        };
        if decoding.is_err() {
            tracing::error!(key = key.id, "a token key does not fit its algorithm and is left out");
        }
        Some(Self {
            id: key.id.clone(),
            algorithm,
            key: decoding.ok()?,
            from: key.from.map(Timestamp::from),
            until: key.until.map(Timestamp::from),
            uses: Arc::clone(&key.uses),
        })
    }

    fn counts_at(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

impl<'t> Parts<'t> {
    fn of(token: &'t str) -> Result<Self, Refused> {
        if token.len() > MAX_TOKEN {
            return Err(Refused::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refused::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Refused::Malformed)?;
        if claims.contains('.') || signature.is_empty() {
            return Err(Refused::Malformed);
        }
        let header = decode_object(header).ok_or(Refused::Malformed)?;
        Ok(Self {
            header,
            claims,
            signature,
            signed,
        })
    }
}

/// RFC 7515 §4.1.11: an extension marked critical that is not understood refuses the token, and none is understood here.
/// `b64`, `zip` and `enc` would give the payload another meaning. Where a key could be fetched from is never read.
fn check_header(header: &Map<String, Value>) -> Result<(), Refused> {
    let foreign = ["crit", "b64", "zip", "enc"]
        .iter()
        .any(|name| header.contains_key(*name));
    let typed = header.get("typ").is_none_or(|typ| {
        typ.as_str()
            .is_some_and(|typ| typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("at+jwt"))
    });
    if foreign || !typed {
        Err(Refused::Header)
    } else {
        Ok(())
    }
}

fn decode_object(part: &str) -> Option<Map<String, Value>> {
    let text = URL_SAFE_NO_PAD.decode(part).ok()?;
    match json::parse(&text).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// Whole seconds since 1970, of a year that has four digits.
fn seconds(claims: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, Refused> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_i64().filter(|seconds| (0..=LAST_SECOND).contains(seconds));
    seconds.map(Some).ok_or(Refused::Claim(name))
}

fn names_audience(claim: Option<&Value>, audience: &str) -> bool {
    match claim {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(several)) => {
            several.iter().all(Value::is_string) && several.iter().any(|one| one.as_str() == Some(audience))
        }
        _ => false,
    }
}

fn name(claim: Option<&Value>) -> Option<&str> {
    let name = claim?.as_str()?;
    let plain = (1..=MAX_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    plain.then_some(name)
}

/// Names in the store are put together with colons, so a tenant has none.
fn is_tenant(name: &str) -> bool {
    !name.contains(|c: char| c == ':' || c.is_whitespace())
}

/// Scopes of other services are passed over; anything that is no text or list of texts refuses the token.
fn scopes(claim: Option<&Value>) -> Option<Vec<Scope>> {
    let known = |word: &str| word.parse().ok();
    match claim {
        None => Some(Vec::new()),
        Some(Value::String(words)) => Some(words.split(' ').filter_map(known).collect()),
        Some(Value::Array(words)) => {
            let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
            Some(words?.into_iter().filter_map(known).collect())
        }
        Some(_) => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_three_parts_and_an_end() {
        let long = |length: usize| format!("e30.{}.s", "a".repeat(length - 6));
        assert!(Parts::of("e30.e30.s").is_ok());
        assert!(Parts::of(&long(8_192)).is_ok());
        for token in ["e30.e30", "e30.e30.", "e30.e30.e30.s", &long(8_193)] {
            assert!(matches!(Parts::of(token), Err(Refused::Malformed)), "{token}");
        }
    }
}
