//! The rules over a store in memory and providers that do as told.

mod accounts;
mod bed;
mod binding;
mod choosing;
mod events;
mod failing;
mod failing_store;
mod history;
mod idempotency;
mod placing;
mod settling;
mod verifying;
mod webhooks;
