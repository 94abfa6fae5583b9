//! `[auth]`: how tokens of callers are verified.

use std::sync::Arc;

use jiff::Timestamp;
use jsonwebtoken::{DecodingKey, EncodingKey};
use url::Url;

use super::format::HTTP_URL;
use super::keyring::{Entry, within};
use super::published::PublishedKeys;
use super::reader::Reader;
use super::secret::Secret;
use super::uses::KeyUses;

/// RFC 7518 §3.2: an HS256 key has at least the size of the hash.
const HS256_MIN_BYTES: usize = 32;

/// How tokens of callers are verified.
#[derive(Debug, Clone)]
pub struct Auth {
    /// The `iss` a token must carry.
    pub issuer: String,
    /// The `aud` a token must carry.
    pub audience: String,
    /// The claim with the scopes.
    pub scope_claim: String,
    /// The claim with the tenant.
    pub tenant_claim: String,
    /// Verification keys, preferred first; empty only when `jwks_url` is set.
    pub keys: Vec<AuthKey>,
    /// Where the issuer publishes further keys.
    pub jwks_url: Option<Url>,
    /// What is published there, as far as it is shown.
    pub published: Arc<PublishedKeys>,
}

/// One key that tokens may be signed with; its `kid` is the id.
#[derive(Debug, Clone)]
pub struct AuthKey {
    /// The `kid` of tokens signed with this key.
    pub id: String,
    /// The only algorithm accepted with this key.
    pub alg: Algorithm,
    /// The secret of HS256, else the public key in PEM.
    pub verifying: Secret,
    /// The secret of HS256, else the private key in PEM, if configured; only `switchboard token` uses it.
    pub signing: Option<Secret>,
    /// Valid from this instant; `None`: always was.
    pub from: Option<Timestamp>,
    /// Valid before this instant; `None`: without end.
    pub until: Option<Timestamp>,
    /// When it was last of use.
    pub uses: Arc<KeyUses>,
}

/// A signature algorithm of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// RSA PKCS #1 v1.5 with SHA-256.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    #[default]
    EdDSA,
}

impl Auth {
    /// Returns the keys valid at `now`, preferred first.
    pub fn valid(&self, now: Timestamp) -> impl Iterator<Item = &AuthKey> {
        self.keys.iter().filter(move |key| within(key.from, key.until, now))
    }

    /// Lets each key go on with the uses of the same key of `before`.
    pub(super) fn carry_over(&mut self, before: &Self) {
        if self.jwks_url == before.jwks_url {
            self.published = Arc::clone(&before.published);
        }
        for key in &mut self.keys {
            let same = |old: &&AuthKey| old.id == key.id && old.verifying.expose() == key.verifying.expose();
            if let Some(old) = before.keys.iter().find(same) {
                key.uses = Arc::clone(&old.uses);
            }
        }
    }

    pub(super) fn read(mut reader: Reader<'_>) -> Self {
        let auth = Self {
            issuer: reader.text("issuer"),
            audience: reader.text("audience"),
            scope_claim: reader.text("scope_claim"),
            tenant_claim: reader.text("tenant_claim"),
            jwks_url: reader.optional("jwks_url", &HTTP_URL),
            published: Arc::default(),
            keys: reader.entries("keys", AuthKey::read).unwrap_or_default(),
        };
        if auth.keys.is_empty() && auth.jwks_url.is_none() {
            reader.fault("keys", "is an empty ring", "list a key, or set jwks_url");
        }
        auth
    }
}

impl AuthKey {
    fn read(row: &mut Reader<'_>, entry: Entry) -> Self {
        let alg = row.choice("alg", &Algorithm::WORDS);
        let (verifying, signing) = match alg {
            Some(Algorithm::HS256) => {
                let secret = row.secret("secret");
                row.check_strength("secret", &secret, HS256_MIN_BYTES);
                (secret.clone(), Some(secret))
            }
            Some(alg) => read_pair(row, alg),
            None => {
                // Without an algorithm nothing tells which further keys belong here.
                row.take_rest();
                Default::default()
            }
        };
        Self {
            id: entry.id,
            alg: alg.unwrap_or_default(),
            verifying,
            signing,
            from: entry.from,
            until: entry.until,
            uses: Arc::default(),
        }
    }
}

impl Algorithm {
    const WORDS: [(&str, Self); 4] = [
        ("EdDSA", Self::EdDSA),
        ("ES256", Self::ES256),
        ("RS256", Self::RS256),
        ("HS256", Self::HS256),
    ];

    /// Tells whether `key` is material for verifying with this algorithm.
    fn verifies_with(self, key: &[u8]) -> bool {
        match self {
            Self::HS256 => true,
            Self::RS256 => DecodingKey::from_rsa_pem(key).is_ok(),
            Self::ES256 => DecodingKey::from_ec_pem(key).is_ok(),
            Self::EdDSA => DecodingKey::from_ed_pem(key).is_ok(),
        }
    }

    /// Tells whether `key` is material for signing with this algorithm.
    fn signs_with(self, key: &[u8]) -> bool {
        match self {
            Self::HS256 => true,
            Self::RS256 => EncodingKey::from_rsa_pem(key).is_ok(),
            Self::ES256 => EncodingKey::from_ec_pem(key).is_ok(),
            Self::EdDSA => EncodingKey::from_ed_pem(key).is_ok(),
        }
    }
}

fn read_pair(row: &mut Reader<'_>, alg: Algorithm) -> (Secret, Option<Secret>) {
    let remedy = "store a key in PEM made for the algorithm in alg";
    let public = row.secret("public_key");
    let private = row.optional_secret("private_key");
    let bytes = public.expose().as_bytes();
    if !bytes.is_empty() && !alg.verifies_with(bytes) {
        row.fault("public_key", "points to no public key of this algorithm", remedy);
    }
    if private
        .as_ref()
        .is_some_and(|key| !alg.signs_with(key.expose().as_bytes()))
    {
        row.fault("private_key", "points to no private key of this algorithm", remedy);
    }
    (public, private)
}
