//! A verification: a code sent to a number, to be told back once.
//!
//! The state machine is pure; whoever stores it does so with compare-and-set, so that of two checks at once one sees the
//! other's count.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::account::AccountName;
use super::call::{Attempt, ProviderRef, Routing};
use super::ids::VerificationId;
use super::phone::PhoneNumber;
use super::time::Timestamp;
use super::words::words;

/// How many sends, newest first, a code is compared with.
pub const COMPARED_SENDS: usize = 3;

words! {
    /// How the code travels.
    Channel {
        /// A text message.
        Sms = "sms",
        /// A call that speaks it.
        Voice = "voice",
    }
}

words! {
    /// Where a verification stands. All but the first are final.
    VerificationStatus {
        /// Waiting for its code.
        Pending = "pending",
        /// The right code came.
        Approved = "approved",
        /// Its time is over.
        Expired = "expired",
        /// Its attempts are spent.
        Exhausted = "exhausted",
        /// Cancelled by its owner.
        Canceled = "canceled",
        /// No code could be sent.
        Failed = "failed",
    }
}

words! {
    /// What became of one send.
    SendStatus {
        /// The provider took it.
        Accepted = "accepted",
        /// The provider refused it.
        Refused = "refused",
        /// The answer was lost: it may have been sent.
        Unknown = "unknown",
    }
}

/// One sending of a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Send {
    /// When.
    pub at: Timestamp,
    /// How.
    pub channel: Channel,
    /// Through which account; null for a test number.
    pub account: Option<AccountName>,
    /// The kind of provider; `test` for a test number.
    #[schema(example = "zenvia")]
    pub provider: String,
    /// How the provider names it; null where its answer was lost.
    pub provider_ref: Option<ProviderRef>,
    /// What became of it.
    pub status: SendStatus,
}

/// Sends of a code that a limit or a guard refused, so that nothing was sent: those of one way within a short span of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedSends {
    /// When the span began.
    pub since: Timestamp,
    /// How it would have travelled.
    pub channel: Channel,
    /// Through which account; null where it was refused before one was chosen.
    pub account: Option<AccountName>,
    /// The number less its last four digits; its first two digits alone where too many prefixes were refused at once.
    pub prefix: String,
}

/// A verification. Unknown values are `null`, never absent; the code is in none of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verification {
    /// Our identifier.
    pub id: VerificationId,
    /// The tenant it belongs to.
    pub tenant: String,
    /// The number, in E.164.
    #[schema(value_type = String, example = "+5511988887777")]
    pub to: PhoneNumber,
    /// How the last code travelled.
    pub channel: Channel,
    /// Where it stands.
    pub status: VerificationStatus,
    /// The name spoken or written beside the code.
    pub brand: Option<String>,
    /// How many digits the code has.
    #[schema(minimum = 4, maximum = 10)]
    pub code_length: u8,
    /// The caller's own label.
    pub tag: Option<String>,
    /// The request that made it.
    pub request_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its time is over.
    pub expires_at: Timestamp,
    /// Checks left.
    pub attempts_left: u32,
    /// Whether some send can be checked.
    pub checkable: bool,
    /// When a resend is allowed.
    pub resend_at: Timestamp,
    /// The sends, oldest first.
    pub sends: Vec<Send>,
    /// When the right code came.
    pub approved_at: Option<Timestamp>,
    /// Which account was chosen and why.
    pub routing: Option<Routing>,
    /// The exchanges with providers.
    pub attempts: Vec<Attempt>,
}

/// Why a check or a resend is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The verification takes nothing more.
    Closed,
    /// No send can be checked.
    NotCheckable,
}

/// A verification as it is stored, with what no caller sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// What callers see.
    pub verification: Verification,
    /// Attempts that were counted and are still being compared.
    pub comparing: u32,
    /// The code, sealed, while the verification is open; nothing where the provider made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Who it is for, as a keyed hash of the client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

impl Ledger {
    /// The same as [`Verification::expire`]; the code goes with it.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        let over = self.verification.expire(now);
        self.erase_closed_code();
        over
    }

    /// Closes a verification that its owner no longer wants; says whether it was open.
    pub fn cancel(&mut self, now: Timestamp) -> bool {
        self.expire(now);
        let open = self.verification.status == VerificationStatus::Pending;
        if open {
            self.verification.status = VerificationStatus::Canceled;
            self.erase_closed_code();
        }
        open
    }

    fn erase_closed_code(&mut self) {
        if self.verification.status != VerificationStatus::Pending {
            self.code = None;
        }
    }

    /// Counts an attempt before anything is compared.
    ///
    /// # Errors
    /// Where the verification is closed, every attempt is counted, or no send can be checked; nothing is counted then.
    pub fn take_attempt(&mut self, now: Timestamp) -> Result<(), Closed> {
        self.expire(now);
        if self.verification.status != VerificationStatus::Pending || self.verification.attempts_left == 0 {
            return Err(Closed::Closed);
        }
        if !self.verification.checkable {
            return Err(Closed::NotCheckable);
        }
        self.verification.attempts_left -= 1;
        self.comparing += 1;
        Ok(())
    }

    /// Gives back an attempt whose comparison cannot have begun.
    pub fn give_back_attempt(&mut self) {
        self.comparing = self.comparing.saturating_sub(1);
        if self.verification.status == VerificationStatus::Pending {
            self.verification.attempts_left += 1;
        }
    }

    /// Records what an attempt compared to; says whether this very attempt approved the verification.
    ///
    /// Only a pending verification is approved, so of several right codes at once one wins; it is exhausted by the last
    /// comparison to end, so that a right code among the counted attempts always counts.
    pub fn settle_attempt(&mut self, right: bool, now: Timestamp) -> bool {
        self.comparing = self.comparing.saturating_sub(1);
        let verification = &mut self.verification;
        if verification.status != VerificationStatus::Pending {
            return false;
        }
        if right {
            verification.status = VerificationStatus::Approved;
            verification.approved_at = Some(now);
        } else if verification.attempts_left == 0 && self.comparing == 0 {
            verification.status = VerificationStatus::Exhausted;
        }
        self.erase_closed_code();
        right
    }
}

impl Verification {
    /// Whether its time is over and it was open until then.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.status == VerificationStatus::Pending && now >= self.expires_at
    }

    /// Closes the verification if its time is over; says whether that changed it.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        let over = self.is_over(now);
        if over {
            self.status = VerificationStatus::Expired;
        }
        over
    }

    /// The sends a code is compared with: the newest that can be checked, newest first.
    pub fn compared_sends(&self) -> impl Iterator<Item = &Send> {
        self.sends
            .iter()
            .rev()
            .filter(|send| send.is_checkable())
            .take(COMPARED_SENDS)
    }

    /// Adds a send and what follows from it.
    pub fn add_send(&mut self, send: Send, resend_after_seconds: i64) {
        self.channel = send.channel;
        self.resend_at = send.at.plus_seconds(resend_after_seconds);
        self.checkable |= send.is_checkable();
        self.sends.push(send);
    }
}

impl Send {
    /// Whether a code can be compared with this send.
    pub fn is_checkable(&self) -> bool {
        self.status == SendStatus::Accepted && self.provider_ref.as_ref().is_some_and(|known| known.id.is_some())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::phone::Region;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn send(id: Option<&str>) -> Send {
        Send {
            at: at(0),
            channel: Channel::Sms,
            account: None,
            provider: "test".into(),
            provider_ref: id.map(ProviderRef::id),
            status: if id.is_some() {
                SendStatus::Accepted
            } else {
                SendStatus::Unknown
            },
        }
    }

    fn ledger() -> Ledger {
        let mut verification = Verification {
            id: VerificationId::generate(),
            tenant: "t".into(),
            to: PhoneNumber::parse("+5511988887777", Region::BR).unwrap(),
            channel: Channel::Sms,
            status: VerificationStatus::Pending,
            brand: None,
            code_length: 6,
            tag: None,
            request_id: None,
            created_at: at(0),
            expires_at: at(600),
            attempts_left: 5,
            checkable: false,
            resend_at: at(0),
            sends: vec![],
            approved_at: None,
            routing: None,
            attempts: vec![],
        };
        verification.add_send(send(Some("1")), 30);
        Ledger {
            verification,
            comparing: 0,
            code: Some("sealed".into()),
            client: None,
        }
    }

    #[test]
    fn however_it_closes_its_code_is_erased_with_it() {
        let mut approved = ledger();
        approved.take_attempt(at(1)).unwrap();
        assert!(!approved.settle_attempt(false, at(1)));
        assert!(approved.code.is_some(), "a wrong code closes nothing");
        approved.take_attempt(at(1)).unwrap();
        assert!(approved.settle_attempt(true, at(1)));
        let mut exhausted = ledger();
        for _ in 0..5 {
            exhausted.take_attempt(at(1)).unwrap();
            exhausted.settle_attempt(false, at(1));
        }
        let mut canceled = ledger();
        assert!(canceled.cancel(at(1)) && !canceled.cancel(at(1)));
        let mut expired = ledger();
        assert!(expired.expire(at(600)));
        for closed in [approved, exhausted, canceled, expired] {
            assert_ne!(closed.verification.status, VerificationStatus::Pending);
            assert_eq!(closed.code, None, "{:?}", closed.verification.status);
        }
    }

    #[test]
    fn five_wrong_codes_exhaust_it() {
        let mut ledger = ledger();
        for left in (0..5).rev() {
            ledger.take_attempt(at(1)).unwrap();
            assert!(!ledger.settle_attempt(false, at(1)));
            assert_eq!(ledger.verification.attempts_left, left);
        }
        assert_eq!(ledger.verification.status, VerificationStatus::Exhausted);
        assert_eq!(ledger.take_attempt(at(1)), Err(Closed::Closed));
    }

    #[test]
    fn of_two_right_codes_at_once_one_wins() {
        let mut ledger = ledger();
        ledger.take_attempt(at(1)).unwrap();
        ledger.take_attempt(at(1)).unwrap();
        assert!(ledger.settle_attempt(true, at(1)));
        assert!(!ledger.settle_attempt(true, at(1)));
        assert_eq!(ledger.verification.approved_at, Some(at(1)));
    }

    #[test]
    fn a_right_code_among_the_counted_attempts_counts_whatever_ends_first() {
        let mut ledger = ledger();
        for _ in 0..5 {
            ledger.take_attempt(at(1)).unwrap();
        }
        assert_eq!(ledger.take_attempt(at(1)), Err(Closed::Closed));
        assert!(
            !ledger.settle_attempt(false, at(1)),
            "the last one counted may be the first to end"
        );
        assert!(ledger.settle_attempt(true, at(1)));
    }

    #[test]
    fn its_time_ends_at_the_second_it_says() {
        let mut ledger = ledger();
        assert!(!ledger.verification.expire(at(599)));
        assert!(ledger.verification.expire(at(600)));
        assert_eq!(ledger.take_attempt(at(600)), Err(Closed::Closed));
    }

    #[test]
    fn a_lost_send_alone_cannot_be_checked_and_costs_no_attempt() {
        let mut ledger = ledger();
        ledger.verification.sends.clear();
        ledger.verification.checkable = false;
        ledger.verification.add_send(send(None), 30);
        assert_eq!(ledger.take_attempt(at(1)), Err(Closed::NotCheckable));
        assert_eq!(ledger.verification.attempts_left, 5);
    }

    #[test]
    fn only_what_was_taken_under_an_identifier_can_be_checked() {
        let (taken, lost) = (send(Some("1")), send(None));
        let lost_but_known = Send {
            provider_ref: taken.provider_ref.clone(),
            ..lost.clone()
        };
        let taken_without = Send {
            provider_ref: None,
            ..taken.clone()
        };
        let sends = [taken, lost, lost_but_known, taken_without];
        assert_eq!(sends.map(|send| send.is_checkable()), [true, false, false, false]);
    }

    #[test]
    fn a_code_is_compared_with_the_three_newest_sends() {
        let mut ledger = ledger();
        for id in ["2", "3", "4"] {
            ledger.verification.add_send(send(Some(id)), 30);
        }
        let ids: Vec<_> = ledger
            .verification
            .compared_sends()
            .map(|send| send.provider_ref.clone().unwrap().id.unwrap())
            .collect();
        assert_eq!(ids, ["4", "3", "2"]);
    }
}
