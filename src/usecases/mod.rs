//! The rules, one verb per file; the only place where they meet.

pub mod accounts;
mod check_code;
mod control_call;
mod follow_call;
mod follow_inbox;
mod follow_verification;
mod gateway;
mod guard;
mod history_record;
mod history_source;
mod idempotent;
mod lease;
mod list;
mod place_call;
mod publish;
mod raw;
mod read_events;
mod read_history;
mod records;
mod redact;
pub mod requests;
mod settle;
mod take_webhook;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
mod tests;
mod verify;
mod work;

pub use crate::providers::port::{MonitorMode, Recording};
pub use gateway::Gateway;
pub use read_events::{Follower, Logged};
