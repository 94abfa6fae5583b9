//! Switchboard: one HTTP API over several telephony providers.

pub mod clock;
pub mod store;
