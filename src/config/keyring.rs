//! Ordered rings of keys: the first valid one signs, every valid one is accepted.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use toml::Value;

use super::reader::Reader;
use super::secret::Secret;
use super::uses::KeyUses;

/// The most keys one ring may hold.
const MAX_KEYS: usize = 5;

/// One key of a ring.
#[derive(Debug, Clone)]
pub struct Key {
    /// Unique within its ring; safe to show.
    pub id: String,
    /// The value itself.
    pub secret: Secret,
    /// Valid from this instant; `None`: always was.
    pub from: Option<Timestamp>,
    /// Valid before this instant; `None`: without end.
    pub until: Option<Timestamp>,
    /// When it was last of use.
    pub uses: Arc<KeyUses>,
}

impl Key {
    /// Tells whether `now` is within `[from, until)`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        within(self.from, self.until, now)
    }

    /// Returns 8 hexadecimal digits that tell two secrets apart and reveal neither.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.secret)
    }
}

/// Eight hexadecimal digits that tell two secrets apart and reveal neither.
pub(super) fn fingerprint(secret: &Secret) -> String {
    let text = format!("switchboard key fingerprint\n{}", secret.expose());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    hex::encode(&digest.as_ref()[..4])
}

/// Keys in order of preference.
#[derive(Debug, Clone, Default)]
pub struct KeyRing(Vec<Key>);

impl KeyRing {
    /// Makes a ring of one key without end, as the first start does.
    pub fn single(id: impl Into<String>, secret: Secret) -> Self {
        Self(vec![Key {
            id: id.into(),
            secret,
            from: None,
            until: None,
            uses: Arc::default(),
        }])
    }

    /// Lets each key go on with the uses of the same key in the ring `before`.
    pub(super) fn carry_over(&mut self, before: &Self) {
        for key in &mut self.0 {
            let same = |old: &&Key| old.id == key.id && old.secret.expose() == key.secret.expose();
            if let Some(old) = before.iter().find(same) {
                key.uses = Arc::clone(&old.uses);
            }
        }
    }

    /// Returns the keys valid at `now`, preferred first: each of them is to be accepted.
    pub fn valid(&self, now: Timestamp) -> impl Iterator<Item = &Key> {
        self.0.iter().filter(move |key| key.is_valid(now))
    }

    /// Returns the first key valid at `now`: the one to sign with.
    pub fn signing(&self, now: Timestamp) -> Option<&Key> {
        self.valid(now).next()
    }

    /// Returns all keys in order, valid or not.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }

    /// Returns a ring of each key by itself, in order.
    pub fn one_by_one(&self) -> impl Iterator<Item = Self> {
        self.0.iter().map(|key| Self(vec![key.clone()]))
    }

    /// Tells whether the ring has no key at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Tells whether `now` is within `[from, until)`.
pub(super) fn within(from: Option<Timestamp>, until: Option<Timestamp>, now: Timestamp) -> bool {
    from.is_none_or(|from| from <= now) && until.is_none_or(|until| now < until)
}

/// What every entry of a ring has, whatever its secret looks like.
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) from: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
}

impl Reader<'_> {
    /// Reads a ring that must hold at least one key.
    pub(super) fn ring(&mut self, key: &'static str) -> KeyRing {
        if !self.has(key) {
            self.fault(
                key,
                "is missing",
                "add a list: [ { id = \"1\", secret = \"env::NAME\" } ]",
            );
        }
        self.optional_ring(key).unwrap_or_default()
    }

    /// Reads a ring that may be absent, but not empty.
    pub(super) fn optional_ring(&mut self, key: &'static str) -> Option<KeyRing> {
        let keys = self.entries(key, read_key)?;
        if keys.is_empty() {
            self.fault(key, "is an empty ring", "list at least one key");
        }
        Some(KeyRing(keys))
    }

    /// Reads a ring that may be empty; every secret has at least `min_bytes` bytes.
    pub(super) fn strong_ring(&mut self, key: &'static str, min_bytes: usize) -> KeyRing {
        let read = |row: &mut Reader<'_>, entry| {
            let key = read_key(row, entry);
            row.check_strength("secret", &key.secret, min_bytes);
            key
        };
        KeyRing(self.entries(key, read).unwrap_or_default())
    }

    /// Reads the entries of a ring: at most five, with unique ids.
    ///
    /// There are as many values as entries, faulty ones included; `None` if there is no list.
    pub(super) fn entries<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Reader<'_>, Entry) -> T,
    ) -> Option<Vec<T>> {
        let mut rows = self.rows(key)?;
        if rows.len() > MAX_KEYS {
            self.fault(key, "holds more than 5 keys", "remove those no longer needed");
        }
        let mut ids = BTreeSet::new();
        let read_row = |row: &mut Reader<'_>| {
            let id = row.text("id");
            if !id.is_empty() && !ids.insert(id.clone()) {
                row.fault("id", "is used twice in this ring", "give each key an id of its own");
            }
            let (from, until) = (row.instant("from"), row.instant("until"));
            if from.is_some() && until.is_some() && until <= from {
                row.fault("until", "is not after from", "let the key end after it begins");
            }
            read(row, Entry { id, from, until })
        };
        Some(rows.iter_mut().map(read_row).collect())
    }

    /// Notes a fault if a symmetric secret is too short to resist guessing.
    pub(super) fn check_strength(&self, key: &str, secret: &Secret, min_bytes: usize) {
        let length = secret.expose().len();
        if (1..min_bytes).contains(&length) {
            let remedy = format!("use at least {min_bytes} random bytes, as `openssl rand -hex 32` makes");
            self.fault(key, "points to a secret that is too short", &remedy);
        }
    }

    fn instant(&mut self, key: &'static str) -> Option<Timestamp> {
        let text = match self.take(key)? {
            Value::String(text) => text,
            Value::Datetime(time) => time.to_string(),
            _ => String::new(),
        };
        let instant = text.parse().ok();
        if instant.is_none() {
            self.fault(key, "is not an instant", "write it like \"2026-12-01T00:00:00Z\"");
        }
        instant
    }
}

fn read_key(row: &mut Reader<'_>, entry: Entry) -> Key {
    let Entry { id, from, until } = entry;
    Key {
        id,
        secret: row.secret("secret"),
        from,
        until,
        uses: Arc::default(),
    }
}
