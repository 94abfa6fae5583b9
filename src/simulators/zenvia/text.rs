//! The envelope around every answer, and the spellings of times and durations.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::simulators::http::Reply;
use crate::simulators::json::Object;

/// Legs of a call are printed in this zone whatever the caller's.
const ZONE: &str = "America/Sao_Paulo";

/// A request that is turned down, in the provider's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status, repeated in the envelope.
    pub status: u16,
    /// `motivo`.
    pub reason: u16,
    /// `mensagem`.
    pub message: String,
}

impl Refusal {
    /// A refusal with this status, `motivo` and `mensagem`.
    pub fn new(status: u16, reason: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            reason,
            message: message.into(),
        }
    }

    /// A required parameter is missing.
    pub fn missing(parameter: &str) -> Self {
        Self::new(405, 10, format!("o parametro {parameter} é obrigatório"))
    }

    /// A parameter has a value that cannot be.
    pub fn invalid(parameter: &str) -> Self {
        Self::new(405, 11, format!("o parametro {parameter} é inválido"))
    }

    /// A telephone number that is none.
    pub fn number(parameter: &str) -> Self {
        let hint = "formato E.164: [+][DDI][DDD][Número] ex: +5510999999999";
        Self::new(405, 11, format!("{parameter} inválido, {hint}"))
    }

    /// The id is missing in the path.
    pub fn which(resource: &str) -> Self {
        Self::new(404, 10, format!("qual {resource}? informar ID /{resource}/ID"))
    }

    /// No such object.
    pub fn unknown(resource: &str) -> Self {
        let ending = if matches!(resource, "chamada" | "conferencia") {
            "a"
        } else {
            "o"
        };
        Self::new(404, 60, format!("{resource} não encontrad{ending}"))
    }

    /// The call has ended.
    pub fn inactive() -> Self {
        Self::new(404, 80, "a chamada não está ativa")
    }

    /// The account has no credit left.
    pub fn no_credit() -> Self {
        Self::new(402, 9, "saldo insuficiente")
    }

    /// Too many requests per second; the provider documents neither a `motivo` nor a `Retry-After` for it.
    pub fn busy() -> Self {
        Self::new(429, 100, "limite de requisições por segundo excedido")
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let body = envelope(refusal.status, false, refusal.reason, &refusal.message);
        Self::json(refusal.status, body.raw("dados", "null").done())
    }
}

/// Success, with `dados` already written as JSON.
pub fn answered(message: &str, data: &str) -> Reply {
    Reply::json(200, envelope(200, true, 0, message).raw("dados", data).done())
}

/// Success of an operation whose answer has no `dados` key at all.
pub fn answered_bare(message: &str) -> Reply {
    Reply::json(200, envelope(200, true, 0, message).done())
}

/// An HTTP 200 that says no; documented nowhere, but clients check for it.
pub fn soft_refusal() -> Reply {
    let body = envelope(200, false, 50, "erro interno");
    Reply::json(200, body.raw("dados", "null").done())
}

fn envelope(status: u16, success: bool, reason: u16, message: &str) -> Object {
    Object::new()
        .raw("status", status)
        .raw("sucesso", success)
        .raw("motivo", reason)
        .text("mensagem", message)
}

/// A moment in the provider's own zone.
pub fn local(at: Timestamp) -> Zoned {
    at.to_zoned(zone())
}

/// The zone of the provider's own clock.
pub fn zone() -> TimeZone {
    // The zone database is compiled in; the fallback is what São Paulo has used since 2019.
    TimeZone::get(ZONE).unwrap_or_else(|_| TimeZone::fixed(jiff::tz::offset(-3)))
}

/// `2019-09-06T11:19:11-03:00`: calls, SMS, voicemail.
pub fn offset(at: Timestamp) -> String {
    local(at).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// `2019-09-06T11:19:11.000-03:00`: torpedoes.
pub fn offset_millis(at: Timestamp) -> String {
    local(at).strftime("%Y-%m-%dT%H:%M:%S.000%:z").to_string()
}

/// `2019-09-06T14:19:11`: UTC without saying so.
pub fn naive_utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// `2019-09-06T11:19:11`: local time without saying so.
pub fn naive_local(at: Timestamp) -> String {
    local(at).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// `HH:MM:SS`.
pub fn clock(seconds: i64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_in_four_spellings() {
        let at: Timestamp = "2019-09-06T17:21:33.25Z".parse().unwrap();
        assert_eq!(offset(at), "2019-09-06T14:21:33-03:00");
        assert_eq!(offset_millis(at), "2019-09-06T14:21:33.000-03:00");
        assert_eq!(naive_utc(at), "2019-09-06T17:21:33");
        assert_eq!(naive_local(at), "2019-09-06T14:21:33");
    }

    #[test]
    fn summer_time_is_kept_for_old_rows() {
        let at: Timestamp = "2016-10-17T20:02:20Z".parse().unwrap();
        assert_eq!(offset(at), "2016-10-17T18:02:20-02:00");
    }
}
