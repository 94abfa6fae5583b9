//! The adapters against the simulators of their providers, over real HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod zenvia;
