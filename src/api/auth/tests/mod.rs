#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods
)]

mod hostile;
mod published;
mod sets;

use std::sync::LazyLock;

use actix_web::test::TestRequest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm as Alg, EncodingKey};
use serde_json::{Value, json};

use super::*;
use crate::config::{Algorithm, AuthKey, Secret};
use crate::domain::caller::Scope;

const SECRET: &str = "an HS256 secret of forty characters, ok!";
/// 22 November 2026, 18:00 in UTC.
const NOW: i64 = 1_795_370_400;

/// A key pair in PEM.
struct Pair {
    public: String,
    private: String,
}

struct Fixture {
    ed: Pair,
    ec: Pair,
    rsa: Pair,
    stranger: Pair,
}

static KEYS: LazyLock<Fixture> = LazyLock::new(|| {
    let ed = || {
        let pair = Ed25519KeyPair::generate().unwrap();
        let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
        Pair {
            public: pem("PUBLIC KEY", public.as_ref()),
            private: pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref()),
        }
    };
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let ec_public = AsDer::<PublicKeyX509Der<'_>>::as_der(ec.public_key()).unwrap();
    let rsa = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let rsa_public = AsDer::<PublicKeyX509Der<'_>>::as_der(rsa.public_key()).unwrap();
    let rsa_private = AsDer::<Pkcs8V1Der<'_>>::as_der(&rsa).unwrap();
    Fixture {
        ed: ed(),
        stranger: ed(),
        ec: Pair {
            public: pem("PUBLIC KEY", ec_public.as_ref()),
            private: pem("PRIVATE KEY", ec.to_pkcs8v1().unwrap().as_ref()),
        },
        rsa: Pair {
            public: pem("PUBLIC KEY", rsa_public.as_ref()),
            private: pem("PRIVATE KEY", rsa_private.as_ref()),
        },
    }
});

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn key(id: &str, alg: Algorithm, verifying: &str) -> AuthKey {
    AuthKey {
        uses: std::sync::Arc::default(),
        id: id.into(),
        alg,
        verifying: Secret::new(verifying),
        signing: None,
        from: None,
        until: None,
    }
}

/// A ring with one key of each algorithm.
fn auth() -> Auth {
    Auth {
        issuer: "https://issuer.test".into(),
        audience: "switchboard".into(),
        scope_claim: "scope".into(),
        tenant_claim: "tenant".into(),
        keys: vec![
            key("ed", Algorithm::EdDSA, &KEYS.ed.public),
            key("ec", Algorithm::ES256, &KEYS.ec.public),
            key("rsa", Algorithm::RS256, &KEYS.rsa.public),
            key("hs", Algorithm::HS256, SECRET),
        ],
        jwks_url: None,
        published: Arc::default(),
    }
}

/// The public part of a key as a set has it.
fn jwk(id: &str, alg: Alg, key: &EncodingKey) -> Value {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, alg).unwrap()).unwrap();
    jwk["kid"] = json!(id);
    jwk["use"] = json!("sig");
    jwk
}

fn ed_key(pair: &Pair) -> EncodingKey {
    EncodingKey::from_ed_pem(pair.private.as_bytes()).unwrap()
}

fn ec_key() -> EncodingKey {
    EncodingKey::from_ec_pem(KEYS.ec.private.as_bytes()).unwrap()
}

fn rsa_key() -> EncodingKey {
    EncodingKey::from_rsa_pem(KEYS.rsa.private.as_bytes()).unwrap()
}

/// A set of one key of each algorithm.
fn set() -> Value {
    json!({"keys": [
        jwk("ed", Alg::EdDSA, &ed_key(&KEYS.ed)),
        jwk("ec", Alg::ES256, &ec_key()),
        jwk("rsa", Alg::RS256, &rsa_key()),
    ]})
}

fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

fn claims() -> Value {
    json!({
        "iss": "https://issuer.test", "aud": "switchboard", "sub": "alice", "tenant": "acme",
        "iat": NOW, "nbf": NOW, "exp": NOW + 600, "scope": "calls:read calls:write other:thing",
    })
}

/// The standard claims with some replaced; `null` takes one away.
fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn sign(alg: Alg, key: &EncodingKey, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, alg).unwrap();
    format!("{message}.{signature}")
}

fn ed(header: &str, claims: &str) -> String {
    sign(
        Alg::EdDSA,
        &EncodingKey::from_ed_pem(KEYS.ed.private.as_bytes()).unwrap(),
        header,
        claims,
    )
}

fn hs(secret: &[u8], header: &str, claims: &str) -> String {
    sign(Alg::HS256, &EncodingKey::from_secret(secret), header, claims)
}

const ED: &str = r#"{"alg":"EdDSA","kid":"ed"}"#;

fn good_with(changes: Value) -> String {
    ed(ED, &claims_with(changes).to_string())
}

fn verify(token: &str) -> Result<Verified, token::Refused> {
    Ring::new(&auth(), &[], None).verify(token, now())
}

#[test]
fn each_algorithm_verifies_with_its_key() {
    let claims = claims().to_string();
    let ec = EncodingKey::from_ec_pem(KEYS.ec.private.as_bytes()).unwrap();
    let rsa = EncodingKey::from_rsa_pem(KEYS.rsa.private.as_bytes()).unwrap();
    let tokens = [
        ed(ED, &claims),
        ed(r#"{"alg":"EdDSA","typ":"JWT","kid":"ed"}"#, &claims),
        ed(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"ed"}"#, &claims),
        ed(r#"{"alg":"EdDSA"}"#, &claims),
        sign(Alg::ES256, &ec, r#"{"alg":"ES256","kid":"ec"}"#, &claims),
        sign(Alg::RS256, &rsa, r#"{"alg":"RS256","kid":"rsa"}"#, &claims),
        hs(SECRET.as_bytes(), r#"{"alg":"HS256","kid":"hs"}"#, &claims),
        ed(
            r#"{"alg":"EdDSA","kid":"ed","jku":"https://evil.test/jwks","x5u":"https://evil.test/x"}"#,
            &claims,
        ),
    ];
    for token in tokens {
        let caller = verify(&token).unwrap().caller;
        assert_eq!((caller.tenant.as_str(), caller.subject.as_str()), ("acme", "alice"));
        assert_eq!(caller.scopes, [Scope::CallsRead, Scope::CallsWrite]);
    }
}

#[test]
fn claims_may_be_lists_and_scopes_may_be_absent() {
    let caller = |changes| verify(&good_with(changes)).unwrap().caller;
    assert_eq!(caller(json!({"aud": ["other", "switchboard"]})).tenant, "acme");
    assert_eq!(
        caller(json!({"scope": ["history:read", "x"]})).scopes,
        [Scope::HistoryRead]
    );
    assert_eq!(caller(json!({"scope": null, "nbf": null, "iat": null})).scopes, []);
    assert!(caller(json!({"tenant": "*"})).reads_all());
}

#[test]
fn clocks_may_differ_by_thirty_seconds() {
    let valid = |changes| verify(&good_with(changes)).is_ok();
    assert!(valid(json!({"exp": NOW - 29})) && !valid(json!({"exp": NOW - 30})));
    assert!(valid(json!({"nbf": NOW + 30})) && !valid(json!({"nbf": NOW + 31})));
}

#[test]
fn a_key_counts_within_its_time() {
    let mut auth = auth();
    let at = |seconds: i64| Timestamp::from_seconds(NOW + seconds).to_jiff();
    let token = good_with(json!({}));
    auth.keys[0].until = Some(at(0));
    assert!(Ring::new(&auth, &[], None).verify(&token, now()).is_err());
    auth.keys[0].until = Some(at(1));
    assert_eq!(
        Ring::new(&auth, &[], None).verify(&token, now()).unwrap().until,
        Timestamp::from_seconds(NOW + 1)
    );
    auth.keys[0].from = Some(at(1));
    assert!(Ring::new(&auth, &[], None).verify(&token, now()).is_err());
}

#[test]
fn without_a_kid_every_valid_key_of_the_algorithm_is_tried() {
    let token = ed(r#"{"alg":"EdDSA"}"#, &claims().to_string());
    let with = |stranger: AuthKey| {
        let mut auth = auth();
        auth.keys.insert(0, stranger);
        Ring::new(&auth, &[], None)
    };
    let stranger = || key("ed-new", Algorithm::EdDSA, &KEYS.stranger.public);
    let ring = with(stranger());
    assert!(ring.verify(&token, now()).is_ok(), "a second key fails no caller");
    assert!(ring.verify(&good_with(json!({})), now()).is_ok());
    let named = ed(r#"{"alg":"EdDSA","kid":"ed-new"}"#, &claims().to_string());
    assert_eq!(
        ring.verify(&named, now()).err(),
        Some(token::Refused::Signature),
        "a kid names one"
    );
    let mut expired = auth();
    expired.keys[0].until = Some(now().to_jiff());
    expired.keys.push(stranger());
    assert_eq!(
        Ring::new(&expired, &[], None).verify(&token, now()).err(),
        Some(token::Refused::Signature)
    );
}

fn request(authorization: &str) -> HttpRequest {
    TestRequest::get()
        .insert_header((AUTHORIZATION, authorization))
        .to_http_request()
}

#[test]
fn a_token_is_taken_from_one_bearer_header_only() {
    let authenticator = Authenticator::new(&auth());
    let token = good_with(json!({}));
    for taken in [
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER  {token}"),
    ] {
        assert_eq!(
            authenticator.authenticate(&request(&taken), now()).unwrap().tenant,
            "acme"
        );
    }
    for refused in [
        token.clone(),
        format!("Basic {token}"),
        format!("Bearer{token}"),
        "Bearer".into(),
        "Bearer ".into(),
        format!("Bearer {token} x"),
    ] {
        assert!(
            authenticator.authenticate(&request(&refused), now()).is_err(),
            "{}",
            refused.len()
        );
    }
    let twice = TestRequest::get()
        .append_header((AUTHORIZATION, format!("Bearer {token}")))
        .append_header((AUTHORIZATION, format!("Bearer {token}")))
        .to_http_request();
    assert!(authenticator.authenticate(&twice, now()).is_err());
    let query = TestRequest::get()
        .uri(&format!("/calls?access_token={token}"))
        .to_http_request();
    assert!(authenticator.authenticate(&query, now()).is_err());
}

#[test]
fn a_remembered_token_expires_with_its_own_time_or_that_of_its_key() {
    let authenticator = Authenticator::new(&auth());
    let request = request(&format!("Bearer {}", good_with(json!({}))));
    let at = |seconds| authenticator.authenticate(&request, Timestamp::from_seconds(NOW + seconds));
    assert!(at(0).is_ok() && at(0).is_ok() && at(629).is_ok());
    assert!(at(630).is_err());
    let mut short = auth();
    short.keys[0].until = Some(Timestamp::from_seconds(NOW + 5).to_jiff());
    authenticator.replace(&short);
    assert!(at(4).is_ok() && at(5).is_err());
}

#[test]
fn a_token_is_forgotten_when_the_keys_change() {
    let authenticator = Authenticator::new(&auth());
    let request = request(&format!("Bearer {}", good_with(json!({}))));
    assert!(authenticator.authenticate(&request, now()).is_ok());
    let mut without = auth();
    without.keys.remove(0);
    authenticator.replace(&without);
    assert_eq!(
        authenticator.authenticate(&request, now()).unwrap_err().problem,
        Problem::Unauthenticated
    );
    authenticator.replace(&auth());
    assert!(authenticator.authenticate(&request, now()).is_ok());
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut memory = Memory::default();
    let verified = || Verified {
        uses: std::sync::Arc::default(),
        caller: Caller {
            tenant: "t".into(),
            subject: "s".into(),
            scopes: vec![],
            expires_at: Timestamp::from_seconds(0),
        },
        until: Timestamp::from_seconds(NOW + 1),
    };
    for index in 0..=REMEMBERED {
        memory.remember(&index.to_be_bytes(), verified(), now());
        assert!(memory.tokens.len() <= REMEMBERED);
    }
}
