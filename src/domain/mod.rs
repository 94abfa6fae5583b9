//! The words of the business. No I/O, no clock, no provider's vocabulary; imports nobody.

pub mod account;
pub mod address;
pub mod binding;
pub mod call;
pub mod call_file;
pub mod caller;
pub mod delivery;
pub mod error;
pub mod event;
pub mod facts;
pub mod fold;
pub mod hangup;
pub mod history;
pub mod ids;
pub mod money;
pub mod network;
pub mod patience;
pub mod phone;
pub mod place;
pub mod summary;
pub mod time;
pub mod verification;
pub mod verification_summary;
pub(crate) mod words;
