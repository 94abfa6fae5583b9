//! Rows of the past: generated ones for a first look, given ones for tests of paging.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::Zenvia;
use super::calls::{Call, Phase};
use super::inbound::Inbound;
use super::leg::{Leg, NORMAL};
use super::torpedoes::{Kind, Torpedo};
use crate::simulators::random::Random;

/// How much history an account starts with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seeding {
    /// How many rows.
    pub rows: usize,
    /// Over how many days before now.
    pub days: u32,
    /// The same seed gives the same rows, relative to now.
    pub seed: u64,
}

/// A finished row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// `chamada`, `tts`, `audio`, `composto` or `did`.
    #[serde(default = "call")]
    pub resource: String,
    /// When it was created.
    pub created: Timestamp,
    /// `numero_origem`; torpedoes have none.
    #[serde(default = "extension")]
    pub from: String,
    /// `numero_destino`.
    pub to: String,
    /// The status of the called leg, also one the provider never documented.
    #[serde(default = "answered")]
    pub status: String,
    /// `motivo_desconexao` of the called leg.
    #[serde(default = "normal")]
    pub reason: String,
    /// Seconds until it was answered or given up.
    #[serde(default)]
    pub rang: i64,
    /// Seconds talked; 0 = not answered.
    #[serde(default)]
    pub talked: i64,
    /// `tags`.
    #[serde(default)]
    pub tags: Option<String>,
    /// Whether there is a recording.
    #[serde(default)]
    pub recorded: bool,
}

fn call() -> String {
    "chamada".to_owned()
}

fn extension() -> String {
    "4000".to_owned()
}

fn answered() -> String {
    "atendida".to_owned()
}

fn normal() -> String {
    NORMAL.to_owned()
}

impl Past {
    fn leg(&self, number: &str) -> Leg {
        let mut leg = Leg::planned(number.to_owned(), None, self.created);
        let answer = self.created + SignedDuration::from_secs(self.rang);
        leg.started = Some(self.created);
        leg.answered = (self.talked > 0).then_some(answer);
        leg.ended = Some(answer + SignedDuration::from_secs(self.talked));
        leg.status = Some(self.status.clone().into());
        leg.reason = self.reason.clone().into();
        leg
    }

    /// An extension that dialled by itself shows no course of its own, as in the documented samples.
    fn origin(&self) -> Leg {
        let mut leg = Leg::planned(self.from.clone(), Some("+5510988888888".to_owned()), self.created);
        leg.ended = Some(self.created);
        if leg.kind() == "ramal" {
            leg.status = None;
            return leg;
        }
        leg.started = Some(self.created);
        leg.answered = Some(self.created);
        leg.ended = Some(self.created + SignedDuration::from_secs(self.rang + self.talked));
        leg.status = Some("atendida".into());
        leg.reason = NORMAL.into();
        leg
    }
}

impl Zenvia {
    /// Adds a finished row; answers its id, or `None` when the resource is unknown.
    pub fn remember(&self, past: &Past) -> Option<u64> {
        let id = self.new_id();
        let recording = past.recorded.then(|| self.new_recording(id));
        let (leg, tags, record) = (past.leg(&past.to), past.tags.clone(), past.recorded);
        match past.resource.as_str() {
            "chamada" => self.state().calls.insert(Call {
                id,
                created: past.created,
                origin: past.origin(),
                destination: leg,
                record,
                tags,
                detects_machine: false,
                phase: Phase::Over,
                recording,
            }),
            "did" => self.state().inbound.insert(Inbound {
                id,
                from: past.from.clone(),
                leg,
                extension: 9000,
                record,
                tags,
                recording,
            }),
            torpedo => self.state().torpedoes.insert(Torpedo {
                id,
                kind: Kind::of(torpedo)?,
                leg,
                content: "http://example.com/audio.mp3".to_owned(),
                wants_response: false,
                response: None,
                record,
                detects_machine: false,
                tags,
                recording,
            }),
        }
        Some(id)
    }

    /// Takes a row of a call or a torpedo out, as the provider does with what it no longer keeps.
    pub fn forget(&self, id: u64) {
        let mut state = self.state();
        state.calls.remove(id);
        state.torpedoes.remove(id);
    }

    /// Changes the tags of a row as an edit at the provider does: its place in every list stays.
    pub fn retag(&self, id: u64, tags: &str) {
        let mut state = self.state();
        if let Some(call) = state.calls.get_mut(id) {
            call.tags = Some(tags.to_owned());
        } else if let Some(torpedo) = state.torpedoes.get_mut(id) {
            torpedo.tags = Some(tags.to_owned());
        }
    }

    /// Adds generated rows, oldest first so that ids rise with time.
    pub fn seed(&self, seeding: Seeding) {
        let random = Random::new(seeding.seed);
        let now = self.control.clock.now().as_second();
        let span = i64::from(seeding.days.max(1)) * 86_400;
        for index in 0..seeding.rows {
            let age = span - span * (index as i64 + 1) / (seeding.rows as i64 + 1);
            if let Ok(created) = Timestamp::from_second(now - age) {
                self.remember(&generated(&random, created));
            }
        }
    }
}

fn generated(random: &Random, created: Timestamp) -> Past {
    let resource = match random.below(20) {
        0..=11 => "chamada",
        12..=14 => "tts",
        15 | 16 => "audio",
        17 => "composto",
        _ => "did",
    };
    let (status, reason, talked) = match random.below(10) {
        0 => ("ocupado", "17. ocupado", 0),
        1 => ("sem resposta", "19. sem resposta - mas chamou", 0),
        2 => ("ocupado", "21. chamada rejeitada", 0),
        _ => ("atendida", NORMAL, 5 + random.below(300) as i64),
    };
    let tags = match random.below(3) {
        0 => None,
        1 => Some(String::new()),
        _ => Some(format!("pedido-{}", random.below(10_000))),
    };
    // DDD 10 is given to nobody.
    let mobile = || format!("+55109{}", random.digits(8));
    Past {
        resource: resource.to_owned(),
        created,
        from: if random.below(2) == 0 && resource != "did" {
            extension()
        } else {
            mobile()
        },
        to: if random.below(4) == 0 {
            format!("+55103{}", random.digits(7))
        } else {
            mobile()
        },
        status: status.to_owned(),
        reason: reason.to_owned(),
        rang: 2 + random.below(20) as i64,
        talked,
        tags,
        recorded: talked > 0 && random.below(4) == 0,
    }
}
