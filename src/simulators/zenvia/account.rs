//! `/saldo`, `/conta`, `/status` and `/webhook`.

use super::Zenvia;
use super::fields::Fields;
use super::text::{Refusal, answered};
use crate::simulators::http::Reply;
use crate::simulators::json::{Object, array};

/// The provider's name of each kind of webhook, and ours. The provider publishes only `status_tempo_real`,
/// `chamada_fim`, `envio_sms` and `chamada_did_fim`; the other names are invented here.
const WEBHOOKS: [(&str, &str); 14] = [
    ("chamada_evento", "call-event"),
    ("ramal_evento", "extension-event"),
    ("did_evento", "did-event"),
    ("conferencia_evento", "conference-event"),
    ("envio_sms", "sms-status"),
    ("resposta_sms", "sms-reply"),
    ("aviso_saldo", "balance"),
    ("novo_voicemail", "voicemail"),
    ("status_tempo_real", "call-status"),
    ("tts_fim", "tts-end"),
    ("chamada_fim", "call-end"),
    ("chamada_did_fim", "did-end"),
    ("composto_fim", "flow-end"),
    ("audio_fim", "audio-end"),
];

/// Whether this is one of the fourteen kinds, by our name.
pub fn is_webhook(kind: &str) -> bool {
    WEBHOOKS.iter().any(|(_, ours)| *ours == kind)
}

impl Zenvia {
    /// `GET /saldo`.
    pub(super) fn show_balance(&self) -> Reply {
        answered("saldo atual", &Object::new().raw("saldo", self.knobs().balance).done())
    }

    /// `GET /conta`.
    pub(super) fn show_account(&self) -> Reply {
        let knobs = self.knobs();
        let data = Object::new()
            .raw("id", self.account)
            .text("nome", "Simulador")
            .text("login", "simulador@example.com")
            // The provider's encoder escapes slashes.
            .raw("cpf_cnpj", r#""00.000.000\/0001-00""#)
            .raw("conta_ativa", u8::from(!knobs.account_disabled))
            .raw("saldo", knobs.balance)
            .text("preco_fixo", "0.1000")
            .text("preco_movel", "0.3500")
            .text("metodo_pagamento", "prepago");
        answered("dados retornados com sucesso", &data.done())
    }

    /// `GET /status`; its answer is not documented.
    pub(super) fn show_status(&self) -> Reply {
        answered(
            "dados retornados com sucesso",
            &Object::new().text("status", "online").done(),
        )
    }

    /// `GET /webhook`: only the kinds that have a URL.
    pub(super) fn list_webhooks(&self) -> Reply {
        let urls = self.control.webhooks.settings().urls;
        let known = WEBHOOKS
            .iter()
            .filter_map(|(name, kind)| Some((name, urls.get(*kind)?)));
        let items = known.map(|(name, url)| Object::new().text("webhook", name).text("url", url).done());
        answered(
            "dados retornados com sucesso",
            &Object::new().raw("webhooks", array(items)).done(),
        )
    }

    /// `PUT /webhook/{nome}`. The real one takes up to 20 minutes to work, this one none.
    pub(super) fn set_webhook(&self, name: &str, fields: &Fields) -> Result<Reply, Refusal> {
        let kind = webhook(name)?;
        let url = fields.required("url")?;
        if !url::Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            return Err(Refusal::new(
                405,
                11,
                "o parametro url é inválido, informar ex: http://foooo.bar/x/y",
            ));
        }
        self.control.webhooks.register(kind, Some(url));
        Ok(answered("webhook atualizado com sucesso", "null"))
    }

    /// `DELETE /webhook/{nome}`.
    pub(super) fn delete_webhook(&self, name: &str) -> Result<Reply, Refusal> {
        self.control.webhooks.register(webhook(name)?, None);
        Ok(answered("webhook apagado com sucesso", "null"))
    }
}

fn webhook(name: &str) -> Result<&'static str, Refusal> {
    let known = WEBHOOKS.iter().find(|(theirs, _)| *theirs == name);
    known.map(|(_, kind)| *kind).ok_or_else(|| {
        let names: Vec<&str> = WEBHOOKS.iter().map(|(theirs, _)| *theirs).collect();
        let list = names.join(", ");
        Refusal::new(
            405,
            11,
            format!("o parametro webhook é inválido. Webhooks válidos: {list}"),
        )
    })
}
