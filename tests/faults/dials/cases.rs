//! What each request suffers. The nth case is always the same one, so that a run can be repeated.

use serde_json::{Value, json};
use switchboard::simulators::faults::{Answer, Delay, Effect};

use crate::bed::Way;
use crate::site::{Store, connect, number, say, verification};

/// The account at which nobody listens.
pub const CLOSED: &str = "closed";

/// The session description of a caller over WhatsApp.
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";

/// At which provider requests suffer, and where the gateway keeps its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scene {
    pub provider: Kind,
    pub store: Store,
}

/// A kind of provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Zenvia,
    Evolux,
    Positus,
}

impl Scene {
    /// Every provider over every store.
    pub const ALL: [Self; 6] = {
        use Kind::{Evolux, Positus, Zenvia};
        use Store::{Embedded, Redis};
        [
            Self::of(Zenvia, Redis),
            Self::of(Evolux, Redis),
            Self::of(Positus, Redis),
            Self::of(Zenvia, Embedded),
            Self::of(Evolux, Embedded),
            Self::of(Positus, Embedded),
        ]
    };

    pub const fn of(provider: Kind, store: Store) -> Self {
        Self { provider, store }
    }
}

impl Kind {
    /// What the provider is asked for.
    pub const fn acts(self) -> &'static [Act] {
        match self {
            Self::Zenvia => &[Act::Say, Act::Connect, Act::Code],
            Self::Evolux => &[Act::Agent],
            Self::Positus => &[Act::Session],
        }
    }

    /// Whether it tells what became of a call by itself.
    pub fn tells(self) -> bool {
        self != Self::Evolux
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Say,
    Connect,
    /// A code that the provider makes.
    Code,
    /// An agent is joined with a number.
    Agent,
    /// A call over WhatsApp.
    Session,
}

impl Act {
    pub fn path(self) -> &'static str {
        match self {
            Self::Code => "/verifications",
            _ => "/calls",
        }
    }

    fn body(self, to: &str) -> Value {
        match self {
            Self::Say => say(to),
            Self::Connect => connect(to),
            Self::Code => verification(to),
            Self::Agent => json!({ "to": "agent:john.snow", "actions": [{ "type": "connect", "to": to }] }),
            Self::Session => json!({ "to": format!("whatsapp:{to}"), "session": { "type": "offer", "sdp": OFFER } }),
        }
    }
}

/// Where the gateway is killed: at a byte of one of its wires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Caller,
    Store,
    Provider,
}

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection to the provider is cut at this part of what goes that way.
    Cut(Way, Part),
    /// The provider answers so.
    Answer(Effect),
    /// It answers so, and the answer is cut at this part.
    CutAnswer(Effect, Part),
    /// A connection that was used before is not answered.
    Stale,
    /// Nobody listens at the account.
    Unreachable,
    /// The gateway is killed at this part of what goes that way.
    Kill(Place, Way, Part),
}

/// A part of a whole, in ten thousandths.
#[derive(Debug, Clone, Copy)]
pub struct Part(usize);

impl Part {
    /// The nth of parts that soon lie close together everywhere, and never twice at the same place.
    fn nth(n: usize) -> Self {
        Self(n * 6_180 % 10_000 + n / 500 % 20)
    }

    /// The byte of so many at which it begins.
    pub fn of(self, bytes: usize) -> usize {
        self.0 * bytes / 10_000
    }
}

#[derive(Debug, Clone)]
pub struct Case {
    pub number: String,
    pub act: Act,
    pub fault: Fault,
    /// Whether the caller asks the other gateway for the same at the same time.
    pub twice: bool,
}

impl Case {
    /// The nth case of a scene, which is the `within`th of its round.
    pub fn nth(scene: Scene, n: usize, within: usize) -> Self {
        let acts = scene.provider.acts();
        let (act, turn) = (acts[n % acts.len()], n / acts.len());
        let fault = match fault(turn) {
            // No wire leads to an embedded store.
            Fault::Kill(Place::Store, way, part) if scene.store == Store::Embedded => {
                Fault::Kill(Place::Caller, way, part)
            }
            fault => fault,
        };
        Self {
            number: number(within),
            act,
            fault,
            twice: turn % 5 == 4,
        }
    }

    pub fn body(&self) -> Value {
        let mut body = self.act.body(&self.number);
        if matches!(self.fault, Fault::Unreachable) {
            body["account"] = json!(CLOSED);
        }
        body
    }
}

/// Of sixteen faults five each cut the request and the answer, and two kill.
fn fault(turn: usize) -> Fault {
    let (kind, round) = (turn % 16, turn / 16);
    let part = |nth: usize, of: usize| Part::nth(round * of + nth);
    match kind {
        0..5 => Fault::Cut(Way::There, part(kind, 5)),
        5..10 => Fault::Cut(Way::Back, part(kind - 5, 5)),
        10 => Fault::Answer(answers()[round % answers().len()].clone()),
        11 => Fault::CutAnswer(refusals()[round % refusals().len()].clone(), part(0, 1)),
        12 => Fault::Stale,
        13 if round.is_multiple_of(4) => Fault::Unreachable,
        13 => Fault::Answer(answers()[(round * 7 + 3) % answers().len()].clone()),
        _ => {
            let way = [Way::There, Way::Back][kind % 2];
            let place = [Place::Store, Place::Provider, Place::Store, Place::Caller][round % 4];
            Fault::Kill(place, way, part(kind - 14, 2))
        }
    }
}

/// Every class of answer.
fn answers() -> Vec<Effect> {
    let mut answers = vec![
        Effect::CloseBefore,
        Effect::CloseAfter,
        Effect::TruncateAfter(0),
        Effect::TruncateAfter(30),
        Effect::Garbage,
        Effect::Html,
        Effect::OkFalse,
        Effect::Busy(0),
        silence(Delay { before: 0, after: LONG }),
        silence(Delay { before: LONG, after: 0 }),
    ];
    answers.extend(refusals());
    for code in [500, 502, 503, 504] {
        answers.push(status(code, true));
    }
    answers
}

/// Answers that say that nothing was done, and nothing was.
fn refusals() -> Vec<Effect> {
    let codes = [400, 401, 403, 404, 405, 409, 422, 429, 500, 503];
    codes.map(|code| status(code, false)).into()
}

/// Longer than the account waits.
const LONG: u64 = 1_500;

fn silence(delay: Delay) -> Effect {
    Effect::DelayMs(delay)
}

fn status(code: u16, acts: bool) -> Effect {
    Effect::Status(Answer {
        code,
        body: None,
        headers: [("retry-after".to_owned(), "0".to_owned())].into(),
        acts,
    })
}
