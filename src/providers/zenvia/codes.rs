//! Codes the provider makes, sends and checks.

use async_trait::async_trait;
use serde_json::json;

use super::wire::plain;
use super::{Zenvia, documented, judge, path};
use crate::domain::call::ProviderRef;
use crate::domain::error::{Failure, FailureKind, Refusal};
use crate::domain::verification::Channel;
use crate::providers::port::{Code, Codes, NewCode};
use crate::upstream::{Answer, Body, Exchange, Rejection, Urgency};

const SEND: &str = "POST /verificacao";
const CHECK: &str = "GET /verificacao";

#[async_trait]
impl Codes for Zenvia {
    fn channels(&self) -> &'static [Channel] {
        &[Channel::Sms, Channel::Voice]
    }

    fn operation(&self) -> &'static str {
        SEND
    }

    async fn send(&self, code: NewCode<'_>) -> Result<ProviderRef, Failure> {
        // The default length is 4, so it is always told.
        let body = json!({
            "numero_destino": code.to,
            "nome_produto": code.brand,
            "tamanho": code.length,
            "tts": code.channel == Channel::Voice,
        });
        let exchange = Exchange::post(SEND, path(SEND), Body::Json(body.to_string())).urgency(urgency(SEND));
        self.exchange(exchange, documented::CREATED, judge::created).await
    }

    async fn check(&self, reference: &ProviderRef, code: &Code) -> Result<bool, Failure> {
        let id = reference.id.as_deref().unwrap_or_default();
        let exchange = Exchange::get(CHECK, path(CHECK))
            .query("id", id)
            .query("pin", code.expose())
            .urgency(Urgency::First);
        self.exchange(exchange, documented::VERDICT, verdict).await
    }
}

/// Who waits for a code goes before who places a call.
pub fn urgency(operation: &str) -> Urgency {
    if operation == SEND {
        Urgency::First
    } else {
        Urgency::Usual
    }
}

/// `valido` or `invalido`; the documentation's prose has them with accents. A code they no longer know is wrong.
pub(super) fn verdict(answer: &Answer) -> Result<bool, Rejection> {
    let read = judge::object(answer, |data| verdict_word(&data.string("resultado")?));
    match read {
        Err(rejection) if rejection.kind == FailureKind::Refused(Refusal::NotFound) => Ok(false),
        read => read,
    }
}

/// Reads the word for whether a code was right.
pub fn verdict_word(word: &str) -> Option<bool> {
    match plain(word).as_str() {
        "valido" => Some(true),
        "invalido" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str) -> Result<bool, FailureKind> {
        let answer = Answer {
            status,
            retry_after: None,
            body: body.to_owned().into(),
        };
        verdict(&answer).map_err(|rejection| rejection.kind)
    }

    fn result(word: &str) -> Result<bool, FailureKind> {
        check(
            200,
            &format!(r#"{{"sucesso":true,"motivo":0,"dados":{{"resultado":{word}}}}}"#),
        )
    }

    #[test]
    fn the_result_counts_whatever_its_accents_and_case() {
        for word in [r#""valido""#, r#""válido""#, r#""VÁLIDO""#, r#""v\u00e1lido""#] {
            assert_eq!(result(word), Ok(true), "{word}");
        }
        for word in [r#""invalido""#, r#""Inválido""#] {
            assert_eq!(result(word), Ok(false), "{word}");
        }
    }

    #[test]
    fn a_verification_they_do_not_know_has_no_right_code() {
        assert_eq!(
            check(
                404,
                r#"{"status":404,"sucesso":false,"motivo":60,"mensagem":"não encontrado"}"#
            ),
            Ok(false)
        );
    }

    #[test]
    fn anything_else_approves_and_denies_nothing() {
        for word in [r#""expirado""#, "true", "null", "\"\""] {
            assert_eq!(result(word), Err(FailureKind::Broken), "{word}");
        }
        assert_eq!(check(200, "{}"), Err(FailureKind::Broken));
        assert_eq!(check(404, "<html>"), Err(FailureKind::Refused(Refusal::Unknown)));
        assert_eq!(check(500, r#"{"sucesso":false,"motivo":50}"#), Err(FailureKind::Broken));
    }
}
