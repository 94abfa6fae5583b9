//! What is promised when things go wrong, proven over real sockets, real processes and a real Redis.
//!
//! The judge stands outside: what was dialled, sent and compared is counted by the simulated providers.

// The figures are printed for whoever runs it with `--no-capture`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods
)]

mod approvals;
#[path = "../bed/mod.rs"]
mod bed;
mod bursts;
mod checks;
mod codes;
mod converge;
mod crash;
mod deliveries;
mod dials;
mod exhaustion;
mod feed;
mod idempotency;
mod limits;
mod lost;
mod naive;
mod races;
mod settle;
mod site;
mod smoke;
mod store_away;
mod two_gateways;
mod upstream;
