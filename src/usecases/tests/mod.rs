//! The rules over a store in memory and providers that do as told.

mod accounts;
pub(crate) mod bed;
mod binding;
mod choosing;
mod events;
mod failing;
pub(crate) mod failing_store;
mod guarding;
mod history;
mod idempotency;
mod own_codes;
mod placing;
mod pumping;
mod raw;
mod settling;
mod verifying;
mod webhooks;
