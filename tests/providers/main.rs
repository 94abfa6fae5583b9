//! Adapters against the running simulators, over real HTTP: every operation, and what can go wrong on the way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod common;
mod evolux;
mod positus;
mod zenvia;
