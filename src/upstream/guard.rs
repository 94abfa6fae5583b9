//! Which addresses may be reached on behalf of others: decided when a connection is made, whatever a name meant before.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::config::Outbound as Exceptions;
use crate::domain::network::is_public;

/// A name or an address that may not be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address is not public, and not listed in [outbound] allow_private")]
pub(super) struct NotAllowed;

/// A way to look names up.
pub(super) type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// Looks names up as the system does, and leaves out the addresses that may not be reached.
#[derive(Clone)]
pub(super) struct Guard {
    exceptions: Arc<Exceptions>,
    lookup: Lookup,
    /// Whether public addresses may be reached.
    public: bool,
}

impl Guard {
    pub(super) fn new(exceptions: Exceptions, lookup: Lookup) -> Self {
        Self {
            exceptions: Arc::new(exceptions),
            lookup,
            public: true,
        }
    }

    /// The same guard, which lets nothing pass but what is listed.
    pub(super) fn exceptions_only(self) -> Self {
        Self { public: false, ..self }
    }

    /// Refuses a URL whose host is a literal address that may not be reached: such a one is never looked up.
    pub(super) fn check_literal(&self, url: &Url) -> Result<(), NotAllowed> {
        let address: IpAddr = match url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(NotAllowed),
        };
        let allowed = self.allows(url.host_str().unwrap_or_default(), address);
        allowed.then_some(()).ok_or(NotAllowed)
    }

    fn allows(&self, host: &str, address: IpAddr) -> bool {
        (self.public && is_public(address)) || self.exceptions.allows(host, address.to_canonical())
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let mut found = (guard.lookup)(host.clone()).await?;
            let any = !found.is_empty();
            found.retain(|address| guard.allows(&host, *address));
            if any && found.is_empty() {
                return Err(NotAllowed.into());
            }
            // The client puts the port of the URL in.
            Ok(Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

/// The lookup of the system.
pub(super) fn system_lookup() -> Lookup {
    Arc::new(|host| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}
