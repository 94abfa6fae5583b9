//! What operators see of a running gateway: traces, metrics, alerts, the dashboard.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

#[path = "../bed/mod.rs"]
mod bed;
mod collector;
mod traces;
