//! What operators see of a running gateway and how it is deployed: traces, metrics, alerts, the dashboard, and clients
//! that are generated from the document.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

#[path = "../bed/mod.rs"]
mod bed;
mod clients;
mod collector;
mod files;
mod prometheus;
mod traces;
