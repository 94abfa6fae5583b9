//! The rules, one verb per file; the only place where they meet.

pub mod accounts;
mod admit;
mod ask;
mod bind;
mod check_code;
mod control_call;
pub mod delivery_ledger;
mod failures;
mod follow_call;
mod follow_inbox;
mod follow_verification;
mod gateway;
mod guard;
mod history_cursor;
mod history_record;
mod history_source;
mod idempotent;
mod learn;
mod lease;
mod limit;
mod list;
mod own_code;
mod place_call;
mod prefix_watch;
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
mod send_code;
mod settle;
mod take_webhook;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]
pub(crate) mod tests;
mod verify;
mod work;

pub use crate::providers::port::{MonitorMode, Recording};
pub use admit::Quota;
pub use gateway::Gateway;
pub use read_events::{Follower, Logged};
pub use take_webhook::PassOn;
