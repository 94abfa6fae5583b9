//! `/chamada`: two legs, the second dialled when the first has answered.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Zenvia;
use super::fields::Fields;
use super::leg::Leg;
use super::numbers;
use super::state::Dial;
use super::table::Row;
use super::text::{Refusal, answered, answered_bare, offset};
use crate::simulators::http::Reply;
use crate::simulators::json::{Object, nullable, optional, string};

/// How far a call has come: `status_geral`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not dialled yet.
    Created,
    /// Under way.
    Live,
    /// Over.
    Over,
}

/// A call between two telephones.
#[derive(Debug, Clone)]
pub struct Call {
    /// The provider's id.
    pub id: u64,
    /// When it was asked for; with a schedule, when it is due.
    pub created: Timestamp,
    /// Leg A.
    pub origin: Leg,
    /// Leg B.
    pub destination: Leg,
    /// Whether it is recorded.
    pub record: bool,
    /// `tags`, echoed everywhere.
    pub tags: Option<String>,
    /// Whether a machine at leg A is hung up on.
    pub detects_machine: bool,
    /// `status_geral`.
    pub phase: Phase,
    /// Where its recording is, once there is one.
    pub recording: Option<String>,
}

impl Row for Call {
    fn id(&self) -> u64 {
        self.id
    }

    fn created(&self) -> Timestamp {
        self.created
    }
}

impl Call {
    /// Over: both legs end, one that was not answered as given.
    pub fn end(&mut self, now: Timestamp, outcome: (&'static str, &'static str)) {
        self.phase = Phase::Over;
        self.origin.end(now, outcome);
        self.destination.end(now, outcome);
    }

    /// The object of lookups and reports, which show caller ids.
    pub fn json(&self, account: u64, now: Timestamp) -> String {
        self.object(account, now, true).done()
    }

    /// The object of webhooks, which list partial recordings.
    pub fn webhook_json(&self, account: u64, now: Timestamp) -> String {
        self.object(account, now, false).raw("gravacoes_parciais", "[]").done()
    }

    fn object(&self, account: u64, now: Timestamp, caller_ids: bool) -> Object {
        let general = match self.phase {
            Phase::Created => "criada",
            Phase::Live => "curso",
            Phase::Over => "finalizada",
        };
        let extension = numbers::is_extension(&self.origin.number).then_some(EXTENSION_ID);
        Object::new()
            .raw("id", self.id)
            .text("data_criacao", &offset(self.created))
            .raw("ativa", self.phase != Phase::Over)
            .raw(
                "url_gravacao",
                recording_url(self.recording.as_deref(), self.phase == Phase::Over, self.id),
            )
            .raw("cliente_id", account)
            .raw("conta_id", account)
            .raw("ramal_id_origem", nullable(extension))
            .text_or_null("tags", self.tags.as_deref())
            .text("status_geral", general)
            .raw(
                "origem",
                leg_json(&self.origin, now, caller_ids.then_some("bina_origem")),
            )
            .raw(
                "destino",
                leg_json(&self.destination, now, caller_ids.then_some("bina_destino")),
            )
    }
}

/// The internal id of the account's only extension.
pub const EXTENSION_ID: u64 = 86_453;

/// `null` while live; without a recording documents show both `""` and `null`, so ids decide.
pub fn recording_url(recording: Option<&str>, over: bool, id: u64) -> String {
    match recording {
        Some(url) => string(url),
        None if over && id.is_multiple_of(2) => "\"\"".to_owned(),
        None => "null".to_owned(),
    }
}

fn leg_json(leg: &Leg, now: Timestamp, caller_id_key: Option<&str>) -> String {
    let figures = leg.figures(now);
    let started = leg
        .started
        .filter(|_| leg.answered.is_some() || figures.over)
        .map(offset);
    let price = if figures.over {
        figures.price.to_string()
    } else {
        "null".to_owned()
    };
    let object = Object::new()
        .text_or_null("data_inicio", started.as_deref())
        .text("numero", &leg.number)
        .text("tipo", leg.kind())
        .raw("status", optional(leg.status.as_deref()));
    let object = figures
        .write(object, figures.over)
        .raw("preco", price)
        .text("motivo_desconexao", &leg.reason);
    match (caller_id_key, &leg.caller_id) {
        // Documented values end with a stray space.
        (Some(key), Some(caller_id)) => object.text(key, &format!("{caller_id} ")),
        _ => object,
    }
    .done()
}

impl Zenvia {
    /// `POST /chamada`.
    pub(super) fn create_call(self: &Arc<Self>, fields: &Fields) -> Result<Reply, Refusal> {
        let origin = callable(fields, "numero_origem")?;
        let destination = callable(fields, "numero_destino")?;
        let due = fields.text("data_criacao").map(|text| schedule(&text)).transpose()?;
        let fate = self.admit(&destination)?;
        let now = self.control.clock.now();
        let created = due.filter(|due| *due > now).unwrap_or(now);
        let call = Call {
            id: self.new_id(),
            created,
            origin: Leg::planned(origin.clone(), fields.text("bina_origem"), created),
            destination: Leg::planned(destination.clone(), fields.text("bina_destino"), created),
            record: fields.flag("gravar_audio"),
            tags: fields.text("tags"),
            detects_machine: fields.flag("detecta_caixa_origem"),
            phase: Phase::Created,
            recording: None,
        };
        let (id, tags) = (call.id, call.tags.clone());
        self.state().calls.insert(call);
        self.note(Dial {
            id,
            resource: "chamada",
            origin: Some(origin),
            destination,
            tags,
            at: now,
        });
        let wait = Duration::try_from(created.duration_since(now)).unwrap_or_default();
        self.run_call(id, wait, fate);
        Ok(self.created("chamada criada com sucesso", id, fate))
    }

    /// `GET /chamada/{id}`.
    pub(super) fn show_call(&self, id: &str) -> Result<Reply, Refusal> {
        let now = self.control.clock.now();
        let json = self.with_call(id, |call| call.json(self.account, now))?;
        Ok(answered("dados retornados com sucesso", &json))
    }

    /// `DELETE /chamada/{id}`.
    pub(super) fn hang_up(&self, id: &str) -> Result<Reply, Refusal> {
        let id = self.active_call(id)?;
        if let Some(live) = self.state().live.get(&id) {
            live.hangup.cancel();
        }
        Ok(answered("encerrando chamada", "null"))
    }

    /// `POST /chamada/{id}/escuta`.
    pub(super) fn listen(&self, id: &str, fields: &Fields) -> Result<Reply, Refusal> {
        let number = fields.required("numero")?;
        if !matches!(fields.number("modo"), Ok(Some(1..=3))) {
            return Err(Refusal::new(
                405,
                11,
                "modo inválido: 1=escuta, 2=sussurro, 3=conferência",
            ));
        }
        check(&number, "numero")?;
        self.active_call(id)?;
        Ok(answered_bare("escuta criada com sucesso"))
    }

    /// `POST /chamada/{id}/transfer`: the named leg is moved to another number, the other leg is let go.
    pub(super) fn transfer(self: &Arc<Self>, id: &str, fields: &Fields) -> Result<Reply, Refusal> {
        let number = fields.required("numero")?;
        check(&number, "numero")?;
        let leg = fields.required("perna")?;
        if leg != "origem" && leg != "destino" {
            return Err(Refusal::new(
                405,
                11,
                "parametro inválido, informe perna 'origem' ou 'destino'",
            ));
        }
        let id = self.active_call(id)?;
        let (at, destination) = (self.control.clock.now(), number.clone());
        self.note(Dial {
            id,
            resource: "transfer",
            origin: None,
            destination,
            tags: None,
            at,
        });
        self.change_call(id, |call, _| {
            let replaced = if leg == "origem" {
                &mut call.destination
            } else {
                &mut call.origin
            };
            replaced.number = number;
        });
        Ok(answered_bare("a chamada está sendo transferida"))
    }

    /// `POST /chamada/{id}/avaliar`.
    pub(super) fn rate(&self, id: &str, fields: &Fields) -> Result<Reply, Refusal> {
        fields.required("nota")?;
        if !matches!(fields.number("nota"), Ok(Some(1..=5))) {
            return Err(Refusal::invalid("nota"));
        }
        if fields
            .text("comentario")
            .is_some_and(|comment| comment.chars().count() > 1000)
        {
            return Err(Refusal::invalid("comentario"));
        }
        self.with_call(id, |_| ())?;
        Ok(answered_bare("chamada avaliada com sucesso"))
    }

    pub(super) fn with_call<T>(&self, id: &str, read: impl FnOnce(&Call) -> T) -> Result<T, Refusal> {
        let id = id.parse().unwrap_or_default();
        self.state()
            .calls
            .get(id)
            .map(read)
            .ok_or_else(|| Refusal::unknown("chamada"))
    }

    fn active_call(&self, id: &str) -> Result<u64, Refusal> {
        let (id, phase) = self.with_call(id, |call| (call.id, call.phase))?;
        if phase == Phase::Over {
            Err(Refusal::inactive())
        } else {
            Ok(id)
        }
    }
}

fn callable(fields: &Fields, key: &str) -> Result<String, Refusal> {
    let number = fields.required(key)?;
    check(&number, key)?;
    Ok(number)
}

fn check(number: &str, key: &str) -> Result<(), Refusal> {
    let known = numbers::is_extension(number) || numbers::national(number).is_some();
    if known { Ok(()) } else { Err(Refusal::number(key)) }
}

/// A schedule is UTC, with or without saying so.
fn schedule(text: &str) -> Result<Timestamp, Refusal> {
    let naive = || text.parse::<DateTime>().and_then(|time| time.to_zoned(TimeZone::UTC));
    text.parse::<Timestamp>()
        .or_else(|_| naive().map(|time| time.timestamp()))
        .map_err(|_| Refusal::invalid("data_criacao"))
}
