//! Evolux: a dialler and contact centre whose calls are found in reports, since it sends no webhooks.

mod bulk;
mod calls;
mod campaigns;
mod dates;
mod dialer;
mod directory;
mod form;
mod knobs;
mod page;
mod queue_report;
mod recording;
mod report;
mod routes;
mod seed;
mod studio;
mod tenant;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::{Method, StatusCode};
use tokio::net::TcpListener;
use uuid::Uuid;

pub use self::bulk::Bulk;
pub use self::calls::Pace;
use self::form::Form;
pub use self::knobs::{Blanks, Knobs, Offsets, Version};
use self::report::Report;
use self::routes::Exchange;
pub use self::seed::History;
use self::studio::StudioRow;
use self::tenant::{NewRows, Tenant};
use super::control::{Control, given, shown};
use super::http::{Reply, Request};
use super::json::array;
use super::server::{App, Handle, serve};

/// How a simulator starts. It has no `Debug`: tokens are secrets.
#[derive(Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The tokens it accepts at first.
    pub tokens: Vec<String>,
    /// How long the steps of a call take.
    pub pace: Pace,
    /// The history it begins with.
    pub history: History,
    /// Instead of the rows of the dialler report, some that are not kept.
    pub bulk: Option<Bulk>,
    /// Switches, as `/_sim/knobs` changes them later.
    pub knobs: Knobs,
}

impl Default for Options {
    /// A free port of the loopback, no token, and everything else as its own default.
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tokens: Vec::new(),
            pace: Pace::default(),
            history: History::default(),
            bulk: None,
            knobs: Knobs::default(),
        }
    }
}

/// Starts a simulator in the current Tokio runtime.
///
/// # Errors
///
/// The address cannot be bound, or the HTTP client of the common part cannot be built.
pub async fn start(options: Options) -> std::io::Result<Handle> {
    let listener = TcpListener::bind(options.bind).await?;
    let control = Control::new(options.tokens, BTreeMap::new()).map_err(std::io::Error::other)?;
    let now = control.clock.now();
    let evolux = Evolux {
        tenant: Mutex::new(Tenant::new(&options.history, options.pace, now)),
        studio: studio::initial(now),
        bulk: options.bulk,
        asked: Mutex::default(),
        knobs: Mutex::new(options.knobs),
        control,
    };
    serve(listener, Arc::new(evolux))
}

struct Evolux {
    control: Control,
    tenant: Mutex<Tenant>,
    studio: Report<StudioRow>,
    bulk: Option<Bulk>,
    /// The pages of [`Evolux::bulk`] that were asked for.
    asked: Mutex<Vec<String>>,
    knobs: Mutex<Knobs>,
}

impl App for Evolux {
    fn control(&self) -> &Control {
        &self.control
    }

    async fn answer(self: &Arc<Self>, request: Request) -> Reply {
        let knobs = self.knobs().clone();
        let form = if request.method == Method::POST {
            Form::of(&request)
        } else {
            Form::default()
        };
        if let Err(refusal) = self.authorise(&request, &form, &knobs) {
            return refusal;
        }
        let now = self.control.clock.now();
        if let Some(bulk) = self.bulk.as_ref().filter(|_| bulk::is_asked(&request)) {
            self.asked().push(bulk::target(&request));
            return bulk.page(&request, &knobs, now);
        }
        let tenant = &mut *self.tenant();
        Exchange {
            request: &request,
            form: &form,
            tenant,
            studio: &self.studio,
            knobs: &knobs,
            now,
        }
        .answer()
    }

    async fn steer(self: &Arc<Self>, request: Request) -> Option<Reply> {
        match (request.method.clone(), request.segments().as_slice()) {
            (Method::GET, ["_sim", "calls"]) => Some(self.ledger()),
            (Method::POST, ["_sim", "rows"]) => Some(given(&request, |rows: NewRows| self.tenant().insert(rows))),
            (Method::GET, ["_sim", "bulk"]) => self.bulk.as_ref().map(Bulk::told),
            (Method::GET, ["_sim", "bulk", "asked"]) => Some(shown(&*self.asked())),
            (Method::GET, ["_sim", "knobs"]) => Some(shown(&*self.knobs())),
            (Method::PUT | Method::POST, ["_sim", "knobs"]) => Some(given(&request, |knobs| *self.knobs() = knobs)),
            _ => None,
        }
    }

    fn failure(&self, status: u16) -> Reply {
        // The transport may say 200 where `meta` does not.
        if status == 200 {
            let meta = page::meta(500, "Internal server error");
            return Reply::json(200, super::json::Object::new().raw("meta", meta).done());
        }
        let reason = StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason());
        page::refused(status, reason.unwrap_or("Error"))
    }
}

impl Evolux {
    /// Looks for the token in the header, then the query, then the form. A missing one is 400, not 401.
    fn authorise(&self, request: &Request, form: &Form, knobs: &Knobs) -> Result<(), Reply> {
        match request
            .header("token")
            .or_else(|| request.query("token"))
            .or_else(|| form.get("token"))
        {
            None | Some("") => Err(page::refused(400, "Missing token.")),
            Some(token) if self.control.accepts(token) => Ok(()),
            Some(_) => Err(page::refused(knobs.invalid_token_status, "Invalid token.")),
        }
    }

    /// Every accepted call, oldest first.
    fn ledger(&self) -> Reply {
        let now = self.control.clock.now();
        let mut tenant = self.tenant();
        tenant.settle(now);
        let calls = tenant.past_calls.iter().chain(&tenant.calls);
        Reply::json(200, array(calls.map(|call| call.entry(now))))
    }

    fn tenant(&self) -> MutexGuard<'_, Tenant> {
        self.tenant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, Vec<String>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn knobs(&self) -> MutexGuard<'_, Knobs> {
        self.knobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fresh text in the shape of a UUID that no UUID parser takes: the last group is short and has other letters.
fn unreadable_uuid() -> String {
    let mut text = Uuid::now_v7().to_string();
    text.truncate(text.len() - 4);
    text + "ds2"
}
