//! Switchboard: one HTTP API over several telephony providers.

pub mod simulators;
