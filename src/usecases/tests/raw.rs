//! What webhooks said is kept without its secrets, and read beside the record it is about.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::bed::{NOON, SAY, Scripted, bed, caller};
use crate::clock::{Clock, ManualClock};
use crate::config::Config;
use crate::domain::call::{Call, CallStatus, ProviderRef};
use crate::domain::facts::CallFacts;
use crate::domain::history::Record;
use crate::domain::phone::PhoneNumber;
use crate::providers::port::{DriftKind, News};
use crate::providers::registry::Accounts;
use crate::seal::Sealer;
use crate::store::{self, keys};
use crate::usecases::Gateway;
use crate::usecases::requests::{CallQuery, EventQuery, HistoryQuery, Paging};

const CONFIG: &str = r#"
[auth]
issuer = "i"
audience = "a"
keys = [ { id = "1", alg = "HS256", secret = "env::LONG" } ]

[accounts.zenvia-br]
provider = "zenvia"
owner = "telephony"
base_url = "http://127.0.0.1:1"
keys = [ { id = "1", secret = "env::LONG" } ]
webhook_keys = [ { id = "1", secret = "env::HOOK" } ]

[accounts.whatsapp]
provider = "positus"
owner = "telephony"
users = ["acme"]
number_id = "5dbbbf01-2f92-4389-b512-45de86c4a66f"
number = "+551122361741"
keys = [ { id = "1", secret = "env::LONG" } ]
webhook_keys = [ { id = "1", secret = "env::HOOK" } ]
"#;

/// A gateway over real providers, which nobody calls.
fn gateway(store_url: &str) -> Arc<Gateway> {
    let env = [("LONG", "a secret of at least thirty-two bytes"), ("HOOK", "hook")];
    let config = Config::from_toml_with(CONFIG, &env).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOON));
    let store = store::open(store_url, Arc::clone(&clock)).unwrap();
    let keys = &config.accounts.values().next().unwrap().keys;
    let sealer = Sealer::new(keys, Arc::clone(&clock));
    let accounts = Accounts::build(&config, &clock).unwrap();
    Arc::new(Gateway::new(Arc::new(config), store, accounts, sealer, clock))
}

async fn take(gateway: &Gateway, account: &str, kind: Option<&str>, body: &str) {
    let body = Bytes::copy_from_slice(body.as_bytes());
    gateway.take(account, kind, "hook", body).await.unwrap();
}

/// Applies what was taken and publishes its events, until `done`.
async fn apply(gateway: &Arc<Gateway>, done: impl AsyncFn() -> bool) {
    let stop = CancellationToken::new();
    let inbox = tokio::spawn(Arc::clone(gateway).follow_inbox(stop.clone()));
    // The place is noted after what was applied can be seen.
    let noted = async || gateway.inbox_position().await.unwrap() == gateway.store.end(&keys::inbox()).await.unwrap();
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !(done().await && noted().await) {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("the webhooks are applied");
    stop.cancel();
    inbox.await.unwrap();
}

fn paging() -> Paging {
    Paging {
        limit: 50,
        cursor: None,
    }
}

async fn raw_of(gateway: &Gateway, call: &Call) -> String {
    let mut raw = gateway.raw_of(&[call.id]).await.unwrap();
    raw.remove(0).unwrap_or_default()
}

/// Whether a text stands anywhere in the files of a store.
fn holds(directory: &Path, text: &str) -> bool {
    std::fs::read_dir(directory).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn no_secret_of_a_webhook_is_kept_anywhere() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = gateway(&format!("embedded:{}", directory.path().display()));
    let ended = include_str!("../../../tests/fixtures/zenvia/tts-end.json")
        .replace("Ôôôôoooooooolááaaaaaaaaaa", "o canario cantou")
        .replace(
            "\"mensagem\"",
            "\"url_gravacao\": \"https://audio.example/canario-link\", \"mensagem\": \"de novo o canario\", \"mensagem\"",
        );
    take(&gateway, "zenvia-br", Some("tts-end"), &ended).await;
    let sms = include_str!("../../../tests/fixtures/zenvia/sms-status.json")
        .replace("Olá ZenAPI", "Seu código de verificação Acme é: 918273");
    take(&gateway, "zenvia-br", Some("sms-status"), &sms).await;
    let owner = caller("telephony");
    // Too old to be listed.
    let call = async |gateway: &Gateway| {
        let known = gateway.known_call(&"zenvia-br".parse().unwrap(), "37784550").await;
        gateway.load_call(known.unwrap()?).await.unwrap()
    };
    let kept = async || match call(&gateway).await {
        Some(call) => {
            let events = gateway.events(&owner, &EventQuery::default(), 10).await.unwrap();
            !events.data.is_empty() && !raw_of(&gateway, &call).await.is_empty()
        }
        None => false,
    };
    apply(&gateway, kept).await;

    assert!(holds(directory.path(), "37784550"), "the call is kept");
    for secret in ["canario", "918273"] {
        assert!(!holds(directory.path(), secret), "{secret}");
    }
    let raw = raw_of(&gateway, &call(&gateway).await.unwrap()).await;
    let redacted = ended
        .replace("https://audio.example/canario-link", "[redacted]")
        .replace("de novo o canario", "[redacted]")
        .replace("o canario cantou", "[redacted]");
    assert_eq!(raw, redacted, "all else byte for byte");
}

#[tokio::test]
async fn what_nobody_can_read_is_kept_without_what_was_spoken() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = gateway(&format!("embedded:{}", directory.path().display()));
    take(
        &gateway,
        "zenvia-br",
        Some("tts-end"),
        r#"{"mensagem":"segredo","outra":"canario"}"#,
    )
    .await;
    assert!(holds(directory.path(), "canario"));
    assert!(!holds(directory.path(), "segredo"));
}

async fn records(gateway: &Gateway, tenant: &str, raw: bool) -> Vec<Record> {
    let query = HistoryQuery {
        account: vec!["whatsapp".parse().unwrap()],
        raw,
        ..HistoryQuery::default()
    };
    let caller = caller(tenant);
    gateway.history(&caller, query, paging()).await.unwrap().data
}

#[tokio::test]
async fn the_journal_tells_what_webhooks_said_of_each_call_oldest_first() {
    let gateway = gateway("memory:");
    let at = NOON / 1000;
    let ringing = format!(
        r#"{{"id":"wacid.1", "event":"connect","to":"551122361741","from":"554399951234","timestamp":"{at}","x":1,"x":2}}"#
    );
    let other =
        format!(r#"{{"id":"wacid.2","event":"connect","to":"551122361741","from":"554399955678","timestamp":"{at}"}}"#);
    let over = r#"{"id":"wacid.1","event":"terminate","to":"551122361741","duration":1.50,"status":"COMPLETED"}"#;
    take(
        &gateway,
        "whatsapp",
        None,
        &format!(r#"{{"calls":[{ringing},{other}]}}"#),
    )
    .await;
    take(&gateway, "whatsapp", None, &format!(r#"{{"calls":[{over}]}}"#)).await;
    let expected = format!("{ringing}\n{over}");
    let raws = async || -> Vec<_> {
        let records = records(&gateway, "telephony", true).await;
        records.into_iter().filter_map(|record| record.raw).collect()
    };
    let told = async || {
        let raws = raws().await;
        raws.contains(&expected) && raws.contains(&other)
    };
    apply(&gateway, told).await;
    let plain = records(&gateway, "telephony", false).await;
    assert_eq!(plain.len(), 2);
    assert!(plain.iter().all(|record| record.raw.is_none()));
    assert_eq!(records(&gateway, "acme", true).await, [], "another's calls");
    for record in plain {
        let again = gateway.record(&caller("telephony"), &record.id, true).await.unwrap();
        assert!(raws().await.contains(&again.raw.unwrap()));
    }
}

#[tokio::test]
async fn the_last_twenty_messages_are_kept_and_a_repeat_is_none() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let said = async |n: usize| {
        let facts = CallFacts {
            reference: Some(ProviderRef::id("7")),
            status: Some(CallStatus::Ringing),
            tag: (n == 30).then(|| "last".to_owned()),
            ..CallFacts::default()
        };
        one.will_tell(vec![News::Call(Box::new(facts))]);
        for _ in 0..2 {
            let body = Bytes::from(format!(r#"{{"n":{n}}}"#));
            bed.gateway.take("one", None, "hook", body).await.unwrap();
        }
    };
    for n in 1..=30 {
        said(n).await;
    }
    let expected: Vec<_> = (11..=30).map(|n| format!(r#"{{"n":{n}}}"#)).collect();
    let kept = async || {
        let page = bed
            .gateway
            .calls(&caller("owner"), CallQuery::default(), paging())
            .await;
        let Some(call) = page.unwrap().data.pop() else {
            return String::new();
        };
        raw_of(&bed.gateway, &call).await
    };
    apply(&bed.gateway, async || kept().await == expected.join("\n")).await;
}

#[tokio::test]
async fn a_number_that_only_a_webhook_told_is_erased_with_it_and_the_call_stays() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let facts = |reference| CallFacts {
        reference: Some(ProviderRef::id(reference)),
        status: Some(CallStatus::Ringing),
        ..CallFacts::default()
    };
    for (reference, number) in [("7", "11988887777"), ("8", "11977776666")] {
        one.will_tell(vec![News::Call(Box::new(facts(reference)))]);
        let body = Bytes::from(format!(r#"{{"desvio":"{number}"}}"#));
        bed.gateway.take("one", None, "hook", body).await.unwrap();
    }
    let kept = async || {
        let query = CallQuery::default();
        let page = bed.gateway.calls(&caller("owner"), query, paging()).await.unwrap();
        let mut kept = Vec::new();
        for call in page.data {
            kept.push(raw_of(&bed.gateway, &call).await);
        }
        kept
    };
    apply(&bed.gateway, async || {
        kept().await.iter().filter(|raw| !raw.is_empty()).count() == 2
    })
    .await;
    let number = PhoneNumber::lenient("+5511988887777").unwrap();
    let would = bed.gateway.erase(number.clone(), true).await.unwrap();
    let did = bed.gateway.erase(number, false).await.unwrap();
    assert_eq!(did.removed, would.removed);
    assert_eq!(
        (did.removed.calls, did.removed.webhooks),
        (0, 2),
        "in the inbox, and beside the call"
    );
    let mut kept = kept().await;
    kept.sort();
    assert_eq!(kept, ["", r#"{"desvio":"11977776666"}"#]);
}

#[tokio::test]
async fn drift_is_shown_with_the_account() {
    let gateway = gateway("memory:");
    let ended = include_str!("../../../tests/fixtures/zenvia/tts-end.json");
    take(&gateway, "zenvia-br", Some("tts-end"), ended).await;
    let drift = async || {
        let accounts = gateway.accounts(Some(&caller("telephony"))).await.unwrap();
        let mine = accounts
            .into_iter()
            .find(|account| account.account.as_str() == "zenvia-br");
        let told = mine.unwrap().drift.into_iter();
        told.map(|told| (told.endpoint, told.kind, told.count))
            .collect::<Vec<_>>()
    };
    assert_eq!(drift().await, []);
    let changed = ended.replace("\"tipo\"", "\"fila_nova\"");
    for _ in 0..2 {
        take(&gateway, "zenvia-br", Some("tts-end"), &changed).await;
    }
    let of = |kind| ("tts-end".to_owned(), kind, 2);
    assert_eq!(
        drift().await,
        [of(DriftKind::UnknownField), of(DriftKind::MissingField)]
    );
}
