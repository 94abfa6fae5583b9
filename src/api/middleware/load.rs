//! How many requests are under way, and who is turned away when there are too many.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix_web::http::Method;

use crate::domain::error::{Error, Problem};

/// Who goes first when there is too much to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Codes that are checked, and questions after our health.
    First,
    /// Webhooks, which would not come again for a while.
    Webhook,
    /// Anything else.
    Usual,
    /// What may be held back for news.
    Waiting,
    /// Reading history.
    Last,
}

impl Class {
    /// The class of a request, by what it asks for and whether it may be held back.
    pub fn of(method: &Method, path: &str, may_wait: bool) -> Self {
        let is = |root: &str| {
            path.strip_prefix(root)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match *method {
            Method::POST if path.starts_with("/webhooks/") => Self::Webhook,
            Method::POST if path.starts_with("/verifications/") && path.ends_with("/check") => Self::First,
            _ if is("/health") => Self::First,
            _ if is("/history") => Self::Last,
            _ if may_wait => Self::Waiting,
            _ => Self::Usual,
        }
    }

    /// How many requests may be under way on one worker for one of this class to begin: of all classes, and of its own.
    fn most(self) -> (usize, usize) {
        match self {
            Self::First => (1_250, 1_250),
            Self::Webhook => (1_125, 500),
            Self::Usual => (1_000, 1_000),
            Self::Waiting => (1_000, 750),
            Self::Last => (1_000, 100),
        }
    }
}

/// How many classes there are.
const CLASSES: usize = Class::Last as usize + 1;
/// When to come again who is turned away.
const AGAIN: Duration = Duration::from_secs(1);

/// The requests under way on one worker.
#[derive(Debug, Clone, Default)]
pub struct Load(Rc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    of_class: [Cell<usize>; CLASSES],
}

impl Counts {
    fn all(&self) -> usize {
        self.of_class.iter().map(Cell::get).sum()
    }

    fn of(&self, class: Class) -> &Cell<usize> {
        &self.of_class[class as usize]
    }
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

    /// Lets a request begin, or turns it away.
    ///
    /// Whoever is turned away has waited until the worker came round: by then the body that came with the head is taken,
    /// and the connection can be kept. To make a new one costs much more than to say no.
    ///
    /// # Errors
    /// `overloaded`, before anything is done.
    pub async fn enter(&self, class: Class) -> Result<UnderWay, Error> {
        let begun = self.begin(class);
        if begun.is_err() {
            tokio::task::yield_now().await;
        }
        begun
    }

    /// Lets a request begin.
    ///
    /// # Errors
    /// `overloaded`, before anything is done or read.
    pub fn begin(&self, class: Class) -> Result<UnderWay, Error> {
        let counts = &self.0;
        let (of_all, of_its_own) = class.most();
        if counts.all() >= of_all || counts.of(class).get() >= of_its_own {
            return Err(Error::new(Problem::Overloaded, "Too many requests are under way.").retry_after(AGAIN));
        }
        counts.of(class).update(|count| count + 1);
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
        self.counts.of(self.class).update(|count| count.saturating_sub(1));
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
            (Method::POST, "/webhooks/zenvia-br/call-end/secret", Class::Webhook),
            (Method::GET, "/health/ready", Class::First),
            (Method::POST, "/verifications", Class::Usual),
            (Method::GET, "/verifications/ver_1/check", Class::Usual),
            (Method::POST, "/calls", Class::Usual),
            (Method::GET, "/historyless", Class::Usual),
            (Method::GET, "/history", Class::Last),
            (Method::GET, "/history/rec_1/recording", Class::Last),
        ] {
            assert_eq!(Class::of(&method, path, false), class, "{method} {path}");
            let held_back = match class {
                Class::Usual => Class::Waiting,
                class => class,
            };
            assert_eq!(Class::of(&method, path, true), held_back, "{method} {path}");
        }
    }

    #[test]
    fn history_is_turned_away_first_and_what_is_urgent_last() {
        let load = Load::default();
        let history = fill(&load, Class::Last);
        assert_eq!(history.len(), 100);
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
    fn webhooks_leave_room_for_checks_and_for_everything_else() {
        let load = Load::default();
        let webhooks = fill(&load, Class::Webhook);
        assert_eq!(webhooks.len(), 500);
        let usual = fill(&load, Class::Usual);
        assert_eq!(usual.len(), 500);
        drop(webhooks);
        let more = fill(&load, Class::Usual);
        assert_eq!(usual.len() + more.len(), 1_000);
        let webhooks = fill(&load, Class::Webhook);
        assert_eq!((webhooks.len(), fill(&load, Class::First).len()), (125, 125));
    }

    #[test]
    fn who_is_held_back_leaves_room_for_who_is_not() {
        let load = Load::default();
        let waiting = fill(&load, Class::Waiting);
        assert_eq!((waiting.len(), fill(&load, Class::Usual).len()), (750, 250));
    }

    #[test]
    fn whoever_is_done_makes_room() {
        let load = Load::default();
        for class in [Class::Last, Class::Waiting, Class::Usual, Class::Webhook, Class::First] {
            let most = fill(&load, class).len();
            assert_eq!(fill(&load, class).len(), most);
        }
    }
}
