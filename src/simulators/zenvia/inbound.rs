//! Calls received at a number of the account (DID) and put through to an extension.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use tokio::time::sleep;

use super::Zenvia;
use super::calls::{EXTENSION_ID, recording_url};
use super::events;
use super::leg::{Leg, NORMAL};
use super::table::Row;
use super::text::{Refusal, answered, offset};
use crate::simulators::http::Reply;
use crate::simulators::json::{Object, optional};

/// A received call.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// The provider's id.
    pub id: u64,
    /// Who calls.
    pub from: String,
    /// The account's number that is called, and the course of the call.
    pub leg: Leg,
    /// The extension it is put through to.
    pub extension: u32,
    /// Whether it is recorded.
    pub record: bool,
    /// `tags`.
    pub tags: Option<String>,
    /// Where its recording is, once there is one.
    pub recording: Option<String>,
}

impl Row for Inbound {
    fn id(&self) -> u64 {
        self.id
    }

    fn created(&self) -> Timestamp {
        self.leg.created
    }
}

impl Inbound {
    /// The flat object of lookups and of the report.
    pub fn json(&self, now: Timestamp) -> String {
        let over = self.leg.ended.is_some();
        let started = self.leg.started.map(offset);
        let object = Object::new()
            .raw("id", self.id)
            .raw("ativa", !over)
            .raw("url_gravacao", recording_url(self.recording.as_deref(), over, self.id))
            .text_or_null("data_inicio", started.as_deref())
            .text("numero_destino", &self.leg.number)
            .text("numero_origem", &self.from)
            .raw("status", optional(self.leg.status.as_deref()));
        self.leg
            .figures(now)
            .write(object, over)
            .text_or_null("tags", self.tags.as_deref())
            .raw("preco", 0)
            .raw("ramal_id", EXTENSION_ID)
            .text("ramal", &self.extension.to_string())
            .raw("gravacoes_parciais", "[]")
            .done()
    }
}

/// An inbound call a test asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incoming {
    /// Who calls.
    pub from: String,
    /// The account's number.
    pub to: String,
    /// The extension; 9000 when absent.
    #[serde(default = "default_extension")]
    pub extension: u32,
    /// Whether the extension answers; yes when absent.
    #[serde(default = "yes")]
    pub answered: bool,
    /// Whether it is recorded.
    #[serde(default)]
    pub record: bool,
    /// `tags`.
    #[serde(default)]
    pub tags: Option<String>,
}

fn default_extension() -> u32 {
    9000
}

fn yes() -> bool {
    true
}

impl Zenvia {
    /// Lets a call come in; answers its id.
    pub fn receive(self: &Arc<Self>, incoming: Incoming) -> u64 {
        let (id, now) = (self.new_id(), self.control.clock.now());
        let Incoming {
            from,
            to,
            extension,
            answered,
            record,
            tags,
        } = incoming;
        let leg = Leg::planned(to, None, now);
        let row = Inbound {
            id,
            from,
            leg,
            extension,
            record,
            tags,
            recording: None,
        };
        self.state().inbound.insert(row);
        let app = self.clone();
        self.control.spawn(async move {
            app.change_inbound(id, |call, now| call.leg.ring(now));
            sleep(app.pace.ring).await;
            if answered {
                app.change_inbound(id, |call, now| call.leg.answer(now));
                sleep(app.pace.talk).await;
            }
            app.end_inbound(id);
        });
        id
    }

    fn end_inbound(&self, id: u64) {
        self.change_inbound(id, |call, now| {
            call.leg.end(now, ("sem resposta", NORMAL));
            if call.record && call.leg.answered.is_some() {
                call.recording = Some(self.new_recording(id));
            }
        });
        let (now, flat) = (self.control.clock.now(), self.knobs().did_end_flat);
        let state = self.state();
        let Some(call) = state.inbound.get(id) else {
            return;
        };
        let body = if flat {
            call.json(now)
        } else {
            events::did_end_nested(call, self.account, now)
        };
        drop(state);
        self.fire("did-end", id, Some(body));
    }

    fn change_inbound(&self, id: u64, change: impl FnOnce(&mut Inbound, Timestamp)) {
        let (now, old_shape) = (self.control.clock.now(), self.knobs().did_event_2018);
        let mut state = self.state();
        let Some(call) = state.inbound.get_mut(id) else {
            return;
        };
        change(call, now);
        let event = if old_shape {
            events::did_event_2018(call, self.account, now)
        } else {
            events::did_event(call, now)
        };
        let extension = events::extension_event(call, now);
        drop(state);
        self.fire("did-event", id, Some(event));
        self.fire("extension-event", id, Some(extension));
    }

    /// `GET /did/chamada/{id}`.
    pub(super) fn show_inbound(&self, id: &str) -> Result<Reply, Refusal> {
        let (id, now) = (id.parse().unwrap_or_default(), self.control.clock.now());
        let state = self.state();
        let call = state.inbound.get(id).ok_or_else(|| Refusal::unknown("chamada"))?;
        Ok(answered("dados retornados com sucesso", &call.json(now)))
    }
}
