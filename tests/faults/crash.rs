//! What was answered survives SIGKILL of the gateway and of its store, whenever it comes.

use futures_util::future::join_all;
use reqwest::Method;
use rstest::rstest;
use serde_json::json;
use switchboard::simulators::webhooks::Settings;
use tokio::task::JoinSet;

use crate::bed::{Answer, ZENVIA, eventually, http};
use crate::site::{Site, Store, code, connect, dials, number, say, settled_repeat, verification, wrong};

/// How often each thing is done and followed by a kill.
const ROUNDS: usize = 30;
/// How many calls are on their way when the kill comes.
const CROWD: usize = 8;

#[rstest]
#[tokio::test]
async fn an_answered_call_is_there_after_a_kill(#[values(Store::Embedded, Store::Redis)] store: Store) {
    let mut site = Site::start(store).await;
    for round in 0..ROUNDS {
        let call = site.post("/calls", connect(&number(round))).await;
        site.crash();
        let kept = site.get(&format!("/calls/{}", call.expect(201).id())).await;
        assert_eq!(kept.expect(200).body, call.body);
        let list = site.get("/calls").await;
        assert_eq!(list.expect(200).body["data"][0], call.body, "it is the newest");
    }
    assert_eq!(site.providers.zenvia.dials().len(), ROUNDS);
    println!("{store:?}: {ROUNDS} calls, each followed by a kill: 0 lost");
}

#[rstest]
#[tokio::test]
async fn a_verification_stands_where_it_stood_after_a_kill(#[values(Store::Embedded, Store::Redis)] store: Store) {
    let mut site = Site::start(store).await;
    for round in 0..ROUNDS {
        let to = number(round);
        let started = site.post("/verifications", verification(&to)).await;
        site.crash();
        let path = format!("/verifications/{}", started.expect(201).id());
        assert_eq!(site.get(&path).await.expect(200).body, started.body);

        let (check, code) = (format!("{path}/check"), code(&site.providers.zenvia, &to));
        let refused = site.post(&check, json!({ "code": wrong(&code) })).await;
        site.crash();
        assert_eq!(
            (&refused.expect(200).body["valid"], &refused.body["attempts_left"]),
            (&json!(false), &json!(4))
        );
        assert_eq!(
            site.get(&path).await.expect(200).body["attempts_left"],
            4,
            "the attempt is spent"
        );

        let approved = site.post(&check, json!({ "code": code })).await;
        site.crash();
        assert_eq!(approved.expect(200).body["valid"], true);
        assert_eq!(site.get(&path).await.expect(200).body["status"], "approved");
        site.post(&check, json!({ "code": code }))
            .await
            .expect_problem(409, "verification-closed");
    }
    println!("{store:?}: {ROUNDS} verifications, three kills each: 0 lost, 0 approved twice");
}

#[rstest]
#[tokio::test]
async fn a_webhook_that_was_taken_is_applied_after_a_kill(#[values(Store::Embedded, Store::Redis)] store: Store) {
    let mut site = Site::start(store).await;
    site.providers.tell(&site.home, site.gateway.address).await;
    let webhooks = &site.providers.zenvia.control().webhooks;
    webhooks.configure(Settings {
        drop: vec!["*".to_owned()],
        ..webhooks.settings()
    });
    let mut calls = Vec::new();
    for round in 0..ROUNDS {
        let call = site.post("/calls", say(&number(round))).await;
        let body = told(&site, call.expect(201).body["provider_ref"]["id"].as_str().unwrap()).await;
        let url = site.home.hook(site.gateway.address, ZENVIA, Some("tts-end"));
        let taken = http().post(url).body(body).send().await.unwrap();
        site.crash();
        assert_eq!(taken.status(), 200);
        calls.push(call.id());
        // The lease of the dead lasts for seconds, so not every kill is waited out.
        if calls.len() % 10 == 0 {
            for id in &calls {
                let ended = site.acme().ended(id).await;
                assert_eq!(
                    (&ended["status"], &ended["settled_by"]),
                    (&json!("completed"), &json!("webhook"))
                );
            }
        }
    }
    println!("{store:?}: {ROUNDS} webhooks, each followed by a kill: 0 lost");
}

/// The body of the webhook about a call, which the provider kept to itself.
async fn told(site: &Site, subject: &str) -> String {
    let webhooks = &site.providers.zenvia.control().webhooks;
    eventually("the call is over", async || {
        webhooks
            .sent()
            .into_iter()
            .find(|sent| sent.subject == subject)
            .map(|sent| sent.body)
    })
    .await
}

/// A call that was on its way when the kill came.
struct Sent {
    key: String,
    to: String,
    answer: Option<Answer>,
}

#[rstest]
#[tokio::test]
async fn a_kill_among_many_calls_loses_none_and_repeats_dial_none_again(
    #[values(Store::Embedded, Store::Redis)] store: Store,
) {
    let mut site = Site::start(store).await;
    let (mut answered, mut refused, mut cut_off) = (0, Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for sent in crowd(&mut site, round).await {
            match &sent.answer {
                None => cut_off.push(sent),
                Some(answer) if answer.status == 503 => refused.push(sent.to),
                Some(answer) => {
                    assert_kept(&site, answer).await;
                    answered += 1;
                }
            }
        }
    }
    let zenvia = &site.providers.zenvia;
    let dialled = dials(zenvia);
    assert!(
        refused.iter().all(|to| !dialled.contains_key(to)),
        "an error means that nothing was started"
    );
    for dial in zenvia.dials() {
        site.get(&format!("/calls/{}", dial.tags.unwrap())).await.expect(200);
    }
    let acme = site.acme();
    let repeats = cut_off
        .iter()
        .map(|sent| settled_repeat(&acme, &sent.key, connect(&sent.to)));
    for again in join_all(repeats).await {
        assert!(matches!(again.status, 201 | 202), "{}", again.body);
    }
    let dialled = dials(zenvia);
    assert!(dialled.values().all(|times| *times == 1), "{dialled:?}");
    println!(
        "{store:?}: {ROUNDS} kills among {CROWD} calls: {answered} answered, 0 lost; {} refused, 0 dialled; \
         {} cut off and repeated, 0 dialled twice",
        refused.len(),
        cut_off.len()
    );
}

/// Places calls at once and kills the gateway when as many are answered as the round says.
async fn crowd(site: &mut Site, round: usize) -> Vec<Sent> {
    let mut calls = JoinSet::new();
    for place in 0..CROWD {
        let (acme, to) = (site.acme(), number(round * CROWD + place));
        calls.spawn(async move {
            let key = format!("crowd-{to}");
            let asked = acme.ask(Method::POST, "/calls").key(&key).json(&connect(&to));
            Sent {
                answer: asked.try_answer().await.ok(),
                key,
                to,
            }
        });
    }
    let mut all = Vec::new();
    while let Some(sent) = calls.join_next().await {
        all.push(sent.unwrap());
        if all.len() == round % CROWD + 1 {
            site.crash();
        }
    }
    all
}

/// What was told is there; where the outcome was uncertain, more may be known by now.
async fn assert_kept(site: &Site, answer: &Answer) {
    let kept = site.get(&format!("/calls/{}", answer.id())).await;
    if answer.status == 201 {
        assert_eq!(kept.expect(200).body, answer.body);
    }
    assert_eq!(
        kept.expect(200).body["routing"],
        answer.expect(answer.status.clamp(201, 202)).body["routing"]
    );
    let listed = site
        .get(&format!(
            "/calls?request_id={}",
            answer.body["request_id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(listed.expect(200).body["data"], json!([kept.body]));
}
