//! The door that callers come in by: it is closed before anybody who has come in is sent away.
//!
//! A server that just stops resets what it did not expect any more: connections that the kernel took and it did not, and
//! requests on their way into a connection that it is closing. Whoever asked can then not tell whether something was done.

#[cfg(target_os = "linux")]
mod refuse;

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// For which part of the time to stop connections stay open without a request. What holds idle ones to the gateway, such as
/// a proxy, closes them itself or uses them once more in less than that.
pub(super) const PARTING: f64 = 0.3;

/// The listener of a server, and the connections that came through it.
pub(super) struct Door {
    listener: TcpListener,
    connections: TaskTracker,
}

impl Door {
    /// The door of the server that `listener` will belong to.
    ///
    /// # Errors
    /// Where there is no file handle left.
    pub(super) fn of(listener: &TcpListener, connections: TaskTracker) -> io::Result<Self> {
        Ok(Self {
            listener: listener.try_clone()?,
            connections,
        })
    }

    /// Lets nobody new in, has everybody go who has been answered, and returns when all have, or when `at_most` is over.
    pub(super) async fn close(self, server: &ServerHandle, at_most: Duration) {
        self.connections.close();
        let closed = async {
            #[cfg(target_os = "linux")]
            if let Err(error) = refuse::new_connections(&self.listener, server).await {
                tracing::warn!(%error, "who comes now may be sent away unheard");
            }
            self.connections.wait().await;
        };
        if timeout(at_most, closed).await.is_err() {
            tracing::debug!(connections = self.connections.len(), "connections are still open");
        }
    }
}
