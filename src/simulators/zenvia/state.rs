//! What the simulated account remembers.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::calls::Call;
use super::codes::Code;
use super::conferences::Conference;
use super::inbound::Inbound;
use super::reports::Item;
use super::table::Table;
use super::torpedoes::Torpedo;

const KEPT: usize = 200_000;

/// Everything of one account.
#[derive(Default)]
pub struct State {
    /// `/chamada`.
    pub calls: Table<Call>,
    /// `/tts`, `/audio` and `/composto`.
    pub torpedoes: Table<Torpedo>,
    /// Calls received at the account's own numbers.
    pub inbound: Table<Inbound>,
    /// `/conferencia`.
    pub conferences: Table<Conference>,
    /// Codes by verification id.
    pub codes: BTreeMap<u64, Code>,
    /// The last verification by number, in one spelling.
    pub last_codes: HashMap<String, u64>,
    /// Calls under way.
    pub live: HashMap<u64, Live>,
    /// Every accepted order, oldest first.
    pub dials: VecDeque<Dial>,
    /// The row that last ended a page of a report, by its path and position: what a report that hides removals repeats.
    pub edges: HashMap<(String, usize), Item>,
}

/// A call under way.
#[derive(Debug)]
pub struct Live {
    /// Cancelled by `DELETE`.
    pub hangup: CancellationToken,
    /// When its status was last told by webhook.
    pub told: Option<Instant>,
}

/// An accepted order to call a number or send it a code: the judge of "dialled once".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dial {
    /// The id answered.
    pub id: u64,
    /// `chamada`, `transfer`, `tts`, `audio`, `composto`, `conferencia` or `verificacao`.
    pub resource: &'static str,
    /// `numero_origem`, as written.
    pub origin: Option<String>,
    /// `numero_destino`, as written.
    pub destination: String,
    /// `tags`.
    pub tags: Option<String>,
    /// When it was accepted.
    pub at: Timestamp,
}

impl State {
    /// Remembers a code as the last one of its number.
    pub fn keep_code(&mut self, code: Code) {
        self.last_codes.insert(code.number.clone(), code.id);
        self.codes.insert(code.id, code);
        if self.codes.len() > KEPT {
            self.codes.pop_first();
        }
    }

    /// Adds to the ledger.
    pub fn note(&mut self, dial: Dial) {
        if self.dials.len() == KEPT {
            self.dials.pop_front();
        }
        self.dials.push_back(dial);
    }
}
