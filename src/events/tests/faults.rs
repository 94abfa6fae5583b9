//! A store that fails at any one of its operations.

use std::sync::{Arc, OnceLock};

use super::bed::{Receivers, Yard, section};
use crate::domain::delivery::DeliveryStatus;
use crate::domain::event::EventType;
use crate::store::{SharedStore, keys};
use crate::usecases::requests::Redeliver;
use crate::usecases::tests::bed::caller;
use crate::usecases::tests::failing_store::{Failing, Failure};

fn yard(failure: Failure, status: u16) -> (Yard, Arc<Failing>) {
    let failing: OnceLock<Arc<Failing>> = OnceLock::new();
    let yard = Yard::over(
        &section("a", "acme", "*"),
        Receivers::that(move |_, _, _| Ok(status)),
        |store| failing.get_or_init(|| Arc::new(Failing::new(store, failure))).clone() as SharedStore,
    );
    (yard, failing.into_inner().unwrap())
}

/// All that is to be done, given up at the first error as a courier does.
async fn try_work(yard: &Yard) -> Result<(), crate::domain::error::Error> {
    let courier = yard.courier("a");
    let place = courier.place().await?;
    courier.try_new(place).await?;
    courier.try_again().await?;
    Ok(())
}

#[tokio::test]
async fn whichever_operation_fails_each_event_is_delivered_or_due() {
    for failure in [Failure::Once, Failure::OnceUnheard] {
        for status in [200, 500] {
            let mut operation = 0;
            loop {
                let (yard, store) = yard(failure, status);
                for _ in 0..3 {
                    yard.happens(EventType::CallEnded, "acme").await;
                }
                store.fail_after(operation);
                // The next courier goes on where this one gave up.
                let _ = try_work(&yard).await;
                let failed = store.has_failed();
                store.mend();
                try_work(&yard).await.unwrap();

                let expected = if status == 200 {
                    DeliveryStatus::Delivered
                } else {
                    DeliveryStatus::Pending
                };
                let kept = yard.deliveries("acme", &[expected]).await;
                assert_eq!(kept.len(), 3, "{failure:?} {status} at operation {operation}");
                yard.later(6);
                yard.receivers.now_answer(Ok(200));
                try_work(&yard).await.unwrap();
                let delivered = yard.deliveries("acme", &[DeliveryStatus::Delivered]).await;
                assert_eq!(delivered.len(), 3, "{failure:?} {status} at operation {operation}");
                assert_eq!(yard.next_due("a").await, None);
                if !failed {
                    break;
                }
                operation += 1;
            }
            assert!(operation > 5, "{operation}");
        }
    }
}

#[tokio::test]
async fn whichever_operation_fails_a_redelivery_is_done_or_can_be_asked_for_again() {
    for failure in [Failure::Once, Failure::OnceUnheard] {
        let mut operation = 0;
        loop {
            let (yard, store) = yard(failure, 410);
            let event = yard.happens(EventType::CallEnded, "acme").await;
            try_work(&yard).await.unwrap();
            yard.receivers.now_answer(Ok(200));
            let wanted = Redeliver {
                subscription: "a".into(),
                since: None,
                status: Some(DeliveryStatus::Dead),
                event_id: Some(event),
            };
            store.fail_after(operation);
            let begun = yard.bed.gateway.redeliver(&caller("acme"), &wanted).await;
            let failed = store.has_failed();
            store.mend();
            // Whether the record was written or not, it is in the list that will find it.
            yard.later(3);
            let dead = yard.deliveries("acme", &[DeliveryStatus::Dead]).await;
            if begun.is_err() && !dead.is_empty() {
                yard.bed.gateway.redeliver(&caller("acme"), &wanted).await.unwrap();
            }
            try_work(&yard).await.unwrap();
            let delivered = yard.deliveries("acme", &[DeliveryStatus::Delivered]).await;
            assert_eq!(delivered.len(), 1, "{failure:?} at operation {operation}");
            if !failed {
                break;
            }
            operation += 1;
        }
        assert!(operation > 5, "{operation}");
    }
}

#[tokio::test]
async fn the_log_may_be_trimmed_while_an_event_waits() {
    let yard = Yard::new(&section("a", "acme", "*"), Receivers::that(|_, _, _| Ok(500)));
    let event = yard.happens(EventType::CallEnded, "acme").await;
    yard.work("a").await;
    yard.later(6);
    let now = yard.bed.gateway.now().as_millis();
    yard.means.store.trim(&keys::events(), now).await.unwrap();
    yard.receivers.now_answer(Ok(200));
    yard.work("a").await;
    let got = yard.receivers.got("a");
    assert_eq!((got.len(), got[1].event), (2, event));
    assert_eq!(got[0].body, got[1].body);

    let again = Redeliver {
        subscription: "a".into(),
        since: None,
        status: None,
        event_id: None,
    };
    let begun = yard.bed.gateway.redeliver(&caller("acme"), &again).await.unwrap();
    assert_eq!(begun, 0, "what is kept nowhere cannot be sent");
}
