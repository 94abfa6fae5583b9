//! A wire between two programs that breaks at a byte: it cuts the connection there, or ends whoever is to end there.
//!
//! Every point between a request and its reply is a byte on one of the gateway's wires: to its caller, to its store, to
//! the provider. So no point needs a name in the gateway.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From whoever connected.
    There,
    /// From whoever was connected to.
    Back,
}

/// What is done at the byte at which a wire breaks, before its connection is cut.
pub type Blow = Box<dyn FnOnce() + Send>;

/// A port before a server.
pub struct Wire {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// What went over a wire since it was last [set](Wire::set).
#[derive(Debug, Clone, Copy, Default)]
pub struct Carried {
    /// Bytes there.
    pub there: usize,
    /// Bytes back.
    pub back: usize,
    /// Acts begun.
    pub acts: usize,
    /// Whether it broke.
    pub broke: bool,
}

struct State {
    server: SocketAddr,
    /// Whether only connections count on which a `POST` is under way.
    acts_only: bool,
    breaks: Option<(Way, usize, Blow)>,
    /// Whether the next act on a connection that was used before is carried out and not answered.
    stale: bool,
    carried: Carried,
    /// Whether nothing goes either way, and what was to go is lost.
    parted: bool,
}

/// What one connection carries at the moment.
#[derive(Default)]
struct Use {
    acts: bool,
    /// How many requests it has carried.
    requests: usize,
}

impl Wire {
    /// Listens, and forwards to `server`.
    pub async fn before(server: SocketAddr) -> Self {
        Self::that(server, false).await
    }

    /// The same; what is not a `POST` passes unharmed and uncounted.
    pub async fn before_acts(server: SocketAddr) -> Self {
        Self::that(server, true).await
    }

    async fn that(server: SocketAddr, acts_only: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            server,
            acts_only,
            breaks: None,
            stale: false,
            carried: Carried::default(),
            parted: false,
        }));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, Arc::clone(&shared)));
            }
        });
        Self { address, state }
    }

    /// Forwards to another server from now on.
    pub fn lead_to(&self, server: SocketAddr) {
        self.state.lock().unwrap().server = server;
    }

    /// Has it break, once, when `bytes` have gone that way, counted from now on.
    pub fn break_at(&self, (way, bytes): (Way, usize), blow: Blow) {
        self.set(Some((way, bytes, blow)), false);
    }

    /// Has the next act on a connection that was used before be carried out and not answered.
    pub fn go_stale(&self) {
        self.set(None, true);
    }

    /// Has nothing happen, and counts from now on.
    pub fn heal(&self) {
        self.set(None, false);
    }

    fn set(&self, breaks: Option<(Way, usize, Blow)>, stale: bool) {
        let mut state = self.state.lock().unwrap();
        state.breaks = breaks;
        state.stale = stale;
        state.carried = Carried::default();
    }

    /// Has nothing go either way, without closing anything, until the two are joined again.
    pub fn part(&self, parted: bool) {
        self.state.lock().unwrap().parted = parted;
    }

    /// What went over it since it was last set.
    pub fn carried(&self) -> Carried {
        self.state.lock().unwrap().carried
    }
}

impl State {
    /// How many of these bytes pass, and what happens behind them.
    fn carry(&mut self, way: Way, bytes: &[u8], using: &mut Use) -> (usize, Option<Blow>) {
        if way == Way::There {
            self.note_request(bytes, using);
        }
        if self.acts_only && !using.acts {
            return (bytes.len(), None);
        }
        let carried = match way {
            Way::There => &mut self.carried.there,
            Way::Back => &mut self.carried.back,
        };
        let before = *carried;
        *carried += bytes.len();
        let here = |&mut (breaking, at, _): &mut (Way, usize, Blow)| breaking == way && at < before + bytes.len();
        if let Some((_, at, blow)) = self.breaks.take_if(here) {
            self.carried.broke = true;
            return (at.saturating_sub(before), Some(blow));
        }
        if way == Way::Back && self.stale && using.requests > 1 {
            self.stale = false;
            self.carried.broke = true;
            return (0, Some(Box::new(|| ())));
        }
        (bytes.len(), None)
    }

    fn note_request(&mut self, bytes: &[u8], using: &mut Use) {
        let acts = bytes.starts_with(b"POST ");
        if acts || bytes.starts_with(b"GET ") {
            using.acts = acts;
            using.requests += 1;
            self.carried.acts += usize::from(acts);
        }
    }
}

fn is_parted(state: &Mutex<State>) -> bool {
    state.lock().unwrap().parted
}

async fn joined(state: &Mutex<State>) {
    while is_parted(state) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn forward(mut client: TcpStream, state: Arc<Mutex<State>>) {
    let address = state.lock().unwrap().server;
    let Ok(mut server) = TcpStream::connect(address).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut asked, mut answered) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let mut using = Use::default();
    loop {
        let (way, read) = tokio::select! {
            read = client.read(&mut asked) => (Way::There, read),
            read = server.read(&mut answered) => (Way::Back, read),
        };
        let Ok(read @ 1..) = read else { return };
        if is_parted(&state) {
            return joined(&state).await;
        }
        let (bytes, to) = match way {
            Way::There => (&asked[..read], &mut server),
            Way::Back => (&answered[..read], &mut client),
        };
        let (passing, blow) = state.lock().unwrap().carry(way, bytes, &mut using);
        if to.write_all(&bytes[..passing]).await.is_err() {
            return;
        }
        if let Some(blow) = blow {
            return blow();
        }
    }
}
