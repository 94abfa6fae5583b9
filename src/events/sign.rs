//! Signatures as in Standard Webhooks: HMAC-SHA256 over identifier, time and body.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::domain::ids::EventId;
use crate::domain::time::Timestamp;

/// The headers that let a receiver check a body; nothing where there is no key.
///
/// The identifier is that of the event and the same at every try, the time is that of the try. There is one signature
/// for each key, so that a receiver that knows any of them can check.
pub fn headers(
    keys: impl Iterator<Item = Vec<u8>>,
    event: EventId,
    now: Timestamp,
    body: &[u8],
) -> Option<Vec<(&'static str, String)>> {
    let seconds = now.as_millis().div_euclid(1000).to_string();
    let head = format!("{event}.{seconds}.");
    let mut signatures = String::new();
    for key in keys {
        let separator = if signatures.is_empty() { "" } else { " " };
        let _ = write!(signatures, "{separator}v1,{}", signature(&key, head.as_bytes(), body));
    }
    (!signatures.is_empty()).then(|| {
        vec![
            ("webhook-id", event.to_string()),
            ("webhook-timestamp", seconds),
            ("webhook-signature", signatures),
        ]
    })
}

fn signature(key: &[u8], head: &[u8], body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    context.update(head);
    context.update(body);
    BASE64.encode(context.sign())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const EVENT: &str = "evt_0199a2b0c3d47e5f8a9b0c1d2e3f4a5b";
    const BODY: &[u8] = br#"{"type":"call.ended"}"#;

    fn signed(keys: &[&[u8]], body: &[u8]) -> Option<Vec<(&'static str, String)>> {
        let keys = keys.iter().map(|key| key.to_vec());
        headers(
            keys,
            EVENT.parse().unwrap(),
            Timestamp::from_millis(1_763_845_200_999),
            body,
        )
    }

    /// As `openssl dgst -sha256 -hmac` computes it.
    #[test]
    fn a_body_is_signed_with_its_identifier_and_time() {
        let headers = signed(&[b"0123456789abcdef"], BODY).unwrap();
        assert_eq!(headers[0], ("webhook-id", EVENT.to_owned()));
        assert_eq!(headers[1], ("webhook-timestamp", "1763845200".to_owned()));
        assert_eq!(
            headers[2],
            (
                "webhook-signature",
                "v1,fmrIm2q2kZ8ec+7boGgETWh23JQIvDAvlxWver2abH8=".to_owned()
            )
        );
    }

    #[test]
    fn every_key_signs_and_without_one_nothing_is_signed() {
        let one = signed(&[b"0123456789abcdef"], BODY).unwrap()[2].1.clone();
        let other = signed(&[b"fedcba9876543210"], BODY).unwrap()[2].1.clone();
        let both = signed(&[b"0123456789abcdef", b"fedcba9876543210"], BODY).unwrap()[2]
            .1
            .clone();
        assert_eq!(both, format!("{one} {other}"));
        assert_ne!(one, other);
        assert_eq!(signed(&[], BODY), None);
    }

    #[test]
    fn another_body_has_another_signature() {
        let of = |body| signed(&[b"0123456789abcdef"], body).unwrap()[2].1.clone();
        assert_ne!(of(BODY), of(br#"{"type":"call.queued"}"#));
    }
}
