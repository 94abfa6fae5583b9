//! `/tts`, `/audio` and `/composto`.

use rstest::rstest;
use serde_json::{Value, json};
use switchboard::simulators::zenvia::Knobs;

use super::{MOBILE, Sim};
use crate::common::eventually;

/// The torpedo once its recording is there, so it must be recorded.
async fn ended(sim: &Sim, path: &str) -> Value {
    eventually("the end of the torpedo", async || {
        let torpedo = sim.get(path).await.data().clone();
        torpedo["url_gravacao"].is_string().then_some(torpedo)
    })
    .await
}

#[tokio::test]
async fn a_text_is_spoken_and_digits_come_back() {
    let sim = Sim::start().await;
    let body = json!({
        "numero_destino": MOBILE, "mensagem": "Olá", "resposta_usuario": "true", "tipo_voz": "br-Vitoria",
        "velocidade": null, "gravar_audio": true,
    });
    let created = sim.post("/tts", body).await;
    assert_eq!(created.body["mensagem"], "tts criado com sucesso");
    let tts = ended(&sim, &format!("/tts/{}", created.data()["id"])).await;
    assert_eq!(
        (&tts["status"], &tts["tipo"], &tts["mensagem"]),
        (&json!("atendida"), &json!("movel"), &json!("Olá"))
    );
    assert_eq!(
        (&tts["resposta_usuario"], &tts["resposta"]),
        (&json!(true), &json!("1"))
    );
    assert!(tts["data_criacao"].as_str().unwrap().ends_with(".000-03:00"));
    assert!(tts["url_gravacao"].as_str().unwrap().starts_with("http://127.0.0.1"));
    assert_eq!(
        (&tts["duracao_cobrada_segundos"], &tts["preco"], &tts["bina"]),
        (&json!(60), &json!(0.35), &json!(""))
    );
}

#[tokio::test]
async fn the_digits_typed_are_a_choice() {
    let sim = Sim::knobs(Knobs {
        dtmf: "42".into(),
        ..Knobs::default()
    })
    .await;
    let body = json!({"numero_destino": MOBILE, "mensagem": "Olá", "resposta_usuario": true, "gravar_audio": true});
    let id = sim.order("/tts", body).await;
    assert_eq!(ended(&sim, &format!("/tts/{id}")).await["resposta"], "42");
}

#[tokio::test]
async fn an_unanswered_audio_has_nulls() {
    let sim = Sim::start().await;
    let body = json!({"numero_destino": "+5510999990001", "url_audio": "http://a.b/c.mp3"});
    let path = format!("/audio/{}", sim.order("/audio", body).await);
    let audio = eventually("busy", async || {
        let audio = sim.get(&path).await.data().clone();
        (audio["status"] == "ocupado").then_some(audio)
    })
    .await;
    assert_eq!(audio["motivo_desconexao"], "17. ocupado");
    for key in [
        "duracao_cobrada_segundos",
        "duracao_cobrada",
        "duracao_falada_segundos",
        "duracao_falada",
    ] {
        assert!(audio[key].is_null(), "{key}");
    }
    assert_eq!((&audio["resposta"], &audio["preco"]), (&json!(""), &json!(0)));
}

#[tokio::test]
async fn a_machine_gives_no_digits() {
    let sim = Sim::start().await;
    let body = json!({
        "numero_destino": "+5510999990005", "mensagem": "Olá", "resposta_usuario": true, "detecta_caixa": "true",
        "gravar_audio": true,
    });
    let id = sim.order("/tts", body).await;
    let tts = ended(&sim, &format!("/tts/{id}")).await;
    assert_eq!((&tts["status"], &tts["resposta"]), (&json!("atendida"), &json!("")));
}

#[rstest]
#[case::array(|actions: Value| actions)]
#[case::text(|actions: Value| json!(actions.to_string()))]
#[tokio::test]
async fn actions_come_as_array_or_text(#[case] shape: fn(Value) -> Value) {
    let sim = Sim::start().await;
    let actions = json!([
        {"acao": "tts", "acao_dados": {"mensagem": "Olá", "resposta_usuario": "true"}},
        {"acao": "transferir", "opcao": "2", "acao_dados": {"numero_telefone": MOBILE}},
    ]);
    let body = json!({"numero_destino": MOBILE, "dados": shape(actions), "tags": "clienteX", "gravar_audio": true});
    let id = sim.order("/composto", body).await;
    let flow = ended(&sim, &format!("/composto/{id}")).await;
    assert_eq!((&flow["tags"], &flow["resposta"]), (&json!("clienteX"), &json!("1")));
}

#[rstest]
#[case("/tts", json!({"numero_destino": "9", "mensagem": "Olá"}), "numero_destino 9 inválido")]
#[case("/tts", json!({"numero_destino": MOBILE}), "o parametro mensagem é obrigatório")]
#[case("/tts", json!({"numero_destino": MOBILE, "mensagem": "a", "tipo_voz": "br-Ninguem"}), "o parametro tipo_voz")]
#[case("/audio", json!({"numero_destino": MOBILE}), "o parametro url_audio é obrigatório")]
#[case("/audio", json!({"numero_destino": MOBILE, "url_audio": "c.mp3"}), "o parametro url_audio é inválido")]
#[case("/composto", json!({"numero_destino": MOBILE}), "o parametro dados é obrigatório")]
#[case("/composto", json!({"numero_destino": MOBILE, "dados": [{"acao": "dançar"}]}), "o parametro dados é inválido")]
#[tokio::test]
async fn orders_that_cannot_be_are_405(#[case] path: &str, #[case] body: Value, #[case] message: &str) {
    let sim = Sim::start().await;
    let refusal = sim.post(path, body).await.refusal();
    assert_eq!(refusal.0, 405);
    assert!(refusal.2.starts_with(message), "{}", refusal.2);
}

#[tokio::test]
async fn an_id_belongs_to_one_resource_and_a_report_is_no_id() {
    let sim = Sim::start().await;
    let id = sim
        .order("/tts", json!({"numero_destino": MOBILE, "mensagem": "Olá"}))
        .await;
    assert_eq!(
        sim.get(&format!("/audio/{id}")).await.refusal(),
        (404, 60, "audio não encontrado".into())
    );
    for resource in ["tts", "audio", "composto", "chamada", "conferencia", "did"] {
        let report = sim
            .get(&format!(
                "/{resource}/relatorio?data_inicio=2020-01-01&data_fim=2099-01-01"
            ))
            .await;
        let rows = report.data()["relatorio"].as_array().unwrap().len();
        assert_eq!(rows, usize::from(resource == "tts"), "{resource}");
    }
}
