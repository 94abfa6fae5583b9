//! How many requests are under way, and who is turned away when there are too many.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix_web::http::Method;

use crate::domain::error::{Error, Problem};

/// Who goes first when there is too much to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Codes that are checked, webhooks, which would not come again for a while, and questions after our health.
    First,
    /// Anything else.
    Usual,
    /// Reading history.
    Last,
}

impl Class {
    /// The class of a request, by what it asks for.
    pub fn of(method: &Method, path: &str) -> Self {
        let is = |root: &str| {
            path.strip_prefix(root)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match *method {
            Method::POST if path.starts_with("/webhooks/") => Self::First,
            Method::POST if path.starts_with("/verifications/") && path.ends_with("/check") => Self::First,
            _ if is("/health") => Self::First,
            _ if is("/history") => Self::Last,
            _ => Self::Usual,
        }
    }

    /// How many requests may be under way on one worker for one of this class to begin.
    fn most(self) -> usize {
        match self {
            Self::First => 1_250,
            Self::Usual => 1_000,
            Self::Last => 1_000,
        }
    }
}

/// The most requests for history under way on one worker.
const MOST_HISTORY: usize = 100;
/// When to come again who is turned away.
const AGAIN: Duration = Duration::from_secs(1);

/// The requests under way on one worker.
#[derive(Debug, Clone, Default)]
pub struct Load(Rc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: Cell<usize>,
    history: Cell<usize>,
}

thread_local! {
    /// A worker is a thread.
    static LOAD: Load = Load::default();
}

impl Load {
    /// That of this worker.
    pub fn here() -> Self {
        LOAD.with(Clone::clone)
    }

    /// Lets a request begin.
    ///
    /// # Errors
    /// `overloaded`, before anything is done or read.
    pub fn begin(&self, class: Class) -> Result<UnderWay, Error> {
        let counts = &self.0;
        let is_full = counts.all.get() >= class.most();
        if is_full || (class == Class::Last && counts.history.get() >= MOST_HISTORY) {
            return Err(Error::new(Problem::Overloaded, "Too many requests are under way.").retry_after(AGAIN));
        }
        counts.all.set(counts.all.get() + 1);
        if class == Class::Last {
            counts.history.set(counts.history.get() + 1);
        }
        Ok(UnderWay {
            counts: Rc::clone(counts),
            class,
        })
    }
}

/// A request under way; it is over when this is dropped.
#[derive(Debug)]
pub struct UnderWay {
    counts: Rc<Counts>,
    class: Class,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.counts.all.set(self.counts.all.get().saturating_sub(1));
        if self.class == Class::Last {
            self.counts.history.set(self.counts.history.get().saturating_sub(1));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Begins requests until one is turned away.
    fn fill(load: &Load, class: Class) -> Vec<UnderWay> {
        std::iter::from_fn(|| load.begin(class).ok()).take(5_000).collect()
    }

    #[test]
    fn a_request_is_classed_by_what_it_asks_for() {
        for (method, path, class) in [
            (Method::POST, "/verifications/ver_1/check", Class::First),
            (Method::POST, "/webhooks/zenvia-br/call-end/secret", Class::First),
            (Method::GET, "/health/ready", Class::First),
            (Method::POST, "/verifications", Class::Usual),
            (Method::GET, "/verifications/ver_1/check", Class::Usual),
            (Method::POST, "/calls", Class::Usual),
            (Method::GET, "/historyless", Class::Usual),
            (Method::GET, "/history", Class::Last),
            (Method::GET, "/history/rec_1/recording", Class::Last),
        ] {
            assert_eq!(Class::of(&method, path), class, "{method} {path}");
        }
    }

    #[test]
    fn history_is_turned_away_first_and_what_is_urgent_last() {
        let load = Load::default();
        let history = fill(&load, Class::Last);
        assert_eq!(history.len(), MOST_HISTORY);
        let usual = fill(&load, Class::Usual);
        assert_eq!(history.len() + usual.len(), 1_000);
        let first = fill(&load, Class::First);
        assert_eq!(first.len(), 250);
        let refused = load.begin(Class::First).unwrap_err();
        assert_eq!(
            (refused.problem, refused.context.retry_after),
            (Problem::Overloaded, Some(AGAIN))
        );
    }

    #[test]
    fn whoever_is_done_makes_room() {
        let load = Load::default();
        for class in [Class::Last, Class::Usual, Class::First] {
            let most = fill(&load, class).len();
            assert_eq!(fill(&load, class).len(), most);
        }
    }
}
