//! Verifications summed up: each tenant its own, sends by their own way, and what was refused.

use super::bed::{Bed, NOON, SAY, Scripted, bed, caller};
use crate::domain::error::Error;
use crate::domain::history::Window;
use crate::domain::phone::{PhoneNumber, Region};
use crate::domain::time::Timestamp;
use crate::domain::verification::{Channel, Verification};
use crate::domain::verification_summary::{VerificationGroupBy, VerificationSummaryRow};
use crate::store::{Order, Range, keys};
use crate::usecases::guard::Sending;
use crate::usecases::requests::{NewVerification, VerificationSummaryQuery};

async fn start(bed: &Bed, tenant: &str, to: &str) -> Verification {
    let new = NewVerification {
        id: crate::domain::ids::VerificationId::generate(),
        to: PhoneNumber::parse(to, Region::BR).unwrap(),
        channel: Channel::Sms,
        brand: Some("Acme".into()),
        code_length: 6,
        ttl_seconds: None,
        client_ip: None,
        tag: None,
        account: None,
        request_id: "r".into(),
    };
    bed.gateway
        .start_verification(&caller(tenant), new)
        .await
        .unwrap()
        .object
}

async fn rows(bed: &Bed, tenant: &str, by: &[VerificationGroupBy]) -> Vec<VerificationSummaryRow> {
    let query = VerificationSummaryQuery {
        group_by: by.to_vec(),
        window: None,
    };
    bed.gateway.verification_summary(&caller(tenant), query).await.unwrap()
}

/// Has a send of a tenant refused.
async fn refuse(bed: &Bed, tenant: &str, to: &str) {
    let (to, account) = (PhoneNumber::parse(to, Region::BR).unwrap(), "one".parse().unwrap());
    let send = Sending {
        tenant,
        to: &to,
        channel: Channel::Sms,
        account: Some(&account),
        client: None,
    };
    bed.gateway.refused(send, Error::not_found()).await;
}

/// How many members stand for what was refused.
async fn listed(bed: &Bed, tenant: &str) -> usize {
    let all = Range {
        scores: 0..=NOON * 2,
        order: Order::Ascending,
        after: None,
        limit: 10_000,
    };
    let members = bed.gateway.store.range(&keys::blocked(tenant), all).await;
    members.unwrap().len()
}

#[tokio::test]
async fn however_many_sends_are_refused_little_is_kept_and_all_are_counted() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    for n in 0..3_000 {
        refuse(&bed, "acme", &format!("+55119888{}7777", n % 3)).await;
    }
    bed.clock.advance(std::time::Duration::from_secs(900));
    refuse(&bed, "acme", "+5511988807777").await;
    for tenant in ["acme", "*"] {
        assert_eq!(
            listed(&bed, tenant).await,
            3 + 1,
            "three prefixes, and one of them later"
        );
        assert_eq!(rows(&bed, tenant, &[]).await[0].blocked, 3_001);
    }
    let by_prefix = rows(&bed, "acme", &[VerificationGroupBy::Prefix]).await;
    let blocked: Vec<_> = by_prefix.iter().map(|row| row.blocked).collect();
    assert_eq!(blocked, [1_001, 1_000, 1_000]);
}

#[tokio::test]
async fn of_very_many_prefixes_most_are_counted_together() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "");
    for n in 0..2_000 {
        refuse(&bed, "acme", &format!("+55119{n:04}7777")).await;
    }
    assert_eq!(listed(&bed, "acme").await, 250 + 1);
    let by_prefix = rows(&bed, "acme", &[VerificationGroupBy::Prefix]).await;
    assert_eq!(
        (by_prefix[0].prefix.as_deref(), by_prefix[0].blocked),
        (Some("+55"), 1_750)
    );
    assert_eq!(rows(&bed, "acme", &[]).await[0].blocked, 2_000);
}

#[tokio::test]
async fn each_tenant_sums_up_its_own() {
    let one = Scripted::new("one", SAY);
    let bed = bed(&[&one], "[verification]\nresend_after_seconds = 0\n");
    let approved = start(&bed, "acme", "+5511988887777").await;
    bed.gateway
        .check_verification(&caller("acme"), approved.id, "123456")
        .await
        .unwrap();
    let resent = start(&bed, "acme", "+5511988881111").await;
    bed.gateway
        .resend_verification(&caller("acme"), resent.id, Some(Channel::Voice), None)
        .await
        .unwrap();
    start(&bed, "other", "+5584988887777").await;
    refuse(&bed, "acme", "+5511988887777").await;

    let acme = &rows(&bed, "acme", &[]).await[0];
    assert_eq!(
        (acme.verifications, acme.sends, acme.approved, acme.blocked),
        (2, 3, 1, 1)
    );
    assert_eq!(acme.conversion, Some(0.5));
    assert_eq!(rows(&bed, "*", &[]).await[0].verifications, 3);
    assert_eq!(rows(&bed, "nobody", &[]).await[0].conversion, None);

    let by_channel = rows(&bed, "acme", &[VerificationGroupBy::Channel]).await;
    let figures: Vec<_> = by_channel
        .iter()
        .map(|row| (row.channel, row.verifications, row.sends))
        .collect();
    assert_eq!(figures, [(Some(Channel::Sms), 1, 2), (Some(Channel::Voice), 1, 1)]);
    let by_prefix = rows(&bed, "*", &[VerificationGroupBy::Prefix]).await;
    let prefixes: Vec<_> = by_prefix
        .iter()
        .map(|row| (row.prefix.as_deref(), row.blocked))
        .collect();
    assert_eq!(prefixes, [(Some("+551198888"), 1), (Some("+558498888"), 0)]);
}

#[tokio::test]
async fn what_is_older_than_the_window_or_over_counts_as_such() {
    let one = Scripted::new("one", SAY);
    let bed = bed(
        &[&one],
        "[verification]\nsends_per_number = false\n[verification.guard]\nmode = \"off\"\n",
    );
    for _ in 0..600 {
        start(&bed, "acme", "+5511988887777").await;
    }
    bed.clock.advance(std::time::Duration::from_secs(700));
    start(&bed, "acme", "+5511988887777").await;
    let whole = &rows(&bed, "acme", &[]).await[0];
    assert_eq!(
        (whole.verifications, whole.expired),
        (601, 600),
        "more than are read at once"
    );
    let since = Timestamp::from_millis(NOON + 1);
    let window = Some(Window {
        since,
        until: since.plus_seconds(3600),
    });
    let query = VerificationSummaryQuery {
        group_by: vec![],
        window,
    };
    let later = bed.gateway.verification_summary(&caller("acme"), query).await.unwrap();
    assert_eq!(later[0].verifications, 1);
}
