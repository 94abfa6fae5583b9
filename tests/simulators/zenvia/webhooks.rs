//! Webhook bodies, kind by kind, with their own dialects of time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::DateTime;
use serde_json::{Value, json};
use switchboard::simulators::server;
use switchboard::simulators::zenvia::{self, Knobs, Options, Pace};

use super::{MOBILE, Sim, TOKEN};
use crate::common::{Receiver, eventually};

const KINDS: [&str; 14] = [
    "call-event",
    "extension-event",
    "did-event",
    "conference-event",
    "sms-status",
    "sms-reply",
    "balance",
    "voicemail",
    "call-status",
    "tts-end",
    "call-end",
    "did-end",
    "flow-end",
    "audio-end",
];

struct World {
    sim: Sim,
    receiver: Arc<Receiver>,
    _to: server::Handle,
}

impl World {
    async fn with(knobs: Knobs) -> Self {
        let (receiver, to) = Receiver::start(&[]).await;
        let webhooks: BTreeMap<String, String> = KINDS
            .iter()
            .map(|kind| ((*kind).to_owned(), format!("{}/{kind}", to.url())))
            .collect();
        let sim = Sim::with(Options {
            webhooks,
            knobs,
            ..Options::default()
        })
        .await;
        Self { sim, receiver, _to: to }
    }

    async fn start() -> Self {
        Self::with(Knobs::default()).await
    }

    /// The bodies of one kind once there are `count`.
    async fn of(&self, kind: &str, count: usize) -> Vec<Value> {
        eventually(kind, async || {
            let bodies = self.receiver.of(kind);
            (bodies.len() >= count).then_some(bodies)
        })
        .await
    }
}

fn naive(value: &Value) -> DateTime {
    let text = value.as_str().unwrap();
    assert_eq!(text.len(), 19, "no zone: {text}");
    text.parse().unwrap()
}

fn hours_between(early: DateTime, late: DateTime) -> f64 {
    late.duration_since(early).as_secs_f64() / 3600.0
}

#[tokio::test]
async fn a_call_tells_each_change_and_its_end() {
    let world = World::start().await;
    let body = json!({"numero_origem": "4000", "numero_destino": MOBILE});
    let id = world.sim.order("/chamada", body).await;
    let events = world.of("call-event", 4).await;
    assert_eq!(events.len(), 4);
    assert!(events.iter().all(|event| event["id"] == id && event["tags"] == ""));

    let ringing = &events[0];
    assert_eq!(
        (&ringing["origem"]["status"], &ringing["origem"]["ativo"]),
        (&json!("chamando"), &json!(false))
    );
    assert_eq!(ringing["destino"], json!({"tipo": "movel", "numero": MOBILE}));
    assert!(ringing["origem"].get("data_atendimento").is_none());
    // The call's own time is UTC, the leg's is three hours behind.
    let ahead = hours_between(
        naive(&ringing["origem"]["data_criacao"]),
        naive(&ringing["data_criacao"]),
    );
    assert!((2.9..3.1).contains(&ahead), "{ahead}");

    let second = &events[1];
    assert_eq!(
        (&second["origem"]["status"], &second["destino"]["status"]),
        (&json!("atendida"), &json!("chamando"))
    );
    assert_eq!(second["origem"]["ativo"], true);
    assert_eq!(events[2]["destino"]["status"], "atendida");
    naive(&events[2]["destino"]["data_atendimento"]);
    assert_eq!(events[3]["destino"]["ativo"], false);

    let end = &world.of("call-end", 1).await[0];
    assert_eq!(
        (&end["ativa"], &end["status_geral"]),
        (&json!(false), &json!("finalizada"))
    );
    assert_eq!(end["gravacoes_parciais"], json!([]));
    assert!(end["destino"]["data_inicio"].as_str().unwrap().ends_with("-03:00"));

    let status = &world.of("call-status", 4).await[0];
    assert_eq!(
        (&status["ativa"], &status["status_geral"]),
        (&json!(true), &json!("curso"))
    );
    assert_eq!(status["origem"]["motivo_desconexao"], "indefinido");
    assert!(status["origem"]["data_inicio"].is_null() && status["origem"]["preco"].is_null());
}

#[tokio::test]
async fn statuses_are_limited_by_time_and_skip_states() {
    let (receiver, to) = Receiver::start(&[]).await;
    let webhooks = BTreeMap::from([
        ("call-status".to_owned(), format!("{}/call-status", to.url())),
        ("call-end".to_owned(), format!("{}/call-end", to.url())),
    ]);
    let pace = Pace {
        status_every: Duration::from_secs(3600),
        ..Pace::quick()
    };
    let options = Options {
        tokens: vec![TOKEN.into()],
        webhooks,
        pace,
        ..Options::default()
    };
    let handle = zenvia::start(options).await.unwrap();
    let url = format!("{}/chamada", handle.url());
    let body = json!({"numero_origem": "4000", "numero_destino": MOBILE});
    crate::common::client()
        .post(url)
        .header("Access-Token", TOKEN)
        .json(&body)
        .send()
        .await
        .unwrap();
    eventually("the end", async || receiver.of("call-end").pop()).await;
    assert_eq!(receiver.of("call-status").len(), 1);
}

#[tokio::test]
async fn a_torpedo_tells_its_end() {
    let world = World::start().await;
    let tts = json!({"numero_destino": MOBILE, "mensagem": "Olá", "bina": "1033334444"});
    let audio = json!({"numero_destino": MOBILE, "url_audio": "http://a.b/c.mp3"});
    let flow = json!({"numero_destino": MOBILE, "tags": "clienteX",
                      "dados": [{"acao": "tts", "acao_dados": {"mensagem": "Olá"}}]});
    for (path, body) in [("/tts", tts), ("/audio", audio), ("/composto", flow)] {
        world.sim.order(path, body).await;
    }
    let tts = &world.of("tts-end", 1).await[0];
    assert_eq!(
        (&tts["mensagem"], &tts["resposta"], &tts["status"]),
        (&json!("Olá"), &json!(""), &json!("atendida"))
    );
    assert!(tts["data_inicio"].as_str().unwrap().ends_with(".000-03:00"));
    assert!(tts.get("bina").is_none() && tts.get("url_gravacao").is_none());
    let audio = &world.of("audio-end", 1).await[0];
    assert_eq!(audio["url_audio"], "http://a.b/c.mp3");
    let flow = &world.of("flow-end", 1).await[0];
    assert_eq!((&flow["tags"], &flow["resposta"]), (&json!("clienteX"), &json!(null)));
    assert!(flow.get("mensagem").is_none());
}

#[tokio::test]
async fn a_received_call_in_todays_shape() {
    let world = World::start().await;
    let incoming = json!({"from": MOBILE, "to": "+551033334444", "extension": 9001});
    let id = world.sim.post("/_sim/incoming", incoming).await.body["id"].clone();
    let events = world.of("did-event", 3).await;
    assert_eq!(
        (&events[0]["id"], &events[0]["ramal"]),
        (&json!(id.to_string()), &json!(9001))
    );
    assert_eq!(
        (&events[0]["tipo"], &events[0]["status"]),
        (&json!("ramal"), &json!("chamando"))
    );
    assert_eq!(
        (&events[1]["ativo"], &events[2]["ativo"]),
        (&json!(true), &json!(false))
    );
    assert!(events[2].get("motivo_desconexao").is_none());
    let extension = world.of("extension-event", 3).await;
    assert_eq!(extension[2]["motivo_desconexao"], "indefinido");
    let end = &world.of("did-end", 1).await[0];
    assert_eq!(
        (&end["id"], &end["numero_origem"], &end["ativa"]),
        (&id, &json!(MOBILE), &json!(false))
    );
    let fetched = world.sim.get(&format!("/did/chamada/{id}")).await;
    assert_eq!(fetched.data()["status"], "atendida");
}

#[tokio::test]
async fn a_received_call_in_the_other_shapes() {
    let world = World::with(Knobs {
        did_event_2018: true,
        did_end_flat: false,
        ..Knobs::default()
    })
    .await;
    let incoming = json!({"from": MOBILE, "to": "+551033334444", "answered": false});
    let id = world.sim.post("/_sim/incoming", incoming).await.body["id"].clone();
    let event = &world.of("did-event", 2).await[0];
    assert_eq!((&event["id"], &event["ramal"]["numero"]), (&id, &json!("9000")));
    let ahead = hours_between(naive(&event["ramal"]["data_criacao"]), naive(&event["data_criacao"]));
    assert!((2.9..3.1).contains(&ahead), "{ahead}");
    let end = &world.of("did-end", 1).await[0];
    assert_eq!(
        (&end["status_geral"], &end["destino"]["status"]),
        (&json!("finalizada"), &json!("sem resposta"))
    );
    assert_eq!(
        (&end["origem"]["numero"], &end["origem"]["status"]),
        (&json!("9998"), &json!(null))
    );
}

#[tokio::test]
async fn kinds_without_a_course_are_fired_by_hand() {
    let world = World::start().await;
    for kind in [
        "extension-event",
        "conference-event",
        "sms-status",
        "sms-reply",
        "balance",
        "voicemail",
    ] {
        let url = format!("{}/_sim/fire/{kind}", world.sim.handle.url());
        let answer = crate::common::client().post(url).send().await.unwrap();
        assert_eq!(answer.status(), 202, "{kind}");
    }
    assert_eq!(world.of("balance", 1).await[0], json!({"saldo": "56.8616"}));
    assert!(world.of("sms-status", 1).await[0]["id"].is_string());
    assert!(world.of("sms-reply", 1).await[0]["sms_id"].is_u64());
    assert_eq!(world.of("voicemail", 1).await[0]["ramal"], "9000");
    assert!(world.of("conference-event", 1).await[0]["chamada_id"].is_string());
    assert_eq!(world.of("extension-event", 1).await[0]["status"], "atendida");
    let given = json!({"id": 5, "anything": [1]});
    world.sim.post("/_sim/fire/call-end", given.clone()).await;
    assert_eq!(world.of("call-end", 1).await[0], given);
    let url = format!("{}/_sim/fire/call-event", world.sim.handle.url());
    assert_eq!(crate::common::client().post(url).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_conference_tells_who_comes_and_goes() {
    let world = World::start().await;
    let room = world.sim.order("/conferencia", json!({})).await;
    world
        .sim
        .order(&format!("/conferencia/{room}"), json!({"numero": MOBILE}))
        .await;
    world.sim.delete(&format!("/conferencia/{room}")).await;
    let events = world.of("conference-event", 2).await;
    assert_eq!(
        (&events[0]["evento_conferencia"], &events[0]["conferencia_id"]),
        (&json!("Entrou"), &json!(room))
    );
    assert_eq!(events[1]["evento_conferencia"], "Saiu");
}
