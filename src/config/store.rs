//! `[store]`: where state is kept.

use std::path::Path;

use url::Url;

use super::reader::Reader;
use super::secret::{NoSecret, Secret};

/// Where state is kept: the URL of a store, which may carry a password.
#[derive(Debug, Clone)]
pub struct StoreConfig(Secret);

const FORMS: &str = "write embedded:DIR, memory:, redis://HOST, rediss://HOST, \
                     redis+sentinel://HOST,HOST/MASTER or redis+cluster://HOST,HOST";

impl StoreConfig {
    /// Returns the URL, of one of the forms that the store opens.
    pub fn url(&self) -> &str {
        self.0.expose()
    }

    /// Tells whether several gateways may share this store.
    pub fn is_shared(&self) -> bool {
        self.url().starts_with("redis")
    }

    /// Returns the directory of a store in files of this process.
    pub fn directory(&self) -> Option<&Path> {
        self.url().strip_prefix("embedded:").map(Path::new)
    }

    pub(super) fn read(mut reader: Reader<'_>) -> Self {
        let url = reader.text("url");
        if url.is_empty() {
            return Self(Secret::new("memory:"));
        }
        let parsed = match reader.resolve_if_place(&url) {
            Ok(Some(hidden)) if names_a_store(hidden.expose()) => Ok(hidden),
            Ok(None) if carries_password(&url) => Err(NoSecret {
                problem: "carries a password, but a secret must be a place".into(),
                remedy: "put the whole URL elsewhere and write its place: env::NAME or file::PATH".into(),
            }),
            Ok(None) if names_a_store(&url) => Ok(Secret::new(url)),
            Ok(_) => Err(not_a_store()),
            Err(reason) => Err(reason),
        };
        Self(parsed.unwrap_or_else(|NoSecret { problem, remedy }| {
            reader.fault("url", &problem, &remedy);
            Secret::new("memory:")
        }))
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
    url.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}

fn names_a_store(url: &str) -> bool {
    if let Some(directory) = url.strip_prefix("embedded:") {
        return !directory.is_empty();
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return url == "memory:";
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let hosts = authority.rsplit('@').next().unwrap_or_default();
    let each_has_a_name = hosts.split(',').all(is_host);
    match scheme {
        "redis" | "rediss" => is_host(hosts),
        "redis+cluster" => each_has_a_name && path.is_empty(),
        "redis+sentinel" => each_has_a_name && !path.is_empty(),
        _ => false,
    }
}

fn is_host(host: &str) -> bool {
    Url::parse(&format!("redis://{host}")).is_ok_and(|url| url.host_str().is_some_and(|name| !name.is_empty()))
}
