//! `[store]`: where state is kept.

use std::path::PathBuf;

use url::Url;

use super::reader::Reader;
use super::secret::{NoSecret, Secret};

/// Where state is kept.
#[derive(Debug, Clone)]
pub enum StoreConfig {
    /// In this process, lost with it.
    Memory,
    /// In files of this process.
    Embedded {
        /// The directory that holds them.
        directory: PathBuf,
    },
    /// In Redis, shared by several gateways.
    Redis(RedisConfig),
}

/// Which Redis.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// What the nodes are to each other.
    pub topology: Topology,
    /// One `redis://` or `rediss://` URL a node, each with the configured credentials; never empty.
    ///
    /// Only a single node's URL may name a database.
    pub nodes: Vec<Secret>,
}

/// What several Redis nodes are to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topology {
    /// There is one server.
    Single,
    /// The nodes are sentinels.
    Sentinel {
        /// The name they watch the master under.
        master: String,
    },
    /// The nodes are seeds of a cluster.
    Cluster,
}

const FORMS: &str = "write embedded:DIR, memory:, redis://HOST, rediss://HOST, \
                     redis+sentinel://HOST,HOST/MASTER or redis+cluster://HOST,HOST";

impl StoreConfig {
    /// Tells whether several gateways may share this store.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Redis(_))
    }

    pub(super) fn read(mut reader: Reader<'_>) -> Self {
        let url = reader.text("url");
        if url.is_empty() {
            return Self::Memory;
        }
        let parsed = match reader.resolve_if_place(&url) {
            Ok(Some(hidden)) => parse(hidden.expose()).ok_or(not_a_store()),
            Ok(None) if carries_password(&url) => Err(NoSecret {
                problem: "carries a password, but a secret must be a place".into(),
                remedy: "put the whole URL elsewhere and write its place: env::NAME or file::PATH"
                    .into(),
            }),
            Ok(None) => parse(&url).ok_or(not_a_store()),
            Err(reason) => Err(reason),
        };
        parsed.unwrap_or_else(|NoSecret { problem, remedy }| {
            reader.fault("url", &problem, &remedy);
            Self::Memory
        })
    }
}

impl Reader<'_> {
    fn resolve_if_place(&self, text: &str) -> Result<Option<Secret>, NoSecret> {
        let place = text.starts_with("env::") || text.starts_with("file::");
        place.then(|| self.resolve(text)).transpose()
    }
}

fn not_a_store() -> NoSecret {
    NoSecret {
        problem: "is not the URL of a store".into(),
        remedy: FORMS.into(),
    }
}

fn carries_password(url: &str) -> bool {
    url.split_once("://")
        .is_some_and(|(_, rest)| rest.contains('@'))
}

fn parse(url: &str) -> Option<StoreConfig> {
    if url == "memory:" {
        return Some(StoreConfig::Memory);
    }
    if let Some(directory) = url.strip_prefix("embedded:") {
        let directory = PathBuf::from(directory);
        return (!directory.as_os_str().is_empty()).then_some(StoreConfig::Embedded { directory });
    }
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (topology, nodes) = match scheme {
        "redis" | "rediss" => (Topology::Single, vec![node(url)?]),
        "redis+cluster" if path.is_empty() => (Topology::Cluster, nodes(authority)?),
        "redis+sentinel" if !path.is_empty() && !path.contains('/') => {
            let master = path.to_owned();
            (Topology::Sentinel { master }, nodes(authority)?)
        }
        _ => return None,
    };
    Some(StoreConfig::Redis(RedisConfig { topology, nodes }))
}

/// Reads `user:password@h1:6379,h2:6379`: one URL a host, each with the credentials.
fn nodes(authority: &str) -> Option<Vec<Secret>> {
    let (credentials, hosts) = match authority.rsplit_once('@') {
        Some((credentials, hosts)) => (format!("{credentials}@"), hosts),
        None => (String::new(), authority),
    };
    hosts
        .split(',')
        .map(|host| node(&format!("redis://{credentials}{host}")))
        .collect()
}

fn node(url: &str) -> Option<Secret> {
    let parsed = Url::parse(url).ok()?;
    parsed
        .host_str()
        .is_some_and(|host| !host.is_empty())
        .then(|| Secret::new(url))
}
