//! Verifications summed up: each tenant its own, sends by their own way, and what was refused.

use super::bed::{Bed, NOON, SAY, Scripted, bed, caller};
use crate::domain::history::Window;
use crate::domain::phone::{PhoneNumber, Region};
use crate::domain::time::Timestamp;
use crate::domain::verification::{BlockedSend, Channel, Verification};
use crate::domain::verification_summary::{VerificationGroupBy, VerificationSummaryRow};
use crate::store::keys;
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

async fn block(bed: &Bed, tenant: &str, send: BlockedSend) {
    let member = serde_json::to_string(&send).unwrap();
    bed.gateway
        .store
        .index(&keys::blocked(tenant), NOON, &member, None)
        .await
        .unwrap();
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
    for tenant in ["acme", "*"] {
        let (account, prefix) = (Some("one".parse().unwrap()), "+551198888".to_owned());
        block(
            &bed,
            tenant,
            BlockedSend {
                id: "1".into(),
                channel: Channel::Sms,
                account,
                prefix,
            },
        )
        .await;
    }

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
