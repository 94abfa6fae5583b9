//! The API as an integrator meets it: a gateway behind real sockets, with simulated providers.
//!
//! What must be refused is read off the committed document, so that a new operation is tried without a new test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

#[path = "../bed/mod.rs"]
mod bed;
mod bodies;
mod calls;
mod document;
mod examples;
mod export;
mod filters;
mod garbage;
mod gone;
mod history;
mod recordings;
mod refusals;
mod site;
mod tenancy;
mod verifications;
mod webhooks;
