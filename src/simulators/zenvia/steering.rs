//! The controls under `/_sim/` that only this simulator has.

use std::sync::Arc;

use serde::Deserialize;

use super::account::is_webhook;
use super::events;
use super::history::{Past, Seeding};
use super::inbound::Incoming;
use super::{Knobs, Zenvia};
use crate::simulators::control::{given, shown};
use crate::simulators::http::{Reply, Request};
use crate::simulators::json::{Object, array};

/// `POST /_sim/rows`: rows as given, then generated ones.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rows {
    rows: Vec<Past>,
    count: usize,
    days: u32,
    seed: u64,
}

impl Default for Rows {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            count: 0,
            days: 7,
            seed: 1,
        }
    }
}

impl Zenvia {
    /// Answers a control request; `None` when there is no such control.
    pub(super) fn steered(self: &Arc<Self>, request: &Request) -> Option<Reply> {
        let segments = request.segments();
        let reply = match (request.method.as_str(), segments.get(1..)?) {
            ("GET", ["codes"]) => self.show_code(request),
            ("GET", ["calls"]) => shown(&self.dials()),
            ("GET", ["knobs"]) => shown(&self.knobs()),
            ("PUT" | "POST", ["knobs"]) => given(request, |knobs: Knobs| self.set_knobs(knobs)),
            ("POST", ["incoming"]) => {
                let mut id = 0;
                let reply = given(request, |incoming: Incoming| id = self.receive(incoming));
                if reply.status.is_success() {
                    Reply::json(200, Object::new().raw("id", id).done())
                } else {
                    reply
                }
            }
            ("POST", ["rows"]) => self.add_rows(request),
            ("POST", ["fire", kind]) => self.fire_by_hand(kind, request),
            _ => return None,
        };
        Some(reply)
    }

    fn show_code(&self, request: &Request) -> Reply {
        match self.last_code(request.query("to").unwrap_or_default()) {
            Some(code) => shown(&code),
            None => Reply::json(404, r#"{"error":"no code was sent to that number"}"#),
        }
    }

    fn add_rows(&self, request: &Request) -> Reply {
        let mut ids = Vec::new();
        let reply = given(request, |rows: Rows| {
            ids.extend(rows.rows.iter().filter_map(|past| self.remember(past)));
            self.seed(Seeding {
                rows: rows.count,
                days: rows.days,
                seed: rows.seed,
            });
        });
        if reply.status.is_success() {
            Reply::json(200, Object::new().raw("ids", array(ids)).done())
        } else {
            reply
        }
    }

    /// Sends the body given, or one as documented.
    fn fire_by_hand(&self, kind: &str, request: &Request) -> Reply {
        let (id, now) = (self.new_id(), self.control.clock.now());
        let given = String::from_utf8_lossy(&request.body).into_owned();
        let body = if given.is_empty() {
            events::sample(kind, id, self.account, now)
        } else {
            Some(given)
        };
        match body.filter(|_| is_webhook(kind)) {
            Some(body) => {
                self.fire(kind, id, Some(body));
                Reply::json(202, Object::new().raw("id", id).done())
            }
            None => Reply::json(400, r#"{"error":"no such kind of webhook, or one that needs a body"}"#),
        }
    }
}
