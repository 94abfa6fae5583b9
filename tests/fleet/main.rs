//! Several gateways over one Redis, and what they stand on, while parts of it are restarted, moved or killed under load.
//!
//! The judge stands outside: what clients were answered, what a receiver got, and what the simulated provider was told to
//! speak. How often each is done is told by the environment; the ordinary run does each a few times.

// The figures are printed for whoever runs it with `--no-capture`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods
)]

#[path = "../bed/mod.rs"]
mod bed;
mod drain;
mod failover;
mod ledger;
mod nginx;
mod rolling;
mod site;
mod slots;
mod traffic;

/// How often something is done, as the environment says.
fn dial(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}
