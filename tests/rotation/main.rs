//! The configuration changes while a gateway of its own process serves: no request notices.

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
mod live;
mod load;
mod modes;
mod operator;
mod reloads;
mod rings;
mod wrong;

/// How often or how long something is done, as the environment says.
fn dial(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}
