use serde_json::{Value, json};

use super::*;
use crate::domain::ids::CallId;
use crate::domain::place::{Session, SessionType};
use crate::providers::zenvia::samples::party as address;

const ID: &str = "call_0199a2b0c3d47e5f8a9b0c1d2e3f4a5b";

fn say() -> ActionKind {
    ActionKind::Say {
        text: "Olá".into(),
        voice: None,
    }
}

fn spoken_by(voice: &str) -> ActionKind {
    ActionKind::Say {
        text: "Olá".into(),
        voice: Some(voice.into()),
    }
}

fn play() -> ActionKind {
    ActionKind::Play {
        url: "https://example.com/a.mp3".parse().unwrap(),
    }
}

fn join(to: &str, from: Option<&str>) -> ActionKind {
    ActionKind::Connect {
        to: address(to).unwrap(),
        from: from.and_then(address),
    }
}

fn call<const N: usize>(actions: [(ActionKind, Option<u8>); N]) -> NewCall {
    NewCall {
        id: ID.parse::<CallId>().unwrap(),
        to: address("+5511988887777").unwrap(),
        from: None,
        script: Script::Actions(
            actions
                .into_iter()
                .map(|(what, on_digit)| Action { what, on_digit })
                .collect(),
        ),
        record: false,
        hang_up_on_machine: false,
        collect_digits: false,
        max_duration_seconds: None,
        schedule_at: None,
        tag: None,
        account: None,
    }
}

/// The same call with every option a torpedo takes.
fn with_options(call: NewCall) -> NewCall {
    NewCall {
        from: address("+5511333332222"),
        record: true,
        hang_up_on_machine: true,
        collect_digits: true,
        tag: Some("order-7".into()),
        ..call
    }
}

fn sent(call: &NewCall) -> (&'static str, Value) {
    (operation(call.kind()), body(call).unwrap())
}

#[test]
fn one_say_is_a_tts() {
    let plain = json!({ "numero_destino": "+5511988887777", "mensagem": "Olá" });
    assert_eq!(sent(&call([(say(), None)])), ("POST /tts", plain));
    let full = json!({
        "numero_destino": "+5511988887777",
        "mensagem": "Olá",
        "tipo_voz": "br-Vitoria",
        "bina": "+5511333332222",
        "gravar_audio": true,
        "detecta_caixa": true,
        "resposta_usuario": true,
    });
    assert_eq!(
        sent(&with_options(call([(spoken_by("pt-BR"), None)]))),
        ("POST /tts", full)
    );
}

#[test]
fn one_play_is_an_audio() {
    let full = json!({
        "numero_destino": "+5511988887777",
        "url_audio": "https://example.com/a.mp3",
        "bina": "+5511333332222",
        "gravar_audio": true,
        "detecta_caixa": true,
        "resposta_usuario": true,
    });
    assert_eq!(sent(&with_options(call([(play(), None)]))), ("POST /audio", full));
}

#[test]
fn one_connect_is_a_chamada() {
    let plain = json!({ "numero_origem": "+5511988887777", "numero_destino": "4000", "tags": ID });
    assert_eq!(sent(&call([(join("ext:4000", None), None)])), ("POST /chamada", plain));
    let asked = NewCall {
        to: address("ext:4000").unwrap(),
        schedule_at: Some(Timestamp::parse("2026-11-23T09:30:00.250-03:00").unwrap()),
        collect_digits: false,
        ..with_options(call([(join("+5511977776666", Some("+5511322221111")), None)]))
    };
    let full = json!({
        "numero_origem": "4000",
        "numero_destino": "+5511977776666",
        "bina_origem": "+5511333332222",
        "bina_destino": "+5511322221111",
        "gravar_audio": true,
        "detecta_caixa_origem": true,
        "data_criacao": "2026-11-23T12:30:00Z",
        "tags": format!("order-7 {ID}"),
    });
    assert_eq!(sent(&asked), ("POST /chamada", full));
}

#[test]
fn both_legs_see_the_caller_id_of_the_call_where_the_action_has_none() {
    let asked = NewCall {
        from: address("+5511333332222"),
        ..call([(join("+5511977776666", None), None)])
    };
    let (_, body) = sent(&asked);
    assert_eq!(
        (&body["bina_origem"], &body["bina_destino"]),
        (&json!("+5511333332222"), &json!("+5511333332222"))
    );
}

#[test]
fn several_actions_menus_and_digits_are_a_composto() {
    let script = call([
        (play(), None),
        (spoken_by("br-Ricardo"), None),
        (join("+5511977776666", None), Some(2)),
        (ActionKind::Menu { id: "1234".into() }, Some(3)),
    ]);
    let asked = NewCall {
        from: address("+5511333332222"),
        tag: Some("order-7".into()),
        ..script
    };
    let expected = json!({
        "numero_destino": "+5511988887777",
        "bina": "+5511333332222",
        "resposta_usuario": true,
        "tags": format!("order-7 {ID}"),
        "dados": [
            { "acao": "audio", "acao_dados": { "url_audio": "https://example.com/a.mp3", "resposta_usuario": true } },
            { "acao": "tts", "acao_dados": { "mensagem": "Olá", "tipo_voz": "br-Ricardo", "resposta_usuario": true } },
            { "acao": "transferir", "opcao": 2, "acao_dados": { "numero_telefone": "+5511977776666", "bina": "+5511333332222" } },
            { "acao": "ura", "opcao": 3, "acao_dados": { "ura_id": "1234" } },
        ],
    });
    assert_eq!(sent(&asked), ("POST /composto", expected));

    let (operation, body) = sent(&call([(say(), None), (say(), None)]));
    assert_eq!(operation, "POST /composto");
    assert_eq!(
        body["dados"][0],
        json!({ "acao": "tts", "acao_dados": { "mensagem": "Olá" } }),
        "no digit is waited for"
    );
}

#[test]
fn what_cannot_be_said_is_refused_before_it_is_sent() {
    for refused in [
        call([(spoken_by("pt-PT"), None)]),
        call([(spoken_by("Polly.Camila"), None), (say(), None)]),
        call([(join("agent:john.snow", None), None)]),
        NewCall {
            to: address("whatsapp:+5511988887777").unwrap(),
            ..call([(say(), None)])
        },
        NewCall {
            from: address("agent:john.snow"),
            ..call([(say(), None)])
        },
        NewCall {
            script: Script::Session(Session {
                kind: SessionType::Offer,
                sdp: "v=0\r\n".into(),
            }),
            ..call([])
        },
    ] {
        assert!(body(&refused).is_err(), "{refused:?}");
    }
}

#[test]
fn every_option_offered_is_sent() {
    let options = |operation| {
        OFFERS
            .iter()
            .find(|offer| offer.operation == operation)
            .unwrap()
            .options
    };
    assert!(
        !options(Capability::Say).contains(&Capability::Schedule),
        "no torpedo can be scheduled"
    );
    for offer in OFFERS {
        assert!(!offer.options.contains(&Capability::MaxDuration), "{offer:?}");
    }
}
