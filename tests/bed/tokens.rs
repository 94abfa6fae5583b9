//! The keys callers' tokens are signed with, and the tokens.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use switchboard::domain::caller::Scope;

/// What the tokens of callers are signed with.
pub const SECRET: &str = "a secret of callers, of 32 bytes and more";

/// Two keys of an issuer: `hs` for HS256 and `ed` for EdDSA.
pub struct Tokens {
    ed: EncodingKey,
}

impl Tokens {
    /// Makes the keys and puts what the gateway needs of them below `directory`.
    pub fn new(directory: &Path) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let private: Pkcs8V1Der = pair.as_der().unwrap();
        let public: PublicKeyX509Der = pair.public_key().as_der().unwrap();
        fs::write(directory.join("jwt_hs"), SECRET).unwrap();
        fs::write(directory.join("jwt_ed.pem"), pem("PUBLIC KEY", public.as_ref())).unwrap();
        let private = pem("PRIVATE KEY", private.as_ref());
        Self {
            ed: EncodingKey::from_ed_pem(private.as_bytes()).unwrap(),
        }
    }

    /// The `[auth]` section for the keys below `directory`.
    pub fn section(directory: &Path) -> String {
        format!(
            r#"
[auth]
issuer = "https://issuer.test"
audience = "switchboard"
keys = [ {{ id = "hs", alg = "HS256", secret = "file::{dir}/jwt_hs" }},
         {{ id = "ed", alg = "EdDSA", public_key = "file::{dir}/jwt_ed.pem" }} ]
"#,
            dir = directory.display()
        )
    }

    /// A token of a tenant with every scope.
    pub fn of(&self, tenant: &str) -> String {
        self.sign(Algorithm::HS256, &Self::claims(tenant))
    }

    /// What such a token says, to be altered.
    pub fn claims(tenant: &str) -> Value {
        let scopes: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        json!({
            "iss": "https://issuer.test",
            "aud": "switchboard",
            "sub": "tester",
            "exp": now + 3600,
            "tenant": tenant,
            "scope": scopes.join(" "),
        })
    }

    /// A token with these claims, signed by HS256 or EdDSA.
    pub fn sign(&self, algorithm: Algorithm, claims: &Value) -> String {
        let hs = EncodingKey::from_secret(SECRET.as_bytes());
        let (id, key) = match algorithm {
            Algorithm::HS256 => ("hs", &hs),
            Algorithm::EdDSA => ("ed", &self.ed),
            other => panic!("there is no key for {other:?}"),
        };
        let header = Header {
            kid: Some(id.to_owned()),
            ..Header::new(algorithm)
        };
        encode(&header, claims, key).unwrap()
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        STANDARD.encode(der)
    )
}
