//! `/chamada`.

use std::time::Duration;

use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use switchboard::simulators::zenvia::{Knobs, Options, Pace};

use super::{MOBILE, Sim, TOKEN};
use crate::common::{eventually, raw};

#[tokio::test]
async fn a_call_takes_its_course() {
    let sim = Sim::start().await;
    let body = json!({
        "numero_origem": "4000", "numero_destino": MOBILE, "tags": "pedido-7", "bina_destino": "+551033334444",
        "opcoes": {"tags": "ignored"},
    });
    let created = sim.post("/chamada/", body).await;
    assert_eq!(created.body["mensagem"], "chamada criada com sucesso");
    let id = created.data()["id"].as_u64().unwrap();
    let call = sim.ended_call(id).await;
    assert_eq!((&call["ativa"], &call["tags"]), (&json!(false), &json!("pedido-7")));
    assert_eq!(call["cliente_id"], call["conta_id"]);
    assert!(call["data_criacao"].as_str().unwrap().ends_with("-03:00"));
    let (origin, destination) = (&call["origem"], &call["destino"]);
    assert_eq!(
        (&origin["tipo"], &origin["status"]),
        (&json!("ramal"), &json!("atendida"))
    );
    assert_eq!(
        (&destination["tipo"], &destination["status"]),
        (&json!("movel"), &json!("atendida"))
    );
    assert_eq!(destination["motivo_desconexao"], "16. normal");
    assert_eq!(
        (&destination["duracao_cobrada_segundos"], &destination["preco"]),
        (&json!(60), &json!(0.35))
    );
    assert_eq!(destination["bina_destino"], "+551033334444 ");
    assert!(call.get("gravacoes_parciais").is_none());

    let dials = sim.get("/_sim/calls").await.body;
    assert_eq!(dials.as_array().unwrap().len(), 1);
    assert_eq!((&dials[0]["id"], &dials[0]["tags"]), (&json!(id), &json!("pedido-7")));
}

#[rstest]
#[case::busy("+5510999990001", "ocupado", "17. ocupado")]
#[case::no_answer("10999990002", "sem resposta", "19. sem resposta - mas chamou")]
#[case::declined("5510999990003", "ocupado", "21. chamada rejeitada")]
#[case::machine("+5510999990005", "atendida", "16. normal")]
#[tokio::test]
async fn last_digits_choose_the_fate(#[case] number: &str, #[case] status: &str, #[case] reason: &str) {
    let sim = Sim::start().await;
    let call = sim.ended_call(sim.call(number).await).await;
    assert_eq!(call["origem"]["status"], "atendida");
    let leg = &call["destino"];
    assert_eq!(
        (&leg["status"], &leg["motivo_desconexao"]),
        (&json!(status), &json!(reason))
    );
    assert_eq!(leg["preco"] == 0, status != "atendida");
}

#[rstest]
#[case::no_credit("+5510999990006", 402, 9)]
#[case::too_many("+5510999990007", 429, 100)]
#[tokio::test]
async fn some_numbers_are_refused(#[case] number: &str, #[case] status: u16, #[case] reason: u64) {
    let sim = Sim::start().await;
    let body = json!({"numero_origem": "4000", "numero_destino": number});
    let refusal = sim.post("/chamada", body).await.refusal();
    assert_eq!((refusal.0, refusal.1), (status, reason));
    assert!(sim.handle.dials().is_empty());
}

#[tokio::test]
async fn a_lost_reply_has_dialled_all_the_same() {
    let sim = Sim::start().await;
    let body = r#"{"numero_origem":"4000","numero_destino":"+5510999990004","tags":"once"}"#;
    let head = format!("POST /chamada HTTP/1.1\r\nHost: sim\r\nAccess-Token: {TOKEN}\r\n");
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    assert_eq!(raw(sim.handle.addr(), &request).await, b"");
    let dials = sim.handle.dials();
    assert_eq!(dials.len(), 1);
    assert_eq!(dials[0].tags.as_deref(), Some("once"));
    assert_eq!(sim.ended_call(dials[0].id).await["destino"]["status"], "atendida");
}

#[tokio::test]
async fn a_machine_at_the_first_leg_is_hung_up_on_when_asked() {
    let sim = Sim::start().await;
    let body = json!({"numero_origem": "+5510999990005", "numero_destino": MOBILE, "detecta_caixa_origem": "true"});
    let call = sim.ended_call(sim.order("/chamada", body).await).await;
    assert_eq!(
        (&call["origem"]["status"], &call["destino"]["status"]),
        (&json!("atendida"), &json!("cancelada"))
    );
}

#[tokio::test]
async fn a_live_call_is_seen_and_hung_up_once() {
    let pace = Pace {
        talk: Duration::from_secs(3600),
        ..Pace::quick()
    };
    let sim = Sim::paced(pace, Options::default()).await;
    let id = sim.call(MOBILE).await;
    let path = format!("/chamada/{id}");
    let live = eventually("the second leg answers", async || {
        let call = sim.get(&path).await.data().clone();
        (call["destino"]["status"] == "atendida").then_some(call)
    })
    .await;
    assert_eq!((&live["ativa"], &live["status_geral"]), (&json!(true), &json!("curso")));
    assert!(live["url_gravacao"].is_null() && live["destino"]["preco"].is_null());

    let hung_up = sim.delete(&path).await;
    assert_eq!(hung_up.body["mensagem"], "encerrando chamada");
    assert_eq!(hung_up.body["dados"], json!(null));
    let call = sim.ended_call(id).await;
    assert_eq!(call["destino"]["status"], "atendida");
    assert_eq!(
        sim.delete(&path).await.refusal(),
        (404, 80, "a chamada não está ativa".into())
    );
    assert_eq!(
        sim.delete("/chamada/1").await.refusal(),
        (404, 60, "chamada não encontrada".into())
    );
}

#[tokio::test]
async fn a_scheduled_call_waits_and_can_be_cancelled() {
    let sim = Sim::start().await;
    let body = json!({"numero_origem": "4000", "numero_destino": MOBILE, "data_criacao": tomorrow()});
    let id = sim.order("/chamada", body).await;
    let path = format!("/chamada/{id}");
    assert_eq!(sim.get(&path).await.data()["status_geral"], "criada");
    sim.delete(&path).await;
    let call = sim.ended_call(id).await;
    assert_eq!(call["origem"]["status"], "cancelada");
    assert_eq!(call["destino"]["motivo_desconexao"], "indefinido");
}

fn tomorrow() -> String {
    let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    day.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[rstest]
#[case::go_sdk(json!("0001-01-01T00:00:00Z"))]
#[case::python_sdk(json!(null))]
#[case::empty(json!(""))]
#[case::past(json!("2021-04-08T17:21:20Z"))]
#[tokio::test]
async fn a_schedule_in_the_past_is_now(#[case] due: Value) {
    let sim = Sim::start().await;
    let body = json!({"numero_origem": "4000", "numero_destino": MOBILE, "data_criacao": due});
    sim.ended_call(sim.order("/chamada", body).await).await;
}

#[rstest]
#[case(json!({"numero_destino": MOBILE}), 10)]
#[case(json!({"numero_origem": "4000", "numero_destino": "123456"}), 11)]
#[case(json!({"numero_origem": "4000", "numero_destino": MOBILE, "data_criacao": "amanhã"}), 11)]
#[tokio::test]
async fn an_order_that_cannot_be_is_405(#[case] body: Value, #[case] reason: u64) {
    let sim = Sim::start().await;
    let refusal = sim.post("/chamada", body).await.refusal();
    assert_eq!((refusal.0, refusal.1), (405, reason), "{}", refusal.2);
}

#[tokio::test]
async fn listening_transferring_and_rating_answer_without_data() {
    let sim = Sim::start().await;
    let body = json!({"numero_origem": "4000", "numero_destino": MOBILE, "data_criacao": tomorrow()});
    let id = sim.order("/chamada", body).await;
    let path = |operation: &str| format!("/chamada/{id}/{operation}");
    for (operation, body) in [
        ("escuta", json!({"numero": "4001", "modo": "2"})),
        ("transfer", json!({"numero": "+551033334444", "perna": "origem"})),
        ("avaliar", json!({"nota": "5", "comentario": "bom"})),
    ] {
        let answer = sim.post(&path(operation), body).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.get("dados").is_none(), "{operation}");
    }
    assert_eq!(
        sim.get(&format!("/chamada/{id}")).await.data()["destino"]["numero"],
        "+551033334444"
    );
    for (operation, body) in [
        ("escuta", json!({"numero": "4001", "modo": 4})),
        ("transfer", json!({"numero": "4001", "perna": "meio"})),
        ("avaliar", json!({"nota": 6})),
    ] {
        assert_eq!(sim.post(&path(operation), body).await.refusal().1, 11, "{operation}");
    }
}

#[tokio::test]
async fn a_recording_can_be_had_whole_or_in_part() {
    let sim = Sim::start().await;
    let body = json!({"numero_origem": "4000", "numero_destino": MOBILE, "gravar_audio": "true"});
    let id = sim.order("/chamada", body).await;
    let call = sim.ended_call(id).await;
    assert!(
        call["url_gravacao"]
            .as_str()
            .unwrap()
            .contains(&format!("/rec/?id={id}&x="))
    );
    let get = || sim.request(Method::GET, &format!("/chamada/{id}/gravacao"));
    let whole = get().send().await.unwrap();
    assert_eq!(whole.headers()["content-type"], "audio/mpeg");
    let whole = whole.bytes().await.unwrap();
    let part = get().header("range", "bytes=417-833").send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(
        part.headers()["content-range"],
        format!("bytes 417-833/{}", whole.len()).as_str()
    );
    assert_eq!(part.bytes().await.unwrap(), whole.slice(417..834));
    assert_eq!(
        get().header("range", "bytes=99999999-").send().await.unwrap().status(),
        416
    );

    let unrecorded = sim.call(MOBILE).await;
    sim.ended_call(unrecorded).await;
    let refusal = sim.get(&format!("/chamada/{unrecorded}/gravacao")).await.refusal();
    assert_eq!(refusal, (404, 70, "chamada sem gravação solicitada".into()));
}

#[tokio::test]
async fn a_redirected_recording_is_no_business_of_the_token() {
    let knobs = Knobs {
        redirect_recordings: true,
        ..Knobs::default()
    };
    let sim = Sim::with(Options {
        knobs,
        ..Options::default()
    })
    .await;
    let body = json!({"numero_origem": "4000", "numero_destino": MOBILE, "gravar_audio": true});
    let id = sim.order("/chamada", body).await;
    let link = sim.ended_call(id).await["url_gravacao"].as_str().unwrap().to_owned();
    let answer = sim
        .request(Method::GET, &format!("/chamada/{id}/gravacao"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()),
        (302, link.as_str())
    );
    let client = crate::common::client();
    assert_eq!(client.get(&link).send().await.unwrap().status(), 200);
    assert_eq!(
        client
            .get(&link)
            .header("Access-Token", TOKEN)
            .send()
            .await
            .unwrap()
            .status(),
        400
    );
}
