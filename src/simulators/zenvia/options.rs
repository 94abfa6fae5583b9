//! What a test or the command line may choose.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::history::Seeding;

/// How the simulator starts.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 picks a free one.
    pub bind: SocketAddr,
    /// Accepted tokens; the real ones have 32 characters.
    pub tokens: Vec<String>,
    /// URL by kind of webhook: `call-event extension-event did-event conference-event sms-status sms-reply balance
    /// voicemail call-status tts-end call-end did-end flow-end audio-end`.
    pub webhooks: BTreeMap<String, String>,
    /// How fast calls go.
    pub pace: Pace,
    /// History at the start.
    pub history: Seeding,
    /// Choices where the documents leave one.
    pub knobs: Knobs,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tokens: Vec::new(),
            webhooks: BTreeMap::new(),
            pace: Pace::default(),
            history: Seeding::default(),
            knobs: Knobs::default(),
        }
    }
}

/// How fast calls go.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long a telephone rings.
    pub ring: Duration,
    /// How long an answered call lasts.
    pub talk: Duration,
    /// The least time between two `call-status` webhooks of one call; what falls between is not sent.
    pub status_every: Duration,
}

impl Default for Pace {
    /// 1 s of ringing, 3 s of talk, and the provider's own limit of one status in 2 s.
    fn default() -> Self {
        let (ring, talk) = (Duration::from_secs(1), Duration::from_secs(3));
        Self {
            ring,
            talk,
            status_every: Duration::from_secs(2),
        }
    }
}

impl Pace {
    /// Tens of milliseconds and no limit of statuses, for tests.
    pub fn quick() -> Self {
        let (ring, talk) = (Duration::from_millis(20), Duration::from_millis(40));
        Self {
            ring,
            talk,
            status_every: Duration::ZERO,
        }
    }
}

/// Choices where the documents are silent or contradict each other; changed while running by `PUT /_sim/knobs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Every request is refused with 403, `conta desativada`.
    pub account_disabled: bool,
    /// The balance; at 0 or below orders are refused with 402.
    pub balance: f64,
    /// What a check of an unknown verification answers.
    pub unknown_code: UnknownCode,
    /// `válido` and `inválido` instead of `valido` and `invalido`.
    pub accented_result: bool,
    /// Reports are oldest first.
    pub report_ascending: bool,
    /// A page of a report repeats the row that ended the page before where rows above it went away, so that nobody who reads
    /// on can notice that some were passed over: for controls that are to lose rows.
    pub report_hides_removals: bool,
    /// Recordings are answered by a redirect to the link in the payloads.
    pub redirect_recordings: bool,
    /// `did-event` in the shape of 2018.
    pub did_event_2018: bool,
    /// `did-end` as a flat object; otherwise as the documented sample, shaped like a call made.
    pub did_end_flat: bool,
    /// The digits typed by whoever is asked for some.
    pub dtmf: String,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            account_disabled: false,
            balance: 1000.0,
            unknown_code: UnknownCode::Invalid,
            accented_result: false,
            report_ascending: false,
            report_hides_removals: false,
            redirect_recordings: false,
            did_event_2018: false,
            did_end_flat: true,
            dtmf: "1".to_owned(),
        }
    }
}

/// What a check of an unknown verification answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownCode {
    /// 200 with `invalido`.
    Invalid,
    /// 404 with `motivo` 60.
    NotFound,
}
