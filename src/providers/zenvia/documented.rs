//! What Zenvia documents of its webhooks and answers. Pure.
//!
//! Samples of several years differ: what one of them lacks is not promised to come.

use super::codes::verdict_word;
use super::judge;
use super::normalize::{disconnect_reason, is_status_word};
use super::signals::{conference_word, sms_word};
use super::wire::{Object, body_text, plain};
use crate::domain::call::CallKind;
use crate::providers::shape::Field::{self, Always, Sometimes};
use crate::providers::shape::{self, Shape, What};
use crate::upstream::{Answer, Drift};

const STATUS: What = What::Word(is_status_word);
const GENERAL_STATUS: What = What::Word(|word| matches!(word, "criada" | "curso" | "finalizada"));
const REASON: What = What::Word(|word| disconnect_reason(word).is_some() || plain(word) == "indefinido");

/// The envelope of an answer but its `dados`.
const ENVELOPE: &[Field] = &[
    Always("status", What::Number),
    Always("sucesso", What::Flag),
    Always("motivo", What::Word(|word| judge::reason(word).is_some())),
    Always("mensagem", What::Text),
];

/// An answer that says no, or says yes and no more.
pub const DONE: Shape = &[ENVELOPE, &[Sometimes("dados", What::Any)]];

/// An answer whose `dados` have these groups of fields.
macro_rules! answer {
    ($($group:expr),+) => {
        &[ENVELOPE, &[Always("dados", What::Object(&[$($group),+]))]]
    };
}

/// An answer whose `dados` list rows.
macro_rules! report {
    ($row:expr) => {
        answer!(&[
            Sometimes("total", What::Number),
            Sometimes("posicao", What::Number),
            Sometimes("limite", What::Number),
            Always("relatorio", What::Objects($row)),
        ])
    };
}

/// The answer to whatever makes something.
pub const CREATED: Shape = answer!(&[Always("id", What::Plain)]);
/// The answer to a check of a code.
pub const VERDICT: Shape = answer!(&[Always("resultado", What::Word(|word| verdict_word(word).is_some()))]);
/// The answer to a question for the credit.
pub const BALANCE: Shape = answer!(&[Always("saldo", What::Number)]);

/// The durations of a call or of a leg.
const DURATIONS: &[Field] = &[
    Always("duracao_segundos", What::Number),
    Always("duracao", What::Text),
    Always("duracao_cobrada_segundos", What::Number),
    Always("duracao_cobrada", What::Text),
    Always("duracao_falada_segundos", What::Number),
    Always("duracao_falada", What::Text),
];

/// The durations of an event, which tells them once the party has answered.
const LIVE_DURATIONS: &[Field] = &[
    Sometimes("data_atendimento", What::Text),
    Sometimes("duracao_segundos", What::Number),
    Sometimes("duracao_falada_segundos", What::Number),
];

const LEG: &[Field] = &[
    Always("data_inicio", What::Text),
    Always("numero", What::Plain),
    Always("tipo", What::Text),
    Always("status", STATUS),
    Always("preco", What::Number),
    Sometimes("bina_origem", What::Plain),
    Sometimes("bina_destino", What::Plain),
    Sometimes("substatus", What::Text),
    Sometimes("ramal", What::Any),
];

/// What a call of two legs has had since its first sample, of 2016.
const CALL_SINCE_2016: &[Field] = &[
    Always("id", What::Plain),
    Always("data_criacao", What::Text),
    Always("ativa", What::Flag),
    Always("cliente_id", What::Plain),
    Always("ramal_id_origem", What::Plain),
    Sometimes("detecta_caixa", What::Flag),
];

/// A call of two legs that is asked for; of these fields the sample of 2016 has only the legs, and they tell no reason.
const CALL_ASKED: Shape = &[
    CALL_SINCE_2016,
    &[
        Always("origem", LEG_ASKED),
        Always("destino", LEG_ASKED),
        Sometimes("url_gravacao", What::Link),
        Sometimes("conta_id", What::Plain),
        Sometimes("tags", What::Text),
        Sometimes("status_geral", GENERAL_STATUS),
        Sometimes("gravacoes_parciais", What::Any),
    ],
];

const LEG_ASKED: What = What::Object(&[LEG, DURATIONS, &[Sometimes("motivo_desconexao", REASON)]]);

/// What reports and webhooks tell of it besides.
const CALL_LISTED: &[Field] = &[
    Always("origem", LEG_LISTED),
    Always("destino", LEG_LISTED),
    Always("url_gravacao", What::Link),
    Always("conta_id", What::Plain),
    Always("tags", What::Text),
    Always("status_geral", GENERAL_STATUS),
];

const LEG_LISTED: What = What::Object(&[LEG, DURATIONS, &[Always("motivo_desconexao", REASON)]]);

/// A call of two legs in a webhook.
const CALL_TOLD: Shape = &[CALL_SINCE_2016, CALL_LISTED, &[Always("gravacoes_parciais", What::Any)]];

/// A call of two legs in a report.
const CALL_ROW: Shape = &[
    CALL_SINCE_2016,
    CALL_LISTED,
    &[Sometimes("gravacoes_parciais", What::Any)],
];

const EVENT_LEG: What = What::Object(&[
    LIVE_DURATIONS,
    &[
        Always("tipo", What::Text),
        Always("numero", What::Plain),
        Sometimes("ativo", What::Flag),
        Sometimes("status", STATUS),
        Sometimes("data_inicio", What::Text),
        Sometimes("data_criacao", What::Text),
    ],
]);

const CALL_EVENT: Shape = &[&[
    Always("id", What::Plain),
    Always("data_criacao", What::Text),
    Always("gravar_audio", What::Flag),
    Always("cliente_id", What::Plain),
    Always("tags", What::Text),
    Always("origem", EVENT_LEG),
    Always("destino", EVENT_LEG),
]];

const EXTENSION_EVENT: Shape = &[
    LIVE_DURATIONS,
    &[
        Always("id", What::Plain),
        Always("data_criacao", What::Text),
        Always("tipo", What::Text),
        Always("ativo", What::Flag),
        Always("ramal", What::Plain),
        Always("status", STATUS),
        Sometimes("motivo_desconexao", REASON),
        Sometimes("numero_origem", What::Plain),
        Sometimes("tags", What::Text),
    ],
];

/// The extension of a received call: a number, a text, or an object with a course of its own.
const EXTENSION: What = What::PlainOr(&[
    LIVE_DURATIONS,
    &[
        Always("ativo", What::Flag),
        Always("data_criacao", What::Text),
        Always("numero", What::Plain),
        Always("status", STATUS),
    ],
]);

const DID_EVENT: Shape = &[
    LIVE_DURATIONS,
    &[
        Always("id", What::Plain),
        Always("data_criacao", What::Text),
        Always("ativo", What::Flag),
        Always("status", STATUS),
        Sometimes("ramal", EXTENSION),
        Sometimes("tipo", What::Text),
        Sometimes("gravar_audio", What::Flag),
        Sometimes("cliente_id", What::Plain),
        Sometimes("numero_origem", What::Plain),
        Sometimes("numero_destino", What::Plain),
    ],
];

/// A received call.
const DID: &[Field] = &[
    Always("id", What::Plain),
    Always("url_gravacao", What::Link),
    Always("data_inicio", What::Text),
    Always("numero_destino", What::Plain),
    Always("numero_origem", What::Plain),
    Always("status", STATUS),
    Always("preco", What::Number),
    Always("ramal_id", What::Plain),
    Sometimes("ativa", What::Flag),
    Sometimes("tags", What::Text),
    Sometimes("ramal", EXTENSION),
    Sometimes("gravacoes_parciais", What::Any),
];

/// What every torpedo has.
const TORPEDO: &[Field] = &[
    Always("id", What::Plain),
    Always("numero_destino", What::Plain),
    Always("data_criacao", What::Text),
    Always("data_inicio", What::Text),
    Always("tipo", What::Text),
    Always("status", STATUS),
    Always("preco", What::Number),
    Always("resposta_usuario", What::Flag),
    Always("resposta", What::Plain),
];

/// What a torpedo has when it is asked for.
const ASKED: &[Field] = &[Always("url_gravacao", What::Link), Always("bina", What::Plain)];

const SPOKEN: &[Field] = &[Always("mensagem", What::Plain), Always("motivo_desconexao", REASON)];
const PLAYED: &[Field] = &[Always("url_audio", What::Text), Always("motivo_desconexao", REASON)];
const TAGGED: &[Field] = &[Always("tags", What::Text)];
const REASON_AT_END: &[Field] = &[Always("motivo_desconexao", REASON)];
const RECORDING_AT_END: &[Field] = &[Always("url_gravacao", What::Link)];

const SAY: Shape = &[TORPEDO, DURATIONS, ASKED, SPOKEN];
const PLAY: Shape = &[TORPEDO, DURATIONS, ASKED, PLAYED];
const FLOW: Shape = &[
    TORPEDO,
    DURATIONS,
    ASKED,
    TAGGED,
    &[Sometimes("motivo_desconexao", REASON)],
];
const RECEIVED: Shape = &[DID, DURATIONS];

const REPLY: &[Field] = &[
    Always("id", What::Plain),
    Always("sms_id", What::Plain),
    Always("resposta", What::Plain),
    Always("data_resposta", What::Text),
];

const SMS_STATUS: Shape = &[&[
    Always("id", What::Plain),
    Always("numero_destino", What::Plain),
    Always("data_criacao", What::Text),
    Always("mensagem", What::Plain),
    Always("preco", What::Number),
    Always("status_envio", What::Word(|word| sms_word(word).is_some())),
    Always("data_status", What::Text),
    Always("resposta_usuario", What::Flag),
    Always("respostas", What::Objects(&[REPLY])),
]];

const CONFERENCE_EVENT: Shape = &[&[
    Always("data_criacao", What::Text),
    Always("evento_conferencia", What::Word(|word| conference_word(word).is_some())),
    Always("numero", What::Plain),
    Always("gravar_audio", What::Flag),
    Always("conferencia_id", What::Plain),
    Always("chamada_id", What::Plain),
    Always("cliente_id", What::Plain),
]];

const VOICEMAIL: Shape = &[&[
    Always("id", What::Plain),
    Always("ramal_id", What::Plain),
    Always("ramal", What::Plain),
    Always("numero_telefone", What::Plain),
    Always("data_mensagem", What::Text),
    Always("duracao_segundos", What::Number),
    Always("url_gravacao", What::Link),
]];

/// What a webhook of this kind has.
pub fn webhook(kind: &str, object: &Object<'_>) -> Shape {
    match kind {
        "call-event" => CALL_EVENT,
        "extension-event" => EXTENSION_EVENT,
        "did-event" => DID_EVENT,
        "conference-event" => CONFERENCE_EVENT,
        "sms-status" => SMS_STATUS,
        "sms-reply" => &[REPLY],
        "balance" => &[&[Always("saldo", What::Number)]],
        "voicemail" => VOICEMAIL,
        "call-status" | "call-end" => CALL_TOLD,
        // Documented as an outbound call's object, sent by live systems as a received call's.
        "did-end" if object.has("origem") || object.has("destino") => CALL_TOLD,
        "did-end" => RECEIVED,
        "tts-end" => &[TORPEDO, DURATIONS, SPOKEN],
        "flow-end" => &[TORPEDO, DURATIONS, TAGGED, REASON_AT_END, RECORDING_AT_END],
        "audio-end" => &[TORPEDO, DURATIONS, PLAYED, RECORDING_AT_END],
        _ => &[],
    }
}

/// What the answer to a question for one call has.
pub fn object(kind: CallKind) -> Shape {
    match kind {
        CallKind::Connect => &[ENVELOPE, &[Always("dados", What::Object(CALL_ASKED))]],
        CallKind::Say => &[ENVELOPE, &[Always("dados", What::Object(SAY))]],
        CallKind::Play => &[ENVELOPE, &[Always("dados", What::Object(PLAY))]],
        CallKind::Flow => &[ENVELOPE, &[Always("dados", What::Object(FLOW))]],
        _ => &[ENVELOPE, &[Always("dados", What::Object(RECEIVED))]],
    }
}

/// What a page of a report has.
pub fn report(kind: CallKind) -> Shape {
    match kind {
        CallKind::Connect => report!(CALL_ROW),
        CallKind::Say => report!(SAY),
        CallKind::Play => report!(PLAY),
        CallKind::Flow => report!(FLOW),
        _ => report!(RECEIVED),
    }
}

/// How an answer differs from `good`, or from a refusal if it is one. What is no envelope at all is not compared.
pub fn drift(answer: &Answer, good: Shape) -> Drift {
    let text = body_text(&answer.body);
    let Some(envelope) = Object::parse(text.as_bytes()) else {
        return Drift::default();
    };
    let is_good = (200..300).contains(&answer.status) && envelope.flag("sucesso") == Some(true);
    shape::drift(&envelope, if is_good { good } else { DONE })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
