//! Every name under which state is kept: what it holds, for how long, who writes it.
//!
//! A name can be made only here, so this file is the whole map of the store. Phone numbers and
//! secrets stand in a name only as a keyed hash, which the caller makes. Accounts, rules
//! and digests hold no `:`, which leaves at most one part that may, so two names never collide.

use std::fmt::{self, Display};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of one value or one counter.
    Key
}
name! {
    /// The name of one append-only log.
    Log
}
name! {
    /// The name of one set of members ordered by score.
    Set
}

/// A call: JSON of the call and its unpublished events; `[retention] calls_days`; the call use cases.
pub fn call(id: impl Display) -> Key {
    Key(format!("sb:call:{id}"))
}

/// A verification: JSON of its ledger and its unpublished events; `[retention] verifications_hours` after it closes; the verification use cases.
pub fn verification(id: impl Display) -> Key {
    Key(format!("sb:verification:{id}"))
}

/// Which call a provider's own id means: our call id as text; as long as the call; whoever binds the two.
pub fn call_by_reference(account: impl Display, provider_id: impl Display) -> Key {
    Key(format!("sb:call-by-reference:{account}:{provider_id}"))
}

/// Where the audio of an event is: the provider's link; `[retention] events_days`; whoever makes the event.
pub fn recording_of_event(id: impl Display) -> Key {
    Key(format!("sb:recording-of-event:{id}"))
}

/// Where an event stood in the log that was erased: its position as text; `[retention] events_days`; erasing a number.
pub fn erased_event(id: impl Display) -> Key {
    Key(format!("sb:erased-event:{id}"))
}

/// What webhooks said of a call: JSON of its last messages, redacted and compressed; `[retention] raw_days`; applying
/// webhooks.
pub fn raw_of_call(id: impl Display) -> Key {
    Key(format!("sb:raw-of-call:{id}"))
}

/// An idempotency claim, then the answer to repeat: JSON; 24 h; the idempotency of acting requests.
pub fn idempotency(tenant: impl Display, digest: impl Display) -> Key {
    Key(format!("sb:idempotency:{tenant}:{digest}"))
}

/// What a walk over the history has read and not given: sealed JSON of records, or of where its sources stand; 24 h; reading
/// the history.
pub fn history_kept(name: impl Display) -> Key {
    Key(format!("sb:history-kept:{name}"))
}

/// How often something happened in a fixed window: counter; the window of the rule; whoever enforces `rule`.
pub fn counter(rule: impl Display, digest: impl Display) -> Key {
    Key(format!("sb:counter:{rule}:{digest}"))
}

/// When the wrong codes of a number allow the next check: JSON; the window of the rule; checking codes.
pub fn check_turn(digest: impl Display) -> Key {
    Key(format!("sb:check-turn:{digest}"))
}

/// Whether an account may send codes to a prefix: JSON of its last block; a day longer than the block; whoever sends.
pub fn prefix_block(digest: impl Display) -> Key {
    Key(format!("sb:prefix-block:{digest}"))
}

/// Who does a job that only one instance may do: the owner's id; the length of the lease, in an embedded store no
/// longer than its process; that owner.
pub fn lease(name: impl Display) -> Key {
    Key(format!("sb:lease:{name}"))
}

/// The mark of a store that was not emptied since: a random text; none; the first instance that finds none.
pub fn mark() -> Key {
    Key("sb:mark".to_owned())
}

/// What was told of how an account fares: JSON; none; whoever watches the accounts.
pub fn account_told(account: impl Display) -> Key {
    Key(format!("sb:account-told:{account}"))
}

/// Shows that it was told that an account's credit is low: `low`; none; whoever watches the credit.
pub fn balance_told(account: impl Display) -> Key {
    Key(format!("sb:balance-told:{account}"))
}

/// When each key of each ring was last of use: JSON; 90 days; every gateway.
pub fn key_uses() -> Key {
    Key("sb:key-uses".to_owned())
}

/// How far a consumer has read its log: a position as text; none; the consumer.
pub fn position(consumer: impl Display) -> Key {
    Key(format!("sb:position:{consumer}"))
}

/// An event on its way to a subscription, named `EVENT:SUBSCRIPTION`: JSON of the delivery, and of the event until it is
/// delivered; `[retention] events_days`, or `dead_days` once it is given up; delivery.
pub fn delivery(name: impl Display) -> Key {
    Key(format!("sb:delivery:{name}"))
}

/// Shows that a receiver wants no event any more: digest of the URL that said so; none; delivery, and whoever asks it to
/// go on.
pub fn ended_subscription(subscription: impl Display) -> Key {
    Key(format!("sb:ended-subscription:{subscription}"))
}

/// Webhooks taken and not yet understood: JSON; `[retention] raw_days` by trimming; the webhook use case.
pub fn inbox() -> Log {
    Log("sb:log:inbox".to_owned())
}

/// What happened, as callers are told: JSON; `[retention] events_days` by trimming; the event publisher.
pub fn events() -> Log {
    Log("sb:log:events".to_owned())
}

/// What nobody would take: JSON; `[retention] dead_days` by trimming; delivery and the webhook use case.
pub fn dead_letters() -> Log {
    Log("sb:log:dead-letters".to_owned())
}

/// Calls of a tenant: call ids by creation (Unix ms); `[retention] calls_days`, self-trimming; placing a call.
pub fn calls_of(tenant: impl Display) -> Set {
    Set(format!("sb:calls-of:{tenant}"))
}

/// Calls of every tenant: call ids by creation (Unix ms); `[retention] calls_days`, self-trimming; placing a call.
pub fn calls_all() -> Set {
    Set("sb:calls-all".to_owned())
}

/// Calls through an account: call ids by creation (Unix ms); `[retention] calls_days`, self-trimming; placing a call.
pub fn calls_of_account(account: impl Display) -> Set {
    Set(format!("sb:calls-of-account:{account}"))
}

/// Verifications of a tenant: ids by creation (Unix ms); `[retention] verifications_hours`, self-trimming;
/// starting a verification.
pub fn verifications_of(tenant: impl Display) -> Set {
    Set(format!("sb:verifications-of:{tenant}"))
}

/// Verifications of every tenant: ids by creation (Unix ms); `[retention] verifications_hours`, self-trimming;
/// starting a verification.
pub fn verifications_all() -> Set {
    Set("sb:verifications-all".to_owned())
}

/// Calls that are not over, or whose last events may not be published: call ids by when they are next looked at
/// (Unix ms); until then; placing a call, and whoever looks after it.
pub fn open_calls() -> Set {
    Set("sb:open-calls".to_owned())
}

/// Verifications that are not closed, or whose last events may not be published: ids by when they are next looked at
/// (Unix ms); until then; starting a verification, and whoever looks after it.
pub fn open_verifications() -> Set {
    Set("sb:open-verifications".to_owned())
}

/// Deliveries of a subscription: their names by when the event was logged (Unix ms); `[retention] events_days` or
/// `dead_days`, whichever is longer, self-trimming; delivery.
pub fn deliveries_of(subscription: impl Display) -> Set {
    Set(format!("sb:deliveries-of:{subscription}"))
}

/// Deliveries of a subscription that are to be tried again: their names by when (Unix ms); until then; delivery, and
/// whoever asks for one again.
pub fn deliveries_due(subscription: impl Display) -> Set {
    Set(format!("sb:deliveries-due:{subscription}"))
}

/// Deliveries of a subscription that were given up: their names by when (Unix ms); `[retention] dead_days`, self-trimming;
/// delivery, and whoever asks for one again.
pub fn deliveries_dead(subscription: impl Display) -> Set {
    Set(format!("sb:deliveries-dead:{subscription}"))
}

/// Calls that wait for their provider reference, by the hash of what will tie the two: call ids by creation
/// (Unix ms); the time a call may stay unbound, self-trimming; placing a call, and whoever binds it.
pub fn awaiting(account: impl Display, digest: impl Display) -> Set {
    Set(format!("sb:awaiting:{account}:{digest}"))
}

/// The calls of an account on a closed day, summed up: packed JSON; as long as calls; summing up the history.
pub fn rollup(account: impl Display, digest: impl Display) -> Key {
    Key(format!("sb:rollup:{account}:{digest}"))
}

/// Which sends of codes were refused, of a tenant, or of all for `*`: JSON of what a counter counts, in which the number is
/// without its last four digits, by when it began (Unix ms); `[retention] verifications_hours`, self-trimming; the
/// verification guard.
pub fn blocked(tenant: impl Display) -> Set {
    Set(format!("sb:blocked:{tenant}"))
}

/// Shows that the store takes writes: empty; 1 s; the store itself.
pub(super) fn probe() -> Key {
    Key("sb:probe".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_of_different_kinds_never_collide() {
        let names = [
            call("a").to_string(),
            verification("a").to_string(),
            call_by_reference("a", "b").to_string(),
            recording_of_event("a").to_string(),
            erased_event("a").to_string(),
            raw_of_call("a").to_string(),
            idempotency("a", "b").to_string(),
            history_kept("a").to_string(),
            counter("a", "b").to_string(),
            check_turn("a").to_string(),
            prefix_block("a").to_string(),
            lease("a").to_string(),
            balance_told("a").to_string(),
            key_uses().to_string(),
            position("a").to_string(),
            delivery("a").to_string(),
            ended_subscription("a").to_string(),
            deliveries_of("a").to_string(),
            deliveries_due("a").to_string(),
            deliveries_dead("a").to_string(),
            inbox().to_string(),
            events().to_string(),
            dead_letters().to_string(),
            calls_of("a").to_string(),
            calls_all().to_string(),
            calls_of_account("a").to_string(),
            verifications_of("a").to_string(),
            verifications_all().to_string(),
            open_calls().to_string(),
            open_verifications().to_string(),
            awaiting("a", "b").to_string(),
            rollup("a", "b").to_string(),
            blocked("a").to_string(),
        ];
        let distinct: HashSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }

    #[test]
    fn a_name_says_the_same_however_it_is_read() {
        let key = call_by_reference("zenvia-br", "42:x");
        assert_eq!(key.as_ref(), "sb:call-by-reference:zenvia-br:42:x");
        assert_eq!(key.to_string(), key.as_ref());
    }
}
