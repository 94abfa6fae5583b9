//! The composition root: from a configuration to a running gateway. Opens nothing until it is started.

mod door;
mod generation;
mod reload;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use async_trait::async_trait;
use futures_util::{FutureExt as _, poll};
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::api::{self, Api, Authenticator, Issuer, Publication};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config, Faults, KeyRing, Secret, Sources};
use crate::domain::time::Timestamp;
use crate::events::{Deliverer, OutboundError, Passage};
use crate::providers::registry::{self, Accounts, Ways};
use crate::seal::Sealer;
use crate::store::{self, SharedStore};
use crate::telemetry;
use crate::upstream;
use crate::usecases::{Current, Gateway};
use door::Door;
use generation::Generation;
use reload::Reloader;

/// How long the other side of a connection may take nothing of what is sent to it before the connection is closed.
#[cfg(target_os = "linux")]
const SLOWEST_READER: Duration = Duration::from_secs(30);

/// Which part of the time to stop requests may take, and then what they have begun; the rest is for work between them to be
/// handed over.
const REQUESTS: f64 = 0.75;
const BEGUN: f64 = 0.9;

/// Says why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is not valid.
    #[error("{0}")]
    Config(#[from] Faults),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        error: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    Store(#[from] store::StoreError),
    /// A secret cannot be made or read.
    #[error("the gateway's own secret cannot be made or read: {0}")]
    Secret(std::io::Error),
    /// Nothing can be delivered.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The HTTP servers cannot be started.
    #[error("the HTTP server cannot be started: {0}")]
    Server(std::io::Error),
}

/// Loads a configuration and has every kind of provider check its own settings.
///
/// # Errors
/// Every fault at once.
pub fn load(sources: &Sources) -> Result<Config, Faults> {
    Config::load_with(sources, registry::check)
}

/// A running gateway.
pub struct App {
    /// Where the API listens.
    pub address: SocketAddr,
    /// Where operators look.
    pub management_address: SocketAddr,
    current: Arc<Current>,
    door: Door,
    servers: Vec<(ServerHandle, JoinHandle<std::io::Result<()>>)>,
    workers: JoinHandle<()>,
    stop: CancellationToken,
    drain: Duration,
}

impl App {
    /// Opens the store, the accounts and the listeners; answers requests when this returns.
    ///
    /// # Errors
    /// Where one of them cannot be opened.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::launch(config, None).await
    }

    /// The same, and takes over what changes in `sources`, which the configuration came from.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_following(config: Config, sources: Sources) -> Result<Self, StartError> {
        Self::launch(config, Some(sources)).await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the tasks that the application itself waits for when it stops"
    )]
    async fn launch(config: Config, sources: Option<Sources>) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ways = Ways::from(&clock);
        let accounts = Accounts::build(&config, ways.clone())?;
        let store = store::open(config.store.url(), Arc::clone(&clock))?;
        let sealer = Sealer::new(&own_secrets(&config)?, Arc::clone(&clock));
        let config = Arc::new(config);
        let passage = Arc::new(Passage::new(config.outbound.clone())?);
        let gateway = Gateway::new(
            Arc::clone(&config),
            Arc::clone(&store),
            accounts,
            sealer,
            Arc::clone(&clock),
        );
        let current = Current::new(Arc::new(gateway.passing_on(passage)));
        let metrics = telemetry::install_metrics();
        let auth = Arc::new(Authenticator::new(&config.auth));
        let public = listen(config.server.bind)?;
        let management = listen(config.server.management_bind)?;
        let (address, management_address) = (local(&public)?, local(&management)?);
        let api = || Api::new(Arc::clone(&current), Arc::clone(&auth));
        let public_api = api();
        let door = Door::of(&public, public_api.connections()).map_err(StartError::Server)?;
        let servers = [
            api::server(public_api, public),
            api::management(api(), metrics.clone(), management),
        ];
        let mut running: Vec<(ServerHandle, JoinHandle<_>)> = Vec::new();
        for server in servers {
            let mut server = server.map_err(StartError::Server)?;
            // Its threads begin with the first poll and are as important as the one that asks, which the runtime's are not.
            if let Poll::Ready(ended) = poll!(&mut server) {
                for (started, _) in running {
                    started.stop(false).await;
                }
                return Err(StartError::Server(
                    ended.err().unwrap_or_else(|| ErrorKind::Other.into()),
                ));
            }
            running.push((server.handle(), tokio::spawn(server)));
        }
        let stop = CancellationToken::new();
        let generation = Generation {
            current: Arc::clone(&current),
            auth: Arc::clone(&auth),
            ways,
            clock,
        };
        reload::show_start(&config);
        let followed = match sources {
            Some(sources) => Reloader { sources, generation }
                .follow(stop.clone())
                .map_err(StartError::Server)?
                .boxed(),
            None => futures_util::future::ready(()).boxed(),
        };
        let issuer = Published(Arc::clone(&current));
        let following = stop.clone();
        let verified = async move { auth.follow(issuer, following).await };
        let drain = config.server.drain;
        let work = work(Arc::clone(&current), store, stop.clone());
        let work = futures_util::future::join4(work, followed, verified, telemetry::upkeep(metrics, stop.clone()));
        let workers = tokio::spawn(work.map(drop));
        Ok(Self {
            address,
            management_address,
            current,
            door,
            servers: running,
            workers,
            stop,
            drain,
        })
    }

    /// Stops taking requests, sees through what has begun, hands over what goes on between requests, and ends: all within
    /// `[server] drain_seconds`.
    pub async fn stop(self) {
        let gateway = self.current.load();
        let began = Instant::now();
        gateway.close_feeds();
        let answered = async {
            if let [(public, _), ..] = self.servers.as_slice() {
                self.door.close(public, self.drain.mul_f64(door::PARTING)).await;
            }
            for (handle, server) in self.servers {
                handle.stop(true).await;
                if let Err(error) = server.await {
                    tracing::error!(%error, "a server did not end well");
                }
            }
        };
        let answered = timeout(self.drain.mul_f64(REQUESTS), answered).await;
        let finished = timeout_at(began + self.drain.mul_f64(BEGUN), gateway.finish()).await;
        if answered.is_err() || finished.is_err() {
            tracing::warn!("not everything was seen through in time");
        }
        self.stop.cancel();
        match timeout_at(began + self.drain, self.workers).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the workers did not end well"),
            Err(_) => tracing::warn!("not everything was handed over in time"),
        }
    }
}

/// What goes on between requests, and the deliveries, under whichever configuration is in force.
async fn work(current: Arc<Current>, store: SharedStore, stop: CancellationToken) {
    let deliver = |gateway: Arc<Gateway>, end: CancellationToken| {
        let store = Arc::clone(&store);
        async move {
            match Deliverer::new(gateway, store) {
                Ok(deliverer) => deliverer.run(end).await,
                Err(error) => tracing::error!(%error, "nothing can be delivered until the next reload"),
            }
        }
    };
    tokio::join!(current.work(stop.clone()), current.keep_doing(&stop, deliver));
}

/// The issuer of tokens, asked over the network as the configuration in force allows.
struct Published(Arc<Current>);

#[async_trait]
impl Issuer for Published {
    async fn fetch(&self, url: &Url) -> Result<Publication, String> {
        let exceptions = self.0.load().config().outbound.clone();
        let document = upstream::fetch(url, exceptions).await;
        let document = document.map_err(|error| error.to_string())?;
        Ok(Publication {
            body: document.body,
            max_age: document.max_age,
        })
    }

    fn now(&self) -> Timestamp {
        self.0.load().now()
    }
}

/// The ring that seals, or a secret of its own kept beside an embedded store.
fn own_secrets(config: &Config) -> Result<KeyRing, StartError> {
    if !config.secrets.is_empty() {
        return Ok(config.secrets.clone());
    }
    let secret = match config.store.directory() {
        Some(directory) => config::generate_or_load_secret(directory),
        None => Secret::generate(),
    };
    let secret = secret.map_err(StartError::Secret)?;
    Ok(KeyRing::single("own", secret))
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let failed = |error| StartError::Listen { address, error };
    let listener = TcpListener::bind(address).map_err(failed)?;
    // Its connections inherit it. Only the kernel can tell that nothing is taken any more: a server that waits for room
    // to write is not asked for more of the answer, so nothing of ours runs that could look at the time.
    #[cfg(target_os = "linux")]
    SockRef::from(&listener)
        .set_tcp_user_timeout(Some(SLOWEST_READER))
        .map_err(failed)?;
    Ok(listener)
}

fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(StartError::Server)
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_is_closed_whose_reader_takes_nothing() {
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let _reader = std::net::TcpStream::connect(local(&listener).unwrap()).unwrap();
        let (connection, _) = listener.accept().unwrap();
        let limit = SockRef::from(&connection).tcp_user_timeout();
        assert_eq!(limit.unwrap(), Some(SLOWEST_READER));
    }
}
