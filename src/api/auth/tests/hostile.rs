//! Tokens that must all be refused.

mod keys;

use std::collections::BTreeSet;

use super::*;
use crate::api::auth::jwks;

fn corpus() -> Vec<(String, String)> {
    let mut tokens = algorithms();
    tokens.extend(headers());
    tokens.extend(claims_of_wrong_types());
    tokens.extend(claims_given_twice());
    tokens.extend(forms());
    tokens.extend(keys::material());
    tokens.extend(keys::names());
    tokens.extend(times());
    tokens.extend(audiences());
    tokens
        .into_iter()
        .map(|(name, token)| (name.to_owned(), token))
        .collect()
}

/// The algorithm is the key's, whatever the token says.
fn algorithms() -> Vec<(String, String)> {
    let claims = claims().to_string();
    let body = URL_SAFE_NO_PAD.encode(&claims);
    let mut tokens = Vec::new();
    for none in ["none", "None", "NONE", "nOnE", "none ", ""] {
        for kid in ["", r#","kid":"ed""#, r#","kid":"hs""#] {
            let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{none}"{kid}}}"#));
            tokens.push((
                format!("alg {none:?} {kid} without a signature"),
                format!("{header}.{body}."),
            ));
            tokens.push((
                format!("alg {none:?} {kid} with some signature"),
                format!("{header}.{body}.AAAA"),
            ));
        }
    }
    for (id, pair) in [("ed", &KEYS.ed), ("ec", &KEYS.ec), ("rsa", &KEYS.rsa)] {
        let der = STANDARD
            .decode(
                pair.public
                    .lines()
                    .filter(|line| !line.starts_with('-'))
                    .collect::<String>(),
            )
            .unwrap();
        let trimmed = pair.public.trim_end();
        for (what, secret) in [
            ("PEM", pair.public.as_bytes()),
            ("trimmed PEM", trimmed.as_bytes()),
            ("DER", &der),
            ("raw key", &der[der.len() - 32..]),
        ] {
            for kid in [id, "hs"] {
                let header = format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#);
                tokens.push((
                    format!("HS256 with the {what} of {id} as {kid}"),
                    hs(secret, &header, &claims),
                ));
            }
        }
    }
    let rsa = EncodingKey::from_rsa_pem(KEYS.rsa.private.as_bytes()).unwrap();
    for alg in [Alg::PS256, Alg::RS384, Alg::RS512, Alg::PS512] {
        tokens.push((
            format!("{alg:?} with the RSA key"),
            sign(alg, &rsa, &format!(r#"{{"alg":"{alg:?}","kid":"rsa"}}"#), &claims),
        ));
    }
    for alg in [Alg::HS384, Alg::HS512] {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        tokens.push((
            format!("{alg:?} with the secret"),
            sign(alg, &key, &format!(r#"{{"alg":"{alg:?}","kid":"hs"}}"#), &claims),
        ));
    }
    let stranger = EncodingKey::from_ed_pem(KEYS.stranger.private.as_bytes()).unwrap();
    tokens.push(("signed by a stranger".into(), sign(Alg::EdDSA, &stranger, ED, &claims)));
    tokens.push((
        "an empty secret".into(),
        hs(b"", r#"{"alg":"HS256","kid":"hs"}"#, &claims),
    ));
    tokens.push((
        "claimed to be ES256".into(),
        ed(r#"{"alg":"ES256","kid":"ed"}"#, &claims),
    ));
    tokens
}

fn headers() -> Vec<(String, String)> {
    let headers = [
        r#"{"kid":"ed"}"#,
        r#"{"alg":null,"kid":"ed"}"#,
        r#"{"alg":["EdDSA"],"kid":"ed"}"#,
        r#"{"alg":"EdDSA","alg":"none","kid":"ed"}"#,
        r#"{"alg":"none","alg":"EdDSA","kid":"ed"}"#,
        r#"{"alg":"eddsa","kid":"ed"}"#,
        r#"{"alg":"EdDSA","kid":"ed","kid":"ed"}"#,
        r#"{"alg":"EdDSA","kid":null}"#,
        r#"{"alg":"EdDSA","kid":1}"#,
        r#"{"alg":"EdDSA","kid":["ed"]}"#,
        r#"{"alg":"EdDSA","kid":""}"#,
        r#"{"alg":"EdDSA","kid":"ED"}"#,
        r#"{"alg":"EdDSA","kid":"ed\u0000"}"#,
        r#"{"alg":"EdDSA","kid":"../../dev/null"}"#,
        r#"{"alg":"EdDSA","kid":"' OR 1=1 --"}"#,
        r#"{"alg":"EdDSA","kid":"ec"}"#,
        r#"{"alg":"EdDSA","kid":"hs"}"#,
        r#"{"alg":"EdDSA","kid":"ed","crit":["exp2"],"exp2":1}"#,
        r#"{"alg":"EdDSA","kid":"ed","crit":[]}"#,
        r#"{"alg":"EdDSA","kid":"ed","crit":"exp"}"#,
        r#"{"alg":"EdDSA","kid":"ed","crit":["b64"],"b64":false}"#,
        r#"{"alg":"EdDSA","kid":"ed","b64":false}"#,
        r#"{"alg":"EdDSA","kid":"ed","zip":"DEF"}"#,
        r#"{"alg":"EdDSA","kid":"ed","enc":"A256GCM"}"#,
        r#"{"alg":"EdDSA","kid":"ed","typ":"JWE"}"#,
        r#"{"alg":"EdDSA","kid":"ed","typ":"dpop+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"ed","typ":1}"#,
        r#"{"alg":"PBES2-HS256+A128KW","kid":"hs","p2c":2147483647}"#,
        r#"["EdDSA"]"#,
        "EdDSA",
        "",
    ];
    let claims = claims().to_string();
    headers
        .iter()
        .map(|header| (format!("header {header}"), ed(header, &claims)))
        .collect()
}

fn claims_of_wrong_types() -> Vec<(String, String)> {
    let wrong = |required: bool| {
        let missing = if required { vec![Value::Null] } else { vec![] };
        missing
            .into_iter()
            .chain([json!(true), json!({}), json!([1]), json!([["switchboard"]])])
    };
    let mut tokens = Vec::new();
    for (claim, required) in [
        ("exp", true),
        ("iss", true),
        ("aud", true),
        ("sub", true),
        ("tenant", true),
        ("nbf", false),
        ("iat", false),
        ("scope", false),
    ] {
        for value in wrong(required) {
            tokens.push((format!("{claim} {value}"), good_with(json!({claim: value}))));
        }
        let explicit_null = claims()
            .to_string()
            .replacen('{', &format!(r#"{{"x":0,"{claim}_":1,"#), 1);
        let explicit_null =
            explicit_null.replacen(&format!(r#""{claim}":"#), &format!(r#""{claim}":null,"_{claim}":"#), 1);
        tokens.push((format!("{claim} written null"), ed(ED, &explicit_null)));
    }
    for time in ["exp", "nbf", "iat"] {
        let soon = NOW + 60;
        for value in [
            json!(soon.to_string()),
            json!(-1),
            json!(soon as f64 + 0.5),
            json!(1e300),
            json!(u64::MAX),
            json!(1u64 << 63),
            json!(253_402_300_800_i64),
        ] {
            tokens.push((format!("{time} {value}"), good_with(json!({time: value}))));
        }
    }
    for text in ["iss", "sub", "tenant"] {
        for value in [json!(""), json!(1), json!(1.5), json!(["acme"])] {
            tokens.push((format!("{text} {value}"), good_with(json!({text: value}))));
        }
    }
    let others = [
        json!({"iss": "https://issuer.test/"}),
        json!({"iss": "HTTPS://ISSUER.TEST"}),
        json!({"aud": "Switchboard"}),
        json!({"aud": "switchboard "}),
        json!({"aud": []}),
        json!({"aud": ["other"]}),
        json!({"aud": ["switchboard", 1]}),
        json!({"exp": NOW - 31}),
        json!({"exp": 0}),
        json!({"nbf": NOW + 31}),
        json!({"sub": "a\nb"}),
        json!({"sub": "x".repeat(121)}),
        json!({"tenant": "a:b"}),
        json!({"tenant": "a b"}),
        json!({"tenant": "a\u{0}"}),
        json!({"tenant": "x".repeat(121)}),
        json!({"scope": 1}),
        json!({"scope": ["calls:read", 1]}),
    ];
    tokens.extend(
        others
            .into_iter()
            .map(|changes| (changes.to_string(), good_with(changes))),
    );
    tokens
}

/// Two parsers may take two different ones.
fn claims_given_twice() -> Vec<(String, String)> {
    let mut tokens = Vec::new();
    for claim in ["exp", "iss", "aud", "sub", "tenant", "scope"] {
        let claims = claims().to_string();
        let first = claims.replacen('{', &format!(r#"{{"{claim}":"x","#), 1);
        let last = format!(r#"{},"{claim}":"x"}}"#, claims.strip_suffix('}').unwrap());
        tokens.push((format!("{claim} twice, first"), ed(ED, &first)));
        tokens.push((format!("{claim} twice, last"), ed(ED, &last)));
    }
    tokens
}

fn forms() -> Vec<(String, String)> {
    let good = good_with(json!({}));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, body) = signed.split_once('.').unwrap();
    let other = URL_SAFE_NO_PAD.encode(claims_with(json!({"tenant": "other"})).to_string());
    let large = good_with(json!({"padding": "x".repeat(8 * 1024)}));
    let deep = ed(
        ED,
        &claims()
            .to_string()
            .replacen('{', &format!(r#"{{"deep":{}{},"#, "[".repeat(64), "]".repeat(64)), 1),
    );
    let forms = [
        ("empty", String::new()),
        ("dots", "..".into()),
        ("one part", header.into()),
        ("two parts", signed.into()),
        ("no signature", format!("{signed}.")),
        ("four parts", format!("{good}.AAAA")),
        ("five parts", format!("{good}.AAAA.AAAA")),
        ("a leading dot", format!(".{good}")),
        ("another body", format!("{header}.{other}.{signature}")),
        (
            "a cut signature",
            format!("{signed}.{}", &signature[..signature.len() - 2]),
        ),
        ("a longer signature", format!("{signed}.{signature}AA")),
        (
            "zero signature",
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0u8; 64])),
        ),
        ("padding", format!("{header}=.{body}.{signature}")),
        (
            "the standard alphabet",
            format!(
                "{}.{body}.{signature}",
                STANDARD.encode(r#"{"alg":"EdDSA","kid":"ed","x":"??>>"}"#)
            ),
        ),
        ("a space", format!("{header} .{body}.{signature}")),
        ("a line break", format!("{header}.{body}.{signature}\n")),
        (
            "JSON serialisation",
            json!({"protected": header, "payload": body, "signature": signature}).to_string(),
        ),
        ("over 8 KiB", large),
        ("a megabyte", "A".repeat(1 << 20)),
        ("no JSON", ed(ED, "claims")),
        ("a list", ed(ED, &json!([claims()]).to_string())),
        ("two objects", ed(ED, &format!("{}{{}}", claims()))),
        (
            "not UTF-8",
            format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(b"{\"sub\":\"\xff\"}")),
        ),
        ("too deep", deep),
        ("garbage", "ey.ey.ey".into()),
        ("nested", ed(ED, &json!(good).to_string())),
    ];
    forms
        .into_iter()
        .map(|(name, token)| (name.to_owned(), token))
        .collect()
}

/// Around the edges, and in every spelling that is no whole number of seconds.
fn times() -> Vec<(String, String)> {
    let mut tokens = Vec::new();
    for late in [30, 31, 59, 60, 61, 3_600, 86_400] {
        tokens.push((format!("exp {late} s ago"), good_with(json!({"exp": NOW - late}))));
    }
    for early in [31, 59, 60, 61, 3_600, 86_400] {
        tokens.push((format!("nbf in {early} s"), good_with(json!({"nbf": NOW + early}))));
    }
    for claim in ["exp", "nbf", "iat"] {
        for spelling in [
            "1e10",
            "1795371000.0",
            "1795371000.5",
            "-1",
            "-0.0",
            "9223372036854775807",
            "1e400",
            "\"\"",
            "false",
        ] {
            let bare = claims_with(json!({claim: Value::Null})).to_string();
            let text = bare.replacen('{', &format!(r#"{{"{claim}":{spelling},"#), 1);
            tokens.push((format!("{claim} as {spelling}"), ed(ED, &text)));
        }
    }
    tokens
}

/// Who a token is meant for must be said, exactly.
fn audiences() -> Vec<(String, String)> {
    let audiences = [
        json!("switchboard\u{0}"),
        json!("switchboard,other"),
        json!("switchboard other"),
        json!("https://switchboard"),
        json!("*"),
        json!(["*"]),
        json!(["SWITCHBOARD"]),
        json!([["switchboard"]]),
        json!([{"aud": "switchboard"}]),
        json!(["switchboard", null]),
        json!({"switchboard": true}),
        json!({"0": "switchboard"}),
    ];
    let issuers = [
        "https://issuer.test\u{0}",
        "https://issuer.test.evil.test",
        "issuer.test",
        " https://issuer.test",
    ];
    let mut tokens: Vec<_> = audiences
        .into_iter()
        .map(|aud| (format!("aud {aud}"), good_with(json!({"aud": aud}))))
        .collect();
    tokens.extend(issuers.map(|iss| (format!("iss {iss:?}"), good_with(json!({"iss": iss})))));
    tokens.push(("iss a list".into(), good_with(json!({"iss": ["https://issuer.test"]}))));
    tokens
}

/// The same keys, once configured and once published by the issuer; the secret can only be configured.
fn rings() -> [Ring; 2] {
    let published = jwks::keys(set().to_string().as_bytes()).unwrap();
    let secret_only = Auth {
        keys: vec![key("hs", Algorithm::HS256, SECRET)],
        ..auth()
    };
    [Ring::new(&auth(), &[], None), Ring::new(&secret_only, &published, None)]
}

#[test]
fn every_hostile_token_is_refused() {
    let corpus = corpus();
    let different: BTreeSet<_> = corpus.iter().map(|(_, token)| token).collect();
    assert!(different.len() >= 400, "{}", different.len());
    for ring in rings() {
        // Else all would be refused for a reason of their own.
        assert!(ring.verify(&good_with(json!({})), now()).is_ok());
        assert!(
            ring.verify(
                &hs(
                    SECRET.as_bytes(),
                    r#"{"alg":"HS256","kid":"hs"}"#,
                    &claims().to_string()
                ),
                now()
            )
            .is_ok()
        );
        for (name, token) in &corpus {
            assert!(ring.verify(token, now()).is_err(), "{name}");
        }
    }
    println!("{} hostile tokens, 2 rings: 0 accepted", different.len());
}

#[test]
fn a_refusal_repeats_nothing_of_the_token() {
    for (name, token) in corpus() {
        let sentence = verify(&token).unwrap_err().to_string();
        assert!(
            !sentence.contains("acme") && !sentence.contains("alice"),
            "{name}: {sentence}"
        );
    }
}
