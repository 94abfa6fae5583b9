//! Switchboard: one HTTP API over several telephony providers.

pub mod config;
pub mod domain;
