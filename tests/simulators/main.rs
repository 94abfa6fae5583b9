//! The provider simulators, seen as their clients see them: bytes over a socket.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod evolux;
mod positus;
mod wire;
