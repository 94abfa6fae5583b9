//! Events delivered to receivers on real sockets, and what subscribers see of it.

// The figures are printed for whoever runs it with `--no-capture`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods
)]

mod api;
#[path = "../bed/mod.rs"]
mod bed;
mod neighbours;
mod pass_on;
mod signatures;

use serde_json::{Value, json};

/// A call that joins two phones; its number is answered.
fn connect(n: usize) -> Value {
    json!({ "to": format!("+55119{n:04}1234"), "actions": [{ "type": "connect", "to": "+551130031000" }] })
}
