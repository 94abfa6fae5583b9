//! Positus: WhatsApp calls, whose every step is told by webhook.

mod actions;
mod calls;
mod flow;
mod knobs;
mod numbers;
mod permission;
mod refusal;
mod sdp;
mod user;
mod webhooks;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::{Method, StatusCode};
use tokio::net::TcpListener;

use self::calls::Calls;
use self::permission::Permissions;
use super::control::{Control, done, given, shown};
use super::http::{Reply, Request};
use super::json::Object;
use super::random::Random;
use super::server::{App, Handle, serve};

pub use self::flow::Pace;
pub use self::knobs::{
    Envelope, ErrorForm, Knobs, PermissionStatus, SdpLabel, SdpPlace, Timestamps, UnansweredDuration, User, WaId,
};
pub use self::numbers::Number;

/// How a simulator starts. It has no `Debug`: tokens and webhook URLs are secrets.
#[derive(Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The bearer tokens it accepts at first.
    pub tokens: Vec<String>,
    /// The numbers of the account.
    pub numbers: Vec<Number>,
    /// Where webhooks go at first; nowhere when absent.
    pub webhook_url: Option<String>,
    /// How long the steps of a call take.
    pub pace: Pace,
    /// Switches, as `/_sim/knobs` changes them later.
    pub knobs: Knobs,
}

impl Default for Options {
    /// A free port of the loopback, one number, no token, no webhooks, and everything else as its own default.
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tokens: Vec::new(),
            numbers: vec![Number::default()],
            webhook_url: None,
            pace: Pace::default(),
            knobs: Knobs::default(),
        }
    }
}

/// Starts a simulator in the current Tokio runtime.
///
/// # Errors
///
/// The address cannot be bound, or the HTTP client for webhooks cannot be built.
pub async fn start(options: Options) -> std::io::Result<Handle> {
    let listener = TcpListener::bind(options.bind).await?;
    let urls = options.webhook_url.map(|url| ("*".to_owned(), url));
    let control = Control::new(options.tokens, BTreeMap::from_iter(urls)).map_err(std::io::Error::other)?;
    let positus = Positus {
        random: Random::new(control.clock.now().as_nanosecond() as u64),
        control,
        numbers: options.numbers,
        pace: options.pace,
        knobs: Mutex::new(options.knobs),
        office: Mutex::default(),
    };
    serve(listener, Arc::new(positus))
}

struct Positus {
    control: Control,
    random: Random,
    numbers: Vec<Number>,
    pace: Pace,
    /// Taken after [`Positus::office`] where both are needed, never before.
    knobs: Mutex<Knobs>,
    office: Mutex<Office>,
}

/// What changes as calls come and go.
#[derive(Default)]
struct Office {
    calls: Calls,
    permissions: Permissions,
}

impl App for Positus {
    fn control(&self) -> &Control {
        &self.control
    }

    async fn answer(self: &Arc<Self>, request: Request) -> Reply {
        let token = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        if !token.is_some_and(|token| self.control.accepts(token)) {
            return unauthenticated();
        }
        match (request.method.clone(), request.segments().as_slice()) {
            (Method::GET, ["v2", "workspaces"]) => numbers::workspaces(),
            (Method::GET, ["v2", "workspaces", id, "numbers"]) => {
                numbers::of_workspace(id, &self.numbers).unwrap_or_else(not_found)
            }
            (_, ["v2", "whatsapp", "numbers", id, "calls", action]) => {
                match self.numbers.iter().find(|number| number.id == *id) {
                    Some(number) => self.act(&request, number, action),
                    None => Reply::json(404, r#"{"message":"N\u00famero n\u00e3o encontrado."}"#),
                }
            }
            _ => not_found(),
        }
    }

    async fn steer(self: &Arc<Self>, request: Request) -> Option<Reply> {
        match (request.method.clone(), request.segments().as_slice()) {
            (Method::GET, ["_sim", "calls"]) => Some(Reply::json(200, self.office().calls.ledger())),
            (Method::POST, ["_sim", "incoming"]) => Some(self.call_in(&request)),
            (Method::POST, ["_sim", "answer"]) => Some(self.answer_by_hand(&request)),
            (Method::POST, ["_sim", "hang-up"]) => Some(self.hang_up_by_hand(&request)),
            (Method::POST, ["_sim", "permissions"]) => Some(given(&request, |change| {
                let (knobs, now) = (self.knobs().clone(), self.control.clock.now());
                self.office().permissions.set(change, &knobs, now);
            })),
            (Method::POST, ["_sim", "fire"]) => {
                let body = String::from_utf8_lossy(&request.body).into_owned();
                self.control.webhooks.fire("other", "fire", body);
                Some(done())
            }
            (Method::GET, ["_sim", "knobs"]) => Some(shown(&*self.knobs())),
            (Method::PUT | Method::POST, ["_sim", "knobs"]) => Some(given(&request, |knobs| *self.knobs() = knobs)),
            _ => None,
        }
    }

    fn failure(&self, status: u16) -> Reply {
        match status {
            200 => Reply::json(200, r#"{"success":false}"#),
            401 => unauthenticated(),
            404 => not_found(),
            _ => {
                let reason = StatusCode::from_u16(status)
                    .ok()
                    .and_then(|status| status.canonical_reason());
                Reply::json(status, Object::new().text("message", reason.unwrap_or("Error")).done())
            }
        }
    }
}

impl Positus {
    fn office(&self) -> MutexGuard<'_, Office> {
        self.office.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn knobs(&self) -> MutexGuard<'_, Knobs> {
        self.knobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unauthenticated() -> Reply {
    Reply::json(401, r#"{"message":"Unauthenticated."}"#)
}

fn not_found() -> Reply {
    Reply::json(404, r#"{"message":"Not Found"}"#)
}
