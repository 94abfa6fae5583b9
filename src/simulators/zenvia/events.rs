//! Bodies of real-time webhooks, each with its own dialect of time.

use jiff::Timestamp;

use super::calls::{Call, EXTENSION_ID, Phase};
use super::inbound::Inbound;
use super::leg::{Leg, UNDEFINED};
use super::text::{naive_local, naive_utc, offset};
use crate::simulators::json::{Object, optional};

/// A leg of a call changed. The call's own time is UTC, the legs' times are local; none says so.
pub fn call_event(call: &Call, account: u64, now: Timestamp) -> String {
    Object::new()
        .text("data_criacao", &naive_utc(call.created))
        .raw("origem", leg_event(&call.origin, now))
        .raw("gravar_audio", call.record)
        .raw("id", call.id)
        .raw("destino", leg_event(&call.destination, now))
        .raw("cliente_id", account)
        .text("tags", call.tags.as_deref().unwrap_or_default())
        .done()
}

fn leg_event(leg: &Leg, now: Timestamp) -> String {
    // A leg that has not begun is only a kind and a number.
    let Some(started) = leg.started else {
        return Object::new()
            .text("tipo", leg.kind())
            .text("numero", &leg.number)
            .done();
    };
    let object = Object::new()
        .text("data_inicio", &naive_local(started))
        .text("tipo", leg.kind())
        .raw("ativo", leg.connected())
        .text("data_criacao", &naive_local(leg.created))
        .text("numero", &leg.number)
        .raw("status", optional(leg.status.as_deref()));
    match leg.answered {
        None => object,
        Some(answered) => {
            let figures = leg.figures(now);
            object
                .text("data_atendimento", &naive_local(answered))
                .raw("duracao_segundos", figures.total)
                .raw("duracao_falada_segundos", figures.spoken)
        }
    }
    .done()
}

/// The extension's side of a received call.
pub fn extension_event(call: &Inbound, now: Timestamp) -> String {
    let object = did_object(call, now);
    if call.leg.ended.is_some() {
        object.text("motivo_desconexao", UNDEFINED)
    } else {
        object
    }
    .done()
}

/// A received call changed, as documented today: it looks like the extension's event.
pub fn did_event(call: &Inbound, now: Timestamp) -> String {
    did_object(call, now).done()
}

fn did_object(call: &Inbound, now: Timestamp) -> Object {
    let figures = call.leg.figures(now);
    let object = Object::new();
    match call.leg.answered {
        Some(answered) => object.text("data_atendimento", &naive_local(answered)),
        None => object,
    }
    .raw("duracao_falada_segundos", figures.spoken)
    .raw("ativo", call.leg.connected())
    .text("data_criacao", &naive_local(call.leg.created))
    .text("tipo", "ramal")
    // A string here, a number over REST.
    .text("id", &call.id.to_string())
    .raw("ramal", call.extension)
    .raw("status", optional(call.leg.status.as_deref()))
    .raw("duracao_segundos", figures.total)
}

/// A received call changed, as documented in 2018: its own time is UTC, the extension is an object.
pub fn did_event_2018(call: &Inbound, account: u64, now: Timestamp) -> String {
    let figures = call.leg.figures(now);
    let extension = Object::new()
        .raw("ativo", call.leg.connected())
        .text("data_criacao", &naive_local(call.leg.created))
        .text("numero", &call.extension.to_string())
        .raw("status", optional(call.leg.status.as_deref()))
        .raw("duracao_segundos", figures.total)
        .raw("duracao_falada_segundos", figures.spoken);
    let object = Object::new()
        .raw("id", call.id)
        .text("data_criacao", &naive_utc(call.leg.created));
    match call.leg.answered {
        Some(answered) => object.text("data_atendimento", &naive_local(answered)),
        None => object,
    }
    .raw("ativo", call.leg.connected())
    .raw("status", optional(call.leg.status.as_deref()))
    .raw("duracao_segundos", figures.total)
    .raw("duracao_falada_segundos", figures.spoken)
    .raw("ramal", extension.done())
    .raw("gravar_audio", call.record)
    .raw("cliente_id", account)
    .text("numero_origem", &call.from)
    .text("numero_destino", &call.leg.number)
    .done()
}

/// The end of a received call in the shape of the documented sample, which is that of a call made.
pub fn did_end_nested(call: &Inbound, account: u64, now: Timestamp) -> String {
    let mut origin = Leg::planned("9998".to_owned(), None, call.leg.created);
    origin.status = None;
    origin.ended = call.leg.ended;
    let shaped = Call {
        id: call.id,
        created: call.leg.created,
        origin,
        destination: Leg {
            number: call.from.clone(),
            ..call.leg.clone()
        },
        record: call.record,
        tags: call.tags.clone(),
        detects_machine: false,
        phase: Phase::Over,
        recording: call.recording.clone(),
    };
    shaped.webhook_json(account, now)
}

/// Somebody in a conference.
#[derive(Debug, Clone, Copy)]
pub struct Attendance<'a> {
    /// The room's id.
    pub conference: u64,
    /// When the room was opened.
    pub opened: Timestamp,
    /// The id of the call to the participant.
    pub call: u64,
    /// The participant's number.
    pub number: &'a str,
}

/// Somebody joined a conference (`Entrou`) or left it; the second word is not documented.
pub fn conference_event(event: &str, attendance: &Attendance<'_>, account: u64) -> String {
    Object::new()
        .text("data_criacao", &naive_utc(attendance.opened))
        .text("evento_conferencia", event)
        .text("numero", attendance.number)
        .raw("gravar_audio", false)
        .raw("conferencia_id", attendance.conference)
        .text("chamada_id", &attendance.call.to_string())
        .raw("cliente_id", account)
        .done()
}

/// A body as documented for a kind that no course of a call brings about; `None` for the other kinds.
pub fn sample(kind: &str, id: u64, account: u64, now: Timestamp) -> Option<String> {
    let number = "+5510988888888";
    let body = match kind {
        "extension-event" => Object::new()
            .text("data_atendimento", &naive_local(now))
            .raw("duracao_falada_segundos", 10)
            .raw("ativo", false)
            .text("data_criacao", &naive_local(now))
            .text("tipo", "ramal")
            .text("motivo_desconexao", UNDEFINED)
            .text("id", &id.to_string())
            .raw("ramal", 9000)
            .text("status", "atendida")
            .raw("duracao_segundos", 18)
            .done(),
        "conference-event" => {
            let attendance = Attendance {
                conference: id,
                opened: now,
                call: id + 1,
                number,
            };
            conference_event("Entrou", &attendance, account)
        }
        "sms-status" => Object::new()
            .text("id", &id.to_string())
            .text("numero_destino", number)
            .text("data_criacao", &offset(now))
            .text("mensagem", "Olá")
            .raw("preco", 0.09)
            .text("status_envio", "entregue")
            .text("data_status", &offset(now))
            .raw("resposta_usuario", false)
            .raw("respostas", "[]")
            .done(),
        "sms-reply" => Object::new()
            .raw("id", id)
            .raw("sms_id", id + 1)
            .text("resposta", "SIM")
            .text("data_resposta", &offset(now))
            .done(),
        "balance" => Object::new().text("saldo", "56.8616").done(),
        "voicemail" => Object::new()
            .raw("id", id)
            .raw("ramal_id", EXTENSION_ID)
            .text("ramal", "9000")
            .text("numero_telefone", "1088888888")
            .text("data_mensagem", &offset(now))
            .raw("duracao_segundos", 0)
            .text("url_gravacao", "http://127.0.0.1/recvm/?id=1411&x=094bba9d3a&cid=2150")
            .done(),
        _ => return None,
    };
    Some(body)
}
