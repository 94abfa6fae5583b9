//! Walks over the history through real gateways, over real sockets and a real Redis, while the providers' lists move.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods
)]

#[path = "../bed/mod.rs"]
mod bed;
mod economy;
mod site;
mod tide;
mod walks;
