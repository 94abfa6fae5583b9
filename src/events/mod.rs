//! Events out: posted to whoever subscribed to them, signed, until they are taken.

mod courier;
mod deliver;
mod sign;

pub use crate::upstream::OutboundError;
pub use deliver::Deliverer;

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods
)]
mod tests;
