//! The provider simulators, seen as their clients see them: over real HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod common;
mod evolux;
mod positus;
mod server;
mod wire;
mod zenvia;
