//! For the fuzzer: tokens and key sets of any bytes.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm as Signature, EncodingKey};

use super::jwks;
use super::token::Ring;
use crate::config::{Algorithm, Auth, AuthKey, Secret};
use crate::domain::time::Timestamp;

const SECRET: &str = "a secret of the fuzzer, of thirty-two bytes and more";
const NOW: Timestamp = Timestamp::from_seconds(1_795_370_400);

static AUTH: LazyLock<Auth> = LazyLock::new(|| Auth {
    issuer: "https://issuer.test".into(),
    audience: "switchboard".into(),
    scope_claim: "scope".into(),
    tenant_claim: "tenant".into(),
    keys: vec![AuthKey {
        id: "1".into(),
        alg: Algorithm::HS256,
        verifying: Secret::new(SECRET),
        signing: None,
        from: None,
        until: None,
        uses: Arc::default(),
    }],
    jwks_url: None,
    published: Arc::default(),
});

static RING: LazyLock<Ring> = LazyLock::new(|| Ring::new(&AUTH, &[], None));

/// No text is a good token; header and claims are then signed, so that what comes after the signature is reached.
pub(crate) fn fuzz_token(data: &[u8]) {
    if let Ok(token) = str::from_utf8(data) {
        let _ = RING.lacks_key_of(token, NOW);
        assert!(RING.verify(token, NOW).is_err(), "forged");
    }
    let (header, claims) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (br#"{"alg":"HS256","kid":"1"}"# as &[u8], data),
    };
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let Ok(signature) = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Signature::HS256) else {
        return;
    };
    if let Ok(verified) = RING.verify(&format!("{signed}.{signature}"), NOW) {
        assert!(verified.until > NOW, "expired");
        let tenant = verified.caller.tenant;
        assert!(
            !tenant.is_empty() && !tenant.contains([':', '\0', '\n', ' ']),
            "{tenant:?}"
        );
    }
}

/// Whatever is published makes no key of a secret, and none of it makes a forged token good.
pub(crate) fn fuzz_key_set(data: &[u8]) {
    let Ok(keys) = jwks::keys(data) else { return };
    assert!(
        keys.iter()
            .all(|key| key.algorithm != Signature::HS256 && !key.id.is_empty())
    );
    let auth = Auth {
        keys: Vec::new(),
        ..AUTH.clone()
    };
    let ring = Ring::new(&auth, &keys, None);
    for key in keys.iter().take(3) {
        let header = serde_json::json!({"alg": format!("{:?}", key.algorithm), "kid": key.id}).to_string();
        let token = format!(
            "{}.e30.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode([1; 64])
        );
        assert!(ring.verify(&token, NOW).is_err(), "forged");
    }
}
