//! Zenvia's words for where a call stands.

use super::super::wire::plain;
use crate::domain::call::CallStatus;

/// Disconnect reasons of a party that declined: "chamada rejeitada" and "rejeitado".
const DECLINED: [u8; 2] = [21, 29];

/// Reads a status word; `over` says whether the call it is of has ended. A word nobody knows is nothing.
pub fn read(word: &str, over: bool) -> Option<CallStatus> {
    Some(match plain(word).as_str() {
        "preparando" if over => CallStatus::Canceled,
        "preparando" => CallStatus::Queued,
        "chamando" if over => CallStatus::NoAnswer,
        "chamando" => CallStatus::Ringing,
        "atendida" | "atendido" if over => CallStatus::Completed,
        "atendida" | "atendido" => CallStatus::InProgress,
        "ocupado" => CallStatus::Busy,
        "sem resposta" => CallStatus::NoAnswer,
        "cancelada" => CallStatus::Canceled,
        "congestionado" | "falha" | "nao existe" | "desconhecido" => CallStatus::Failed,
        _ => return None,
    })
}

/// Whether the word says anything.
pub fn is_known(word: &str) -> bool {
    read(word, true).is_some()
}

/// Whether the word says that the party answered.
pub fn is_answered(word: &str) -> bool {
    read(word, true) == Some(CallStatus::Completed)
}

/// The status with what the disconnect reason adds: a party that declined is reported as busy, failed or not at all.
pub fn with_reason(status: Option<CallStatus>, reason: Option<u8>) -> Option<CallStatus> {
    let answered = matches!(status, Some(CallStatus::Completed | CallStatus::InProgress));
    let declined = reason.is_some_and(|reason| DECLINED.contains(&reason));
    if declined && !answered {
        Some(CallStatus::Rejected)
    } else {
        status
    }
}

/// The number that a `motivo_desconexao` such as `16. normal` begins with.
pub fn reason(text: &str) -> Option<u8> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok().filter(|reason| (1..=127).contains(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_word_has_its_status() {
        for (word, live, over) in [
            ("preparando", CallStatus::Queued, CallStatus::Canceled),
            ("chamando", CallStatus::Ringing, CallStatus::NoAnswer),
            ("atendida", CallStatus::InProgress, CallStatus::Completed),
            ("ocupado", CallStatus::Busy, CallStatus::Busy),
            ("sem resposta", CallStatus::NoAnswer, CallStatus::NoAnswer),
            ("cancelada", CallStatus::Canceled, CallStatus::Canceled),
            ("congestionado", CallStatus::Failed, CallStatus::Failed),
            ("falha", CallStatus::Failed, CallStatus::Failed),
            ("não existe", CallStatus::Failed, CallStatus::Failed),
            ("Nao Existe", CallStatus::Failed, CallStatus::Failed),
            ("desconhecido", CallStatus::Failed, CallStatus::Failed),
        ] {
            assert_eq!(read(word, false), Some(live), "{word}");
            assert_eq!(read(word, true), Some(over), "{word}");
        }
        for word in ["", "transferida", "null"] {
            assert_eq!(read(word, true), None, "{word}");
        }
    }

    #[test]
    fn a_declined_call_is_rejected_whatever_the_word_unless_it_was_answered() {
        for reason in [21, 29] {
            for status in [Some(CallStatus::Busy), Some(CallStatus::Failed), None] {
                assert_eq!(with_reason(status, Some(reason)), Some(CallStatus::Rejected));
            }
            let answered = Some(CallStatus::Completed);
            assert_eq!(with_reason(answered, Some(reason)), answered);
        }
        assert_eq!(with_reason(Some(CallStatus::Busy), Some(17)), Some(CallStatus::Busy));
        assert_eq!(with_reason(None, Some(16)), None);
    }

    #[test]
    fn the_reason_is_the_number_in_front() {
        assert_eq!(reason("16. normal"), Some(16));
        assert_eq!(reason(" 127"), Some(127));
        for text in ["indefinido", "", "0. x", "128. x", "9999999999. x", "-16"] {
            assert_eq!(reason(text), None, "{text}");
        }
    }
}
