//! Typed configuration: compiled-in defaults, then files, then the environment.
//!
//! Loading is pure but for the secrets it reads, and lists every fault at once.

mod account;
mod auth;
mod context;
mod fault;
mod format;
mod keyring;
mod limits;
mod origin;
mod published;
mod reader;
mod reference;
mod rings;
mod routing;
mod secret;
mod sections;
mod server;
mod source;
mod store;
mod subscription;
mod uses;
mod verification;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use account::{Account, Breaker, Mode};
pub use auth::{Algorithm, Auth, AuthKey};
pub use fault::{Fault, Faults};
pub use format::{AMOUNT, E164, Format, HOST, HTTP_URL, TEXT};
pub use keyring::{Key, KeyRing};
pub use limits::{Limits, Rate};
pub use published::PublishedKeys;
pub use reader::{Reader, Settings};
pub use reference::reference;
pub use rings::{PUBLISHED_RING, RingKey, TOKEN_RING, ring_of_account};
pub use routing::Routing;
pub use secret::{Secret, generate_or_load_secret};
pub use sections::{Calls, History, LogFormat, Phone, Retention, Telemetry};
pub use server::{Outbound, PrivateTarget, Server};
pub use source::Sources;
pub use store::StoreConfig;
pub use subscription::{Subscription, signing_key};
pub use uses::{KeyUses, Moment};
pub use verification::{Codes, Guard, GuardMode, PrefixBlock, TestNumbers, Verification};

use crate::domain::account::AccountName;
use context::Context;
use origin::Origin;
use source::Layers;

/// The least size of a key that seals: HKDF adds no strength to a short one.
const SEAL_MIN_BYTES: usize = 32;

/// The whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// How the gateway listens.
    pub server: Server,
    /// Keys that seal cursors, codes and record ids; empty only if the store is not shared.
    pub secrets: KeyRing,
    /// How tokens of callers are verified.
    pub auth: Auth,
    /// Where state is kept.
    pub store: StoreConfig,
    /// How long things are kept.
    pub retention: Retention,
    /// What the gateway tells about itself.
    pub telemetry: Telemetry,
    /// How phone numbers are read.
    pub phone: Phone,
    /// How history is read.
    pub history: History,
    /// How calls are followed.
    pub calls: Calls,
    /// How one-time codes are made, sent and checked.
    pub verification: Verification,
    /// Limits on requests.
    pub limits: Limits,
    /// Which private addresses the gateway may reach on behalf of others.
    pub outbound: Outbound,
    /// Which accounts are tried, in which order.
    pub routing: Routing,
    /// The accounts held at providers.
    pub accounts: BTreeMap<AccountName, Account>,
    /// Who gets events by POST.
    pub subscriptions: BTreeMap<String, Subscription>,
    origin: Origin,
}

impl Config {
    /// Loads the defaults, then the files in order, then the environment.
    ///
    /// Reads the files and secrets each time and keeps nothing between calls.
    ///
    /// # Errors
    ///
    /// Returns every fault found. Where a file is no TOML only such faults are listed, because what
    /// it was to say is not known.
    pub fn load(sources: &Sources) -> Result<Self, Faults> {
        Self::load_with(sources, |_| Ok(()))
    }

    /// Loads as [`Config::load`] does, and lets `check` look at each account on the way.
    ///
    /// Faults that only a provider can see, such as those in [`Account::settings`], are then listed
    /// together with all others. Where an account has faults, `check` sees stand-ins in their place.
    ///
    /// # Errors
    ///
    /// Returns every fault found, those of `check` last.
    pub fn load_with(sources: &Sources, check: impl Fn(&Account) -> Result<(), Faults>) -> Result<Self, Faults> {
        let env: BTreeMap<_, _> = sources.env.iter().cloned().collect();
        let mut layers = Layers::new();
        for file in &sources.files {
            layers.add_file(file);
        }
        layers.add_environment(&env);
        Self::read(layers, env, check)
    }

    /// Loads the defaults, then `text`; only `env::NAME` looks at the environment of this process.
    ///
    /// # Errors
    ///
    /// Returns every fault found, as [`Config::load`] does.
    pub fn from_toml(text: &str) -> Result<Self, Faults> {
        let env = Sources::from_process(Vec::new()).env;
        let mut layers = Layers::new();
        layers.add_text("text", text);
        Self::read(layers, env.into_iter().collect(), |_| Ok(()))
    }

    /// Loads the defaults, then `text`, then `env`, which stands in for the whole environment.
    ///
    /// # Errors
    ///
    /// Returns every fault found, as [`Config::load`] does.
    pub fn from_toml_with(text: &str, env: &[(&str, &str)]) -> Result<Self, Faults> {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let env: BTreeMap<_, _> = env.iter().map(pair).collect();
        let mut layers = Layers::new();
        layers.add_text("text", text);
        layers.add_environment(&env);
        Self::read(layers, env, |_| Ok(()))
    }

    /// Returns the files that secrets were read from, for a watcher.
    pub fn secret_files(&self) -> &[PathBuf] {
        &self.origin.secret_files
    }

    /// Returns the SHA-256 of the merged configuration, in hexadecimal; places count, secrets do not.
    pub fn sha256(&self) -> &str {
        &self.origin.sha256
    }

    /// Returns the paths marked `restart` whose values differ in `other`.
    pub fn restart_changes(&self, other: &Self) -> Vec<String> {
        let mut changes = self.origin.restart_changes(&other.origin);
        let url = "store.url".to_owned();
        // Its place may be the same, and what stands there another.
        if self.store.url() != other.store.url() && !changes.contains(&url) {
            changes.push(url);
        }
        changes
    }

    /// Tells whether `other` says the same and its places hold the same secrets.
    pub fn is_same_as(&self, other: &Self) -> bool {
        (&self.origin.sha256, &self.origin.secrets) == (&other.origin.sha256, &other.origin.secrets)
    }

    fn read(
        layers: Layers,
        env: BTreeMap<String, String>,
        check: impl Fn(&Account) -> Result<(), Faults>,
    ) -> Result<Self, Faults> {
        if !layers.faults.is_empty() {
            return Err(Faults(layers.faults));
        }
        let context = Context {
            env,
            overlaid: layers.overlaid,
            ..Context::default()
        };
        let origin = Origin::new(&layers.merged);
        let mut config = Self::read_root(Reader::new(&context, "", layers.merged), origin);
        config.origin.secret_files = context.secret_files.take();
        config.origin.secrets = context.secrets.borrow().digest();
        let accounts = config.accounts.values();
        accounts.for_each(|account| account.check_time(config.server.request_timeout, &context));
        for faults in config.accounts.values().filter_map(|account| check(account).err()) {
            context.faults.borrow_mut().extend(faults.0);
        }
        context.finish(config)
    }

    fn read_root(mut root: Reader<'_>, origin: Origin) -> Self {
        let names = root.names("accounts");
        let store = StoreConfig::read(root.section("store"));
        Self {
            server: Server::read(root.section("server")),
            secrets: read_secrets(root.section("secrets"), store.is_shared()),
            auth: Auth::read(root.section("auth")),
            retention: Retention::read(root.section("retention")),
            telemetry: Telemetry::read(root.section("telemetry")),
            phone: Phone::read(root.section("phone")),
            history: History::read(root.section("history")),
            calls: Calls::read(root.section("calls")),
            verification: Verification::read(root.section("verification")),
            limits: Limits::read(root.section("limits")),
            outbound: Outbound::read(root.section("outbound")),
            routing: Routing::read(root.section("routing"), &names),
            accounts: Account::read_all(&mut root),
            subscriptions: Subscription::read_all(&mut root),
            store,
            origin,
        }
    }
}

/// Gateways that share a store must seal with the same keys, so these cannot be made up at start.
fn read_secrets(mut reader: Reader<'_>, shared: bool) -> KeyRing {
    let ring = reader.strong_ring("keys", SEAL_MIN_BYTES);
    if shared && ring.is_empty() {
        reader.fault(
            "keys",
            "is an empty ring, but the store is shared",
            "list the same key in every gateway",
        );
    }
    ring
}

#[cfg(test)]
mod tests;
