//! The history a tenant begins with: the same seed and end give the same rows.

use jiff::{SignedDuration, Timestamp};

use super::campaigns::{self, Campaign, causes};
use super::dialer::{DialerRow, Named, Person};
use super::directory::{AGENTS, QUEUES};
use super::queue_report::QueueRow;
use crate::simulators::fate::Fate;
use crate::simulators::random::Random;

/// The numbers of seeded rows stay below those given to new ones, which begin at the time of day in seconds.
const FIRST_ID: u64 = 48_000_000;

/// How much history to invent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// Rows of the dialler report.
    pub dialer_rows: u32,
    /// Rows of the queue report.
    pub queue_rows: u32,
    /// The days over which the rows spread.
    pub days: u32,
    /// When the newest rows were; the simulator's start when absent.
    pub until: Option<Timestamp>,
    /// Where the invention starts from.
    pub seed: u64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            dialer_rows: 400,
            queue_rows: 200,
            days: 7,
            until: None,
            seed: 1,
        }
    }
}

impl History {
    /// No history at all.
    #[must_use]
    pub fn none() -> Self {
        Self {
            dialer_rows: 0,
            queue_rows: 0,
            ..Self::default()
        }
    }

    pub(super) fn dialer(&self, now: Timestamp) -> Vec<DialerRow> {
        let random = Random::new(self.seed);
        let campaigns = campaigns::initial();
        (0..self.dialer_rows)
            .map(|index| {
                let start = self.moment(&random, now);
                dialer_row(&random, FIRST_ID + u64::from(index), start, &campaigns)
            })
            .collect()
    }

    pub(super) fn queue(&self, now: Timestamp) -> Vec<QueueRow> {
        let random = Random::new(!self.seed);
        (0..self.queue_rows)
            .map(|index| {
                let start = self.moment(&random, now);
                queue_row(&random, FIRST_ID + u64::from(self.dialer_rows + index), start)
            })
            .collect()
    }

    /// A whole second within the days before the end.
    fn moment(&self, random: &Random, now: Timestamp) -> Timestamp {
        let back = 600 + random.below(u64::from(self.days) * 86_400);
        let at = self.until.unwrap_or(now) - SignedDuration::from_secs(i64::try_from(back).unwrap_or(0));
        Timestamp::from_second(at.as_second()).unwrap_or(at)
    }
}

fn dialer_row(random: &Random, id: u64, start_time: Timestamp, campaigns: &[Campaign]) -> DialerRow {
    let fate = match random.below(10) {
        0 => Fate::Busy,
        1 | 2 => Fate::NoAnswer,
        3 => Fate::Declined,
        _ => Fate::Answered,
    };
    let answered = fate.connects();
    let [mut portuguese, english] = causes(fate);
    // The two texts of one row may disagree.
    if answered && random.below(4) == 0 {
        portuguese = "Cancelada pelo originador";
    }
    let campaign = &campaigns[index(random, campaigns.len())];
    let agent = &AGENTS[index(random, 2)];
    let number = format!("84{}", random.digits(9));
    DialerRow {
        id,
        uuid: uuid(random),
        start_time,
        wait_seconds: small(random, 5, 40),
        talk_seconds: answered.then(|| small(random, 3, 300)),
        hangup_causes: [portuguese.to_owned(), english.to_owned()],
        end_by: if random.below(2) == 0 { "Subscriber" } else { "Agent" }.to_owned(),
        outcome: ["-", "Não Interessado"][index(random, 2)].to_owned(),
        campaign: Named {
            id: campaign.id,
            name: campaign.name.clone(),
        },
        agent: answered.then(|| Named {
            id: agent.id,
            name: agent.name.to_owned(),
        }),
        subscriber: Person {
            external_id: random.digits(8),
            number: if random.below(20) == 0 { String::new() } else { number },
            name: format!("Cliente {}", random.below(1000)),
        },
        nps: (answered && random.below(3) == 0).then_some(10),
        custom_fields: [("type", "VIP"), ("obs", "Observação")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..DialerRow::default()
    }
}

fn queue_row(random: &Random, id: u64, join: Timestamp) -> QueueRow {
    let outbound = random.below(3) == 0;
    let answered = random.below(4) != 0;
    let outside = format!("84{}", random.digits(9));
    let inside = if outbound { "3012" } else { "8433330000" }.to_owned();
    let (caller_number, receiver_number) = if outbound { (inside, outside) } else { (outside, inside) };
    QueueRow {
        id,
        uuid: uuid(random),
        agent_id: (answered || outbound).then_some(AGENTS[index(random, 2)].id),
        queue_id: QUEUES[index(random, 2)].id,
        outbound,
        caller_number,
        receiver_number,
        join,
        wait_seconds: small(random, 2, 60),
        talk_seconds: answered.then(|| small(random, 5, 600)),
        end_by_id: if answered { index(random, 2) + 1 } else { 4 },
        protocol_number: format!("2021{}", random.digits(8)),
        csat: if answered && random.below(3) == 0 { "2" } else { "" }.to_owned(),
        ..QueueRow::default()
    }
}

fn index(random: &Random, length: usize) -> usize {
    usize::try_from(random.below(length as u64)).unwrap_or(0)
}

fn small(random: &Random, from: i64, below: u64) -> i64 {
    from + i64::try_from(random.below(below)).unwrap_or(0)
}

/// Shaped like a version 1 UUID, but too short and with letters that are no hexadecimal digits.
fn uuid(random: &Random) -> String {
    format!(
        "{}-{}-11ec-{}-{}ds2",
        random.hex(8),
        random.hex(4),
        random.hex(4),
        random.hex(8)
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_end_give_the_same_rows() {
        let end: Timestamp = "2026-05-10T12:00:00Z".parse().unwrap();
        let history = History {
            until: Some(end),
            ..History::default()
        };
        let rows = |history: &History| {
            format!(
                "{:?}{:?}",
                history.dialer(Timestamp::MAX),
                history.queue(Timestamp::MAX)
            )
        };
        assert_eq!(rows(&history), rows(&history.clone()));
        assert_ne!(rows(&history), rows(&History { seed: 2, ..history }));
        assert!(
            history
                .dialer(end)
                .iter()
                .all(|row| row.start_time < end && uuid::Uuid::parse_str(&row.uuid).is_err())
        );
    }
}
