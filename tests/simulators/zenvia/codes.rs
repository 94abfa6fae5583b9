//! `/verificacao`.

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use switchboard::simulators::zenvia::{Knobs, UnknownCode};

use super::{MOBILE, Sim};

async fn send(sim: &Sim, more: Value) -> u64 {
    let mut body = json!({"numero_destino": MOBILE, "nome_produto": "Loja"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    sim.order("/verificacao", body).await
}

async fn result(sim: &Sim, id: u64, pin: &str) -> Value {
    sim.get(&format!("/verificacao?id={id}&pin={pin}")).await.data()["resultado"].clone()
}

#[tokio::test]
async fn a_code_is_sent_and_checked() {
    let sim = Sim::start().await;
    let id = send(&sim, json!({"tts": "true"})).await;
    // Any spelling finds it; an unescaped plus reads as a space.
    let code = sim.get("/_sim/codes?to=+55 (10) 99999-9999").await.body;
    assert_eq!((&code["id"], &code["tts"]), (&json!(id), &json!(true)));
    let digits = code["code"].as_str().unwrap();
    assert_eq!(code["text"], format!("Seu código de verificação Loja é: {digits}"));
    assert_eq!(result(&sim, id, digits).await, "valido");
    let slashed = sim.get(&format!("/verificacao/?id={id}&pin={digits}")).await;
    assert_eq!(slashed.data(), &json!({"resultado": "valido"}));
    assert_eq!(slashed.body["mensagem"], "dados retornados com sucesso");
    assert_eq!(result(&sim, id, &format!("0{digits}")).await, "invalido");
}

#[rstest]
#[case(json!({}), 4)]
#[case(json!({"tamanho": 6}), 6)]
#[case(json!({"tamanho": "10", "tts": false}), 10)]
#[case(json!({"tamanho": "", "tts": null}), 4)]
#[tokio::test]
async fn a_code_has_the_length_asked_for(#[case] more: Value, #[case] length: usize) {
    let sim = Sim::start().await;
    send(&sim, more).await;
    assert_eq!(sim.handle.last_code(MOBILE).unwrap().code.len(), length);
}

#[rstest]
#[case(json!({"nome_produto": "Loja"}), 10)]
#[case(json!({"numero_destino": MOBILE}), 10)]
#[case(json!({"numero_destino": MOBILE, "nome_produto": "Loja", "tamanho": 3}), 11)]
#[case(json!({"numero_destino": MOBILE, "nome_produto": "Loja", "tamanho": 11}), 11)]
#[case(json!({"numero_destino": "+55108888888888", "nome_produto": "Loja"}), 11)]
#[tokio::test]
async fn an_order_that_lacks_or_mistakes_something_is_405(#[case] body: Value, #[case] reason: u64) {
    let sim = Sim::start().await;
    let refusal = sim.post("/verificacao/", body).await.refusal();
    assert_eq!((refusal.0, refusal.1), (405, reason), "{}", refusal.2);
    assert!(sim.handle.dials().is_empty());
}

#[tokio::test]
async fn a_code_expires_after_an_hour() {
    let sim = Sim::start().await;
    let id = send(&sim, json!({})).await;
    let code = sim.handle.last_code(MOBILE).unwrap().code;
    sim.post("/_sim/clock", json!({"advance_seconds": 3500})).await;
    assert_eq!(result(&sim, id, &code).await, "valido");
    sim.post("/_sim/clock", json!({"advance_seconds": 100})).await;
    assert_eq!(result(&sim, id, &code).await, "invalido");
}

#[tokio::test]
async fn what_no_document_says_is_a_choice() {
    let sim = Sim::start().await;
    assert_eq!(result(&sim, 1, "1234").await, "invalido");
    let knobs = Knobs {
        unknown_code: UnknownCode::NotFound,
        accented_result: true,
        ..Knobs::default()
    };
    sim.put("/_sim/knobs", serde_json::to_value(knobs).unwrap()).await;
    assert_eq!(sim.get("/verificacao?id=1&pin=1234").await.refusal().1, 60);
    let id = send(&sim, json!({})).await;
    assert_eq!(result(&sim, id, "x").await, "inválido");
}

#[tokio::test]
async fn a_check_needs_both_parameters_and_ignores_a_body() {
    let sim = Sim::start().await;
    assert_eq!(
        sim.get("/verificacao?id=1").await.refusal(),
        (405, 10, "o parametro pin é obrigatório".into())
    );
    // The Ruby SDK sends the last POST's body again.
    let stale = sim.request(Method::GET, "/verificacao?id=1&pin=1").body("{not json");
    assert_eq!(stale.send().await.unwrap().status(), 200);
}
