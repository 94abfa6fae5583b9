//! Which keys of a published set count, and with which algorithm.

use super::*;
use crate::api::auth::jwks;

fn read(set: &Value) -> Vec<(String, Alg)> {
    let keys = jwks::keys(set.to_string().as_bytes()).unwrap();
    keys.into_iter().map(|key| (key.id, key.algorithm)).collect()
}

/// The key with members replaced; `null` takes one away.
fn altered(jwk: &Value, changes: Value) -> Value {
    let mut jwk = jwk.clone();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(jwk.as_object_mut().unwrap().remove(name)),
            value => jwk[name] = value.clone(),
        }
    }
    jwk
}

#[test]
fn each_key_counts_for_one_algorithm() {
    let expected = [("ed", Alg::EdDSA), ("ec", Alg::ES256), ("rsa", Alg::RS256)];
    let expected = expected.map(|(id, algorithm)| (id.to_owned(), algorithm));
    assert_eq!(read(&set()), expected);
    for plain in [
        json!({"alg": null}),
        json!({"use": null}),
        json!({"key_ops": ["verify"]}),
    ] {
        let keys: Vec<_> = set()["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| altered(key, plain.clone()))
            .collect();
        assert_eq!(read(&json!({ "keys": keys })), expected, "{plain}");
    }
    let ed25519 = altered(&set()["keys"][0], json!({"alg": "Ed25519"}));
    assert_eq!(read(&json!({"keys": [ed25519]})).len(), 1);
}

#[test]
fn what_a_key_is_not_for_is_passed_over() {
    let (ed, ec, rsa) = (&set()["keys"][0], &set()["keys"][1], &set()["keys"][2]);
    let secret = URL_SAFE_NO_PAD.encode(SECRET);
    let weak = URL_SAFE_NO_PAD.encode([0xffu8; 128]);
    let weak_behind_zeros = URL_SAFE_NO_PAD.encode([&[0; 1][..], &[0xff; 255]].concat());
    let huge = URL_SAFE_NO_PAD.encode([0xffu8; 1025]);
    let padded = format!("{}=", ed["x"].as_str().unwrap());
    for other in [
        json!({"kty": "oct", "kid": "hs", "k": secret}),
        json!({"kty": "oct", "kid": "hs", "k": secret, "alg": "HS256", "use": "sig"}),
        altered(ed, json!({"kty": "oct", "k": secret})),
        altered(ed, json!({"alg": "HS256"})),
        altered(ed, json!({"alg": "ES256"})),
        altered(ed, json!({"alg": "none"})),
        altered(ed, json!({"alg": ["EdDSA"]})),
        altered(ed, json!({"use": "enc"})),
        altered(ed, json!({"use": ["sig"]})),
        altered(ed, json!({"key_ops": ["sign"]})),
        altered(ed, json!({"key_ops": "verify"})),
        altered(ed, json!({"kid": null})),
        altered(ed, json!({"kid": ""})),
        altered(ed, json!({"kid": 1})),
        altered(ed, json!({"kid": "x".repeat(256)})),
        altered(ed, json!({"d": "AAAA"})),
        altered(ed, json!({"crv": "X25519"})),
        altered(ed, json!({"crv": "Ed448"})),
        altered(ed, json!({"crv": null})),
        altered(ed, json!({"x": null})),
        altered(ed, json!({"x": "AAAA"})),
        altered(ed, json!({"x": "***"})),
        altered(ed, json!({"x": padded})),
        altered(ec, json!({"crv": "P-384"})),
        altered(ec, json!({"crv": "secp256k1"})),
        altered(ec, json!({"y": null})),
        altered(ec, json!({"alg": "ES384"})),
        altered(rsa, json!({"alg": "PS256"})),
        altered(rsa, json!({"alg": "RS512"})),
        altered(rsa, json!({"alg": "HS256"})),
        altered(rsa, json!({"n": weak})),
        altered(rsa, json!({"n": weak_behind_zeros})),
        altered(rsa, json!({"n": huge})),
        altered(rsa, json!({"e": "AQ"})),
        altered(rsa, json!({"e": "Aw"})),
        altered(rsa, json!({"e": "AQAA"})),
        altered(rsa, json!({"e": URL_SAFE_NO_PAD.encode([0xffu8; 9])})),
        altered(rsa, json!({"kty": "rsa"})),
        json!("ed"),
        json!({}),
    ] {
        assert_eq!(read(&json!({"keys": [other.clone(), ed]})).len(), 1, "{other}");
    }
}

#[test]
fn what_is_no_set_is_refused_whole() {
    let deep = format!(r#"{{"keys":[],"x":{}{}}}"#, "[".repeat(64), "]".repeat(64));
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[]"#,
        r#"{"keys":[],"keys":[]}"#,
        "<html>",
        deep.as_str(),
    ] {
        assert!(jwks::keys(text.as_bytes()).is_err(), "{text}");
    }
    assert!(read(&json!({"keys": []})).is_empty());
}

#[test]
fn a_set_may_be_long_but_not_endless() {
    let ed = set()["keys"][0].clone();
    let keys: Vec<_> = (0..1_000)
        .map(|index| altered(&ed, json!({"kid": index.to_string()})))
        .collect();
    assert_eq!(read(&json!({ "keys": keys })).len(), 100);
}

#[test]
fn a_published_key_replaces_none_of_the_configuration() {
    let auth = Auth {
        keys: vec![key("ed", Algorithm::EdDSA, &KEYS.stranger.public)],
        ..auth()
    };
    let published = jwks::keys(set().to_string().as_bytes()).unwrap();
    let ring = Ring::new(&auth, &published, None);
    assert!(ring.verify(&good_with(json!({})), now()).is_err());
    let strangers = sign(Alg::EdDSA, &ed_key(&KEYS.stranger), ED, &claims().to_string());
    assert!(ring.verify(&strangers, now()).is_ok());
}
