//! Keys that a token brings along, and names of keys.

use super::*;

/// Keys that a token brings along, or says where to fetch: none is used.
pub fn material() -> Vec<(String, String)> {
    let claims = claims().to_string();
    let stranger = ed_key(&KEYS.stranger);
    let own = jwk("ed", Alg::EdDSA, &stranger);
    let secret = URL_SAFE_NO_PAD.encode("x".repeat(32));
    let mut tokens = Vec::new();
    for (name, value) in [
        ("jwk", own.clone()),
        ("jwk", json!([own])),
        ("jku", json!("https://evil.test/jwks.json")),
        ("jku", json!("http://127.0.0.1:1/jwks.json")),
        ("jku", json!("file:///etc/passwd")),
        ("x5u", json!("https://evil.test/x.pem")),
        ("x5c", json!([STANDARD.encode(KEYS.stranger.public.as_bytes())])),
        ("x5t", json!("AAAA")),
        ("keys", json!([own])),
    ] {
        for kid in [json!("ed"), json!("evil"), Value::Null] {
            let mut header = json!({"alg": "EdDSA", name: value});
            if !kid.is_null() {
                header["kid"] = kid;
            }
            tokens.push((
                format!("brings {header}"),
                sign(Alg::EdDSA, &stranger, &header.to_string(), &claims),
            ));
        }
    }
    for kid in ["hs", "ed"] {
        let jwk = json!({"kty": "oct", "k": secret, "alg": "HS256"});
        let header = json!({"alg": "HS256", "kid": kid, "jwk": jwk}).to_string();
        tokens.push((
            format!("brings a secret as {kid}"),
            hs("x".repeat(32).as_bytes(), &header, &claims),
        ));
    }
    // What is public of a key is no secret: in each of its writings.
    for jwk in set()["keys"].as_array().unwrap() {
        let mut writings = vec![jwk.to_string(), serde_json::to_string_pretty(jwk).unwrap()];
        for member in ["x", "y", "n", "e"] {
            let text = jwk[member].as_str().unwrap_or_default().to_owned();
            writings.push(text);
        }
        let id = jwk["kid"].as_str().unwrap();
        for secret in writings.iter().filter(|text| !text.is_empty()) {
            let raw = URL_SAFE_NO_PAD.decode(secret).unwrap_or_default();
            for (what, secret) in [("text", secret.as_bytes()), ("bytes", &raw)] {
                for kid in [id, "hs"] {
                    let header = json!({"alg": "HS256", "kid": kid}).to_string();
                    tokens.push((
                        format!("HS256 with {} bytes of {id} as {what} under {kid}", secret.len()),
                        hs(secret, &header, &claims),
                    ));
                }
            }
        }
    }
    tokens
}

/// A name of a key is looked up and nothing else.
pub fn names() -> Vec<(String, String)> {
    let claims = claims().to_string();
    let names = [
        "ed ",
        " ed",
        "eD",
        "ed\t",
        "ed\n",
        "ed\u{0}rsa",
        "ed/../rsa",
        "./ed",
        "/ed",
        "ed#",
        "ed?x",
        "%65d",
        "ed,rsa",
        "ed;rsa",
        "*",
        "?",
        "e?",
        "ed' --",
        "ed\" or \"1\"=\"1",
        "ed) or (1=1",
        "${ed}",
        "{{ed}}",
        "$(id)",
        "`id`",
        "|id",
        "../../../../dev/null",
        "/dev/null",
        "/proc/self/environ",
        "file:///dev/null",
        "http://127.0.0.1/ed",
        "\u{435}d",
        "ｅｄ",
        "e\u{301}d",
        "\u{202e}de",
        "\u{feff}ed",
        "ed\u{200b}",
        "null",
        "undefined",
        "0",
        "-1",
        "true",
        "__proto__",
        "constructor",
        "ed\r\nX: y",
    ];
    let mut tokens = Vec::new();
    for name in names {
        let header = json!({"alg": "EdDSA", "kid": name}).to_string();
        tokens.push((format!("kid {name:?}"), ed(&header, &claims)));
        let secret = json!({"alg": "HS256", "kid": name}).to_string();
        tokens.push((format!("kid {name:?} of an empty secret"), hs(b"", &secret, &claims)));
    }
    let long = json!({"alg": "EdDSA", "kid": "e".repeat(5_000)}).to_string();
    tokens.push(("a long kid".into(), ed(&long, &claims)));
    tokens
}
