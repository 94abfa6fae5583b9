//! `[server]` and `[outbound]`: what the gateway listens on and may reach.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use super::format::{Format, HTTP_URL, NETWORK, SOCKET, host, network};
use super::reader::Reader;

/// How the gateway listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where the API listens.
    pub bind: SocketAddr,
    /// Where metrics, health details and accounts are served without a token.
    pub management_bind: SocketAddr,
    /// What URLs made by the gateway start with; `None`: they are relative.
    pub public_url: Option<Url>,
    /// Peers whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Worker threads; 0: one per core.
    pub workers: usize,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// The time one request may take; streams have an idle limit instead.
    pub request_timeout: Duration,
    /// How long a shutdown waits for work under way.
    pub drain: Duration,
}

impl Server {
    pub(super) fn read(mut reader: Reader<'_>) -> Self {
        let unspecified = SocketAddr::from(([0, 0, 0, 0], 0));
        let server = Self {
            bind: reader.required("bind", &SOCKET).unwrap_or(unspecified),
            management_bind: reader.required("management_bind", &SOCKET).unwrap_or(unspecified),
            public_url: reader.optional("public_url", &HTTP_URL),
            trusted_proxies: reader.list("trusted_proxies", &NETWORK),
            workers: reader.integer("workers", 0..=1024),
            max_body_bytes: reader.integer("max_body_bytes", 1..=64 << 20),
            request_timeout: reader.milliseconds("request_timeout_ms", 1..=600_000),
            drain: reader.seconds("drain_seconds", 0..=3600),
        };
        if collide(server.bind, server.management_bind) {
            reader.fault("management_bind", "is the same as bind", "choose another port");
        }
        server
    }
}

/// Tells whether two listeners want the same port of the same interface; port 0 is any free one.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let shared = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && shared
}

/// Which private addresses the gateway may reach on behalf of others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbound {
    /// The exceptions from "public addresses only".
    pub allow_private: Vec<PrivateTarget>,
}

/// One private target that may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateTarget {
    /// Every address of this network.
    Network(IpNet),
    /// Whatever this host name, in lower case, resolves to.
    Host(String),
}

const PRIVATE_TARGET: Format<PrivateTarget> = Format {
    what: "a network or host name",
    example: "10.0.0.0/8",
    parse: private_target,
};

impl Outbound {
    /// Tells whether `host`, resolved to `address`, is among the exceptions.
    pub fn allows(&self, host: &str, address: IpAddr) -> bool {
        self.allow_private.iter().any(|target| match target {
            PrivateTarget::Network(network) => network.contains(&address),
            PrivateTarget::Host(name) => name.eq_ignore_ascii_case(host),
        })
    }

    pub(super) fn read(mut reader: Reader<'_>) -> Self {
        Self {
            allow_private: reader.list("allow_private", &PRIVATE_TARGET),
        }
    }
}

/// A text of digits and dots only is a mistyped address, not a name.
fn private_target(text: &str) -> Option<PrivateTarget> {
    let name = || host(text).filter(|host| host.chars().any(|c| c.is_ascii_alphabetic()));
    let target = network(text).map(PrivateTarget::Network);
    target.or_else(|| name().map(PrivateTarget::Host))
}
