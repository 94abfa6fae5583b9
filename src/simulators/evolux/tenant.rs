//! Everything a tenant has, and the passing of time over it.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::calls::{NewCall, Pace, Phase, PlacedCall, signed};
use super::campaigns::{self, Campaign, NewSubscriber, Subscriber};
use super::dialer::DialerRow;
use super::queue_report::QueueRow;
use super::report::{Report, Row};
use super::seed::History;

/// The ledger of accepted calls keeps as many of those that are over.
const LEDGER_SIZE: usize = 10_000;

/// The state of a simulated tenant.
#[derive(Debug)]
pub(super) struct Tenant {
    pace: Pace,
    pub(super) dialer: Report<DialerRow>,
    pub(super) queue: Report<QueueRow>,
    /// Calls that the queue report does not list yet.
    pub(super) calls: Vec<PlacedCall>,
    /// Calls it lists, oldest first.
    pub(super) past_calls: Vec<PlacedCall>,
    pub(super) campaigns: Vec<Campaign>,
    subscribers: Vec<Subscriber>,
    imports: Vec<Import>,
    next_id: u64,
}

/// An import that was carried out.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) id: u64,
    pub(super) campaign_id: u64,
    pub(super) subscribers: usize,
}

/// Rows to put into the reports.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct NewRows {
    dialer: Vec<DialerRow>,
    queue: Vec<QueueRow>,
}

/// Why a subscriber stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotRemoved {
    Unknown,
    Busy(&'static str),
}

impl Tenant {
    pub(super) fn new(history: &History, pace: Pace, now: Timestamp) -> Self {
        Self {
            pace,
            dialer: Report::new(history.dialer(now)),
            queue: Report::new(history.queue(now)),
            calls: Vec::new(),
            past_calls: Vec::new(),
            campaigns: campaigns::initial(),
            subscribers: Vec::new(),
            imports: Vec::new(),
            // Counting from the time of day keeps numbers apart from those of an earlier run.
            next_id: u64::try_from(now.as_second()).unwrap_or(0),
        }
    }

    fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Moves what is over into the reports.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let lag = signed(self.pace.report_lag);
        for call in self.calls.extract_if(.., |call| call.ended_at() + lag <= now) {
            self.queue.insert(call.row());
            self.past_calls.push(call);
        }
        let excess = self.past_calls.len().saturating_sub(LEDGER_SIZE);
        self.past_calls.drain(..excess);
        for subscriber in self.subscribers.iter_mut().filter(|subscriber| !subscriber.reported) {
            if subscriber.ended_at() + lag <= now {
                subscriber.reported = true;
                self.dialer.insert(subscriber.row());
            }
        }
    }

    pub(super) fn place(&mut self, new: NewCall, now: Timestamp) {
        let id = self.take_id();
        self.calls.push(PlacedCall::new(id, new, now, &self.pace));
    }

    /// The call with this uuid, while it lives.
    pub(super) fn live(&mut self, uuid: &str, now: Timestamp) -> Option<&mut PlacedCall> {
        self.calls
            .iter_mut()
            .find(|call| call.uuid == uuid && call.phase(now) != Phase::Ended)
    }

    /// How long a hang-up that does not skip the survey takes.
    pub(super) const fn survey(&self) -> Duration {
        self.pace.survey
    }

    pub(super) fn insert(&mut self, rows: NewRows) {
        for mut row in rows.dialer {
            row.id = if row.id() == 0 { self.take_id() } else { row.id };
            self.dialer.insert(row);
        }
        for mut row in rows.queue {
            row.id = if row.id() == 0 { self.take_id() } else { row.id };
            self.queue.insert(row);
        }
    }

    pub(super) fn campaign(&self, id: &str) -> Option<Campaign> {
        self.campaigns
            .iter()
            .find(|campaign| campaign.id.to_string() == id)
            .cloned()
    }

    pub(super) fn create_campaign(&mut self, name: &str) -> u64 {
        let id = self.take_id();
        self.campaigns.push(Campaign {
            id,
            name: name.to_owned(),
        });
        id
    }

    pub(super) fn subscribe(&mut self, campaign: &Campaign, new: NewSubscriber, now: Timestamp) {
        let id = self.take_id();
        self.subscribers
            .push(Subscriber::new(id, campaign.clone(), new, (now, &self.pace)));
    }

    pub(super) fn import(&mut self, campaign: &Campaign, new: Vec<NewSubscriber>, now: Timestamp) -> u64 {
        let id = self.take_id();
        self.imports.push(Import {
            id,
            campaign_id: campaign.id,
            subscribers: new.len(),
        });
        for subscriber in new {
            self.subscribe(campaign, subscriber, now);
        }
        id
    }

    pub(super) fn find_import(&self, id: &str) -> Option<&Import> {
        self.imports.iter().find(|import| import.id.to_string() == id)
    }

    pub(super) fn unsubscribe(&mut self, campaign: &str, external_id: &str, now: Timestamp) -> Result<(), NotRemoved> {
        let is_meant = |subscriber: &Subscriber| {
            subscriber.campaign.id.to_string() == campaign && subscriber.new.person.external_id == external_id
        };
        let place = self.subscribers.iter().position(is_meant).ok_or(NotRemoved::Unknown)?;
        if let Some(status) = self.subscribers[place].busy_with(now) {
            return Err(NotRemoved::Busy(status));
        }
        self.subscribers.remove(place);
        Ok(())
    }
}
