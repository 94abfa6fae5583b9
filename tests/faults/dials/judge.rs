//! What is promised of every request, whatever happened to it.

use super::cases::{Act, Case};
use crate::bed::Answer;

/// The promise that the end of every call is known.
pub const UNSETTLED: &str = "what was dialled is not known to have been";

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

fn is_success(answer: &Answer) -> bool {
    matches!(answer.status, 201 | 202)
}

impl Tried {
    /// The promises that were broken.
    pub fn broken(&self) -> Vec<&'static str> {
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
            (self.is_settled(), UNSETTLED),
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
    fn is_settled(&self) -> bool {
        match self.ended.as_deref() {
            None => self.case.act == Act::Code,
            Some(ended) => (ended == "completed") == (self.dialled == 1),
        }
    }
}
