//! The words of the business: no I/O, no clock, no provider.

pub mod account;
