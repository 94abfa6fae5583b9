//! Where the time of one request goes.
//!
//! Whoever waits for a provider or the store says how long; whoever answers the request reads the totals.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

tokio::task_local! {
    static TOTALS: Arc<Totals>;
    static DEADLINE: Option<Instant>;
}

#[derive(Default)]
struct Totals {
    upstream: AtomicU64,
    store: AtomicU64,
    asked_for: AtomicU64,
}

/// Time spent waiting within one scope.
///
/// Waits that overlap count in full, so a total may exceed the time that passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// For providers.
    pub upstream: Duration,
    /// For the store.
    pub store: Duration,
    /// Because the caller asked to wait.
    pub asked_for: Duration,
}

/// Runs a future within a new scope.
pub fn scope<F: Future>(future: F) -> impl Future<Output = F::Output> {
    TOTALS.scope(Arc::default(), future)
}

/// Ties a future to the scope it is made in, so that its waits count there though it runs as a task of its own.
///
/// Outside a scope it starts one.
pub fn inherit<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let totals = TOTALS.try_with(Arc::clone).unwrap_or_default();
    TOTALS.scope(totals, future)
}

/// Runs a future whose answer nobody waits for after `deadline`, if there is one.
pub fn until<F: Future>(deadline: Option<Instant>, future: F) -> impl Future<Output = F::Output> {
    DEADLINE.scope(deadline, future)
}

/// Until when whoever asked waits for the answer; nothing where nobody said.
pub fn deadline() -> Option<Instant> {
    DEADLINE.try_with(|deadline| *deadline).ok().flatten()
}

/// Adds time waited for a provider; does nothing outside a scope.
pub fn add_upstream(waited: Duration) {
    add(waited, |totals| &totals.upstream);
}

/// Adds time waited for the store; does nothing outside a scope.
pub fn add_store(waited: Duration) {
    add(waited, |totals| &totals.store);
}

/// Adds time waited because the caller asked to; does nothing outside a scope.
pub fn add_asked_for(waited: Duration) {
    add(waited, |totals| &totals.asked_for);
}

/// Reads the totals of this scope; zero outside one.
pub fn read() -> Timing {
    let total = |nanos: &AtomicU64| Duration::from_nanos(nanos.load(Ordering::Relaxed));
    let timing = |totals: &Arc<Totals>| Timing {
        upstream: total(&totals.upstream),
        store: total(&totals.store),
        asked_for: total(&totals.asked_for),
    };
    TOTALS.try_with(timing).unwrap_or_default()
}

fn add(waited: Duration, which: impl Fn(&Totals) -> &AtomicU64) {
    let nanos = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
    // Outside a scope nobody asks.
    let _ = TOTALS.try_with(|totals| which(totals).fetch_add(nanos, Ordering::Relaxed));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::disallowed_methods)]
mod tests {
    use super::*;

    const ONE: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn waits_add_up_within_their_scope_only() {
        add_upstream(ONE);
        let inner = scope(async {
            add_upstream(ONE);
            add_upstream(ONE);
            add_store(ONE);
            read()
        });
        let expected = Timing {
            upstream: 2 * ONE,
            store: ONE,
            ..Timing::default()
        };
        assert_eq!(inner.await, expected);
        assert_eq!(read(), Timing::default());
    }

    #[tokio::test]
    async fn a_task_that_inherits_the_scope_counts_in_it() {
        let timing = scope(async {
            tokio::spawn(inherit(async { add_upstream(ONE) })).await.unwrap();
            tokio::spawn(async { add_upstream(ONE) }).await.unwrap();
            read()
        });
        assert_eq!(timing.await.upstream, ONE);
    }
}
