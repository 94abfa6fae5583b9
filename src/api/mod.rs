//! HTTP in: turns requests into the words of the use cases, and their answers into HTTP.

mod accounts;
mod answer;
mod auth;
mod body;
mod calls;
mod deliveries;
mod edge;
mod events;
mod export;
mod headers;
mod history;
mod json;
mod limits;
mod management;
mod middleware;
mod object;
mod openapi;
mod problem;
mod query;
mod routes;
mod summary;
mod system;
mod values;
mod verifications;
mod webhooks;
mod window;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::task::TaskTracker;

use crate::usecases::{Current, Gateway};

pub use auth::{Authenticator, Issuer, Publication};
pub(crate) use auth::{fuzz_key_set, fuzz_token};
pub(crate) use json::fuzz as fuzz_json;
pub use openapi::document;
pub use routes::{management_routes, routes};
pub use values::Wrong;
pub use window::{Days, When};

/// How long the head of a request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may stay idle between two requests.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long a peer may take to acknowledge the end of its connection.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// What stands behind the routes.
pub struct Api {
    current: Arc<Current>,
    auth: Arc<Authenticator>,
    connections: TaskTracker,
}

impl Api {
    /// The rules, and who may ask them.
    pub fn new(current: Arc<Current>, auth: Arc<Authenticator>) -> Self {
        Self {
            current,
            auth,
            connections: TaskTracker::new(),
        }
    }

    /// The open connections of the API. Once this is closed, each answer is the last of its connection: who asks learns of
    /// the end before it comes, and sends nothing into a connection that is being closed.
    pub fn connections(&self) -> TaskTracker {
        self.connections.clone()
    }

    fn gateway(&self) -> Arc<Gateway> {
        self.current.load()
    }
}

/// Serves the API on `listener` until the server is stopped.
///
/// A graceful stop lets requests under way end within `[server] drain_seconds`. Signals are left to the caller.
///
/// # Errors
/// Where the listener cannot be used.
pub fn server(api: Api, listener: TcpListener) -> io::Result<Server> {
    let gateway = api.gateway();
    let settings = &gateway.config().server;
    let (workers, drain) = (settings.workers, settings.drain);
    let connections = api.connections();
    let api = Data::new(api);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::clone(&api))
            .wrap(from_fn(limits::hold))
            .wrap(from_fn(middleware::around))
            .configure(routes)
    })
    .on_connect(move |_, extensions| {
        extensions.insert(connections.token());
    });
    let server = if workers > 0 { server.workers(workers) } else { server };
    let server = server
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(DISCONNECT_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .tcp_nodelay(true)
        .shutdown_timeout(drain.as_secs())
        .disable_signals();
    Ok(server.listen(listener)?.run())
}

/// Serves metrics, health in detail and accounts on `listener`, without a token, until the server is stopped.
///
/// # Errors
/// Where the listener cannot be used.
pub fn management(api: Api, metrics: PrometheusHandle, listener: TcpListener) -> io::Result<Server> {
    let api = Data::new(api);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::clone(&api))
            .app_data(metrics.clone())
            .wrap(from_fn(middleware::around))
            .configure(management_routes)
    });
    let server = server
        .workers(1)
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(1)
        .disable_signals();
    Ok(server.listen(listener)?.run())
}
