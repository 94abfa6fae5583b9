//! A simulator of Zenvia Voice (formerly TotalVoice).
//!
//! One account, its rows in memory. Calls take their course in Tokio time at a configurable [`Pace`]; the last digits
//! of the called number choose how they go ([`numbers::Fate`]). Where the provider's documents are silent or
//! contradict each other, [`Knobs`] choose.

mod account;
pub mod calls;
pub mod codes;
mod conferences;
mod dialing;
mod events;
mod fields;
pub mod history;
pub mod inbound;
mod leg;
pub mod numbers;
pub mod options;
mod recordings;
mod reports;
mod routes;
pub mod state;
mod steering;
mod table;
mod text;
pub mod torpedoes;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::net::TcpListener;

use self::codes::Code;
pub use self::history::Seeding;
use self::numbers::Fate;
pub use self::options::{Knobs, Options, Pace, UnknownCode};
use self::state::{Dial, State};
use self::text::Refusal;
use super::control::Control;
use super::http::Reply;
use super::json::Object;
use super::random::Random;
use super::server;

/// The simulated account. It has no `Debug`: it holds codes and telephone numbers.
pub struct Zenvia {
    control: Control,
    account: u64,
    base_url: String,
    pace: Pace,
    random: Random,
    next_id: AtomicU64,
    knobs: RwLock<Knobs>,
    state: Mutex<State>,
}

/// A running simulator. Dropping it stops it.
pub struct Handle {
    server: server::Handle,
    app: Arc<Zenvia>,
}

impl Handle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr
    }

    /// `http://ADDR`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The account behind the server.
    pub fn app(&self) -> &Arc<Zenvia> {
        &self.app
    }

    /// Faults, webhooks, tokens, clock.
    pub fn control(&self) -> &Control {
        &self.app.control
    }

    /// Every order accepted so far, oldest first.
    pub fn dials(&self) -> Vec<Dial> {
        self.app.dials()
    }

    /// The last code sent to a number, in any spelling.
    pub fn last_code(&self, number: &str) -> Option<Code> {
        self.app.last_code(number)
    }

    /// The text that an order of `/tts` speaks.
    pub fn text(&self, order: u64) -> Option<String> {
        self.app.state().torpedoes.get(order).map(|order| order.content.clone())
    }

    /// Stops listening and ends every call.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// An error that keeps the simulator from starting.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen")]
    Listen(#[from] std::io::Error),
    /// The HTTP client for webhooks cannot be built.
    #[error("cannot build the client for webhooks")]
    Client(#[from] reqwest::Error),
}

/// Starts the simulator in the current Tokio runtime.
///
/// # Errors
///
/// The address cannot be listened on, or the HTTP client for webhooks cannot be built.
pub async fn start(options: Options) -> Result<Handle, StartError> {
    let listener = TcpListener::bind(options.bind).await?;
    let control = Control::new(options.tokens, options.webhooks)?;
    let app = Arc::new(Zenvia {
        account: 2150,
        base_url: format!("http://{}", listener.local_addr()?),
        pace: options.pace,
        random: Random::new(options.history.seed),
        next_id: AtomicU64::new(first_id(&control)),
        knobs: RwLock::new(options.knobs),
        state: Mutex::default(),
        control,
    });
    app.seed(options.history);
    let server = server::serve(listener, app.clone())?;
    Ok(Handle { server, app })
}

/// Ids follow the time, so that those of a restarted simulator are not known to a gateway that kept its store.
fn first_id(control: &Control) -> u64 {
    const YEAR_2024: i64 = 1_704_067_200;
    let seconds = control.clock.now().as_second() - YEAR_2024;
    u64::try_from(seconds).unwrap_or_default() * 1000
}

impl Zenvia {
    /// Every order accepted so far, oldest first.
    pub fn dials(&self) -> Vec<Dial> {
        self.state().dials.iter().cloned().collect()
    }

    /// The choices in force.
    pub fn knobs(&self) -> Knobs {
        self.knobs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the choices.
    pub fn set_knobs(&self, knobs: Knobs) {
        *self.knobs.write().unwrap_or_else(PoisonError::into_inner) = knobs;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    fn note(&self, dial: Dial) {
        self.state().note(dial);
    }

    fn fire(&self, kind: &str, subject: u64, body: Option<String>) {
        if let Some(body) = body {
            self.control.webhooks.fire(kind, &subject.to_string(), body);
        }
    }

    /// Whether an order to call this number is taken, and what will become of it.
    fn admit(&self, number: &str) -> Result<Fate, Refusal> {
        match Fate::of(number) {
            Fate::OutOfCredit => Err(Refusal::no_credit()),
            Fate::RateLimited => Err(Refusal::busy()),
            _ if self.knobs().balance <= 0.0 => Err(Refusal::no_credit()),
            fate => Ok(fate),
        }
    }

    /// The answer to an accepted order, lost when the number says so.
    fn created(&self, message: &str, id: u64, fate: Fate) -> Reply {
        if fate == Fate::ReplyLost {
            return Reply::dropped();
        }
        text::answered(message, &Object::new().raw("id", id).done())
    }
}
