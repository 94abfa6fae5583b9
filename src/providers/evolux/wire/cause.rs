//! Why a call ended, in the words Evolux writes.
//!
//! Its switch is FreeSWITCH, whose causes are those of Q.850 and a few of its own; reports name them in English, in
//! Portuguese, or once in each.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::domain::call::CallStatus;
use crate::domain::hangup::{Hangup, HangupBy};

/// The switch's own number for a call its originator gave up: no Q.850 cause says that.
const ORIGINATOR_CANCEL: u16 = 487;

/// The words of a cause, folded as [`fold`] does, and the switch's number for it.
///
/// English: the names in FreeSWITCH's cause table. Portuguese: "cancelada pelo originador" and "desligamento normal" are as
/// reports print them; the others are the names Brazilian switches use.
#[rustfmt::skip]
const CAUSES: &[(&str, u16)] = &[
    ("unallocated number", 1), ("numero nao existe", 1), ("numero inexistente", 1), ("numero nao alocado", 1),
    ("no route transit net", 2), ("sem rota para a rede de transito", 2),
    ("no route destination", 3), ("sem rota para o destino", 3),
    ("channel unacceptable", 6), ("canal inaceitavel", 6),
    ("call awarded delivered", 7),
    ("normal clearing", 16), ("desligamento normal", 16), ("chamada encerrada normalmente", 16),
    ("user busy", 17), ("busy", 17), ("usuario ocupado", 17), ("ocupado", 17), ("linha ocupada", 17),
    ("no user response", 18), ("no user responding", 18), ("usuario nao responde", 18), ("sem resposta do usuario", 18),
    ("no answer", 19), ("nao atendida", 19), ("nao atendeu", 19), ("sem resposta", 19), ("chamada nao atendida", 19),
    ("subscriber absent", 20), ("assinante ausente", 20), ("user not registered", 20), ("usuario nao registrado", 20),
    ("call rejected", 21), ("chamada rejeitada", 21), ("rejeitada", 21),
    ("number changed", 22), ("numero alterado", 22), ("numero mudou", 22),
    ("redirection to new destination", 23), ("redirecionada para novo destino", 23),
    ("exchange routing error", 25), ("erro de roteamento", 25),
    ("destination out of order", 27), ("destino fora de servico", 27), ("destino com defeito", 27),
    ("invalid number format", 28), ("formato de numero invalido", 28), ("numero invalido", 28),
    ("facility rejected", 29), ("facilidade rejeitada", 29),
    ("response to status enquiry", 30),
    ("normal unspecified", 31), ("normal nao especificado", 31), ("desligamento normal nao especificado", 31),
    ("normal circuit congestion", 34), ("congestionamento de circuito", 34), ("sem circuito disponivel", 34),
    ("network out of order", 38), ("rede fora de servico", 38), ("rede com defeito", 38),
    ("normal temporary failure", 41), ("temporary failure", 41), ("falha temporaria", 41),
    ("switch congestion", 42), ("congestionamento", 42), ("congestionamento da central", 42),
    ("access info discarded", 43),
    ("requested chan unavail", 44), ("canal solicitado indisponivel", 44),
    ("facility not subscribed", 50), ("facilidade nao contratada", 50),
    ("outgoing call barred", 52), ("chamada de saida bloqueada", 52),
    ("incoming call barred", 54), ("chamada de entrada bloqueada", 54),
    ("bearercapability notauth", 57), ("bearercapability notavail", 58),
    ("service unavailable", 63), ("servico indisponivel", 63),
    ("bearercapability notimpl", 65), ("chan not implemented", 66),
    ("facility not implemented", 69), ("service not implemented", 79), ("servico nao implementado", 79),
    ("invalid call reference", 81),
    ("incompatible destination", 88), ("destino incompativel", 88),
    ("invalid msg unspecified", 95), ("mandatory ie missing", 96), ("message type nonexist", 97),
    ("wrong message", 98), ("ie nonexist", 99), ("invalid ie contents", 100), ("wrong call state", 101),
    ("recovery on timer expire", 102), ("tempo esgotado", 102),
    ("protocol error", 111), ("erro de protocolo", 111),
    ("interworking", 127),
    ("originator cancel", ORIGINATOR_CANCEL), ("cancelada pelo originador", ORIGINATOR_CANCEL),
    ("chamada cancelada pelo originador", ORIGINATOR_CANCEL),
];

/// The hang-up that texts in wire order tell; the last one known gives the cause. Nothing where nothing is told.
pub(super) fn hangup(texts: Vec<String>, by: Option<HangupBy>) -> Option<Hangup> {
    if texts.is_empty() && by.is_none() {
        return None;
    }
    let q850 = texts
        .iter()
        .rev()
        .find_map(|text| number(text))
        .and_then(|number| u8::try_from(number).ok());
    Some(Hangup {
        by,
        ..Hangup::from_q850(q850, texts)
    })
}

/// How a call that nobody answered ended, by the last text that tells.
///
/// A call cleared normally was answered by nobody, unless another of its texts knows better.
pub(super) fn unanswered(texts: &[String]) -> CallStatus {
    let numbers = || texts.iter().rev().filter_map(|text| number(text));
    numbers()
        .find_map(telling_status)
        .unwrap_or_else(|| match numbers().next() {
            Some(16 | 31) => CallStatus::NoAnswer,
            _ => CallStatus::Failed,
        })
}

fn telling_status(number: u16) -> Option<CallStatus> {
    Some(match number {
        17 => CallStatus::Busy,
        18..=20 => CallStatus::NoAnswer,
        21 => CallStatus::Rejected,
        ORIGINATOR_CANCEL => CallStatus::Canceled,
        _ => return None,
    })
}

/// Whether a text for why a call ended is known.
pub(in crate::providers::evolux) fn is_known(text: &str) -> bool {
    number(text).is_some()
}

fn number(text: &str) -> Option<u16> {
    static NUMBERS: LazyLock<HashMap<&str, u16>> = LazyLock::new(|| CAUSES.iter().copied().collect());
    NUMBERS.get(fold(text).as_str()).copied()
}

/// Lower case without accents, words parted by single spaces: `NORMAL_CLEARING` and `Normal clearing` are one.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() {
            folded.push(letter.to_ascii_lowercase());
            continue;
        }
        for letter in letter.to_lowercase().map(without_accent) {
            if letter.is_alphanumeric() {
                folded.push(letter);
            } else if !folded.is_empty() && !folded.ends_with(' ') {
                folded.push(' ');
            }
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

fn without_accent(letter: char) -> char {
    match letter {
        'á' | 'à' | 'â' | 'ã' => 'a',
        'é' | 'ê' => 'e',
        'í' => 'i',
        'ó' | 'ô' | 'õ' => 'o',
        'ú' | 'ü' => 'u',
        'ç' => 'c',
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn told(texts: &[&str]) -> (Option<String>, Option<u8>, CallStatus) {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let status = unanswered(&texts);
        let hangup = hangup(texts, None).unwrap();
        (hangup.cause, hangup.q850, status)
    }

    #[test]
    fn every_cause_is_written_folded_and_once() {
        for (position, (words, _)) in CAUSES.iter().enumerate() {
            assert_eq!(&fold(words), words);
            assert!(CAUSES[..position].iter().all(|(other, _)| other != words), "{words}");
        }
    }

    #[test]
    fn both_languages_and_the_switch_s_own_spelling_name_one_cause() {
        for text in ["Usuário ocupado", "User busy", "USER_BUSY", "Ocupado"] {
            assert_eq!(
                told(&[text]),
                (Some("user_busy".into()), Some(17), CallStatus::Busy),
                "{text}"
            );
        }
        for text in ["Desligamento normal", "Normal clearing", "NORMAL_CLEARING"] {
            assert_eq!(
                told(&[text]),
                (Some("normal_clearing".into()), Some(16), CallStatus::NoAnswer),
                "{text}"
            );
        }
        for text in ["Não atendida", "No answer", "Sem resposta"] {
            assert_eq!(
                told(&[text]),
                (Some("no_answer".into()), Some(19), CallStatus::NoAnswer),
                "{text}"
            );
        }
        for text in ["Chamada rejeitada", "CALL_REJECTED"] {
            assert_eq!(
                told(&[text]),
                (Some("call_rejected".into()), Some(21), CallStatus::Rejected),
                "{text}"
            );
        }
        assert_eq!(
            told(&["Número não existe"]),
            (Some("unallocated_number".into()), Some(1), CallStatus::Failed)
        );
    }

    #[test]
    fn the_last_known_text_gives_the_cause_and_the_last_telling_one_the_status() {
        let cancelled = told(&["Cancelada pelo originador", "Normal clearing"]);
        assert_eq!(
            cancelled,
            (Some("normal_clearing".into()), Some(16), CallStatus::Canceled)
        );
        let odd = told(&["Usuário ocupado", "Something else"]);
        assert_eq!(odd, (Some("user_busy".into()), Some(17), CallStatus::Busy));
    }

    #[test]
    fn an_unknown_text_is_kept_and_names_no_cause() {
        assert_eq!(told(&["Motivo novo"]), (None, None, CallStatus::Failed));
        assert_eq!(told(&["Cancelada pelo originador"]), (None, None, CallStatus::Canceled));
        assert_eq!(hangup(vec![], None), None);
    }
}
