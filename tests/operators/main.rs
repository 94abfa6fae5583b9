//! The commands for operators and developers, as processes beside a gateway that runs, and what the metrics show them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

#[path = "../bed/mod.rs"]
mod bed;
mod erase;
mod listen;
mod metrics;
mod site;
mod status;
mod store;
mod trace;
