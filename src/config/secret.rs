//! Secrets, and the places they are read from.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use toml::Value;

use super::reader::Reader;

/// A secret value: its memory is erased when dropped, and `Debug` prints a fixed word.
#[derive(Clone, Default)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a value made by the program itself, such as a development key.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// Makes a value of 32 random bytes in hexadecimal.
    ///
    /// # Errors
    /// Fails when the system gives no random bytes.
    pub fn generate() -> io::Result<Self> {
        random_hex::<32>().map(Self::new)
    }

    /// Returns the value, for the one use it is kept for.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A digest of all secrets of a configuration, which tells whether any of them is another.
pub(super) struct SecretsSeen(aws_lc_rs::digest::Context);

impl SecretsSeen {
    pub(super) fn note(&mut self, value: &str) {
        self.0.update(&(value.len() as u64).to_be_bytes());
        self.0.update(value.as_bytes());
    }

    pub(super) fn digest(&self) -> String {
        hex::encode(self.0.clone().finish().as_ref())
    }
}

impl Default for SecretsSeen {
    fn default() -> Self {
        Self(aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256))
    }
}

/// Why a place gave no secret.
pub(super) struct NoSecret {
    pub(super) problem: String,
    pub(super) remedy: String,
}

impl Reader<'_> {
    /// Reads the secret that a required key points to.
    pub(super) fn secret(&mut self, key: &'static str) -> Secret {
        let place = self.take_required(key);
        place.and_then(|place| self.place(key, &place)).unwrap_or_default()
    }

    /// Reads the secret that a key points to, if the key is there.
    pub(super) fn optional_secret(&mut self, key: &'static str) -> Option<Secret> {
        let place = self.take(key)?;
        self.place(key, &place)
    }

    /// Reads the secret at the place written at `key`: `env::NAME` or `file::PATH`.
    pub(super) fn place(&self, key: &str, place: &Value) -> Option<Secret> {
        match self.resolve(place.as_str().unwrap_or_default()) {
            Ok(secret) => Some(secret),
            Err(NoSecret { problem, remedy }) => {
                self.fault(key, &problem, &remedy);
                None
            }
        }
    }

    /// Reads the secret at `place`; the error never repeats a literal.
    pub(super) fn resolve(&self, place: &str) -> Result<Secret, NoSecret> {
        let value = if let Some(name) = place.strip_prefix("env::") {
            self.variable(name)?
        } else if let Some(path) = place.strip_prefix("file::") {
            self.secret_file(Path::new(path))?
        } else {
            return Err(NoSecret {
                problem: "is written out, but a secret must be a place".into(),
                remedy: "put the value elsewhere and write its place: env::NAME or file::PATH".into(),
            });
        };
        if value.is_empty() {
            return Err(NoSecret {
                problem: "points to an empty secret".into(),
                remedy: "store the value at this place".into(),
            });
        }
        self.note_secret(&value);
        Ok(Secret::new(value))
    }

    fn variable(&self, name: &str) -> Result<String, NoSecret> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(word) {
            return Err(NoSecret {
                problem: "does not name an environment variable".into(),
                remedy: "write env::NAME with letters, digits and underscores".into(),
            });
        }
        self.environment(name).ok_or_else(|| NoSecret {
            problem: format!("needs the environment variable {name}, which is not set"),
            remedy: format!("set {name} before starting"),
        })
    }

    fn secret_file(&self, path: &Path) -> Result<String, NoSecret> {
        self.watch(path);
        let mut text = fs::read_to_string(path).map_err(|error| NoSecret {
            problem: format!("needs the file {}, which cannot be read: {error}", path.display()),
            remedy: "create the file, readable for the user who runs the gateway".into(),
        })?;
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
        Ok(text)
    }
}

/// Loads the secret kept in `directory`, making it on first start.
///
/// The file `secret.key` holds 32 random bytes in hexadecimal and is readable for its owner only.
/// Starting twice at once is safe: both end with the same secret.
///
/// # Errors
///
/// Fails when the directory cannot be written, or the file is not one this function made.
pub fn generate_or_load_secret(directory: &Path) -> io::Result<Secret> {
    let path = directory.join("secret.key");
    if !path.exists() {
        fs::create_dir_all(directory)?;
        write_new_secret(directory, &path)?;
    }
    let text = fs::read_to_string(&path)?;
    let value = text.trim_end();
    if value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(Secret::new(value))
    } else {
        let reason = format!("{} does not hold 32 bytes in hexadecimal", path.display());
        Err(io::Error::new(io::ErrorKind::InvalidData, reason))
    }
}

/// Links a finished file into place: a crash leaves no half a secret, a rival start keeps the first.
fn write_new_secret(directory: &Path, path: &Path) -> io::Result<()> {
    let draft = directory.join(format!(".secret.key.{}", random_hex::<8>()?));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    writeln!(file, "{}", random_hex::<32>()?)?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn random_hex<const BYTES: usize>() -> io::Result<String> {
    let mut bytes = [0; BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("no random bytes"))?;
    Ok(hex::encode(bytes))
}
