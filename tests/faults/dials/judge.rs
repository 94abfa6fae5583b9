//! What is promised of every request, whatever happened to it.

use super::cases::{Act, Case, Fault, Kind, Scene};
use crate::bed::Answer;
use crate::site::Store;

/// What came of a request.
#[derive(Debug)]
pub struct Tried {
    pub case: Case,
    /// What the caller was told; nothing if nobody was left to tell.
    pub told: Option<Answer>,
    /// How often its number had been dialled by then.
    pub dialled_then: usize,
    /// How often the gateway had begun to ask the provider by then.
    pub asked_then: usize,
    /// What the other gateway told of the same request at the same time.
    pub twin: Option<Answer>,
    /// What a repeat was told in the end.
    pub repeated: Option<Answer>,
    /// How often its number was dialled in the end.
    pub dialled: usize,
    /// The call's status in the end.
    pub ended: Option<String>,
}

/// Whether a call with this status has not ended.
pub fn is_going_on(status: &str) -> bool {
    ["scheduled", "queued", "ringing", "in_progress", "unknown"].contains(&status)
}

fn is_success(answer: &Answer) -> bool {
    matches!(answer.status, 201 | 202)
}

impl Tried {
    /// The promises that were broken; the end of a call may be open for longer than is waited where `may_be_open` says so.
    pub fn broken(&self, may_be_open: bool) -> Vec<&'static str> {
        let told = self.told.as_ref();
        // Whoever asks twice at once may be refused at one gateway and served by the other.
        let served = self.twin.as_ref().is_some_and(is_success);
        // 409 says that the other one still runs, and who ran it may have died since.
        let runs = self.case.twice && told.is_some_and(|told| told.status == 409);
        let error = told.is_some_and(|told| !is_success(told)) && !served && !runs;
        let certain = told.is_some_and(|told| told.status == 201);
        let promises = [
            (self.dialled <= 1, "dialled more than once"),
            (
                self.asked_then <= 1 || self.twin.is_some(),
                "the provider was asked more than once",
            ),
            (!error || self.dialled_then == 0, "an error, but it was dialled"),
            (!certain || self.dialled_then == 1, "told to be taken, but not dialled"),
            (self.is_one_object(), "a repeat is another object"),
            (
                self.is_settled() || may_be_open && self.is_open(),
                "what was dialled is not known to have been",
            ),
        ];
        let broken = promises.into_iter().filter(|(kept, _)| !kept);
        broken.map(|(_, what)| what).collect()
    }

    /// Whoever was told of an object is told of the same one again.
    fn is_one_object(&self) -> bool {
        let answers = [&self.told, &self.twin, &self.repeated];
        let successes = answers.into_iter().flatten().filter(|answer| is_success(answer));
        let mut ids: Vec<_> = successes.map(Answer::id).collect();
        ids.dedup();
        self.repeated.as_ref().is_some_and(is_success) && ids.len() == 1
    }

    /// A call that was dialled has ended, and of one that was not nobody says so; a code has no end that could be told.
    pub fn is_settled(&self) -> bool {
        match self.ended.as_deref() {
            None => self.case.act == Act::Code,
            Some(ended) => (ended == "completed") == (self.dialled == 1),
        }
    }

    /// Whether nobody says that the call has ended.
    fn is_open(&self) -> bool {
        self.ended.as_deref().is_some_and(is_going_on)
    }

    /// Whether a death leaves the end of its call open for longer than a run waits, which is a few minutes where it was
    /// asked for and no time otherwise.
    pub fn may_stay_open(&self, scene: Scene, waits: bool) -> bool {
        let killed = matches!(self.case.fault, Fault::Kill(..));
        killed
            && match (scene.provider, scene.store) {
                // Its intent stands for a minute, and then the provider is asked.
                (Kind::Evolux, _) => !waits,
                // News that came while nobody was there are given up by the provider. It is asked about a call that was
                // silent for 90 s while it rang, but only after 600 s while it was talked.
                (Kind::Zenvia, Store::Embedded) => !waits || self.ended.as_deref() == Some("in_progress"),
                // The same, and nobody can be asked.
                (Kind::Positus, Store::Embedded) => true,
                // The other gateway takes the news.
                (Kind::Zenvia | Kind::Positus, Store::Redis) => false,
            }
    }
}
