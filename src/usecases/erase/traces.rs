//! What is kept beside the objects: webhooks, events, deliveries, counters.

use bytes::Bytes;

use super::{Erasure, read_record};
use crate::domain::account::AccountName;
use crate::domain::address::Address;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::facts::CallFacts;
use crate::providers::port::News;
use crate::seal::Purpose;
use crate::store::{Expect, Log, Order, Position, Range, Stored, keys};
use crate::usecases::Gateway;
use crate::usecases::bind::awaiting;
use crate::usecases::failures::FAILURES;
use crate::usecases::guard::{AUTOMATED_CALLS, SENDS};
use crate::usecases::look_through::{LAST, Shelf};
use crate::usecases::raw::lines;
use crate::usecases::take_webhook::{Content, Taken};

/// How many members of a list are taken off together.
const PAGE: usize = 500;

impl Gateway {
    /// Webhooks in which the number stands, packed or not, or which are about an erased object.
    pub(super) async fn erase_webhooks(&self, erasure: &mut Erasure) -> Result<(), Error> {
        let applied = self.inbox_position().await?;
        let concerns = |entry: &[u8]| concerns(erasure, entry);
        let mut found = self.found_in(&keys::inbox(), &concerns).await?;
        let waiting = found.len();
        found.retain(|position| *position <= applied);
        erasure.erased.left.webhooks += waiting - found.len();
        erasure.erased.removed.webhooks += found.len();
        self.strike_out(erasure, &keys::inbox(), &found).await
    }

    /// What webhooks said of calls that stay, where the number stands in it.
    pub(super) async fn erase_raws(&self, erasure: &mut Erasure) -> Result<(), Error> {
        let mut found = Vec::new();
        let mut take = |id: String, stored: Stored| {
            let told = lines(&stored).is_some_and(|text| erasure.spellings.stand_in(text.as_bytes()));
            if told && !erasure.subjects.contains(&id) {
                found.push(id);
            }
        };
        self.look_through(&Shelf::raws_of_calls(), 0..=LAST, &mut take).await?;
        erasure.erased.removed.webhooks += found.len();
        for id in found.iter().filter(|_| !erasure.erased.dry_run) {
            self.store.remove(&keys::raw_of_call(id), Expect::Any).await?;
        }
        Ok(())
    }

    pub(super) async fn erase_dead_letters(&self, erasure: &mut Erasure) -> Result<(), Error> {
        let log = keys::dead_letters();
        let stands_in = |entry: &[u8]| erasure.spellings.stand_in(entry);
        let found = self.found_in(&log, &stands_in).await?;
        erasure.erased.removed.dead_letters += found.len();
        self.strike_out(erasure, &log, &found).await
    }

    /// Events in which the number stands, or which are about an erased object. Where each stood is noted first, so that
    /// whoever read up to it goes on from there.
    pub(super) async fn erase_events(&self, erasure: &mut Erasure) -> Result<(), Error> {
        let (log, mut found) = (keys::events(), Vec::new());
        let mut take = |position, entry: Bytes| {
            let Ok(event) = serde_json::from_slice::<Event>(&entry) else {
                return;
            };
            if erasure.spellings.stand_in(&entry) || is_about(erasure, event.account(), &event.subject) {
                found.push((position, event.id));
            }
        };
        self.look_through_log(&log, Position::START, &mut take).await?;
        erasure.erased.removed.events += found.len();
        if erasure.erased.dry_run {
            return Ok(());
        }
        let keep = Some(self.config.retention.events);
        for (position, id) in found {
            let place = position.to_string().into();
            self.store
                .put(&keys::erased_event(id), place, keep, Expect::Any)
                .await?;
            self.store.remove(&keys::recording_of_event(id), Expect::Any).await?;
            self.store.strike(&log, position).await?;
        }
        Ok(())
    }

    /// Deliveries of such events; what is on its way to its receiver at this moment cannot be called back.
    pub(super) async fn erase_deliveries(&self, erasure: &mut Erasure) -> Result<(), Error> {
        for subscription in self.config.subscriptions.keys() {
            let mut names = Vec::new();
            let mut take = |name, stored: Stored| {
                let record = read_record(&stored.value);
                let about = record.is_some_and(|record| {
                    let event = record
                        .body
                        .and_then(|body| serde_json::from_str::<Event>(body.get()).ok());
                    is_about(
                        erasure,
                        event.and_then(|event| event.account()),
                        &record.delivery.subject,
                    )
                });
                if about || erasure.spellings.stand_in(&stored.value) {
                    names.push(name);
                }
            };
            self.look_through(&Shelf::deliveries(subscription), 0..=LAST, &mut take)
                .await?;
            erasure.erased.removed.deliveries += names.len();
            for name in names.iter().filter(|_| !erasure.erased.dry_run) {
                self.store.remove(&keys::delivery(name), Expect::Any).await?;
                for set in [
                    keys::deliveries_due(subscription),
                    keys::deliveries_dead(subscription),
                    keys::deliveries_of(subscription),
                ] {
                    self.store.unindex(&set, name).await?;
                }
            }
        }
        Ok(())
    }

    /// What counts by the number for any tenant that is known, and the lists of calls that waited for news of it.
    pub(super) async fn erase_counters(&self, erasure: &mut Erasure) -> Result<(), Error> {
        let numbers = erasure.spellings.numbers(&erasure.number);
        let mut names = Vec::new();
        for tenant in &erasure.tenants {
            for number in &numbers {
                let digest = self.sealer.name(Purpose::Address, &[tenant, number.as_str()]);
                names.extend([SENDS, AUTOMATED_CALLS, FAILURES].map(|rule| keys::counter(rule, &digest)));
                names.push(keys::check_turn(&digest));
            }
        }
        for name in names.iter().filter(|_| !erasure.erased.dry_run) {
            erasure.erased.removed.counters += usize::from(self.store.remove(name, Expect::Any).await?);
        }
        for (account, _) in self.accounts.iter() {
            let set = awaiting(self, account, &Address::Phone(erasure.number.clone()));
            let all = Range {
                scores: 0..=LAST,
                order: Order::Ascending,
                after: None,
                limit: PAGE,
            };
            let members = self.store.range(&set, all).await?;
            for member in members {
                // Calls under way wait on.
                let live = self.store.get(&keys::call(&member.member)).await?;
                if live.is_some_and(|stored| !stored.value.is_empty()) || erasure.erased.dry_run {
                    continue;
                }
                self.store.unindex(&set, &member.member).await?;
                erasure.erased.removed.counters += 1;
            }
        }
        Ok(())
    }

    async fn found_in(&self, log: &Log, wanted: &(dyn Fn(&[u8]) -> bool + Sync)) -> Result<Vec<Position>, Error> {
        let mut found = Vec::new();
        let mut take = |position, entry: Bytes| {
            if wanted(&entry) {
                found.push(position);
            }
        };
        self.look_through_log(log, Position::START, &mut take).await?;
        Ok(found)
    }

    async fn strike_out(&self, erasure: &Erasure, log: &Log, positions: &[Position]) -> Result<(), Error> {
        for position in positions.iter().filter(|_| !erasure.erased.dry_run) {
            self.store.strike(log, *position).await?;
        }
        Ok(())
    }
}

/// Whether something that came through an account is about an erased object.
fn is_about(erasure: &Erasure, account: Option<AccountName>, subject: &str) -> bool {
    let named = |account| erasure.references.contains(&(account, subject.to_owned()));
    erasure.subjects.contains(subject) || account.is_some_and(named)
}

fn concerns(erasure: &Erasure, entry: &[u8]) -> bool {
    if erasure.spellings.stand_in(entry) {
        return true;
    }
    let Ok(taken) = serde_json::from_slice::<Taken>(entry) else {
        return false;
    };
    let Content::News(said) = taken.content else {
        return false;
    };
    said.into_iter().any(|said| {
        let raw = said.raw.and_then(|raw| raw.text());
        let subject = match said.news {
            News::Call(facts) => reference(*facts),
            News::Signal(signal) => signal.subject,
        };
        raw.is_some_and(|raw| erasure.spellings.stand_in(raw.as_bytes()))
            || subject.is_some_and(|subject| is_about(erasure, Some(taken.account.clone()), &subject))
    })
}

fn reference(facts: CallFacts) -> Option<String> {
    facts.reference?.id
}
