//! The door that callers come in by: it is closed before anybody who has come in is sent away.
//!
//! A server that just stops resets what it did not expect any more: connections that the kernel took and it did not, and
//! requests on their way into a connection that it is closing. Whoever asked can then not tell whether something was done.

use std::io;
#[cfg(target_os = "linux")]
use std::net::Shutdown;
use std::net::TcpListener;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::time::Duration;

use actix_web::dev::ServerHandle;
#[cfg(target_os = "linux")]
use socket2::{SockFilter, SockRef};
#[cfg(target_os = "linux")]
use tokio::net::TcpStream;
#[cfg(target_os = "linux")]
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// For which part of the time to stop connections stay open without a request. What holds idle ones to the gateway, such as
/// a proxy, closes them itself or uses them once more in less than that.
pub(super) const PARTING: f64 = 0.3;
/// How long a connection that somebody far away has begun to open may take to be there.
#[cfg(target_os = "linux")]
const HANDSHAKE: Duration = Duration::from_millis(300);
/// How long the server may take to begin with a connection that it took.
#[cfg(target_os = "linux")]
const BEGINNING: Duration = Duration::from_millis(20);

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
            if let Err(error) = self.refuse(server).await {
                tracing::warn!(%error, "who comes now may be sent away unheard");
            }
            self.connections.wait().await;
        };
        if timeout(at_most, closed).await.is_err() {
            tracing::debug!(connections = self.connections.len(), "connections are still open");
        }
    }

    /// Has the kernel refuse new connections, without losing one that it has taken.
    #[cfg(target_os = "linux")]
    async fn refuse(&self, server: &ServerHandle) -> io::Result<()> {
        let listener = SockRef::from(&self.listener);
        // No handshake begins any more; those that have begun end, and the server takes what they bring.
        listener.attach_filter(&NO_SYN)?;
        while self.is_waited_at().await? {
            sleep(BEGINNING).await;
        }
        server.pause().await;
        listener.shutdown(Shutdown::Both)?;
        // The server's threads may not have begun to serve what it took last, and drop that when they are told to stop.
        sleep(BEGINNING).await;
        Ok(())
    }

    /// Whether there is a connection that the server has not taken yet, or comes to be one.
    #[cfg(target_os = "linux")]
    async fn is_waited_at(&self) -> io::Result<bool> {
        // A stream in name only: a listener can be read from when somebody waits, and only a stream may be asked for that.
        let listener = std::net::TcpStream::from(OwnedFd::from(self.listener.try_clone()?));
        let listener = TcpStream::from_std(listener)?;
        Ok(timeout(HANDSHAKE, listener.readable()).await.is_ok())
    }
}

/// Drops every segment that asks for a connection, by its flags in the TCP header; passes all else.
#[cfg(target_os = "linux")]
const NO_SYN: [SockFilter; 4] = {
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_ANY: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(JUMP_IF_ANY, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
};
