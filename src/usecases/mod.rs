//! The rules, one verb per file; the only place where they meet.

pub mod accounts;
mod ask;
mod bind;
mod check_code;
mod control_call;
pub mod delivery_ledger;
mod export_history;
mod follow_call;
mod follow_inbox;
mod follow_verification;
mod gateway;
mod guard;
mod history_cursor;
mod history_kept;
mod history_merge;
mod history_record;
mod history_source;
mod history_walk;
mod idempotent;
mod learn;
mod lease;
mod list;
mod permissions;
mod place_call;
mod publish;
mod raw;
mod read_events;
mod read_history;
mod record_id;
mod records;
mod redact;
mod redeliver;
pub mod requests;
mod resend;
mod retain;
mod rollup;
mod settle;
mod summarise_history;
mod summarise_verifications;
mod take_webhook;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
pub(crate) mod tests;
mod verify;
mod watch_accounts;
mod work;

pub use crate::providers::port::{MonitorMode, Recording};
pub use crate::providers::registry::kinds as provider_kinds;
pub use gateway::Gateway;
pub use history_walk::HistoryWalk;
pub use read_events::{Follower, Logged};
pub use take_webhook::PassOn;
