use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::*;
use crate::providers::zenvia::samples::sample;
use crate::upstream::DriftKind;

/// The documented webhooks by kind and sample.
const WEBHOOKS: &[(&str, &str)] = &[
    ("call-event", "call-event"),
    ("call-event", "call-event-2018"),
    ("extension-event", "extension-event"),
    ("extension-event", "extension-event-2018"),
    ("did-event", "did-event"),
    ("did-event", "did-event-2018"),
    ("conference-event", "conference-event"),
    ("sms-status", "sms-status"),
    ("sms-reply", "sms-reply"),
    ("balance", "balance"),
    ("voicemail", "voicemail"),
    ("call-status", "call-status"),
    ("tts-end", "tts-end"),
    ("call-end", "call-end"),
    ("did-end", "did-end"),
    ("did-end", "did-end-flat"),
    ("flow-end", "flow-end"),
    ("audio-end", "audio-end"),
];

/// The documented answers by sample.
fn answers() -> [(&'static str, Shape); 13] {
    [
        ("call", object(CallKind::Connect)),
        ("call-2016", object(CallKind::Connect)),
        ("tts", object(CallKind::Say)),
        ("audio", object(CallKind::Play)),
        ("flow", object(CallKind::Flow)),
        ("did", object(CallKind::Did)),
        ("call-report", report(CallKind::Connect)),
        ("tts-report", report(CallKind::Say)),
        ("audio-report", report(CallKind::Play)),
        ("flow-report", report(CallKind::Flow)),
        ("did-report", report(CallKind::Did)),
        ("code-sent", CREATED),
        ("code-valid", VERDICT),
    ]
}

fn differences(drift: &Drift) -> Vec<(DriftKind, String)> {
    drift.iter().map(|(kind, field)| (kind, field.to_owned())).collect()
}

fn of_webhook(kind: &str, body: &str) -> Vec<(DriftKind, String)> {
    let object = Object::parse(body.as_bytes()).unwrap();
    differences(&shape::drift(&object, webhook(kind, &object)))
}

fn of_answer(status: u16, body: &str, good: Shape) -> Vec<(DriftKind, String)> {
    let answer = Answer {
        status,
        retry_after: None,
        body: body.to_owned().into(),
    };
    differences(&drift(&answer, good))
}

#[test]
fn no_documented_sample_differs() {
    for (kind, name) in WEBHOOKS {
        assert_eq!(of_webhook(kind, sample(name)), [], "{name}");
    }
    for (name, shape) in answers() {
        assert_eq!(of_answer(200, sample(name), shape), [], "{name}");
    }
}

#[test]
fn every_kind_of_webhook_is_documented() {
    for kind in crate::providers::zenvia::webhooks::KINDS {
        assert!(WEBHOOKS.iter().any(|(known, _)| known == kind), "{kind}");
    }
}

#[test]
fn an_answer_is_compared_as_what_it_is() {
    let refused = r#"{"status":402,"sucesso":false,"motivo":9,"mensagem":"saldo insuficiente","dados":null}"#;
    assert_eq!(of_answer(402, refused, CREATED), []);
    assert_eq!(of_answer(200, refused, CREATED), []);
    let unknown = refused.replace(":9,", ":77,");
    let expected = [(DriftKind::UnknownWord, "motivo".to_owned())];
    assert_eq!(of_answer(402, &unknown, CREATED), expected);
    assert_eq!(of_answer(502, "<html>", CREATED), []);
    let made = r#"{"status":200,"sucesso":true,"motivo":0,"mensagem":"ok","dados":{"id":1,"fila":2}}"#;
    let expected = [(DriftKind::UnknownField, "dados.fila".to_owned())];
    assert_eq!(of_answer(200, made, CREATED), expected);
}

#[test]
fn a_new_word_is_told_wherever_words_are_read() {
    for (kind, name, word) in [
        ("tts-end", "tts-end", "atendida"),
        ("tts-end", "tts-end", "16. normal"),
        ("call-end", "call-end", "finalizada"),
        ("call-status", "call-status", "preparando"),
        ("did-event", "did-event", "atendida"),
        ("sms-status", "sms-status", "entregue"),
        ("conference-event", "conference-event", "Entrou"),
    ] {
        let body = sample(name).replace(word, "palavra nova");
        let kinds: Vec<_> = of_webhook(kind, &body).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [DriftKind::UnknownWord], "{name} {word}");
    }
}

/// A sample of a webhook with its members.
fn told() -> impl Strategy<Value = (&'static str, Value)> {
    (0..WEBHOOKS.len()).prop_map(|index| {
        let (kind, name) = WEBHOOKS[index];
        (kind, serde_json::from_str(sample(name)).unwrap())
    })
}

proptest! {
    #[test]
    fn a_field_added_is_the_one_difference((kind, mut body) in told(), name in "x_[a-z]{1,9}", value in 0..3_u8) {
        body[&name] = [json!(1), json!("novo"), json!({ "a": [] })][usize::from(value)].clone();
        prop_assert_eq!(of_webhook(kind, &body.to_string()), [(DriftKind::UnknownField, name)]);
    }

    #[test]
    fn a_field_dropped_is_the_one_difference_or_was_never_promised((kind, mut body) in told(), which in any::<Index>()) {
        let names: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        let name = which.get(&names).clone();
        body.as_object_mut().unwrap().remove(&name);
        let promised = webhook(kind, &Object::parse(body.to_string().as_bytes()).unwrap())
            .iter()
            .copied()
            .flatten()
            .any(|field| field.promised() == Some(&name));
        let expected: Vec<_> = promised.then_some((DriftKind::MissingField, name)).into_iter().collect();
        prop_assert_eq!(of_webhook(kind, &body.to_string()), expected);
    }

    #[test]
    fn a_type_changed_is_the_one_difference((kind, mut body) in told(), which in any::<Index>()) {
        let names: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        let name = which.get(&names).clone();
        prop_assume!(name != "gravacoes_parciais");
        body[&name] = json!([1]);
        prop_assert_eq!(of_webhook(kind, &body.to_string()), [(DriftKind::TypeChanged, name)]);
    }
}
