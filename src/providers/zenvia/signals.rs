//! News that are not of a call: extensions, conferences, text messages, voicemail, credit.

use serde_json::{Value, json};

use super::normalize::{Part, event_stamps};
use super::wire::{Clock, Object, plain};
use crate::domain::address::Address;
use crate::domain::event::EventType;
use crate::domain::time::Timestamp;
use crate::providers::port::Signal;
use crate::telemetry::mask_digits;

/// Reads the event of an extension's call; its stamps are local.
pub fn extension(object: &Object<'_>) -> Option<Signal> {
    let subject = object.string("id")?;
    let stamps = event_stamps(object);
    let part = Part::read(object, stamps);
    let duration = object.duration("duracao");
    let data = json!({
        "extension": object.string("ramal").map(Address::Extension),
        "from": object.address("numero_origem"),
        "status": part.status,
        "provider_status": object.string("status"),
        "active": object.flag("ativo"),
        "tag": object.string("tags"),
        "created_at": part.started_at,
        "answered_at": part.answered_at,
        "ended_at": part.ended_at,
        "duration_seconds": duration,
        "talk_seconds": object.duration("duracao_falada"),
        "hangup": part.hangup(),
    });
    // `duracao_segundos` runs from the creation to the event.
    let elapsed = duration.and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0);
    let at = part.started_at.map(|created| created.plus_seconds(elapsed));
    signal(EventType::ExtensionStatus, Some(subject), at, data)
}

/// Reads the event of a conference; its stamp is UTC.
pub fn conference(object: &Object<'_>) -> Option<Signal> {
    let subject = object.string("conferencia_id")?;
    let word = object.string("evento_conferencia");
    let kind = word.as_deref().and_then(conference_word);
    let at = object.time("data_criacao", Clock::Utc);
    let data = json!({
        "conference_id": subject,
        "call_id": object.string("chamada_id"),
        "party": object.address("numero"),
        "provider_event": word,
        "recorded": object.flag("gravar_audio"),
        "created_at": at,
    });
    signal(kind.unwrap_or(EventType::ConferenceChanged), Some(subject), at, data)
}

/// Reads the word for what somebody did to a conference.
pub fn conference_word(word: &str) -> Option<EventType> {
    Some(match plain(word).as_str() {
        "entrou" => EventType::ConferenceJoined,
        "saiu" => EventType::ConferenceLeft,
        _ => return None,
    })
}

/// Reads the news of a text message's delivery.
pub fn sms_status(object: &Object<'_>) -> Option<Signal> {
    let subject = object.string("id")?;
    let word = object.string("status_envio").or_else(|| object.string("status"));
    let created_at = object.time("data_criacao", Clock::SaoPaulo);
    let status_at = object.time("data_status", Clock::SaoPaulo);
    let replies = object.list("respostas").unwrap_or_default();
    let data = json!({
        "sms_id": subject,
        "to": object.address("numero_destino"),
        // It may be a verification's, and codes appear in no event.
        "text": object.string("mensagem").map(|text| mask_digits(&text)),
        "status": word.as_deref().and_then(sms_word),
        "provider_status": word,
        "price": object.money("preco"),
        "reply_expected": object.flag("resposta_usuario"),
        "replies": replies.iter().filter_map(|reply| Object::of(reply)).map(|reply| reply_data(reply)).collect::<Vec<_>>(),
        "created_at": created_at,
        "status_at": status_at,
    });
    signal(EventType::SmsStatus, Some(subject), status_at.or(created_at), data)
}

/// Reads a reply to a text message; its subject is the message replied to.
pub fn sms_reply(object: &Object<'_>) -> Option<Signal> {
    let subject = object.string("sms_id")?;
    let at = object.time("data_resposta", Clock::SaoPaulo);
    signal(EventType::SmsReply, Some(subject), at, reply_data(object))
}

fn reply_data(reply: &Object<'_>) -> Value {
    json!({
        "reply_id": reply.string("id"),
        "sms_id": reply.string("sms_id"),
        "text": reply.string("resposta"),
        "received_at": reply.time("data_resposta", Clock::SaoPaulo),
    })
}

/// Reads the warning of a low balance. It names no account and no time.
pub fn balance(object: &Object<'_>) -> Option<Signal> {
    let balance = object.money("saldo")?;
    signal(EventType::AccountBalanceLow, None, None, json!({ "balance": balance }))
}

/// Reads the news of a voicemail.
pub fn voicemail(object: &Object<'_>) -> Option<Signal> {
    let subject = object.string("id")?;
    let at = object.time("data_mensagem", Clock::SaoPaulo);
    let data = json!({
        "voicemail_id": subject,
        "from": object.address("numero_telefone"),
        "to": object.string("ramal").map(Address::Extension),
        "extension_id": object.string("ramal_id"),
        "received_at": at,
        "duration_seconds": object.duration("duracao"),
    });
    let signal = signal(EventType::VoicemailReceived, Some(subject), at, data);
    signal.map(|signal| Signal {
        recording: object.recording_link(),
        ..signal
    })
}

fn signal(kind: EventType, subject: Option<String>, at: Option<Timestamp>, data: Value) -> Option<Signal> {
    Some(Signal {
        kind,
        subject,
        at,
        data,
        recording: None,
    })
}

/// Reads the word for how far a text message has come.
pub fn sms_word(word: &str) -> Option<&'static str> {
    Some(match plain(word).as_str() {
        "aguardando" => "queued",
        "em analise" => "under_review",
        "enviada" => "sent",
        "entregue" => "delivered",
        "bloqueado" => "blocked",
        "erro" => "failed",
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
