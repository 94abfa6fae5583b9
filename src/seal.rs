//! Sealing and keyed hashing with the `[secrets]` ring, one derived key per purpose.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::clock::Clock;
use crate::config::{Key, KeyRing};
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
/// The first valid key seals; every key opens whose time is not over: another gateway may have begun to seal with one that
/// is not valid yet by our clock. Hashes that name things in the store use the last of these, so that putting a new key
/// first renames nothing until the old one is taken away.
pub struct Sealer {
    keys: Vec<DerivedKeys>,
    clock: Arc<dyn Clock>,
}

struct DerivedKeys {
    key: Key,
    tag: [u8; TAG],
    by_purpose: Vec<PurposeKey>,
}

struct PurposeKey {
    cipher: LessSafeKey,
    hash: hmac::Key,
}

const TAG: usize = 4;

impl Sealer {
    /// Makes a sealer of the ring's keys.
    pub fn new(ring: &KeyRing, clock: Arc<dyn Clock>) -> Self {
        Self {
            keys: ring.iter().filter_map(DerivedKeys::new).collect(),
            clock,
        }
    }

    /// The keys whose time is not over.
    fn lasting(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = &DerivedKeys> {
        let now = now.to_jiff();
        let lasts = move |held: &&DerivedKeys| held.key.until.is_none_or(|until| now < until);
        self.keys.iter().filter(lasts)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_ms())
    }

    /// Seals `plain` so that only the same `context` opens it; the text is URL-safe.
    ///
    /// Nothing is returned where the ring has no valid key.
    pub fn seal(&self, purpose: Purpose, context: &[u8], plain: &[u8]) -> Option<String> {
        let now = self.now();
        let key = self.lasting(now).find(|held| held.key.is_valid(now.to_jiff()))?;
        let mut nonce = [0u8; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        let mut sealed = plain.to_vec();
        key.of(purpose)
            .cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed)
            .ok()?;
        key.key.uses.used.note(now);
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
        let now = self.now();
        let opened = self.lasting(now).filter(|key| key.tag == tag).find_map(|key| {
            let mut buffer = sealed.to_vec();
            let plain = key
                .of(purpose)
                .cipher
                .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut buffer)
                .ok()?;
            Some((plain.to_vec(), key))
        });
        let (plain, key) = opened?;
        key.key.uses.accepted.note(now);
        Some(plain)
    }

    /// A keyed hash of `parts` as 32 hexadecimal digits, to name something in the store.
    pub fn name(&self, purpose: Purpose, parts: &[&str]) -> String {
        let Some(key) = self.lasting(self.now()).next_back() else {
            return String::new();
        };
        hex::encode(&key.hash(purpose, parts)[..16])
    }

    /// Keyed hashes of `text` by every key whose time is not over, in order: equal texts share one as long as a key lasts.
    pub fn fingerprints(&self, text: &str) -> Vec<String> {
        self.lasting(self.now())
            .map(|key| hex::encode(&key.hash(Purpose::Fingerprint, &[text])[..16]))
            .collect()
    }
}

impl DerivedKeys {
    fn new(key: &Key) -> Option<Self> {
        let secret = key.secret.expose().as_bytes();
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"switchboard").extract(secret);
        let by_purpose: Option<Vec<_>> = Purpose::ALL
            .iter()
            .map(|purpose| PurposeKey::derive(&prk, *purpose))
            .collect();
        Some(Self {
            tag: tag_of(&key.id),
            key: key.clone(),
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
    hex::encode(short_digest(parts))
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::config::Secret;

    fn sealer(secret: &str) -> Sealer {
        let ring = KeyRing::single("1", Secret::new(secret));
        Sealer::new(&ring, Arc::new(ManualClock::at(0)))
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

    /// A ring of which the new key begins at 10 s and the old one ends at 20 s.
    fn rotating(clock: &Arc<ManualClock>) -> Sealer {
        let text = r#"
            [auth]
            issuer = "i"
            keys = [ { id = "1", alg = "HS256", secret = "env::OLD" } ]
            [secrets]
            keys = [ { id = "new", secret = "env::NEW", from = "1970-01-01T00:00:10Z" },
                     { id = "old", secret = "env::OLD", until = "1970-01-01T00:00:20Z" } ]"#;
        let env = [
            ("OLD", "a secret of at least thirty-two bytes"),
            ("NEW", "another secret of at least thirty-two bytes"),
        ];
        let config = crate::config::Config::from_toml_with(text, &env).unwrap();
        Sealer::new(&config.secrets, clock.clone())
    }

    #[test]
    fn a_key_seals_in_its_time_and_opens_from_before_it_to_its_end() {
        let (ours, theirs) = (Arc::new(ManualClock::at(5_000)), Arc::new(ManualClock::at(15_000)));
        // Another gateway, whose clock is ahead, seals with the new key already.
        let (sealer, ahead) = (rotating(&ours), rotating(&theirs));
        let seal = |sealer: &Sealer| sealer.seal(Purpose::Cursor, b"", b"place").unwrap();
        let opens = |text: &str| sealer.open(Purpose::Cursor, b"", text).is_some();
        let (old, new) = (seal(&sealer), seal(&ahead));
        assert_ne!(old[..5], new[..5], "sealed with different keys");
        assert!(opens(&old) && opens(&new));
        let name = sealer.name(Purpose::Address, &["a"]);
        ours.set(15_000);
        assert_eq!(seal(&sealer)[..5], new[..5]);
        assert_eq!(sealer.name(Purpose::Address, &["a"]), name, "nothing is renamed yet");
        ours.set(20_000);
        assert!(opens(&new) && !opens(&old));
        assert_ne!(sealer.name(Purpose::Address, &["a"]), name);
    }

    #[test]
    fn a_key_tells_when_it_sealed_and_opened() {
        let clock = Arc::new(ManualClock::at(1_000));
        let ring = KeyRing::single("1", Secret::new("a secret of at least thirty-two bytes"));
        let uses = Arc::clone(&ring.iter().next().unwrap().uses);
        let sealer = Sealer::new(&ring, clock.clone());
        let sealed = sealer.seal(Purpose::Cursor, b"", b"place").unwrap();
        clock.set(2_000);
        sealer.open(Purpose::Cursor, b"", &sealed).unwrap();
        assert_eq!(uses.used.get(), Some(Timestamp::from_millis(1_000)));
        assert_eq!(uses.accepted.get(), Some(Timestamp::from_millis(2_000)));
    }
}
