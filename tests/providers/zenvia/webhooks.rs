//! What the provider sends of its own accord says the same as what it answers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use switchboard::domain::call::{Call, CallStatus, Direction, SettledBy};
use switchboard::domain::call_file::CallFile;
use switchboard::domain::fold::{fold, settle_presumed};
use switchboard::domain::time::Timestamp;
use switchboard::providers::port::{Authentic, News, Proof, Provider, Webhooks};
use switchboard::simulators::webhooks;

use super::*;

/// Makes the simulator keep its webhooks instead of sending them.
fn keep_webhooks(sim: &Sim) {
    let urls = sim
        .zenvia
        .kinds()
        .iter()
        .map(|kind| ((*kind).to_owned(), "http://127.0.0.1:1/".to_owned()));
    let settings = webhooks::Settings {
        urls: urls.collect(),
        drop: vec!["*".into()],
        ..webhooks::Settings::default()
    };
    sim.handle.control().webhooks.configure(settings);
}

fn parse(sim: &Sim, kind: &str, body: &str) -> Vec<News> {
    let ring = account(&sim.handle.url(), "").webhook_keys.unwrap();
    let now = Timestamp::from_millis(0);
    assert!(Proof::check(&ring, "wrong", now).is_none());
    let proof = Proof::check(&ring, "hook-secret", now).unwrap();
    let authentic = Authentic::new(proof, Some(kind), body.as_bytes());
    let notices = sim
        .zenvia
        .parse(&authentic)
        .unwrap_or_else(|error| panic!("{kind}: {error}\n{body}"));
    assert_eq!(sim.zenvia.drift(), [], "{kind}: {body}");
    notices.into_iter().map(|notice| notice.news).collect()
}

fn facts(sim: &Sim, id: &str) -> Vec<(String, CallFacts)> {
    let sent = sim.handle.control().webhooks.sent();
    let mine = sent.iter().filter(|sent| sent.subject == id);
    mine.flat_map(|sent| {
        parse(sim, &sent.kind, &sent.body)
            .into_iter()
            .map(|news| (sent.kind.clone(), news))
    })
    .filter_map(|(kind, news)| match news {
        News::Call(facts) => Some((kind, *facts)),
        News::Signal(_) => None,
    })
    .collect()
}

fn folded<'a>(facts: impl IntoIterator<Item = &'a CallFacts>, kind: CallKind) -> Call {
    let at = Timestamp::from_millis(0);
    let call = Call::new(CallId::generate(), "t".into(), Direction::Outbound, kind, at);
    let mut file = CallFile::new(call);
    for facts in facts {
        fold(&mut file, facts.clone(), SettledBy::Webhook, at);
    }
    settle_presumed(&mut file);
    file.call
}

#[tokio::test]
async fn webhooks_in_any_order_come_to_what_a_lookup_tells() {
    let sim = Sim::start().await;
    keep_webhooks(&sim);
    for (action, kind, end) in [
        (join("+5511988880001"), CallKind::Connect, "call-end"),
        (join(MOBILE), CallKind::Connect, "call-end"),
        (say(), CallKind::Say, "tts-end"),
        (play(), CallKind::Play, "audio-end"),
    ] {
        let reference = sim.place(&call(OFFICE, [action])).await;
        let asked = sim.fetch_ended(kind, &reference).await;
        let told = facts(&sim, reference.id.as_deref().unwrap());
        let (_, last) = told.iter().find(|(kind, _)| kind == end).unwrap();
        assert_eq!(
            (last.status, &last.price, &last.hangup),
            (asked.status, &asked.price, &asked.hangup),
            "{kind}"
        );
        assert_eq!(
            (last.answered_at, last.ended_at),
            (asked.answered_at, asked.ended_at),
            "{kind}"
        );
        let forward = folded(told.iter().map(|(_, facts)| facts), kind);
        let backward = folded(told.iter().rev().map(|(_, facts)| facts), kind);
        for call in [&forward, &backward] {
            assert_eq!(Some(call.status), asked.status, "{kind}");
            assert_eq!(
                (&call.price, &call.hangup, &call.legs),
                (&asked.price, &asked.hangup, &asked.legs),
                "{kind}"
            );
        }
    }
}

#[tokio::test]
async fn a_call_of_two_legs_is_followed_by_its_events() {
    let sim = Sim::start().await;
    keep_webhooks(&sim);
    let reference = sim.place(&call(OFFICE, [join(MOBILE)])).await;
    sim.fetch_ended(CallKind::Connect, &reference).await;
    let mut seen: BTreeMap<String, BTreeSet<CallStatus>> = BTreeMap::new();
    for (kind, facts) in facts(&sim, reference.id.as_deref().unwrap()) {
        seen.entry(kind).or_default().extend(facts.status);
    }
    for kind in ["call-event", "call-status"] {
        for status in [CallStatus::Ringing, CallStatus::InProgress] {
            assert!(seen[kind].contains(&status), "{kind} {status} {seen:?}");
        }
    }
    assert_eq!(seen["call-end"], BTreeSet::from([CallStatus::Completed]));
}

#[tokio::test]
async fn received_calls_are_told_in_both_shapes() {
    for shape_of_2018 in [false, true] {
        let sim = Sim::start().await;
        keep_webhooks(&sim);
        sim.knobs(|knobs| {
            knobs.did_event_2018 = shape_of_2018;
            knobs.did_end_flat = shape_of_2018;
        });
        let parties = json!({ "from": "+5511977776666", "to": OFFICE });
        let id = sim.controls().post("incoming", parties).await["id"].to_string();
        let asked = sim.fetch_ended(CallKind::Did, &ProviderRef::id(&id)).await;
        let told = facts(&sim, &id);
        assert!(told.iter().all(|(_, facts)| facts.kind == Some(CallKind::Did)));
        assert!(
            told.iter()
                .all(|(_, facts)| facts.direction == Some(Direction::Inbound))
        );
        let kinds: BTreeSet<_> = told.iter().map(|(kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, BTreeSet::from(["did-end", "did-event"]));
        assert_eq!(
            Some(folded(told.iter().map(|(_, facts)| facts), CallKind::Did).status),
            asked.status
        );
    }
}

#[tokio::test]
async fn every_kind_the_provider_sends_is_understood() {
    let sim = Sim::start().await;
    keep_webhooks(&sim);
    for kind in sim.zenvia.kinds() {
        sim.controls().fire(kind).await;
    }
    let sent = sim.handle.control().webhooks.sent();
    for sent in &sent {
        assert_eq!(parse(&sim, &sent.kind, &sent.body).len(), 1, "{}", sent.kind);
    }
    assert!(sent.len() >= 6, "{}", sent.len());
}
