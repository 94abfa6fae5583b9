//! Switchboard: one HTTP API over several telephony providers.
//!
//! Imports point down only:
//!
//! ```text
//!   5   main ─► cli ─► app                            may see everything
//!   4   api                      events               HTTP in · events out
//!   3   usecases                                      the rules
//!   2   providers: port, choose ◄── providers/<x>     their words ↔ ours
//!   1   store                    upstream             state · the network
//!   0   config ─► domain         clock                domain imports nobody
//! ```

pub mod api;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod events;
#[doc(hidden)]
pub mod fuzzing;
#[doc(hidden)]
pub mod measuring;
pub mod providers;
pub mod seal;
pub mod simulators;
pub mod spans;
pub mod store;
pub mod telemetry;
pub mod timing;
pub mod upstream;
pub mod usecases;
