//! What is promised when things go wrong, proven over real sockets, real processes and a real Redis.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../bed/mod.rs"]
mod bed;
mod smoke;
