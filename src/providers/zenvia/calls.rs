//! Places calls: `chamada` joins two parties; `tts`, `audio` and `composto` call one.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::voices::voice;
use super::{Zenvia, documented, judge, path, unsupported};
use crate::domain::address::Address;
use crate::domain::call::{CallKind, ProviderRef};
use crate::domain::error::Failure;
use crate::domain::place::{Action, ActionKind, Capability, NewCall, Script};
use crate::domain::time::Timestamp;
use crate::providers::port::{Calls, Offer};
use crate::upstream::{Body, Exchange};

const OFFERS: &[Offer] = &[
    Offer {
        operation: Capability::Connect,
        options: &[
            Capability::CallerId,
            Capability::Record,
            Capability::MachineDetection,
            Capability::Schedule,
            Capability::Extension,
        ],
    },
    Offer {
        operation: Capability::Say,
        options: TORPEDO,
    },
    Offer {
        operation: Capability::Play,
        options: TORPEDO,
    },
    Offer {
        operation: Capability::Flow,
        options: TORPEDO,
    },
];

/// What every torpedo can do; none can be scheduled.
const TORPEDO: &[Capability] = &[
    Capability::CallerId,
    Capability::Record,
    Capability::MachineDetection,
    Capability::CollectDigits,
    Capability::Extension,
];

#[async_trait]
impl Calls for Zenvia {
    fn offers(&self) -> &'static [Offer] {
        OFFERS
    }

    fn operation(&self, kind: CallKind) -> &'static str {
        operation(kind)
    }

    async fn place(&self, call: &NewCall) -> Result<Option<ProviderRef>, Failure> {
        let operation = operation(call.kind());
        let body = body(call).map_err(|why| unsupported(operation, why))?;
        let exchange = Exchange::post(operation, path(operation), Body::Json(body.to_string())).fresh();
        self.exchange(exchange, documented::CREATED, judge::created)
            .await
            .map(Some)
    }
}

fn operation(kind: CallKind) -> &'static str {
    match kind {
        CallKind::Connect => "POST /chamada",
        CallKind::Say => "POST /tts",
        CallKind::Play => "POST /audio",
        _ => "POST /composto",
    }
}

/// Why a call cannot be written in this provider's terms.
type Unsayable = &'static str;

fn body(call: &NewCall) -> Result<Value, Unsayable> {
    let Script::Actions(actions) = &call.script else {
        return Err("this provider takes no session");
    };
    let body = match actions.as_slice() {
        [
            Action {
                what: ActionKind::Connect { to, from },
                on_digit: None,
            },
        ] => connect(call, to, from.as_ref())?,
        [
            Action {
                what: ActionKind::Say { text, voice },
                on_digit: None,
            },
        ] => torpedo(
            call,
            json!({ "mensagem": text, "tipo_voz": voice_name(voice.as_deref())? }),
        )?,
        [
            Action {
                what: ActionKind::Play { url },
                on_digit: None,
            },
        ] => torpedo(call, json!({ "url_audio": url }))?,
        actions => {
            let digits = call.collect_digits || actions.iter().any(|action| action.on_digit.is_some());
            let dados: Result<Vec<_>, _> = actions.iter().map(|what| action(call, what, digits)).collect();
            torpedo(
                call,
                json!({ "dados": dados?, "tags": call.provider_tag(), "resposta_usuario": yes(digits) }),
            )?
        }
    };
    Ok(without_nulls(body))
}

fn connect(call: &NewCall, to: &Address, from: Option<&Address>) -> Result<Value, Unsayable> {
    Ok(json!({
        "numero_origem": party(&call.to)?,
        "numero_destino": party(to)?,
        "bina_origem": optional_party(call.from.as_ref())?,
        "bina_destino": optional_party(from.or(call.from.as_ref()))?,
        "gravar_audio": yes(call.record),
        "detecta_caixa_origem": yes(call.hang_up_on_machine),
        "data_criacao": call.schedule_at.map(schedule),
        "tags": call.provider_tag(),
    }))
}

/// The fields all torpedoes share, and those of its own.
fn torpedo(call: &NewCall, own: Value) -> Result<Value, Unsayable> {
    let mut body = json!({
        "numero_destino": party(&call.to)?,
        "bina": optional_party(call.from.as_ref())?,
        "gravar_audio": yes(call.record),
        "detecta_caixa": yes(call.hang_up_on_machine),
        "resposta_usuario": yes(call.collect_digits),
    });
    if let (Value::Object(body), Value::Object(own)) = (&mut body, own) {
        body.extend(own);
    }
    Ok(body)
}

/// One action of a flow. A digit can only be typed while an action that waits for it is running, so where any action
/// depends on a digit all that speak wait for one.
fn action(call: &NewCall, action: &Action, digits: bool) -> Result<Value, Unsayable> {
    let (name, data) = match &action.what {
        ActionKind::Say { text, voice } => (
            "tts",
            json!({ "mensagem": text, "tipo_voz": voice_name(voice.as_deref())?, "resposta_usuario": yes(digits) }),
        ),
        ActionKind::Play { url } => ("audio", json!({ "url_audio": url, "resposta_usuario": yes(digits) })),
        ActionKind::Connect { to, from } => (
            "transferir",
            json!({ "numero_telefone": party(to)?, "bina": optional_party(from.as_ref().or(call.from.as_ref()))? }),
        ),
        ActionKind::Menu { id } => ("ura", json!({ "ura_id": id })),
    };
    Ok(json!({ "acao": name, "opcao": action.on_digit, "acao_dados": data }))
}

/// Leaves a flag out rather than saying no: no is the default of all of them.
fn yes(flag: bool) -> Option<bool> {
    flag.then_some(true)
}

fn voice_name(asked: Option<&str>) -> Result<Option<&'static str>, Unsayable> {
    asked
        .map(|asked| voice(asked).ok_or("this provider has no such voice"))
        .transpose()
}

fn optional_party(address: Option<&Address>) -> Result<Option<String>, Unsayable> {
    address.map(party).transpose()
}

/// A number in E.164, as documented since 2024, or an extension's digits.
pub fn party(address: &Address) -> Result<String, Unsayable> {
    match address {
        Address::Phone(number) => Ok(number.to_string()),
        Address::Extension(digits) => Ok(digits.clone()),
        Address::Agent(_) | Address::Whatsapp(_) | Address::Other(_) => {
            Err("this provider calls numbers and extensions only")
        }
    }
}

/// UTC to the second, as in the documentation's sample.
fn schedule(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let told = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(told.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
