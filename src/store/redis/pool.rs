//! Where connections come from: one Redis, a master known to sentinels, or a cluster.

use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::cluster::{ClusterClient, ClusterClientBuilder};
use deadpool_redis::redis::cluster_async::ClusterConnection;
use deadpool_redis::redis::cluster_routing::SingleNodeRoutingInfo;
use deadpool_redis::redis::{
    AsyncConnectionConfig, Cmd, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError, RedisResult,
    ServerErrorKind, Value, pipe,
};
use deadpool_redis::sentinel::{SentinelNodeConnectionInfo, SentinelServerType};
use deadpool_redis::{PoolConfig, Runtime, Timeouts, sentinel};

use super::super::StoreError;

/// How long Redis may take to answer one command.
const RESPONSE: Duration = Duration::from_millis(500);
/// How long a connection may take to show that it still works.
pub(super) const ALIVE: Duration = Duration::from_millis(200);
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(1);
const SENTINEL_PORT: u16 = 26379;

/// Makes connections.
pub(super) enum Pool {
    Node(deadpool_redis::Pool),
    Sentinel(sentinel::Pool),
    /// Its connections look after those to each node themselves. Not through deadpool, whose
    /// cluster manager sends a command again when its answer was lost, a write included.
    Cluster(Box<ClusterClient>),
}

/// A connection on loan from the pool.
pub(super) enum Held {
    Node(deadpool_redis::Connection),
    Sentinel(sentinel::Connection),
    Cluster(ClusterConnection),
}

/// A handle on a held connection, cheap to make, which shares its pipeline.
pub(super) enum Connection {
    Node(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Pool {
    /// Reads a URL of the schemes `redis`, `rediss`, `redis+sentinel`, `redis+cluster`; `size` is
    /// the most connections to hold.
    pub(super) fn open(url: &str, size: usize) -> Result<Self, StoreError> {
        let pool = match url.split_once("://") {
            Some(("redis" | "rediss", _)) => Self::node(url, size),
            Some(("redis+sentinel", rest)) => Self::sentinel(rest, size),
            Some(("redis+cluster", rest)) => Self::cluster(rest),
            _ => Err(unusable("not a Redis URL")),
        };
        // The URL may hold a password, so it is not named.
        pool.map_err(|error| StoreError::Unavailable(format!("the store URL: {error}")))
    }

    fn node(url: &str, size: usize) -> RedisResult<Self> {
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(Some(RESPONSE))
            .set_connection_timeout(Some(CONNECT));
        let manager = deadpool_redis::Manager::new_with_config(url, config)?;
        deadpool_redis::Pool::builder(manager)
            .config(config_of(size))
            .runtime(Runtime::Tokio1)
            .build()
            .map(Self::Node)
            .map_err(|_| unusable("no pool for it"))
    }

    fn sentinel(rest: &str, size: usize) -> RedisResult<Self> {
        let address = Address::parse(rest)?;
        let (master, database) = address.path.split_once('/').unwrap_or((address.path, "0"));
        if master.is_empty() {
            return Err(unusable("sentinels without the name of a master"));
        }
        let sentinels = address.hosts.iter().map(|host| match has_port(host) {
            true => format!("redis://{host}"),
            false => format!("redis://{host}:{SENTINEL_PORT}"),
        });
        let login = address.node(address.hosts[0], database)?;
        let node = SentinelNodeConnectionInfo {
            tls_mode: None,
            redis_connection_info: Some(login.redis_settings().clone().into()),
        };
        let manager = sentinel::Manager::new(
            sentinels.collect(),
            master.to_owned(),
            Some(node),
            SentinelServerType::Master,
        )?;
        sentinel::Pool::builder(manager)
            .config(config_of(size))
            .runtime(Runtime::Tokio1)
            .build()
            .map(Self::Sentinel)
            .map_err(|_| unusable("no pool for it"))
    }

    fn cluster(rest: &str) -> RedisResult<Self> {
        let address = Address::parse(rest)?;
        let nodes = address.hosts.iter().map(|host| address.node(host, "0"));
        ClusterClientBuilder::new(nodes.collect::<RedisResult<Vec<_>>>()?)
            .retries(0)
            .response_timeout(RESPONSE)
            .connection_timeout(CONNECT)
            .build()
            .map(|client| Self::Cluster(Box::new(client)))
    }

    /// Takes a connection that works, or makes one.
    pub(super) async fn get(&self) -> Result<Held, StoreError> {
        let away = |error: &dyn std::error::Error| StoreError::Unavailable(error.to_string());
        match self {
            Self::Node(pool) => pool.get().await.map(Held::Node).map_err(|error| away(&error)),
            Self::Sentinel(pool) => {
                let held = pool.get().await.map(Held::Sentinel);
                held.map_err(|error| away(&error))
            }
            Self::Cluster(client) => {
                let held = client.get_async_connection().await.map(Held::Cluster);
                held.map_err(|error| away(&error))
            }
        }
    }

    /// Drops the connections that are not on loan.
    pub(super) fn forget_idle(&self) {
        match self {
            Self::Node(pool) => drop(pool.retain(|_, _| false)),
            Self::Sentinel(pool) => drop(pool.retain(|_, _| false)),
            Self::Cluster(_) => {}
        }
    }
}

impl Held {
    /// Makes a handle on the connection.
    pub(super) fn share(&self) -> Connection {
        match self {
            Self::Node(held) => Connection::Node(held.as_ref().clone()),
            Self::Sentinel(held) => Connection::Node(held.as_ref().clone()),
            Self::Cluster(held) => Connection::Cluster(held.clone()),
        }
    }

    /// Drops the connection for good, instead of giving it back.
    pub(super) fn discard(self) {
        match self {
            Self::Node(held) => drop(deadpool_redis::Connection::take(held)),
            Self::Sentinel(held) => drop(sentinel::Connection::take(held)),
            Self::Cluster(held) => drop(held),
        }
    }
}

impl Connection {
    /// Sends a command and returns its answer, or the error Redis answered with.
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let connection = match self {
            Self::Node(connection) => {
                let answer = connection.send_packed_command(command).await?;
                return answer.extract_error();
            }
            Self::Cluster(connection) => connection,
        };
        let answer = command.query_async(connection).await;
        match answer.as_ref().err().and_then(asked_elsewhere) {
            Some(node) => Box::pin(ask(connection, command, node)).await,
            None => answer,
        }
    }
}

/// Reads the node that has the key while its slot is on the way there.
fn asked_elsewhere(error: &RedisError) -> Option<SingleNodeRoutingInfo> {
    if error.kind() != ErrorKind::Server(ServerErrorKind::Ask) {
        return None;
    }
    let (host, port) = error.redirect_node()?.0.rsplit_once(':')?;
    Some(SingleNodeRoutingInfo::ByAddress {
        host: host.to_owned(),
        port: port.parse().ok()?,
    })
}

async fn ask(connection: &mut ClusterConnection, command: &Cmd, node: SingleNodeRoutingInfo) -> RedisResult<Value> {
    let mut both = pipe();
    both.cmd("ASKING").add_command(command.clone());
    let answers = connection.route_pipeline(both, 0, 2, node).await?;
    match answers.into_iter().nth(1) {
        Some(answer) => answer.extract_error(),
        None => Err(unusable("half an answer")),
    }
}

/// `[user:password@]host[:port],…[/path]`, which the URL types of neither crate read.
struct Address<'a> {
    login: &'a str,
    hosts: Vec<&'a str>,
    path: &'a str,
}

impl<'a> Address<'a> {
    fn parse(rest: &'a str) -> RedisResult<Self> {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let at = authority.rfind('@').map_or(0, |at| at + 1);
        let (login, hosts) = authority.split_at(at);
        let hosts: Vec<_> = hosts.split(',').collect();
        if hosts.iter().any(|host| host.is_empty()) {
            return Err(unusable("a host without a name"));
        }
        Ok(Self { login, hosts, path })
    }

    fn node(&self, host: &str, database: &str) -> RedisResult<ConnectionInfo> {
        format!("redis://{}{host}/{database}", self.login).into_connection_info()
    }
}

/// Says whether a port stands after the host, which may be an IPv6 address in brackets.
fn has_port(host: &str) -> bool {
    host.rsplit(']').next().is_some_and(|rest| rest.contains(':'))
}

fn config_of(size: usize) -> PoolConfig {
    let mut config = PoolConfig::new(size);
    config.timeouts = Timeouts {
        wait: Some(RESPONSE),
        create: Some(CONNECT),
        recycle: Some(ALIVE),
    };
    config
}

fn unusable(why: &'static str) -> RedisError {
    (ErrorKind::InvalidClientConfig, why).into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_opens_without_a_server() {
        for url in [
            "redis://127.0.0.1",
            "rediss://user:secret@redis.example:6380/2",
            "redis+sentinel://h1,h2:26380/master",
            "redis+sentinel://user:p%40ss@h1,[::1],[::1]:26380/master/3",
            "redis+cluster://h1,h2:7001",
            "redis+cluster://user:secret@h1",
        ] {
            assert!(Pool::open(url, 4).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_its_password() {
        for url in [
            "redis://user:hunter2@",
            "redis+sentinel://user:hunter2@h1",
            "redis+sentinel://user:hunter2@h1,,h2/master",
            "redis+cluster://user:hunter2@h1:port",
            "http://user:hunter2@h1",
        ] {
            let error = Pool::open(url, 4).err().unwrap().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_port_is_told_from_an_ipv6_address() {
        for (host, expected) in [("h", false), ("h:1", true), ("[::1]", false), ("[::1]:1", true)] {
            assert_eq!(has_port(host), expected, "{host}");
        }
    }
}
