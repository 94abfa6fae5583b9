//! The rules over a store in memory and providers that do as told.

mod accounts;
mod aside;
pub(crate) mod bed;
mod binding;
mod choosing;
mod events;
mod failing;
pub(crate) mod failing_store;
mod guarding;
mod history;
mod history_cost;
mod history_cursors;
mod history_walks;
mod idempotency;
mod own_codes;
mod placing;
mod pumping;
mod raw;
mod settling;
mod summary;
mod verification_summary;
mod verifying;
mod webhooks;
