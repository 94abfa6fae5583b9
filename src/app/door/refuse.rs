//! Turns away who comes to a listener, and loses nobody who has come.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use procfs::net::TcpState;
use procfs::process::Process;
use procfs::{ProcError, ProcResult};
use socket2::{SockFilter, SockRef};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// How long a connection that somebody far away has begun to open may take to be there.
const HANDSHAKE: Duration = Duration::from_millis(300);
/// How long after one look at the connections on their way the next is taken.
const LOOK: Duration = Duration::from_millis(5);
/// How long the server may take to begin with a connection that it took.
const BEGINNING: Duration = Duration::from_millis(20);

/// Has the kernel refuse new connections, without losing one that it has taken. Until it does, which is a matter of
/// milliseconds where callers are near, it says nothing to those who ask for one.
pub(super) async fn new_connections(listener: &TcpListener, server: &ServerHandle) -> io::Result<()> {
    let address = listener.local_addr()?;
    let listener = SockRef::from(listener);
    // No handshake begins any more; those that have begun end, and the server takes what they bring.
    listener.attach_filter(&NO_SYN)?;
    let begun = Instant::now();
    let mut looked = false;
    loop {
        let knocking = spawn_blocking(move || Knocking::at(address)).await?;
        // Where nobody can tell, the longest that it may take is waited for.
        let knocking = knocking.unwrap_or(Knocking { taken: 0, opening: 1 });
        let empty = knocking.taken == 0 && (knocking.opening == 0 || begun.elapsed() >= HANDSHAKE);
        // A handshake that ends during a look may be seen on neither side of its end; the next look sees what it brought.
        if empty && looked {
            break;
        }
        looked = empty;
        sleep(if empty { LOOK } else { BEGINNING }).await;
    }
    server.pause().await;
    listener.shutdown(Shutdown::Both)?;
    // The server's threads may not have begun to serve what it took last, and drop that when they are told to stop.
    sleep(BEGINNING).await;
    Ok(())
}

/// How many connections have not come to the server yet.
struct Knocking {
    /// Those that the kernel has taken.
    taken: u32,
    /// Those whose handshake has begun.
    opening: usize,
}

impl Knocking {
    /// Those at the port that is listened at.
    fn at(address: SocketAddr) -> ProcResult<Self> {
        let process = Process::myself()?;
        let connections = match address {
            SocketAddr::V4(_) => process.tcp()?,
            SocketAddr::V6(_) => process.tcp6()?,
        };
        let mut listening = connections.iter().filter(|one| one.state == TcpState::Listen);
        let listener = listening.find(|one| one.local_address == address);
        let listener = listener.ok_or_else(|| ProcError::Other("the listener is not listed".to_owned()))?;
        let at_port = connections
            .iter()
            .filter(|one| one.local_address.port() == address.port());
        Ok(Self {
            // Of a socket that listens this is the length of its queue.
            taken: listener.rx_queue,
            opening: at_port.filter(|one| one.state == TcpState::SynRecv).count(),
        })
    }
}

/// Ends a filter: so many bytes of the segment pass.
const RETURN: u16 = 0x06;

/// Drops every segment that asks for a connection, by its flags in the TCP header; passes all else.
const NO_SYN: [SockFilter; 4] = {
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_ANY: u16 = 0x45;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(JUMP_IF_ANY, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::TcpStream;

    use socket2::{Domain, Socket, Type};

    use super::*;

    /// Looks until as many are taken and opening, for the kernel may be behind.
    fn comes_to(address: SocketAddr, taken: u32, opening: usize) {
        let begun = Instant::now();
        loop {
            let Knocking {
                taken: some,
                opening: others,
            } = Knocking::at(address).unwrap();
            if (some, others) == (taken, opening) {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(5),
                "{address}: {some} taken, {others} opening"
            );
        }
    }

    #[test]
    fn who_has_not_come_to_the_server_yet_is_counted() {
        for any_port in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(any_port).unwrap();
            let address = listener.local_addr().unwrap();
            comes_to(address, 0, 0);
            let _taken = TcpStream::connect(address).unwrap();
            comes_to(address, 1, 0);
            // It hears no answer, so its handshake does not end.
            let deaf = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
            deaf.attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)]).unwrap();
            deaf.set_nonblocking(true).unwrap();
            assert!(deaf.connect(&address.into()).is_err());
            comes_to(address, 1, 1);
            let _served = listener.accept().unwrap();
            comes_to(address, 0, 1);
            drop(listener);
            assert!(
                Knocking::at(address).is_err(),
                "nobody can tell who comes to a listener that is not there"
            );
        }
    }
}
