//! One `Idempotency-Key`, one dial: among many at once, and across the death of whoever dialled.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use switchboard::simulators::faults::{Delay, Effect, Rule};
use switchboard::simulators::zenvia;

use crate::bed::{Answer, Client, Process, Providers, eventually};
use crate::site::{Site, Store, dials, number, say, settled_repeat, verification};

/// How many send the same request at once.
const CROWD: usize = 50;
const KEY: &str = "order-7";
/// Longer than any test: whoever waits for it is killed first.
const FOR_EVER: u64 = 600_000;

fn place(client: &Client, body: &Value) -> impl Future<Output = Answer> + use<> {
    client.ask(Method::POST, "/calls").key(KEY).json(body).answer()
}

#[rstest]
#[tokio::test]
async fn fifty_at_once_dial_once(#[values(Store::Embedded, Store::Redis)] store: Store) {
    let site = Site::start(store).await;
    // Two gateways share a Redis; an embedded store has one.
    let second = (store == Store::Redis).then(|| Process::start(&site.home));
    let mut clients = vec![site.acme()];
    clients.extend(second.iter().map(|gateway| site.home.client(gateway.address, "acme")));
    let body = say(&number(0));
    let crowd = (0..CROWD).map(|n| place(&clients[n % clients.len()], &body));
    let answers = join_all(crowd).await;
    let mut made = BTreeSet::new();
    for answer in &answers {
        match answer.status {
            409 => drop(answer.expect_problem(409, "request-in-progress")),
            _ => drop(made.insert(answer.expect(201).id())),
        }
    }
    let ran = answers
        .iter()
        .filter(|answer| answer.status == 201 && answer.header("idempotent-replayed").is_none());
    assert_eq!(
        (ran.count(), made.len()),
        (1, 1),
        "one ran, and the others tell of the same call"
    );
    let later = place(&clients[0], &body).await;
    assert!(made.contains(&later.expect(201).id()));
    assert_eq!(dials(&site.providers.zenvia)[&number(0)], 1);
    println!("{store:?}: {CROWD} at once with one key: 1 dial");
}

#[tokio::test]
async fn a_key_belongs_to_one_body_and_one_tenant() {
    let site = Site::start(Store::Embedded).await;
    let (acme, other) = (site.acme(), site.home.client(site.gateway.address, "other"));
    let call = place(&acme, &say(&number(0))).await;
    place(&acme, &say(&number(1)))
        .await
        .expect_problem(422, "idempotency-key-reused");
    let theirs = place(&other, &say(&number(0))).await;
    assert_ne!(theirs.expect(201).id(), call.expect(201).id());
    assert_eq!(dials(&site.providers.zenvia), [(number(0), 2)].into());
}

#[rstest]
#[tokio::test]
async fn a_key_whose_owner_died_while_dialling_never_dials_again(
    #[values(Store::Embedded, Store::Redis)] store: Store,
    #[values(0, 1)] dialled: usize,
) {
    let mut site = Site::start(store).await;
    // The request is on its way to the provider in both cases; in one it has been carried out.
    let delay = match dialled {
        0 => Delay {
            before: FOR_EVER,
            after: 0,
        },
        _ => Delay {
            before: 0,
            after: FOR_EVER,
        },
    };
    suffer(&site.providers.zenvia, "/tts", Effect::DelayMs(delay));
    let body = say(&number(0));
    let cut_off = tokio::spawn(place_and_lose(site.acme(), body.clone()));
    reached(&site.providers.zenvia, "/tts").await;
    eventually("it is carried out", async || {
        (site.providers.zenvia.dials().len() == dialled).then_some(())
    })
    .await;
    site.crash();
    assert!(cut_off.await.unwrap(), "nobody was answered");
    site.providers.zenvia.control().faults.clear();
    let again = settled_repeat(&site.acme(), KEY, body.clone()).await;
    let path = format!("/calls/{}", again.expect(202).id());
    assert_eq!(again.header("location"), Some(path.as_str()));
    assert_eq!(site.acme().get(&path).await.expect(200).body, again.body);
    place(&site.acme(), &body).await.expect(202);
    assert_eq!(dials(&site.providers.zenvia).values().sum::<usize>(), dialled);
    assert_eq!(
        requests(&site.providers.zenvia, "/tts"),
        1,
        "the provider was asked once"
    );
}

#[rstest]
#[tokio::test]
async fn a_key_whose_owner_died_while_sending_a_code_sends_no_other(
    #[values(Store::Embedded, Store::Redis)] store: Store,
) {
    let mut site = Site::start(store).await;
    suffer(
        &site.providers.zenvia,
        "/verificacao",
        Effect::DelayMs(Delay {
            before: 0,
            after: FOR_EVER,
        }),
    );
    let ask = |site: &Site| {
        site.acme()
            .ask(Method::POST, "/verifications")
            .key(KEY)
            .json(&verification(&number(0)))
    };
    let cut_off = tokio::spawn(ask(&site).try_answer());
    reached(&site.providers.zenvia, "/verificacao").await;
    site.crash();
    assert!(cut_off.await.unwrap().is_err(), "nobody was answered");
    site.providers.zenvia.control().faults.clear();
    let again = eventually("a repeat is answered", async || {
        let again = ask(&site).answer().await;
        (again.status != 409).then_some(again)
    })
    .await;
    assert_eq!(again.expect(202).body["status"], "pending");
    assert_eq!(again.body["sends"][0]["status"], "unknown", "it may have been sent");
    assert_eq!(requests(&site.providers.zenvia, "/verificacao"), 1, "one code was sent");
}

#[rstest]
#[tokio::test]
async fn a_key_whose_owner_died_before_anything_was_written_is_free(
    #[values(Store::Embedded, Store::Redis)] store: Store,
) {
    let mut site = Site::start(store).await;
    let positus = Providers::controls(&site.providers.positus.url());
    // Whether a WhatsApp user may be called is asked before the call is written down.
    let delay = json!({ "method": "GET", "effect": { "delay_ms": { "before": FOR_EVER } } });
    positus.post("/faults", delay).await.expect(200);
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";
    let body = json!({ "to": "whatsapp:+5511988887777", "session": { "type": "offer", "sdp": sdp } });
    let cut_off = tokio::spawn(place_and_lose(site.acme(), body.clone()));
    let asked = async |method: &str| {
        let requests = positus.get("/requests").await;
        let counts = requests
            .expect(200)
            .body
            .as_object()
            .unwrap()
            .iter()
            .filter(|(route, _)| route.starts_with(method));
        counts.map(|(_, n)| n.as_u64().unwrap()).sum::<u64>()
    };
    eventually("the permission is asked for", async || {
        (asked("GET").await > 0).then_some(())
    })
    .await;
    site.crash();
    assert!(cut_off.await.unwrap(), "nobody was answered");
    positus.ask(Method::DELETE, "/faults").answer().await.expect(200);
    let again = settled_repeat(&site.acme(), KEY, body).await;
    assert_eq!(again.expect(201).header("idempotent-replayed"), None, "it ran now");
    assert_eq!(asked("POST").await, 1, "one call was made");
    assert_eq!(
        site.acme().get("/calls").await.body["data"].as_array().unwrap().len(),
        1
    );
}

/// Whether no answer came.
async fn place_and_lose(client: Client, body: Value) -> bool {
    client
        .ask(Method::POST, "/calls")
        .key(KEY)
        .json(&body)
        .try_answer()
        .await
        .is_err()
}

fn suffer(zenvia: &zenvia::Handle, path: &str, effect: Effect) {
    let rule = Rule {
        method: Some("POST".into()),
        path: path.into(),
        skip: 0,
        times: None,
        effect,
    };
    zenvia.control().faults.add(rule);
}

fn requests(zenvia: &zenvia::Handle, path: &str) -> u64 {
    zenvia
        .control()
        .requests()
        .get(&("POST".to_owned(), path.to_owned()))
        .copied()
        .unwrap_or_default()
}

async fn reached(zenvia: &zenvia::Handle, path: &str) {
    eventually("the request reaches the provider", async || {
        (requests(zenvia, path) > 0).then_some(())
    })
    .await;
}
