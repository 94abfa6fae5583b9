//! Tokens, errors that any path can give, and the account's own resources.

use reqwest::Method;
use serde_json::json;
use switchboard::simulators::zenvia::Knobs;

use super::{MOBILE, Sim, TOKEN};

#[tokio::test]
async fn a_bad_token_is_403_with_reason_40() {
    let sim = Sim::start().await;
    let url = format!("{}/saldo", sim.handle.url());
    for token in [None, Some("Bearer x"), Some("ffffffffffffffffffffffffffffffff")] {
        let request = crate::common::client().get(&url);
        let request = token
            .iter()
            .fold(request, |request, token| request.header("Access-Token", *token));
        let answer: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!((&answer["status"], &answer["motivo"]), (&json!(403), &json!(40)));
    }
}

#[tokio::test]
async fn tokens_rotate() {
    let sim = Sim::start().await;
    let fresh = "abcdefghijABCDEFGHIJ0123456789zz";
    sim.post("/_sim/tokens", json!({"accept": [fresh]})).await;
    assert_eq!(
        sim.get("/saldo").await.refusal(),
        (403, 40, "access token inválido".into())
    );
    sim.post("/_sim/tokens", json!({"accept": [fresh, TOKEN]})).await;
    assert_eq!(sim.get("/saldo").await.status, 200);
}

#[tokio::test]
async fn a_disabled_account_is_403_with_reason_8() {
    let sim = Sim::knobs(Knobs {
        account_disabled: true,
        ..Knobs::default()
    })
    .await;
    assert_eq!(sim.get("/saldo").await.refusal(), (403, 8, "conta desativada".into()));
}

#[tokio::test]
async fn paths_that_do_not_exist_and_resources_not_simulated() {
    let sim = Sim::start().await;
    assert_eq!(sim.get("/nada").await.refusal().1, 90);
    // Typos of the Python SDK's.
    assert_eq!(sim.post("/chamada/1/transfr", json!({})).await.refusal().0, 404);
    assert_eq!(
        sim.post("/sms", json!({})).await.refusal(),
        (501, 30, "não implementado".into())
    );
    assert_eq!(
        sim.get("/chamada").await.refusal(),
        (404, 10, "qual chamada? informar ID /chamada/ID".into())
    );
}

#[tokio::test]
async fn a_body_that_is_no_json_is_400_and_one_in_latin_1_is_read() {
    let sim = Sim::start().await;
    let post = |body: Vec<u8>| sim.request(Method::POST, "/verificacao").body(body).send();
    assert_eq!(post(b"{".to_vec()).await.unwrap().status(), 400);
    let mut latin = format!(r#"{{"numero_destino":"{MOBILE}","nome_produto":"A"#).into_bytes();
    latin.extend([0xE7, 0xE3]);
    latin.extend(br#"o"}"#);
    assert_eq!(post(latin).await.unwrap().status(), 200);
    assert!(sim.handle.last_code(MOBILE).unwrap().text.contains("Ação"));
}

#[tokio::test]
async fn balance_account_and_status() {
    let sim = Sim::knobs(Knobs {
        balance: 56.8616,
        ..Knobs::default()
    })
    .await;
    let balance = sim.get("/saldo").await;
    assert_eq!(
        (balance.body["mensagem"].as_str(), balance.data()),
        (Some("saldo atual"), &json!({"saldo": 56.8616}))
    );
    let account = sim.request(Method::GET, "/conta").send().await.unwrap();
    assert_eq!(account.headers()["access-control-allow-origin"], "*");
    assert!(account.text().await.unwrap().contains(r#"\/0001"#));
    assert_eq!(sim.get("/status").await.status, 200);
}

#[tokio::test]
async fn no_balance_is_402_with_reason_9_until_it_is_filled_up() {
    let sim = Sim::knobs(Knobs {
        balance: 0.0,
        ..Knobs::default()
    })
    .await;
    let order = json!({"numero_destino": MOBILE, "mensagem": "Olá"});
    assert_eq!(
        sim.post("/tts", order.clone()).await.refusal(),
        (402, 9, "saldo insuficiente".into())
    );
    sim.put("/_sim/knobs", json!({"balance": 1})).await;
    assert_eq!(sim.post("/tts", order).await.status, 200);
}

#[tokio::test]
async fn webhooks_are_configured_as_at_the_provider() {
    let sim = Sim::start().await;
    assert_eq!(sim.get("/webhook").await.data(), &json!({"webhooks": []}));
    let put = sim
        .put("/webhook/chamada_fim", json!({"url": "http://127.0.0.1:9/x"}))
        .await;
    assert_eq!((put.status, put.data()), (200, &json!(null)));
    let listed = json!({"webhooks": [{"webhook": "chamada_fim", "url": "http://127.0.0.1:9/x"}]});
    assert_eq!(sim.get("/webhook").await.data(), &listed);
    let no_scheme = sim.put("/webhook/chamada_fim", json!({"url": "foo.bar/x"})).await;
    assert_eq!(no_scheme.refusal().1, 11);
    assert_eq!(
        sim.put("/webhook/chamada_fim", json!({})).await.refusal().2,
        "o parametro url é obrigatório"
    );
    let unknown = sim.put("/webhook/nada", json!({"url": "http://a/b"})).await.refusal();
    assert!(
        unknown
            .2
            .starts_with("o parametro webhook é inválido. Webhooks válidos: ")
    );
    assert_eq!(sim.delete("/webhook/chamada_fim").await.status, 200);
    assert_eq!(sim.get("/webhook").await.data(), &json!({"webhooks": []}));
}

#[tokio::test]
async fn a_conference_takes_numbers_in() {
    let sim = Sim::start().await;
    // Python sends no body at all.
    let opened = sim.request(Method::POST, "/conferencia").send().await.unwrap();
    let opened: serde_json::Value = opened.json().await.unwrap();
    let path = format!("/conferencia/{}", opened["dados"]["id"]);
    sim.order(&path, json!({"numero": MOBILE})).await;
    sim.order(&path, json!({"Numero": "4000", "Bina": ""})).await;
    let room = sim.get(&path).await;
    assert_eq!(room.data()["chamadas"][0]["numero"], MOBILE);
    assert_eq!(room.data()["chamadas"][1]["conferencia_id"], room.data()["id"]);
    assert!(room.data()["data_termino"].is_null());
    assert_eq!(sim.delete(&path).await.data(), &json!(null));
    assert!(sim.get(&path).await.data()["data_termino"].is_string());
    assert_eq!(sim.get("/conferencia/1").await.refusal().1, 60);
}
