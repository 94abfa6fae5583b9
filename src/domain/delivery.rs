//! One event on its way to one subscription: when it is tried, and how that went.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::EventType;
use super::ids::EventId;
use super::time::Timestamp;
use super::words::words;

words! {
    /// Where a delivery stands.
    DeliveryStatus {
        /// It was answered 2xx.
        Delivered = "delivered",
        /// It will be tried again.
        Pending = "pending",
        /// Every try failed, or the receiver answered 410.
        Dead = "dead",
    }
}

words! {
    /// Why a try had no answer that counts.
    DeliveryError {
        /// The URL leads to an address that is not public, nor listed in `[outbound] allow_private`.
        AddressNotAllowed = "address_not_allowed",
        /// Its name has no address, nobody listens there, or TLS failed.
        NotConnected = "not_connected",
        /// The answer was not complete within 15 s.
        Timeout = "timeout",
        /// The connection broke before the answer was complete, or it was no HTTP.
        BrokenAnswer = "broken_answer",
        /// The answer came with another status than 2xx.
        Status = "status",
        /// No key of the subscription is valid.
        NoKey = "no_key",
    }
}

/// An event on its way to a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// The subscription's name.
    #[schema(example = "billing")]
    pub subscription: String,
    /// The event: the `webhook-id` of each try.
    pub event_id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// What it happened to.
    pub subject: String,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// How often it was tried since it was made or last asked for again.
    pub attempts: u32,
    /// When the event was taken into the log.
    pub created_at: Timestamp,
    /// When it was last tried.
    pub last_attempt_at: Option<Timestamp>,
    /// The HTTP status of the last answer, if there was one.
    #[schema(minimum = 100, maximum = 999)]
    pub last_status: Option<u16>,
    /// Why the last try failed.
    pub last_error: Option<DeliveryError>,
    /// When it is tried next; null once it is delivered or dead.
    pub next_at: Option<Timestamp>,
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it failed, if it did.
    pub error: Option<DeliveryError>,
    /// How long the receiver asked to be left alone.
    pub retry_after: Option<Duration>,
}

const SECOND: u64 = 1;
const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

/// The waits between the tries, in seconds: the schedule of Standard Webhooks, ten tries in 75 h 35 min 5 s.
const WAITS: [u64; 9] = [
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
];

/// The longest wait a receiver may ask for by `Retry-After`.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * HOUR);

/// The status by which a receiver ends its subscription.
const GONE: u16 = 410;

impl Tried {
    /// A try without an answer.
    pub fn failed(error: DeliveryError) -> Self {
        Self {
            status: None,
            error: Some(error),
            retry_after: None,
        }
    }

    /// Whether the receiver has taken the event.
    pub fn is_delivered(&self) -> bool {
        self.error.is_none()
    }

    /// Whether the receiver wants no event any more.
    pub fn ends_the_subscription(&self) -> bool {
        self.status == Some(GONE)
    }
}

impl Delivery {
    /// Takes in how a try at `now` ended.
    ///
    /// A failed one is followed by another after the wait of the schedule, or the one the receiver asked for if that is
    /// longer (24 h at most), and up to a tenth more, as `random` says: receivers that failed together do not get
    /// everything again together.
    pub fn note(&mut self, tried: Tried, now: Timestamp, random: u8) {
        self.attempts += 1;
        self.last_attempt_at = Some(now);
        self.last_status = tried.status;
        self.last_error = tried.error;
        let wait = usize::try_from(self.attempts - 1)
            .ok()
            .and_then(|failed| WAITS.get(failed));
        (self.status, self.next_at) = match wait {
            _ if tried.is_delivered() => (DeliveryStatus::Delivered, None),
            Some(wait) if !tried.ends_the_subscription() => {
                let asked = tried.retry_after.unwrap_or_default().min(LONGEST_WAIT);
                let wait = jittered(asked.max(Duration::from_secs(*wait)), random);
                (DeliveryStatus::Pending, Some(after(now, wait)))
            }
            _ => (DeliveryStatus::Dead, None),
        };
    }

    /// Begins again, at `now`.
    pub fn start_again(&mut self, now: Timestamp) {
        self.status = DeliveryStatus::Pending;
        self.attempts = 0;
        self.next_at = Some(now);
    }
}

fn jittered(wait: Duration, random: u8) -> Duration {
    wait + wait * u32::from(random) / (10 * u32::from(u8::MAX))
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    let ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_add(ms))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const REFUSED: Tried = Tried {
        status: Some(500),
        error: Some(DeliveryError::Status),
        retry_after: None,
    };

    fn delivery() -> Delivery {
        Delivery {
            subscription: "billing".into(),
            event_id: EventId::generate(),
            kind: EventType::CallEnded,
            subject: "call_1".into(),
            status: DeliveryStatus::Pending,
            attempts: 0,
            created_at: Timestamp::from_seconds(0),
            last_attempt_at: None,
            last_status: None,
            last_error: None,
            next_at: None,
        }
    }

    /// The times of all tries of a delivery that is never taken, in seconds.
    fn times(random: u8, tried: Tried) -> Vec<i64> {
        let (mut delivery, mut now, mut times) = (delivery(), Timestamp::from_seconds(0), Vec::new());
        loop {
            times.push(now.as_millis() / 1000);
            delivery.note(tried, now, random);
            let Some(next) = delivery.next_at else {
                assert_eq!(delivery.status, DeliveryStatus::Dead);
                return times;
            };
            now = next;
        }
    }

    #[test]
    fn what_is_never_taken_is_tried_ten_times_in_three_days() {
        let expected = [0, 5, 305, 2_105, 9_305, 27_305, 63_305, 113_705, 185_705, 272_105];
        assert_eq!(times(0, REFUSED), expected);
        let latest = times(u8::MAX, REFUSED);
        assert_eq!(latest.last(), Some(&299_315), "a tenth more");
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_wait_but_not_for_ever() {
        let asked = |seconds| Tried {
            retry_after: Some(Duration::from_secs(seconds)),
            ..REFUSED
        };
        assert_eq!(times(0, asked(60))[..4], [0, 60, 360, 2_160]);
        assert_eq!(times(0, asked(u64::MAX))[1], 86_400);
    }

    #[test]
    fn one_that_is_taken_is_done_and_can_begin_again() {
        let (mut delivery, now) = (delivery(), Timestamp::from_seconds(9));
        let taken = Tried {
            status: Some(204),
            error: None,
            retry_after: None,
        };
        delivery.note(REFUSED, now, 0);
        delivery.note(taken, now, 0);
        assert_eq!((delivery.status, delivery.next_at), (DeliveryStatus::Delivered, None));
        assert_eq!((delivery.attempts, delivery.last_error), (2, None));
        delivery.start_again(now);
        assert_eq!(
            (delivery.status, delivery.next_at, delivery.attempts),
            (DeliveryStatus::Pending, Some(now), 0)
        );
    }

    #[test]
    fn a_receiver_that_is_gone_is_not_tried_again() {
        let mut delivery = delivery();
        let gone = Tried {
            status: Some(410),
            ..REFUSED
        };
        delivery.note(gone, Timestamp::from_seconds(0), 0);
        assert_eq!((delivery.status, delivery.next_at), (DeliveryStatus::Dead, None));
        assert!(gone.ends_the_subscription() && !REFUSED.ends_the_subscription());
    }
}
