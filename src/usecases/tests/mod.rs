//! The rules over a store in memory and providers that do as told.

pub(crate) mod bed;
mod choosing;
mod failing;
pub(crate) mod failing_store;
mod history;
mod idempotency;
mod placing;
mod verifying;
mod webhooks;
