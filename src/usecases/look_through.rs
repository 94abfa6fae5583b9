//! Looking through everything that is kept of one kind: for people who ask seldom, not for callers.

use std::ops::RangeInclusive;

use bytes::Bytes;

use super::gateway::Gateway;
use crate::domain::error::Error;
use crate::store::{Key, Log, Order, Position, Range, Set, Stored, keys};

/// How many members or entries are read together.
const BATCH: usize = 500;
/// After every time.
pub(super) const LAST: i64 = 1 << 52;

/// A list of objects.
pub(super) struct Shelf {
    set: Set,
    key: fn(&str) -> Key,
}

impl Shelf {
    /// Every call.
    pub(super) fn calls() -> Self {
        Self {
            set: keys::calls_all(),
            key: |id| keys::call(id),
        }
    }

    /// What webhooks said of every call.
    pub(super) fn raws_of_calls() -> Self {
        Self {
            set: keys::calls_all(),
            key: |id| keys::raw_of_call(id),
        }
    }

    /// Every verification.
    pub(super) fn verifications() -> Self {
        Self {
            set: keys::verifications_all(),
            key: |id| keys::verification(id),
        }
    }

    /// Every delivery of a subscription.
    pub(super) fn deliveries(subscription: &str) -> Self {
        Self {
            set: keys::deliveries_of(subscription),
            key: |name| keys::delivery(name),
        }
    }
}

impl Gateway {
    /// Gives every object of a list within these scores with its name, newest first.
    pub(super) async fn look_through(
        &self,
        shelf: &Shelf,
        scores: RangeInclusive<i64>,
        take: &mut (dyn FnMut(String, Stored) + Send),
    ) -> Result<(), Error> {
        let mut after = None;
        loop {
            let range = Range {
                scores: scores.clone(),
                order: Order::Descending,
                after: after.take(),
                limit: BATCH,
            };
            let members = self.store.range(&shelf.set, range).await?;
            let last = members.last().map(|last| (last.score, last.member.clone()));
            let names: Vec<_> = members.iter().map(|member| (shelf.key)(&member.member)).collect();
            let objects = self.store.get_many(&names).await?;
            for (member, stored) in members.into_iter().zip(objects) {
                if let Some(stored) = stored {
                    take(member.member, stored);
                }
            }
            match last {
                Some(last) if names.len() == BATCH => after = Some(last),
                _ => return Ok(()),
            }
        }
    }

    /// Gives every entry of a log after a position.
    pub(super) async fn look_through_log(
        &self,
        log: &Log,
        mut position: Position,
        take: &mut (dyn FnMut(Position, Bytes) + Send),
    ) -> Result<(), Error> {
        loop {
            let entries = self.store.read(log, position, BATCH).await?;
            let count = entries.len();
            for (at, entry) in entries {
                position = at;
                take(at, entry);
            }
            if count < BATCH {
                return Ok(());
            }
        }
    }
}
