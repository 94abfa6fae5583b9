//! Sealing and keyed hashing with the `[secrets]` ring, one derived key per purpose.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::config::KeyRing;
use crate::domain::time::Timestamp;

/// What a sealed or hashed text is for; each purpose has a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Cursors handed to callers.
    Cursor,
    /// Phone numbers and addresses in keys of the store.
    Address,
    /// Bodies of requests under an idempotency key.
    Fingerprint,
    /// Records of the history that wait in the store.
    History,
    /// Codes that the gateway makes.
    Code,
    /// Answers that wait for a repeat of their request.
    Answer,
}

impl Purpose {
    const ALL: [Self; 6] = [
        Self::Cursor,
        Self::Address,
        Self::Fingerprint,
        Self::History,
        Self::Code,
        Self::Answer,
    ];

    const fn label(self) -> &'static [u8] {
        match self {
            Self::Cursor => b"switchboard cursor",
            Self::Address => b"switchboard address",
            Self::Fingerprint => b"switchboard fingerprint",
            Self::History => b"switchboard history",
            Self::Code => b"switchboard code",
            Self::Answer => b"switchboard answer",
        }
    }
}

/// Seals texts and hashes what must not stand in a key in clear.
///
/// The first valid key seals; every valid key opens. Hashes that name things in the store use the last valid key, so that
/// putting a new key first renames nothing until the old one is taken away.
pub struct Sealer {
    keys: Vec<DerivedKeys>,
}

struct DerivedKeys {
    tag: [u8; TAG],
    by_purpose: Vec<PurposeKey>,
}

struct PurposeKey {
    cipher: LessSafeKey,
    hash: hmac::Key,
}

const TAG: usize = 4;

impl Sealer {
    /// Makes a sealer of the ring's keys that are valid at `now`.
    pub fn new(ring: &KeyRing, now: Timestamp) -> Self {
        let keys = ring
            .valid(now.to_jiff())
            .filter_map(|key| DerivedKeys::new(&key.id, key.secret.expose().as_bytes()));
        Self { keys: keys.collect() }
    }

    /// Seals `plain` so that only the same `context` opens it; the text is URL-safe.
    ///
    /// Nothing is returned where the ring has no valid key.
    pub fn seal(&self, purpose: Purpose, context: &[u8], plain: &[u8]) -> Option<String> {
        let key = self.keys.first()?;
        let mut nonce = [0u8; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        let mut sealed = plain.to_vec();
        key.of(purpose)
            .cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed)
            .ok()?;
        let mut out = Vec::with_capacity(TAG + NONCE_LEN + sealed.len());
        out.extend_from_slice(&key.tag);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Some(BASE64.encode(out))
    }

    /// Opens what [`Sealer::seal`] made with the same purpose and context; nothing else opens.
    pub fn open(&self, purpose: Purpose, context: &[u8], text: &str) -> Option<Vec<u8>> {
        let bytes = BASE64.decode(text).ok()?;
        let (tag, rest) = bytes.split_at_checked(TAG)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let nonce: [u8; NONCE_LEN] = nonce.try_into().ok()?;
        self.keys.iter().filter(|key| key.tag == tag).find_map(|key| {
            let mut buffer = sealed.to_vec();
            let plain = key
                .of(purpose)
                .cipher
                .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut buffer)
                .ok()?;
            Some(plain.to_vec())
        })
    }

    /// A keyed hash of `parts` as 32 hexadecimal digits, to name something in the store.
    pub fn name(&self, purpose: Purpose, parts: &[&str]) -> String {
        let Some(key) = self.keys.last() else {
            return String::new();
        };
        hex(&key.hash(purpose, parts)[..16])
    }

    /// Keyed hashes of `text` by every valid key, the signing one first: equal texts share one as long as a key lasts.
    pub fn fingerprints(&self, text: &str) -> Vec<String> {
        self.keys
            .iter()
            .map(|key| hex(&key.hash(Purpose::Fingerprint, &[text])[..16]))
            .collect()
    }
}

impl DerivedKeys {
    fn new(id: &str, secret: &[u8]) -> Option<Self> {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"switchboard").extract(secret);
        let by_purpose: Option<Vec<_>> = Purpose::ALL
            .iter()
            .map(|purpose| PurposeKey::derive(&prk, *purpose))
            .collect();
        Some(Self {
            tag: tag_of(id),
            by_purpose: by_purpose?,
        })
    }

    fn of(&self, purpose: Purpose) -> &PurposeKey {
        &self.by_purpose[purpose as usize]
    }

    fn hash(&self, purpose: Purpose, parts: &[&str]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.of(purpose).hash);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut out = [0u8; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }
}

impl PurposeKey {
    fn derive(prk: &hkdf::Prk, purpose: Purpose) -> Option<Self> {
        let info = [purpose.label()];
        let mut bytes = [0u8; 32];
        prk.expand(&info, hkdf::HKDF_SHA256).ok()?.fill(&mut bytes).ok()?;
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).ok()?);
        Some(Self {
            cipher,
            hash: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
        })
    }
}

fn tag_of(id: &str) -> [u8; TAG] {
    let mut tag = [0u8; TAG];
    tag.copy_from_slice(&digest::digest(&digest::SHA256, id.as_bytes()).as_ref()[..TAG]);
    tag
}

/// An unkeyed hash of `parts` as 32 hexadecimal digits, for what is no secret.
pub fn plain_name(parts: &[&str]) -> String {
    hex(&short_digest(parts))
}

/// SHA-256 of a list of texts, cut to 16 bytes; not keyed.
pub fn short_digest(parts: &[&str]) -> [u8; 16] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut short = [0; 16];
    short.copy_from_slice(&context.finish().as_ref()[..16]);
    short
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn sealer(secret: &str) -> Sealer {
        let ring = KeyRing::single("1", Secret::new(secret));
        Sealer::new(&ring, Timestamp::from_millis(0))
    }

    #[test]
    fn only_the_same_key_purpose_and_context_open() {
        let ours = sealer("a secret of at least thirty-two bytes");
        let sealed = ours.seal(Purpose::Cursor, b"tenant", b"place").unwrap();
        assert_eq!(ours.open(Purpose::Cursor, b"tenant", &sealed).unwrap(), b"place");
        assert_eq!(ours.open(Purpose::Cursor, b"other", &sealed), None);
        assert_eq!(ours.open(Purpose::Address, b"tenant", &sealed), None);
        assert_eq!(
            sealer("another secret of thirty-two bytes").open(Purpose::Cursor, b"tenant", &sealed),
            None
        );
    }

    #[test]
    fn every_altered_character_is_noticed() {
        let ours = sealer("a secret of at least thirty-two bytes");
        let sealed = ours.seal(Purpose::Cursor, b"", b"place").unwrap();
        for index in 0..sealed.len() {
            let mut altered = sealed.clone().into_bytes();
            altered[index] = if altered[index] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                ours.open(Purpose::Cursor, b"", &String::from_utf8(altered).unwrap()),
                None,
                "{index}"
            );
        }
    }

    #[test]
    fn names_depend_on_where_the_parts_end() {
        let ours = sealer("a secret of at least thirty-two bytes");
        assert_ne!(
            ours.name(Purpose::Address, &["ab", "c"]),
            ours.name(Purpose::Address, &["a", "bc"])
        );
        assert_eq!(ours.name(Purpose::Address, &["a"]).len(), 32);
    }
}
