//! Events out: posted to whoever subscribed to them, signed, until they are taken; and what is another's, passed on.

mod courier;
mod deliver;
mod pass_on;
mod sign;

pub use crate::upstream::OutboundError;
pub use deliver::Deliverer;
pub use pass_on::Passage;
pub use sign::headers as signature_headers;

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods
)]
mod tests;
