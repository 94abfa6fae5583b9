//! What a provider tells of a call, taken into the call.

use super::gateway::Gateway;
use super::records::Change;
use super::settle::FIRST_LOOK_MS;
use crate::domain::call::{Call, SettledBy};
use crate::domain::call_file::HELD_BACK_MS;
use crate::domain::error::Error;
use crate::domain::facts::CallFacts;
use crate::domain::fold::fold;
use crate::domain::ids::CallId;
use crate::domain::time::Timestamp;
use crate::spans::Span;
use crate::store::keys;

/// How much later news that changes nothing is worth a write, only to remember that the call is not silent, in milliseconds.
const HEARD_EVERY_MS: i64 = 60_000;

impl Gateway {
    /// Folds news into a call and returns it; `at` is when the news was taken.
    ///
    /// # Errors
    /// `not-found`, and those of the store.
    pub(super) async fn learn(
        &self,
        id: CallId,
        facts: CallFacts,
        source: SettledBy,
        at: Timestamp,
    ) -> Result<Call, Error> {
        let held = self.hold_call(id).await?.ok_or_else(Error::not_found)?;
        let now = self.now();
        let presumes = facts.tentative && !held.object.call.status.is_final();
        if presumes || held.object.is_given_up() {
            // Listed before it is written: whoever dies in between leaves a look too many, not one too few.
            let wait = if presumes { HELD_BACK_MS } else { FIRST_LOOK_MS };
            let due = now.as_millis().saturating_add(wait);
            self.store
                .index(&keys::open_calls(), due, &id.to_string(), None)
                .await?;
        }
        let span = Span::consumer(source.as_str(), held.object.trace.as_deref(), at.to_jiff().into());
        span.set("switchboard.call", || id.to_string());
        let folded = self.change(held, |file| {
            let before = file.clone();
            fold(file, facts.clone(), source, at);
            let silent_ms = now.as_millis().saturating_sub(file.heard_at.as_millis());
            let worth_it = *file != before || (!file.is_closed() && silent_ms >= HEARD_EVERY_MS);
            if !worth_it {
                return Ok(Change::Keep(()));
            }
            file.heard_at = now.max(file.heard_at);
            Ok(Change::Write(()))
        });
        let (held, ()) = span.within(folded).await?;
        Ok(held.object.call)
    }
}
