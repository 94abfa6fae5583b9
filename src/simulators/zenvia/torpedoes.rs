//! `/tts`, `/audio` and `/composto`: one telephone is called and hears something.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::Zenvia;
use super::calls::recording_url;
use super::fields::Fields;
use super::leg::Leg;
use super::numbers;
use super::state::Dial;
use super::table::Row;
use super::text::{Refusal, answered, offset_millis};
use crate::simulators::http::Reply;
use crate::simulators::json::{Object, optional};

const VOICES: [&str; 17] = [
    "br-Camila",
    "br-Vitoria",
    "br-Ricardo",
    "en-Joey",
    "en-Joanna",
    "fre-Celine",
    "fre-Mathieu",
    "ger-Vicki",
    "ger-Hans",
    "ita-Carla",
    "ita-Giorgio",
    "jap-Mizuki",
    "pol-Jan",
    "rus-Tatyana",
    "rus-Maxim",
    "esp-Conchita",
    "esp-Enrique",
];

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text is spoken.
    Tts,
    /// A file is played.
    Audio,
    /// A list of actions.
    Flow,
}

impl Kind {
    /// The kind of a path's first part.
    pub fn of(resource: &str) -> Option<Self> {
        match resource {
            "tts" => Some(Self::Tts),
            "audio" => Some(Self::Audio),
            "composto" => Some(Self::Flow),
            _ => None,
        }
    }

    /// The path's first part.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Tts => "tts",
            Self::Audio => "audio",
            Self::Flow => "composto",
        }
    }

    /// The kind of the webhook sent at its end.
    pub fn webhook(self) -> &'static str {
        match self {
            Self::Tts => "tts-end",
            Self::Audio => "audio-end",
            Self::Flow => "flow-end",
        }
    }
}

/// A call to one telephone.
#[derive(Debug, Clone)]
pub struct Torpedo {
    /// The provider's id.
    pub id: u64,
    /// Which of the three.
    pub kind: Kind,
    /// The only leg.
    pub leg: Leg,
    /// `mensagem` or `url_audio`; empty for a flow.
    pub content: String,
    /// `resposta_usuario`.
    pub wants_response: bool,
    /// The digits typed.
    pub response: Option<String>,
    /// Whether it is recorded.
    pub record: bool,
    /// Whether a machine is hung up on.
    pub detects_machine: bool,
    /// `tags`; flows only.
    pub tags: Option<String>,
    /// Where its recording is, once there is one.
    pub recording: Option<String>,
}

impl Row for Torpedo {
    fn id(&self) -> u64 {
        self.id
    }

    fn created(&self) -> Timestamp {
        self.leg.created
    }
}

impl Torpedo {
    /// The object of lookups and reports.
    pub fn json(&self, now: Timestamp) -> String {
        let mut object = self.object(now);
        object = match self.kind {
            Kind::Tts => object.text("mensagem", &self.content),
            Kind::Audio => object.text("url_audio", &self.content),
            Kind::Flow => object,
        };
        object = self.response(object);
        object = match self.kind {
            Kind::Flow => object.text_or_null("tags", self.tags.as_deref()),
            Kind::Tts | Kind::Audio => object.text("motivo_desconexao", &self.leg.reason),
        };
        object
            .raw("url_gravacao", self.recording_url())
            .text("bina", self.leg.caller_id.as_deref().unwrap_or_default())
            .done()
    }

    /// The object of the webhook at its end, which has other keys than the lookup's.
    pub fn webhook_json(&self, now: Timestamp) -> String {
        let object = self
            .response(self.object(now))
            .text("motivo_desconexao", &self.leg.reason);
        match self.kind {
            Kind::Tts => object.text("mensagem", &self.content),
            Kind::Audio => object
                .raw("url_gravacao", self.recording_url())
                .text("url_audio", &self.content),
            Kind::Flow => {
                let tags = self.tags.as_deref().unwrap_or_default();
                object.raw("url_gravacao", self.recording_url()).text("tags", tags)
            }
        }
        .done()
    }

    fn object(&self, now: Timestamp) -> Object {
        let figures = self.leg.figures(now);
        // An unanswered TTS shows zeros where the other two show nulls.
        let known = figures.over && (figures.answered || self.kind == Kind::Tts);
        let started = self.leg.started.map(offset_millis);
        let object = Object::new()
            .raw("id", self.id)
            .text("numero_destino", &self.leg.number)
            .text("data_criacao", &offset_millis(self.leg.created))
            .text_or_null("data_inicio", started.as_deref())
            .text("tipo", self.leg.kind())
            .raw("status", optional(self.leg.status.as_deref()));
        figures.write(object, known).raw("preco", figures.price)
    }

    fn response(&self, object: Object) -> Object {
        let object = object.raw("resposta_usuario", self.wants_response);
        match (&self.response, self.kind) {
            (Some(digits), _) => object.text("resposta", digits),
            (None, Kind::Flow) => object.raw("resposta", "null"),
            (None, Kind::Tts | Kind::Audio) => object.text("resposta", ""),
        }
    }

    fn recording_url(&self) -> String {
        recording_url(self.recording.as_deref(), self.leg.ended.is_some(), self.id)
    }
}

impl Zenvia {
    /// `POST /tts`, `POST /audio`, `POST /composto`.
    pub(super) fn create_torpedo(self: &Arc<Self>, kind: Kind, fields: &Fields) -> Result<Reply, Refusal> {
        let number = fields.required("numero_destino")?;
        if numbers::national(&number).is_none() && !numbers::is_extension(&number) {
            let echoed = format!("numero_destino {number}");
            return Err(Refusal::number(if kind == Kind::Tts {
                &echoed
            } else {
                "numero_destino"
            }));
        }
        let content = content(kind, fields)?;
        let flow_wants = kind == Kind::Flow && actions(fields)?.iter().any(wants_response);
        let fate = self.admit(&number)?;
        let now = self.control.clock.now();
        let torpedo = Torpedo {
            id: self.new_id(),
            kind,
            leg: Leg::planned(number.clone(), fields.text("bina"), now),
            content,
            wants_response: fields.flag("resposta_usuario") || flow_wants,
            response: None,
            record: fields.flag("gravar_audio"),
            detects_machine: fields.flag("detecta_caixa"),
            tags: fields.text("tags").filter(|_| kind == Kind::Flow),
            recording: None,
        };
        let (id, tags) = (torpedo.id, torpedo.tags.clone());
        self.state().torpedoes.insert(torpedo);
        let resource = kind.resource();
        self.note(Dial {
            id,
            resource,
            origin: None,
            destination: number,
            tags,
            at: now,
        });
        self.run_torpedo(id, fate);
        Ok(self.created(&format!("{resource} criado com sucesso"), id, fate))
    }

    /// `GET /tts/{id}` and its like.
    pub(super) fn show_torpedo(&self, kind: Kind, id: &str) -> Result<Reply, Refusal> {
        let (id, now) = (id.parse().unwrap_or_default(), self.control.clock.now());
        let state = self.state();
        let torpedo = state.torpedoes.get(id).filter(|torpedo| torpedo.kind == kind);
        let torpedo = torpedo.ok_or_else(|| Refusal::unknown(kind.resource()))?;
        Ok(answered("dados retornados com sucesso", &torpedo.json(now)))
    }
}

fn content(kind: Kind, fields: &Fields) -> Result<String, Refusal> {
    match kind {
        Kind::Flow => Ok(String::new()),
        Kind::Tts => {
            check_voice(fields.text("tipo_voz").as_deref())?;
            fields.required("mensagem")
        }
        Kind::Audio => {
            let url = fields.required("url_audio")?;
            let scheme = url::Url::parse(&url).ok().map(|url| url.scheme().to_owned());
            if !matches!(scheme.as_deref(), Some("http" | "https")) {
                let hint = "formato esperado http://foooo.bar/audio.mp3";
                return Err(Refusal::new(
                    405,
                    11,
                    format!("o parametro url_audio é inválido, {hint}"),
                ));
            }
            Ok(url)
        }
    }
}

fn check_voice(voice: Option<&str>) -> Result<(), Refusal> {
    match voice {
        Some(voice) if !VOICES.contains(&voice) => Err(Refusal::invalid("tipo_voz")),
        _ => Ok(()),
    }
}

/// `dados` is an array of actions, or such an array as text.
fn actions(fields: &Fields) -> Result<Vec<Value>, Refusal> {
    let actions = match fields.value("dados").ok_or_else(|| Refusal::missing("dados"))? {
        Value::Array(actions) => actions.clone(),
        Value::String(text) => serde_json::from_str(text).map_err(|_| Refusal::invalid("dados"))?,
        _ => return Err(Refusal::invalid("dados")),
    };
    let possible = !actions.is_empty() && actions.iter().all(possible);
    if possible {
        Ok(actions)
    } else {
        Err(Refusal::invalid("dados"))
    }
}

fn possible(action: &Value) -> bool {
    let data = &action["acao_dados"];
    let has = |key: &str| match &data[key] {
        Value::String(text) => !text.is_empty(),
        Value::Number(_) => key == "ura_id",
        _ => false,
    };
    match action["acao"].as_str() {
        Some("audio") => has("url_audio"),
        Some("tts") => has("mensagem") && check_voice(data["tipo_voz"].as_str()).is_ok(),
        Some("transferir") => has("numero_telefone"),
        Some("ura") => has("ura_id"),
        _ => false,
    }
}

fn wants_response(action: &Value) -> bool {
    let flag = &action["acao_dados"]["resposta_usuario"];
    flag == &Value::Bool(true) || flag == "true"
}
