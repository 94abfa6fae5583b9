//! `/verificacao`: a code is sent, then checked.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::fields::Fields;
use super::numbers;
use super::state::Dial;
use super::text::{Refusal, answered};
use super::{UnknownCode, Zenvia};
use crate::simulators::http::{Reply, Request};
use crate::simulators::json::Object;

const LIFETIME: SignedDuration = SignedDuration::from_hours(1);
const SENT: &str = "dados retornados com sucesso";

/// A code that was sent.
#[derive(Clone, Serialize)]
pub struct Code {
    /// The verification's id.
    pub id: u64,
    /// The digits.
    pub code: String,
    /// The message the telephone receives.
    pub text: String,
    /// Spoken in a call instead of written in an SMS.
    pub tts: bool,
    /// The number, in one spelling.
    #[serde(skip)]
    pub number: String,
    /// When it was sent.
    pub at: Timestamp,
}

impl Zenvia {
    /// `POST /verificacao`.
    pub(super) fn send_code(&self, fields: &Fields) -> Result<Reply, Refusal> {
        let number = fields.required("numero_destino")?;
        if numbers::national(&number).is_none() {
            return Err(Refusal::number("numero_destino"));
        }
        let product = fields.required("nome_produto")?;
        let length = match fields.number("tamanho")?.unwrap_or(4) {
            length @ 4..=10 => length as usize,
            _ => return Err(Refusal::invalid("tamanho")),
        };
        let fate = self.admit(&number)?;
        let (id, at, digits) = (self.new_id(), self.control.clock.now(), self.random.digits(length));
        let text = format!("Seu código de verificação {product} é: {digits}");
        let key = numbers::key(&number);
        self.state().keep_code(Code {
            id,
            code: digits,
            text,
            tts: fields.flag("tts"),
            number: key,
            at,
        });
        self.note(Dial {
            id,
            resource: "verificacao",
            origin: None,
            destination: number,
            tags: None,
            at,
        });
        Ok(self.created(SENT, id, fate))
    }

    /// `GET /verificacao?id=&pin=`.
    pub(super) fn check_code(&self, request: &Request) -> Result<Reply, Refusal> {
        let given = |key| {
            request
                .query(key)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| Refusal::missing(key))
        };
        let (id, pin) = (given("id")?, given("pin")?);
        let id = id.parse().map_err(|_| Refusal::invalid("id"))?;
        let (knobs, now) = (self.knobs(), self.control.clock.now());
        let state = self.state();
        let valid = match state.codes.get(&id) {
            Some(sent) => sent.code == pin && now.duration_since(sent.at) < LIFETIME,
            None if knobs.unknown_code == UnknownCode::NotFound => {
                return Err(Refusal::unknown("verificacao"));
            }
            None => false,
        };
        let result = match (valid, knobs.accented_result) {
            (true, false) => "valido",
            (true, true) => "válido",
            (false, false) => "invalido",
            (false, true) => "inválido",
        };
        Ok(answered(SENT, &Object::new().text("resultado", result).done()))
    }

    /// The last code sent to a number, in any spelling.
    pub fn last_code(&self, number: &str) -> Option<Code> {
        let key = numbers::key(number);
        let state = self.state();
        state.last_codes.get(&key).and_then(|id| state.codes.get(id)).cloned()
    }
}
