//! What each caller is told of an account.

use std::time::Duration;

use super::bed::{EVERYONES, SAY, Scripted, bed, caller};

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
