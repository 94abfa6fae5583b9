//! What holds against whoever means harm: forged tokens, forged addresses, hostile bytes, curious readers of logs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods
)]

#[path = "../bed/mod.rs"]
mod bed;
mod canaries;
mod corpus;
mod issuer;
mod outputs;
mod ssrf;
