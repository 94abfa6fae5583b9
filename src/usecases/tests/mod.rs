//! The rules over a store in memory and providers that do as told.

mod bed;
mod choosing;
mod events;
mod failing;
mod failing_store;
mod history;
mod idempotency;
mod placing;
mod raw;
mod verifying;
mod webhooks;
