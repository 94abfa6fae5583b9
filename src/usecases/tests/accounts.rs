//! What each caller is told of an account.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::bed::{Bed, EVERYONES, SAY, Scripted, bed, caller};
use crate::domain::event::EventType;
use crate::providers::port::{Health, HealthStatus};
use crate::usecases::requests::EventQuery;
use crate::usecases::watch_accounts::Watch;

#[tokio::test]
async fn the_credit_and_the_keys_are_told_to_the_owner_and_the_operator_only() {
    let (one, everyones) = (Scripted::new("one", SAY), Scripted::new(EVERYONES, SAY));
    let bed = bed(&[&one, &everyones], "");
    let (owner, user, reader) = (caller("owner"), caller("acme"), caller("*"));
    for (who, sees_one) in [
        (Some(&owner), true),
        (Some(&user), false),
        (Some(&reader), true),
        (None, true),
    ] {
        let accounts = bed.gateway.accounts(who).await.unwrap();
        for account in accounts {
            let told = sees_one || account.account.as_str() == EVERYONES;
            let tenant = who.map(|caller| &caller.tenant);
            assert_eq!(account.balance.is_some(), told, "{} to {tenant:?}", account.account);
            assert_eq!(
                account.keys.len(),
                usize::from(told),
                "{} to {tenant:?}",
                account.account
            );
        }
    }
}

#[tokio::test]
async fn the_credit_is_asked_for_once_a_minute() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    for (wait, asked) in [(0, 1), (59, 1), (2, 2)] {
        bed.clock.advance(Duration::from_secs(wait));
        let accounts = bed.gateway.accounts(None).await.unwrap();
        assert!(accounts[0].balance.is_some());
        assert_eq!(*one.balances.lock().unwrap(), asked, "after {wait} s");
    }
}

#[tokio::test]
async fn no_key_is_needless_while_nobody_tells_what_other_gateways_sent() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    *one.key.lock().unwrap() = (Some(bed.gateway.now()), None);
    one.spare.store(true, Ordering::Relaxed);
    let is_needless = async || bed.gateway.accounts(None).await.unwrap()[0].keys[1].safe_to_revoke;
    assert!(!is_needless().await, "the store was never asked");
    bed.gateway.exchange_key_uses().await.unwrap();
    assert!(is_needless().await);
    bed.clock.advance(Duration::from_secs(60));
    assert!(!is_needless().await, "the store was not asked for a minute");
}

fn ailing(status: HealthStatus) -> Health {
    Health {
        status,
        failing: vec!["POST /scripted"],
        error_ratio: Some(1.0),
        last_success: None,
    }
}

async fn told(bed: &Bed, tenant: &str) -> Vec<EventType> {
    let events = bed
        .gateway
        .events(&caller(tenant), &EventQuery::default(), 500)
        .await
        .unwrap();
    events.data.iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn an_account_that_fails_and_recovers_is_told_of_once_each_to_its_owner() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    // Two instances over one store.
    let mut watches = [Watch::default(), Watch::default()];
    let well = Health {
        last_success: Some(bed.gateway.now()),
        ..Health::default()
    };
    for health in [
        Health::default(),
        well.clone(),
        ailing(HealthStatus::Unhealthy),
        ailing(HealthStatus::Probing),
        ailing(HealthStatus::Unhealthy),
        well.clone(),
        well,
    ] {
        *one.health.lock().unwrap() = health;
        for watch in &mut watches {
            bed.gateway.look_at_accounts(watch).await;
        }
    }
    assert_eq!(
        told(&bed, "owner").await,
        [EventType::AccountUnhealthy, EventType::AccountHealthy]
    );
    assert_eq!(told(&bed, "acme").await, []);
}

#[tokio::test]
async fn an_account_told_unhealthy_by_a_gateway_that_died_is_told_healthy_once_it_works() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    *one.health.lock().unwrap() = ailing(HealthStatus::Unhealthy);
    bed.gateway.look_at_accounts(&mut Watch::default()).await;
    let mut later = Watch::default();
    for (last_success, events) in [(None, 1), (Some(bed.gateway.now()), 2)] {
        *one.health.lock().unwrap() = Health {
            last_success,
            ..Health::default()
        };
        bed.gateway.look_at_accounts(&mut later).await;
        assert_eq!(told(&bed, "owner").await.len(), events);
    }
}

#[tokio::test]
async fn what_was_told_by_a_gateway_that_died_is_taken_back_by_one_for_which_nothing_changed() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let (mut failing, mut working) = (Watch::default(), Watch::default());
    let look = async |watch: &mut Watch, health: Health| {
        *one.health.lock().unwrap() = health;
        bed.gateway.look_at_accounts(watch).await;
        told(&bed, "owner").await.len()
    };
    let worked = |at| Health {
        last_success: Some(at),
        ..Health::default()
    };
    let long_ago = bed.gateway.now();
    assert_eq!(look(&mut working, worked(long_ago)).await, 0);
    bed.clock.advance(Duration::from_secs(1));
    for _ in 0..5 {
        assert_eq!(look(&mut failing, ailing(HealthStatus::Unhealthy)).await, 1);
        bed.clock.advance(Duration::from_secs(31));
        let now = bed.gateway.now();
        assert_eq!(
            look(&mut working, worked(now)).await,
            1,
            "the other still finds it failing"
        );
    }
    // The other dies.
    bed.clock.advance(Duration::from_secs(100));
    assert_eq!(look(&mut working, worked(long_ago)).await, 1, "it has not worked since");
    bed.clock.advance(Duration::from_secs(31));
    assert_eq!(look(&mut working, worked(bed.gateway.now())).await, 2);
    assert_eq!(
        told(&bed, "owner").await,
        [EventType::AccountUnhealthy, EventType::AccountHealthy]
    );
}

#[tokio::test]
async fn a_key_that_is_refused_is_told_of_once_until_it_is_accepted_again() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    let mut watch = Watch::default();
    let at = |seconds| Some(bed.gateway.now().plus_seconds(seconds));
    for (key, events) in [
        ((at(1), None), 0),
        ((at(1), at(2)), 1),
        ((at(1), at(3)), 1),
        ((at(4), at(3)), 1),
        ((at(4), at(5)), 2),
    ] {
        *one.key.lock().unwrap() = key;
        bed.gateway.look_at_accounts(&mut watch).await;
        assert_eq!(told(&bed, "owner").await, vec![EventType::AccountKeyRejected; events]);
    }
    let metrics = crate::telemetry::install_metrics();
    let uses = &bed
        .gateway
        .config
        .accounts
        .values()
        .next()
        .unwrap()
        .keys
        .iter()
        .next()
        .unwrap()
        .uses;
    uses.accepted.note(at(4).unwrap());
    uses.rejected.note(at(5).unwrap());
    bed.gateway.look_at_accounts(&mut watch).await;
    let page = metrics.render();
    for series in [
        "switchboard_account_healthy{account=\"one\"} 1",
        "switchboard_key_last_accepted_timestamp_seconds{ring=\"accounts.one.keys\",key=\"1\"} 1795348804",
        "switchboard_key_last_rejected_timestamp_seconds{ring=\"accounts.one.keys\",key=\"1\"} 1795348805",
    ] {
        assert!(page.contains(series), "{series} in {page}");
    }
}

#[tokio::test]
async fn the_owner_is_told_how_an_account_fares_and_when_it_last_had_news() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    *one.health.lock().unwrap() = ailing(HealthStatus::Probing);
    let body = bytes::Bytes::from_static(b"{}");
    bed.gateway.take("one", None, "hook", body).await.unwrap();
    for (who, webhooks) in [("owner", 1), ("acme", 0)] {
        let account = bed.gateway.accounts(Some(&caller(who))).await.unwrap().remove(0);
        assert_eq!(account.health.status, HealthStatus::Probing);
        assert_eq!(account.health.failing, ["POST /scripted"]);
        assert_eq!(account.last_webhooks.len(), webhooks, "to {who}");
    }
}
